"""The container and the systemd unit, as far as they can be tried without an engine: what they say
is read, and the gateway runs as they would run it."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from configparser import RawConfigParser
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from gateway import plugins
from gateway.settings import GatewaySection, Settings, load
from tests.architecture.source import ROOT
from tests.support.process import GatewayProcess

CONTAINER = ROOT / "config" / "container.toml"
UNIT = ROOT / "deploy" / "chat-gateway.service"
HTTP_STOPS_WITHIN = 5.0
GRACE = GatewaySection().shutdown_grace + HTTP_STOPS_WITHIN

# A root that can only be read, as `read_only: true` makes it, but for the folder's data and a /tmp
# of its own; and not one capability left. The folder is bound as well: it may lie on a mount.
CONFINED = """
set -e
mount --bind "$FOLDER" "$FOLDER"
mount --bind "$FOLDER/data" "$FOLDER/data"
mount -t tmpfs tmpfs "$FOLDER/tmp"
mount -o remount,bind,ro "$FOLDER"
mount -o remount,bind,ro /
cd "$FOLDER"
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
"""
DROPPED = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", CONFINED, "confined"]


def instructions() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile, its continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [
        (word, " ".join(rest.split()))
        for word, _, rest in (s.partition(" ") for s in lines)
        if word
    ]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage; what stands before the first is left out."""
    found: list[list[tuple[str, str]]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def said(word: str) -> list[str]:
    """What the final stage says with an instruction."""
    return [rest for name, rest in stages()[-1] if name == word]


def health_check() -> list[str]:
    (check,) = said("HEALTHCHECK")
    command: list[str] = json.loads(check.partition(" CMD ")[2])
    return command


def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def contained() -> Settings:
    return load(CONTAINER, {}, plugins.adapters(), plugins.agent_kinds())


# the image


def test_the_image_is_installed_from_the_lock() -> None:
    installs = [
        part for _, rest in instructions() for part in re.findall(r"pip\b[^&]*install[^&]*", rest)
    ]
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes --only-binary :all:" in install or "--no-deps dist" in install
    assert not re.search(r"\b(apt|apk|gcc|build-essential|curl)\b", str(instructions()))


def test_the_final_stage_holds_only_what_runs() -> None:
    build, final = stages()
    assert build[0][1].split()[0] == final[0][1].split()[0]
    assert said("COPY") == [
        "--from=build /opt/gateway /opt/gateway",
        "config/container.toml /etc/chat-gateway/gateway.toml",
    ]
    assert re.fullmatch(r"PYTHON=3\.1[1-9]-slim-[a-z]+", instructions()[0][1])


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert said("USER") == ["10001:10001"]
    (made,) = said("RUN")
    assert "--uid 10001 --gid 10001" in made
    assert "install -d -o 10001 -g 10001 -m 0700 /data" in made
    assert said("WORKDIR") == said("VOLUME") == ["/data"]


def test_the_image_starts_and_stops_the_gateway_itself() -> None:
    assert json.loads(said("ENTRYPOINT")[0]) + json.loads(said("CMD")[0]) == ["gateway", "run"]
    assert said("STOPSIGNAL") == ["SIGTERM"]
    assert said("EXPOSE") == [str(contained().gateway.port)]


def test_what_is_copied_is_not_ignored_and_nothing_else_is_sent() -> None:
    first, *rest = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line[:1] not in ("", "#")
    ]
    kept = [line[1:] for line in rest if line.startswith("!")]
    assert first == "*"
    copies = [
        rest.split()[:-1]
        for name, rest in instructions()
        if name == "COPY" and "--from" not in rest
    ]
    copied = {source for sources in copies for source in sources}
    assert copied == set(kept)
    assert all((ROOT / source).exists() for source in copied)
    assert not any(fnmatch(".env", pattern) for pattern in kept)


def test_the_containers_configuration_listens_everywhere_and_writes_below_data() -> None:
    section = contained().gateway
    assert (section.host, section.data_dir) == ("0.0.0.0", "/data")
    assert section.database.startswith("sqlite:////data/")
    (variables,) = said("ENV")
    assert "GATEWAY_CONFIG=/etc/chat-gateway/gateway.toml" in variables


# the health check, really made


async def test_the_health_check_tells_ready_from_not(tmp_path: Path) -> None:
    config = {"agents": {"echo": {"kind": "echo"}}, "channels": {"web": {"platform": "web"}}}
    async with GatewayProcess(config, tmp_path) as process:
        command = [word.replace("8080", str(process.port)) for word in health_check()]
        assert command[0] == "python"
        assert str(process.port) in command[-1]
        assert await healthy(command)
        assert await process.stop() == 0
        assert not await healthy(command)


async def test_the_health_check_believes_only_a_good_answer() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert not await healthy([word.replace("8080", str(port)) for word in health_check()])


async def healthy(command: list[str]) -> bool:
    done = await asyncio.create_subprocess_exec(
        sys.executable, *command[1:], stderr=asyncio.subprocess.DEVNULL
    )
    return await asyncio.wait_for(done.wait(), 20) == 0


# compose


def test_compose_gives_the_gateway_nothing_it_does_not_need() -> None:
    service = compose()["services"]["gateway"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "cap_add" not in service
    assert [mount.partition(":")[2] for mount in service["volumes"]] == ["/data"]
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["env_file"] == [{"path": ".env", "required": False}]


def test_a_stop_waits_for_the_grace_period() -> None:
    assert seconds(compose()["services"]["gateway"]["stop_grace_period"]) > GRACE
    assert float(unit()["Service"]["TimeoutStopSec"]) > GRACE


def test_postgresql_is_there_only_when_asked_for() -> None:
    database = compose()["services"]["postgres"]
    assert database["profiles"] == ["postgres"]
    assert database["healthcheck"]["test"][0] == "CMD"
    assert "ports" not in database
    waits = compose()["services"]["gateway"]["depends_on"]["postgres"]
    assert waits == {"condition": "service_healthy", "required": False}


# systemd


def unit() -> RawConfigParser:
    read = RawConfigParser(strict=True, inline_comment_prefixes=None, comment_prefixes=("#",))
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read_string(re.sub(r"\nSystemCallFilter=~.*", "", UNIT.read_text()))
    return read


def test_the_unit_confines_the_gateway() -> None:
    service = unit()["Service"]
    assert service["User"] == "chat-gateway"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["StateDirectory"] == "chat-gateway"
    assert service["WorkingDirectory"] == "%S/chat-gateway"
    assert service["Restart"] == "on-failure"
    assert "EnvironmentFile" in service
    assert not re.search(r"(?i)token|secret=|password", str(dict(service)))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    program = str(Path(sys.executable).parent / "gateway")
    text = UNIT.read_text().replace("/opt/chat-gateway/.venv/bin/gateway", program)
    (tmp_path / UNIT.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / UNIT.name)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert ours == []


# a root that can only be read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a container would see: its configuration, /data and /tmp."""
    for name in ("data", "tmp"):
        (tmp_path / name).mkdir()
    text = CONTAINER.read_text().replace("/data", f"{tmp_path}/data")
    (tmp_path / "gateway.toml").write_text(text.replace("0.0.0.0:8080", f"127.0.0.1:{free_port()}"))
    if not confined_is_possible(tmp_path):
        pytest.skip("no user namespace can be had here: the read-only root is NOT tried")
    return tmp_path


def confined_is_possible(folder: Path) -> bool:
    try:
        return confined(folder, "true", wait=True).returncode == 0
    except FileNotFoundError:
        return False


def confined(folder: Path, *words: str, wait: bool = False) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "FOLDER": str(folder),
        "TMPDIR": f"{folder}/tmp",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = subprocess.Popen(
        [*DROPPED, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if wait:
        process.communicate(timeout=20)
    return process


def test_nothing_but_data_can_be_written_there(folder: Path) -> None:
    for place, works in ((folder / "data", True), (folder, False), (ROOT, False)):
        touched = confined(folder, "touch", f"{place}/written-by-a-test", wait=True)
        assert (touched.returncode == 0) is works, place


def test_the_gateway_writes_nothing_but_its_data(folder: Path) -> None:
    program = str(Path(sys.executable).parent / "gateway")
    section = load(folder / "gateway.toml", {}, plugins.adapters(), plugins.agent_kinds()).gateway
    running = confined(folder, program, "run", "--config", "gateway.toml")
    try:
        url = f"http://127.0.0.1:{section.port}"
        wait_until_ready(url, running)
        token = post(f"{url}/api/session", {})["token"]
        answer = post(f"{url}/api/chat", {"text": "hello"}, token)
        assert answer["task"]["state"] == "completed"
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=40)
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == 0, output.decode()
    assert b"gateway_stopped" in output
    assert b"Read-only file system" not in output
    assert (folder / "data" / "gateway.db").stat().st_size
    assert {path.name for path in folder.iterdir()} == {"data", "gateway.toml", "tmp"}


def wait_until_ready(url: str, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while True:
        assert running.poll() is None, running.communicate()[0].decode()
        try:
            with urlopen(f"{url}/readyz", timeout=2):  # noqa: S310
                return
        except OSError:
            assert time.monotonic() < deadline, "too slow"
            time.sleep(0.05)


def post(url: str, body: Any, token: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = Request(url, data=json.dumps(body).encode(), headers=headers)  # noqa: S310
    with urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.load(answer)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
