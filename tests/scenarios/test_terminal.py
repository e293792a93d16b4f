"""`gateway chat`, the real command: through pipes, and on a terminal of our own."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.process import GatewayProcess

COMMAND = str(Path(sys.executable).parent / "gateway")
STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")
DEMO = '[agents.demo]\nkind = "demo"\npace = "50ms"\n[channels.web]\nplatform = "web"\n'
WITHIN = 30.0

AGENT = """
import asyncio
from gateway import File, Step, Text

NASTY = (
    "before \\x1b]0;owned\\x07 \\x1b[2J \\x1b]8;;http://evil.example/\\x1b\\\\click\\x1b]8;;"
    "\\x1b\\\\ "
    "\\x9b31m \\u202egnp.exe\\u202c &#x202E;turned **bold** [link](http://evil.example/) after"
)

async def answer(turn):
    if turn.text == "nasty":
        yield Step("step \\x1b[2J \\u202e done")
        yield Text(NASTY)
    elif turn.text == "report":
        yield Text("Here it is.")
        yield File(name="../rep\\x1bort.txt", data=b"the report", media_type="text/plain")
    elif turn.text == "fail":
        raise RuntimeError("boom")
    elif turn.attachments:
        content = await turn.read(turn.attachments[0])
        yield Text(f"{turn.attachments[0].name}: {content.decode()} ({turn.text})")
    elif turn.text == "slowly":
        for number in range(40):
            yield Text(f"word{number} ")
            await asyncio.sleep(0.05)
    else:
        yield Text(f"You said: {turn.text}, number {len(turn.messages) + 1}")
"""
OWN = """
[agents.own]
kind = "python"
entry = "agent:answer"
path = "."
[channels.web]
platform = "web"
"""


def environment() -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return {**kept, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}


def piped(folder: Path, said: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "chat", *words], input=said, cwd=folder, env=environment(),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


class Screen:
    """A person's terminal: what they type, and what they see."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self._master = master
        self.process = process
        self.raw = b""

    @property
    def text(self) -> str:
        """What is shown, without colours and movements."""
        return STEERING.sub("", self.raw.decode(errors="replace"))

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def enter(self, line: str) -> None:
        """Type a line, and send it once it stands at the prompt."""
        mark = len(self.raw)
        self.type(line)
        self.until(lambda: line in STEERING.sub("", self.raw[mark:].decode(errors="replace")))
        self.type("\r")

    def sees(self, text: str) -> None:
        self.until(lambda: text in self.text)

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN
        while not holds():
            assert time.monotonic() < deadline, self.text[-2000:]
            self._read(0.1)

    def ends(self) -> int:
        self.until(lambda: self.process.poll() is not None)
        self._read(0.1)
        code = self.process.returncode
        assert isinstance(code, int)
        return code

    def _read(self, timeout: float) -> None:
        if select.select([self._master], [], [], timeout)[0]:
            try:
                self.raw += os.read(self._master, 65536)
            except OSError:  # Linux says so when the other end is closed
                time.sleep(timeout)


@contextmanager
def terminal(folder: Path, *words: str) -> Iterator[Screen]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, COMMAND, "chat", *words],
        cwd=folder, env=environment(), stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        yield Screen(master, process)
    finally:
        process.kill()
        process.wait()
        os.close(master)


# The terminal has to be the process's own, for Ctrl-C to reach it.
ON_A_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return configured(tmp_path, DEMO)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "config" / "agent.py").parent.mkdir()
    (tmp_path / "config" / "agent.py").write_text(AGENT)
    return configured(tmp_path, OWN)


def configured(folder: Path, text: str) -> Path:
    (folder / "config").mkdir(exist_ok=True)
    # Nobody listens on port 1: the terminal starts a gateway of its own.
    listen = '[gateway]\nlisten = "127.0.0.1:1"\n[limits]\nmessages_per_minute = 0\n'
    (folder / "config" / "gateway.toml").write_text(listen + text)
    return folder


# pipes


def test_lines_in_and_answers_out(own: Path) -> None:
    done = piped(own, "one\n\ntwo\n")
    assert (done.returncode, done.stdout) == (
        0, "You said: one, number 1\nYou said: two, number 3\n",
    )  # fmt: skip
    assert done.stderr.startswith("own on a gateway of its own: a new conversation.")


def test_the_last_conversation_goes_on_unless_told_otherwise(own: Path) -> None:
    piped(own, "one\n")
    again = piped(own, "two\n")
    assert again.stdout == "You said: two, number 3\n"
    assert "the last conversation goes on after 2 messages" in again.stderr
    assert piped(own, "three\n", "--new").stdout == "You said: three, number 1\n"
    assert piped(own, "four\n", "--continue").stdout == "You said: four, number 3\n"


def test_a_reset_is_followed(demo: Path) -> None:
    done = piped(demo, "my name is Ada\n/reset\nwhat is my name\n/new my name is Grace\nwho am i\n")
    assert done.stdout.splitlines()[1:] == [
        "Fresh start: I have forgotten our conversation.",
        "You have not told me yet. Try: my name is Grace",
        "Fresh start: I have forgotten our conversation.",
        "Nice to meet you, Grace! I will know you until you say /reset.",
        "You are Grace.",
    ]
    assert piped(demo, "who am i\n").stdout == "You are Grace.\n"


def test_choices_are_numbered_and_answered_by_number_or_label(demo: Path) -> None:
    said = piped(demo, "ask me something\n2\nask me something\ntea\n").stdout
    assert "\n1. Tea\n2. Coffee\n3. Water\nCoffee. A button" in said
    assert "\nTea. A button" in said


def test_history_is_shown_with_both_sides(own: Path) -> None:
    said = piped(own, "one\n/history\n").stdout.splitlines()
    assert said == ["You said: one, number 1", "one", "You said: one, number 1"]


def test_a_message_without_an_answer_fails_the_command(own: Path) -> None:
    done = piped(own, "/file nowhere.txt\none\n/quit\ntwo\n")
    assert done.returncode == 1
    assert "nowhere.txt cannot be read: No such file or directory" in done.stderr
    assert done.stdout == "You said: one, number 1\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--url", "http://127.0.0.1:1"), "http://127.0.0.1:1 does not answer: Connection refused"),
        (("--url", "localhost"), "localhost is no address: it begins with http:// or https://"),
        (("--agent", "nobody"), "There is no such agent here. (nobody)"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    own: Path, words: tuple[str, ...], complaint: str
) -> None:
    done = piped(own, "hello\n", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"gateway: {complaint}\n"


def test_without_a_web_channel_it_is_said_what_to_add(tmp_path: Path) -> None:
    telegram = '[channels.t]\nplatform = "telegram"\ntoken = "${UNSET_TOKEN}"\n'
    configured(tmp_path, '[agents.e]\nkind = "echo"\n' + telegram)
    done = piped(tmp_path, "hello\n")
    assert done.returncode == 1
    assert "has no web channel" in done.stderr
    assert '[channels.web]\n    platform = "web"' in done.stderr
    assert "Traceback" not in done.stderr


def test_other_channels_tokens_are_not_needed(own: Path) -> None:
    config = own / "config" / "gateway.toml"
    telegram = '[channels.t]\nplatform = "telegram"\ntoken = "${UNSET_TOKEN}"\n'
    config.write_text(config.read_text() + telegram)
    assert piped(own, "one\n").stdout == "You said: one, number 1\n"


def test_any_agent_answers_by_name(own: Path) -> None:
    config = own / "config" / "gateway.toml"
    other = '[agents.other]\nkind = "echo"\nprefix = "Echo: "\n'
    config.write_text(config.read_text().replace('"web"\n', '"web"\nagent = "own"\n') + other)
    assert piped(own, "one\n", "--agent", "other").stdout == "Echo: one\n"
    assert piped(own, "two\n").stdout == "You said: two, number 1\n"


def test_what_is_kept_is_nobody_elses_to_read(own: Path) -> None:
    piped(own, "one\n")
    kept = own / "data"
    for name in ("terminal.json", "terminal.log"):
        assert (kept / name).stat().st_mode & 0o777 == 0o600, name
    (token,) = json.loads((kept / "terminal.json").read_text()).values()
    assert token not in (kept / "terminal.log").read_text()


# files


def test_files_are_sent_and_saved(own: Path) -> None:
    (own / "mÿ nötes.txt").write_text("buy milk")
    (own / "rep_ort.txt").write_text("another")
    done = piped(own, "/file 'mÿ nötes.txt' what is this?\nreport\n/save 1\n/save 9\n")
    first, *rest = done.stdout.splitlines()
    assert first == "mÿ nötes.txt: buy milk (what is this?)"
    assert rest[0] == "Here it is."
    assert rest[-1].startswith("[1] ")
    assert rest[-1].endswith("(text/plain, 10 B): /save 1")
    (saved,) = (path for path in own.glob("*ort*.txt") if path.read_text() == "the report")
    assert saved.parent == own
    assert f"saved as {saved.name}" in done.stderr
    assert "/save takes the number of a file that was shown here" in done.stderr
    assert (own / "rep_ort.txt").read_text() == "another"


# beside a gateway that runs


async def chatting(folder: Path, said: str, *words: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "chat", *words, cwd=folder, env=environment(),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(said.encode())
    process.stdin.write_eof()
    return process


async def test_the_running_gateway_is_talked_to(tmp_path: Path) -> None:
    async with GatewayProcess(DEMO, tmp_path) as gateway:
        process = await chatting(tmp_path, "my name is Ada\n", "--config", "gateway.toml")
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert b"Nice to meet you, Ada!" in out
        assert gateway.base_url in err.decode()
        assert process.returncode == 0
        process = await chatting(tmp_path, "hello\n", "--url", gateway.base_url)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert b"a new conversation" in err
        assert out.startswith(b"Hello! I am the demo")


async def test_a_gateway_killed_in_the_middle_of_an_answer_loses_no_word(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(AGENT)
    async with GatewayProcess(OWN, tmp_path) as gateway:
        process = await chatting(tmp_path, "one\nslowly\ntwo\n", "--config", "gateway.toml")
        try:
            assert process.stdout is not None
            first = await asyncio.wait_for(process.stdout.readline(), WITHIN)
            await asyncio.sleep(0.5)
            gateway.kill()
            await asyncio.sleep(0.2)
            await gateway.start()
            out, err = await asyncio.wait_for(process.communicate(), 60)
        finally:
            if process.returncode is None:
                process.kill()
    slowly = " ".join(f"word{number}" for number in range(40))
    lines = [line.strip() for line in (first + out).decode().splitlines()]
    assert lines == ["You said: one, number 1", slowly, "You said: two, number 5"]
    assert "trying again" in err.decode()
    assert process.returncode == 0


# on a terminal


def test_a_conversation_on_a_terminal(demo: Path) -> None:
    with terminal(demo) as screen:
        screen.sees("a new conversation")
        screen.enter("ask me something")
        screen.sees("3. Water")
        screen.enter("1")
        screen.sees("Tea. A button")
        screen.enter("/quit")
        assert screen.ends() == 0
    assert (demo / "data" / "terminal-history").stat().st_mode & 0o777 == 0o600
    assert "+ask me something" in (demo / "data" / "terminal-history").read_text()


def test_ctrl_c_stops_an_answer_and_then_leaves(own: Path) -> None:
    with terminal(own) as screen:
        screen.sees("a new conversation")
        screen.enter("slowly")
        screen.sees("word3 ")
        screen.type("\x03")
        screen.sees("Stopped")
        screen.enter("one")
        screen.sees("You said: one")
        assert "word39" not in screen.text
        screen.type("unfinished")
        screen.sees("unfinished")
        screen.type("\x03")
        screen.enter("two")
        screen.sees("You said: two")
        assert "You said: unfinished" not in screen.text
        screen.type("prompted")
        screen.sees("prompted")
        screen.type("\x15\x03")
        screen.sees("Ctrl-C again, or Ctrl-D, leaves.")
        screen.type("\x03")
        assert screen.ends() == 0


def test_ctrl_d_leaves_and_the_next_visit_goes_on(own: Path) -> None:
    with terminal(own) as screen:
        screen.sees("a new conversation")
        screen.enter("one")
        screen.sees("number 1")
        time.sleep(0.3)
        screen.type("\x04")
        assert screen.ends() == 0
    with terminal(own) as screen:
        screen.sees("goes on after 2 messages")
        screen.sees("You said: one, number 1")
        screen.enter("two")
        screen.sees("number 3")


def test_alt_enter_and_pasting_keep_lines_together(own: Path) -> None:
    with terminal(own) as screen:
        screen.sees("a new conversation")
        screen.type("first\x1b\rsecond")
        screen.sees("second")
        screen.type("\r")
        screen.sees("You said: first")
        screen.type("\x1b[200~third\nfourth\x1b[201~")
        screen.sees("fourth")
        screen.type("\r")
        screen.sees("You said: third")
        screen.sees("number 3")


def test_what_an_agent_writes_never_steers_the_terminal(own: Path) -> None:
    with terminal(own) as screen:
        screen.sees("a new conversation")
        mark = len(screen.raw)
        screen.enter("nasty")
        screen.sees("after")
        raw = screen.raw[mark:].decode()
        screen.enter("/history")
        screen.sees("after")
    for obeyed in ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e", "\u202c"):
        assert obeyed not in raw.replace("\x1b]0;\x07", ""), repr(obeyed)
    assert "␛]0;owned␇" in screen.text
    assert "http://evil.example/" in screen.text


def test_the_same_holds_in_a_pipe(own: Path) -> None:
    done = piped(own, "nasty\n/history\n")
    said = done.stdout + done.stderr
    assert "␛]0;owned␇" in said
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said)


def test_ctrl_c_ends_a_pipe(own: Path) -> None:
    with subprocess.Popen(
        [COMMAND, "chat"], cwd=own, env=environment(), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"You said: one, number 1\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 1
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
