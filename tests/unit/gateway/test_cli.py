"""The command line: what it prints, how it fails, and who does an operator's act."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from gateway.cli import explained, main
from gateway.domain import (
    Address,
    Conversation,
    ConversationKind,
    Delivery,
    DeliveryState,
    Message,
    Outcome,
    Role,
    Session,
)
from gateway.errors import ConfigurationError, GatewayError, Problem
from gateway.ports.records import Arrival, Effects, Entry, RowEnd
from gateway.ports.store import Store
from gateway.store import connect
from gateway.testing.openai import ModelServer, in_thread
from tests.architecture.source import ROOT
from tests.support.process import toml

TOKEN = "an-operators-token"
VARIABLES = ("GATEWAY_", "DISCORD_", "SLACK_", "TELEGRAM_")
COMMAND = str(Path(sys.executable).parent / "gateway")
UPDATE = {
    "update_id": 7,
    "message": {
        "message_id": 3,
        "date": 1_700_000_000,
        "chat": {"id": 42, "type": "private", "first_name": "Ada"},
        "from": {"id": 42, "is_bot": False, "first_name": "Ada"},
        "text": "hello",
    },
}


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, in an empty folder and without the gateway's variables."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(VARIABLES)]:
        monkeypatch.delenv(name)

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["gateway", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, said.out, said.err)

    return run


def process(*words: str, **more: Any) -> Done:
    """Run the real command."""
    done = subprocess.run(
        [COMMAND, *words], capture_output=True, text=True, check=False, timeout=60, **more
    )
    return Done(done.returncode, done.stdout, done.stderr)


# the command itself


def test_the_command_and_the_module_are_the_same() -> None:
    said = process("--version")
    assert said.code == 0
    assert said.out.startswith("chat-gateway ")
    module = [sys.executable, "-m", "gateway", "--version"]
    done = subprocess.run(module, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout == said.out


def test_help_names_every_command(cli: Run) -> None:
    help_ = cli("--help")
    assert help_.code == 0
    for name in (
        "run", "chat", "init", "check", "schema", "explain", "migrate", "sessions", "deliveries",
    ):  # fmt: skip
        assert f"\n  {name} " in help_.out
    for group, names in (
        ("sessions", ("list", "show", "reset", "export", "delete")),
        ("deliveries", ("list", "retry", "discard")),
        ("groups", ("list", "create", "add", "remove")),
    ):
        said = cli(group, "--help").out
        assert all(f"\n  {name} " in said for name in names)


def test_help_imports_little() -> None:
    program = (
        "import sys\nsys.argv = ['gateway', '--help']\nfrom gateway.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = ('sqlalchemy', 'aiohttp', 'alembic', 'starlette', 'telegram', 'structlog',"
        " 'prometheus_client', 'rich', 'prompt_toolkit', 'adapters')\n"
        "print('imported', [name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "imported []" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("nope",),
        ("check", "--nope"),
        ("explain",),
        ("sessions", "show"),
        ("sessions", "list", "--state", "asleep"),
        ("sessions", "list", "--limit", "0"),
        ("deliveries", "list", "--state", "lost"),
    ],
)
def test_wrong_use_is_code_2(cli: Run, words: tuple[str, ...]) -> None:
    done = cli(*words)
    assert done.code == 2
    assert "Usage: gateway" in done.err
    assert not done.out


def test_errors_are_lines_for_people() -> None:
    problems = [Problem(where="a", what="b", hint="c"), Problem(where="d", what="e")]
    group = ExceptionGroup("x", [ConfigurationError(problems), GatewayError("away")])
    assert list(explained(group)) == ["a: b (c)", "d: e", "gateway: away"]
    (line,) = explained(ValueError("Bearer abcdefghijkl"))
    assert line == (
        "gateway: something unexpected happened: ValueError: Bearer [hidden] (--debug shows where)"
    )


def test_the_unexpected_is_one_line_unless_debugged(
    cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("gateway.plugins.clash", explode)
    done = cli("check")
    assert done.code == 1
    assert done.err.splitlines() == [
        "gateway: something unexpected happened: RuntimeError: boom (--debug shows where)"
    ]
    monkeypatch.setattr(sys, "argv", ["gateway", "check", "--debug"])
    with pytest.raises(RuntimeError, match="boom"):
        main()


# check and schema


def test_check_says_that_all_is_well(cli: Run) -> None:
    needed = {
        **{name: f"{name.upper()}_BOT_TOKEN" for name in ("telegram", "discord", "slack")},
        **dict.fromkeys(("whatsapp", "sms"), "TWILIO_ACCOUNT_SID"),
    }
    skipped = {
        name: f"the environment variable {variable} is not set" for name, variable in needed.items()
    }
    done = cli("check")
    assert done.code == 0
    assert done.out.splitlines() == [
        *(f"channels.{name} is skipped: {why}" for name, why in skipped.items()),
        "the embedded default: no problem found (1 channel, 1 agent)",
        "Nothing was called: --online also tries tokens, keys and servers.",
    ]
    assert cli("check", "--json").json == {
        "source": "the embedded default",
        "problems": [],
        "skipped": skipped,
        "accounts": {},
        "answers": {},
        "notes": [],
    }


BROKEN = """\
[agents.own]
kind = "python"
entry = "no_such_module:answer"
[channels.web]
platform = "web"
tilte = "x"
"""


def test_check_reports_every_problem(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text(BROKEN + "[gateway]\nlisten = 'x'\n")
    done = cli("check", "--config", "broken.toml")
    assert done.code == 1
    title, listen, count = done.out.splitlines()
    assert title == 'broken.toml: channels.web.tilte (line 6): unknown key (did you mean "title"?)'
    assert listen.startswith(
        "broken.toml: gateway.listen (line 8): should be an address and a port"
    )
    assert count == "2 problems found"
    problems = cli("check", "-c", "broken.toml", "--json").json["problems"]
    assert problems[0] == {
        "where": "broken.toml: channels.web.tilte (line 6)",
        "what": "unknown key",
        "hint": 'did you mean "title"?',
    }


def test_check_tries_the_agents(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text(BROKEN.replace("tilte", "title"))
    done = cli("check", "--config", "broken.toml")
    assert done.code == 1
    assert "broken.toml: agents.own.entry (line 3): " in done.out
    assert "no_such_module" in done.out


def test_check_may_ask_the_platform(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(
        '[agents.a]\nkind = "echo"\n[channels.bot]\nplatform = "telegram"\n'
        f'token = "1:{"a" * 35}"\napi_url = "http://127.0.0.1:{free_port()}"\n'
    )
    done = cli("check", "-c", "gateway.toml", "--online")
    assert done.code == 1
    assert done.out.startswith("gateway.toml: channels.bot")
    assert "aaaaaa" not in done.out


def test_check_may_ask_the_agents(cli: Run, tmp_path: Path) -> None:
    with in_thread(ModelServer(models=("known",))) as server:
        config: dict[str, Any] = {
            "agents": {"assistant": {"kind": "llm", **server.agent()}},
            "channels": {"web": {"platform": "web"}},
        }
        (tmp_path / "gateway.toml").write_text(toml(config))
        words = ("check", "-c", "gateway.toml", "--online")
        good = cli(*words)
        assert (good.code, good.err) == (0, "")
        assert good.out.startswith("agents.assistant: known at ")
        assert "--online" not in good.out
        assert cli(*words, "--json").json["answers"].keys() == {"assistant"}
        config["agents"]["assistant"]["model"] = "unknown"
        (tmp_path / "gateway.toml").write_text(toml(config))
        assert cli(*words[:-1]).code == 0
        bad = cli(*words)
    assert bad.code == 1
    assert bad.out.startswith("gateway.toml: agents.assistant.model")


def test_a_missing_file_is_named(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_CONFIG", "elsewhere.toml")
    assert "elsewhere.toml: cannot be read" in cli("check").out
    done = cli("run", "--config", "nowhere.toml")
    assert done.code == 1
    assert done.err == (
        "nowhere.toml: cannot be read: No such file or directory (name a file with --config)\n"
    )


def test_the_schema_is_printed(cli: Run) -> None:
    made = cli("schema").json
    platforms = made["properties"]["channels"]["additionalProperties"]["oneOf"]
    assert {"telegram", "web"} <= {p["properties"]["platform"]["const"] for p in platforms}


# explain


@pytest.fixture
def update(tmp_path: Path) -> Path:
    path = tmp_path / "update.json"
    path.write_text(json.dumps(UPDATE))
    return path


def test_explain_needs_no_token(cli: Run, update: Path) -> None:
    done = cli("explain", "telegram", str(update), "--json")
    assert done.json == {
        "outcome": "accepted",
        "reason": "per-user for a direct conversation",
        "event_id": "7",
        "rule": "per-user",
        "lane": "telegram/user/42",
        "conversation": {"kind": "direct", "id": "42", "parent_id": None},
        "participant": {"id": "42", "name": "Ada"},
        "text": "hello",
    }
    said = cli("explain", "telegram", str(update))
    assert said.code == 0
    assert said.out.startswith("accepted: per-user for a direct conversation\n")
    assert "\nlane          telegram/user/42\n" in said.out


def test_explain_reads_standard_input() -> None:
    done = process("explain", "telegram", "-", "--json", input=json.dumps(UPDATE), cwd="/")
    assert done.json["lane"] == "telegram/user/42"


def test_explain_builds_only_its_own_channel(cli: Run, update: Path, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(
        '[agents.a]\nkind = "echo"\n[channels.bot]\nplatform = "telegram"\ntoken = "${UNSET}"\n'
        'boundary.direct = "per-channel"\n[channels.broken]\nplatform = "nope"\n'
    )
    done = cli("explain", "bot", str(update), "--config", "gateway.toml", "--json")
    assert done.json["rule"] == "per-channel"


def test_explain_knows_the_web_as_well(cli: Run, tmp_path: Path) -> None:
    said = {"event_id": "s:1", "conversation": "c1", "participant": "anon:c1", "text": "hello"}
    (tmp_path / "event.json").write_text(json.dumps({**said, "agent": "demo"}))
    done = cli("explain", "web", "event.json", "--json")
    assert (done.json["outcome"], done.json["rule"]) == ("accepted", "per-channel")


def test_explain_says_what_is_wrong(cli: Run, update: Path, tmp_path: Path) -> None:
    done = cli("explain", "telegrm", str(update))
    assert done.code == 1
    assert done.err == (
        'the embedded default: there is no channel "telegrm" (did you mean "telegram"?)\n'
    )
    assert "nowhere.json: cannot be read" in cli("explain", "telegram", "nowhere.json").err
    update.write_text("{")
    unreadable = cli("explain", "telegram", str(update), "--json")
    assert unreadable.code == 0
    assert unreadable.json["outcome"] == "ignored"
    assert unreadable.json["lane"] is None


# sessions and deliveries, on the database itself


NOW = 1_700_000_000.0
SESSION = "5e55"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with one session of three messages, a dead delivery and a dead message."""
    path = tmp_path / "data" / "gateway.db"
    asyncio.run(on(path, _fill))
    return path


async def on(path: Path, work: Callable[[Store], Awaitable[Any]]) -> Any:
    store = connect(f"sqlite:///{path}")
    await store.open()
    try:
        return await work(store)
    finally:
        await store.close()


def arrival(number: int) -> Arrival:
    return Arrival(
        row_id=f"row{number}",
        task_id=f"task{number}",
        channel="web",
        event_id=str(number),
        lane_key="web/user/1",
        owner="participant:1",
        shared=False,
        raw=b"{}",
        inbound=json.dumps({"text": f"message {number}"}).encode(),
        accepted_at=NOW,
    )


async def _fill(store: Store) -> None:
    accepted = await store.accept(arrival(1))
    assert accepted.hold is not None
    session = Session(
        id=SESSION,
        lane_id=accepted.lane_id,
        channel="web",
        agent="demo",
        owner="participant:1",
        conversation=Conversation(kind=ConversationKind.DIRECT, id="c1"),
        created_at=NOW,
        last_activity=NOW,
        name="Planning",
        message_count=3,
        last_number=3,
    )
    delivery = Delivery(
        id="de11",
        channel="web",
        lane_id=accepted.lane_id,
        address=Address(destination="c1"),
        text="an answer that never arrived\x1b[2J",
        session_id=SESSION,
        state=DeliveryState.DEAD,
        attempts=5,
        created_at=NOW,
        error="gone",
    )
    texts = ((Role.USER, "hello"), (Role.ASSISTANT, "Hi, Ada!\nHow are you?"), (Role.USER, "naïve"))
    await store.commit(
        Effects(
            turn_id="t1",
            hold=accepted.hold,
            rows=(RowEnd(row_id="row1", outcome=Outcome.ANSWERED, task_id="task1"),),
            new_sessions=(session,),
            entries=tuple(
                Entry(session_id=SESSION, message=message(n, role, text))
                for n, (role, text) in enumerate(texts, 1)
            ),
            deliveries=(delivery,),
            release=True,
        )
    )
    dead = await store.accept(arrival(2))
    assert dead.hold is not None
    end = RowEnd(row_id="row2", outcome=Outcome.FAILED, task_id="task2")
    await store.commit(Effects(turn_id="t2", hold=dead.hold, dead=(end,), release=True))


def message(number: int, role: Role, text: str) -> Message:
    sender = "Ada" if role is Role.USER else ""
    return Message(number=number, role=role, text=text, created_at=NOW, sender=sender)


@pytest.mark.usefixtures("database")
def test_sessions_are_listed(cli: Run) -> None:
    (found,) = cli("sessions", "list", "--json").json
    assert found["id"] == SESSION
    assert found["state"] == "dormant"
    assert found["message_count"] == 3
    assert found["created_at"] == "2023-11-14T22:13:20Z"
    table = cli("sessions", "list").out
    assert all(word in table for word in ("id", SESSION, "web", "dormant", "Planning"))
    assert cli("sessions", "list", "--channel", "other", "--json").json == []
    assert cli("sessions", "list", "--state", "ended").out == "No sessions.\n"


@pytest.mark.usefixtures("database")
def test_a_session_is_shown(cli: Run) -> None:
    shown = cli("sessions", "show", SESSION)
    assert "Planning" in shown.out
    assert "   Hi, Ada!\n   How are you?\n" in shown.out
    found = cli("sessions", "show", SESSION, "--limit", "2", "--json").json
    assert [one["number"] for one in found["messages"]] == [2, 3]
    assert found["variables"] == {}


@pytest.mark.usefixtures("database")
def test_a_session_is_exported_as_json_lines(cli: Run) -> None:
    lines = [json.loads(line) for line in cli("sessions", "export", SESSION).out.splitlines()]
    assert [(one["number"], one["role"], one["text"]) for one in lines] == [
        (1, "user", "hello"),
        (2, "assistant", "Hi, Ada!\nHow are you?"),
        (3, "user", "naïve"),
    ]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("form", "begins"), [("markdown", "# Planning"), ("html", "<!doctype")])
def test_a_session_is_exported_to_be_read(cli: Run, form: str, begins: str) -> None:
    done = cli("sessions", "export", SESSION, "--format", form)
    assert done.code == 0
    assert done.out.startswith(begins)
    assert done.out.index("hello") < done.out.index("How are you?") < done.out.index("naïve")


@pytest.mark.usefixtures("database")
def test_long_sessions_are_exported_in_pages(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.cli.sessions.PAGE", 2)
    lines = cli("sessions", "export", SESSION).out.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2, 3]


@pytest.mark.usefixtures("database")
def test_an_unknown_session_is_an_error(cli: Run) -> None:
    for words in (("show",), ("export",), ("reset",), ("delete", "--yes")):
        done = cli("sessions", words[0], "nope", *words[1:])
        assert done.code == 1
        assert done.err == "gateway: there is no session nope\n"


def test_without_a_database_there_is_nothing_to_read(cli: Run, tmp_path: Path) -> None:
    done = cli("sessions", "list")
    assert done.code == 1
    assert "there is no database at" in done.err
    assert not (tmp_path / "data").exists()


@pytest.mark.usefixtures("database")
def test_a_session_is_reset_and_deleted(cli: Run) -> None:
    assert cli("sessions", "reset", SESSION, "--json").json == {"id": SESSION}
    assert cli("sessions", "list", "--state", "ended", "--json").json[0]["id"] == SESSION
    done = cli("sessions", "delete", SESSION, "--yes")
    assert done.out == f"Session {SESSION} is deleted.\n"
    assert cli("sessions", "list", "--json").json == []


@pytest.mark.usefixtures("database")
def test_deliveries_are_listed_in_both_directions(cli: Run) -> None:
    out, incoming = cli("deliveries", "list", "--json").json
    assert (out["id"], out["direction"], out["state"], out["error"]) == (
        "de11", "out", "dead", "gone",
    )  # fmt: skip
    assert (incoming["id"], incoming["direction"], incoming["text"]) == ("row2", "in", "message 2")
    table = cli("deliveries", "list").out
    assert "an answer that never arrived" in table
    assert "\x1b" not in table
    assert cli("deliveries", "list", "--state", "sent").out == "Nothing waits and nothing failed.\n"


@pytest.mark.usefixtures("database")
def test_what_failed_is_retried(cli: Run) -> None:
    assert cli("deliveries", "retry", "de11").out == "Delivery de11 is sent again.\n"
    (still,) = cli("deliveries", "list", "--state", "pending", "--json").json
    assert (still["id"], still["attempts"]) == ("de11", 0)
    assert cli("deliveries", "retry", "row2").out == "Message row2 is answered again.\n"
    assert cli("deliveries", "list", "--state", "dead", "--json").json == []
    again = cli("deliveries", "retry", "de11")
    assert (again.code, again.err) == (1, "gateway: delivery de11 is pending, not failed\n")


@pytest.mark.usefixtures("database")
def test_what_failed_is_given_up(cli: Run) -> None:
    assert cli("deliveries", "discard", "de11").code == 0
    assert cli("deliveries", "discard", "row2").code == 0
    assert cli("deliveries", "list", "--state", "dead", "--json").json == []
    assert cli("deliveries", "discard", "nope").code == 1


def test_a_database_is_migrated(cli: Run, tmp_path: Path) -> None:
    assert cli("migrate").out.startswith("Applied 0001")
    assert (tmp_path / "data" / "gateway.db").exists()
    assert cli("migrate").out == "The database is up to date.\n"
    assert cli("sessions", "list").out == "No sessions.\n"


# beside a running gateway


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Gateway:
    """A running one, and its configuration for the commands beside it."""

    address: str
    run: Run
    monkeypatch: pytest.MonkeyPatch

    def cli(self, *words: str, **environ: str) -> Done:
        """Run a command beside it, from this process."""
        with self.monkeypatch.context() as patched:
            for name, value in environ.items():
                patched.setenv(name, value)
            return self.run(*words)

    def new_session(self) -> str:
        request = Request(f"{self.address}/api/session", data=b"{}", method="POST")  # noqa: S310
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return str(json.load(answer)["session_id"])


@pytest.fixture
def gateway(
    tmp_path: Path, database: Path, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Gateway]:
    """The real process, on the filled database, with an operator token."""
    port = free_port()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "gateway.toml").write_text(
        f'[gateway]\nlisten = "127.0.0.1:{port}"\noperator_token = "${{OPERATOR}}"\n'
        '[agents.demo]\nkind = "demo"\n[channels.web]\nplatform = "web"\n'
    )
    environment = {**os.environ, "OPERATOR": TOKEN}
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen([COMMAND, "run"], cwd=tmp_path, env=environment, stderr=log)
    try:
        wait_until(lambda: "gateway_started" in (tmp_path / "log").read_text(), running)
        yield Gateway(f"http://127.0.0.1:{port}", cli, monkeypatch)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        assert "gateway_stopped" in (tmp_path / "log").read_text()
        assert TOKEN not in (tmp_path / "log").read_text()
    finally:
        running.kill()
        running.wait()


def wait_until(true: Callable[[], bool], running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert running.poll() is None, "the gateway ended"
        assert time.monotonic() < deadline, "too slow"
        time.sleep(0.02)


def test_operators_act_through_the_running_gateway(gateway: Gateway) -> None:
    session = gateway.new_session()
    listed = gateway.cli("sessions", "list", "--json").json
    assert session in {one["id"] for one in listed}
    reset = gateway.cli("sessions", "reset", session, OPERATOR=TOKEN)
    assert (reset.code, reset.err) == (0, "")
    deleted = gateway.cli("sessions", "delete", session, "--json", OPERATOR=TOKEN)
    assert deleted.json == {"id": session}
    assert gateway.cli("sessions", "show", session).code == 1
    missing = gateway.cli("sessions", "reset", "nope", OPERATOR=TOKEN)
    assert (missing.code, missing.err) == (1, "gateway: there is no session nope\n")
    assert gateway.cli("deliveries", "discard", "row2", OPERATOR=TOKEN).code == 0
    assert gateway.cli("deliveries", "discard", "de11", OPERATOR=TOKEN).code == 0
    assert gateway.cli("deliveries", "list", "--state", "dead", "--json").json == []


def test_beside_a_running_gateway_acts_need_its_token(gateway: Gateway, tmp_path: Path) -> None:
    without = gateway.cli("sessions", "reset", SESSION)
    assert without.code == 1
    assert "in use by process" in without.err
    assert "set gateway.operator_token, or GATEWAY_OPERATOR_TOKEN" in without.err
    wrong = gateway.cli("sessions", "reset", SESSION, OPERATOR="another-token")
    assert wrong.code == 1
    assert "was started with another operator token" in wrong.err
    second = process("run", cwd=tmp_path, env={**os.environ, "OPERATOR": TOKEN})
    assert second.code == 1
    assert "Traceback" not in second.err
    assert "in use by process" in second.err
    migrating = gateway.cli("migrate")
    assert migrating.code == 1
    assert "in use by process" in migrating.err


def test_an_address_in_use_is_said_in_a_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (tmp_path / "gateway.toml").write_text(
            f'[agents.demo]\nkind = "demo"\n[channels.web]\nplatform = "web"\n'
            f'[gateway]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n'
        )
        done = process("run", "-c", "gateway.toml", cwd=tmp_path)
    assert done.code == 1
    assert "gateway.toml: gateway.listen (line 6): cannot listen on 127.0.0.1" in done.err
    assert "Traceback" not in done.err
