"""The pure parts of `gateway chat`; tests/scenarios/test_terminal.py has the whole."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console

from gateway.cli.chat.client import Away, Client, Refused, connections
from gateway.cli.chat.conversation import Conversation
from gateway.cli.chat.remembered import Remembered
from gateway.cli.chat.safe import file_name, one_line, safe
from gateway.cli.chat.screen import Terminal
from gateway.cli.chat.talk import _first_word
from gateway.errors import GatewayError

HARMFUL = [chr(code) for code in (*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0))]
HALVES = [chr(0xD800), chr(0xDFFF)]
TURNING = list("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@pytest.mark.parametrize("char", [*HARMFUL, *TURNING, *HALVES], ids=ascii)
def test_nothing_that_steers_passes(char: str) -> None:
    shown = safe(f"a{char}b")
    assert char not in shown
    assert shown[0] + shown[-1] == "ab"
    assert len(shown) == 3
    shown.encode()


@pytest.mark.parametrize("text", ["a\tb\nc", "naïve 日本語 שלום 👩\u200d🚀", "\u200e\u200f"])
def test_what_people_write_stays(text: str) -> None:
    assert safe(text) == text


def test_lines_break_one_way() -> None:
    assert safe("a\r\nb\rc\u2028d\u2029e") == "a\nb\nc\nd\ne"
    assert one_line(" a\n\x1b[2J\tb ") == "a ␛[2J b"
    assert one_line("x" * 300, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\x\\y.exe", "C__x_y.exe"),
        (".bashrc", "bashrc"),
        ("a\x1b[2J\u202etxt.exe", "a␛[2J\ufffdtxt.exe"),
        ("a\nb.txt", "a_b.txt"),
        ("", "file"),
        ("...", "file"),
    ],
)
def test_names_of_files_lead_nowhere(name: str, kept: str) -> None:
    assert file_name(name) == kept


@pytest.mark.parametrize(
    ("text", "path", "rest"),
    [
        ("a.txt", "a.txt", ""),
        ("a.txt what is it?", "a.txt", "what is it?"),
        ("'a b.txt' what's this", "a b.txt", "what's this"),
        ('"a b.txt"', "a b.txt", ""),
        ("it's.txt don't", "it's.txt", "don't"),
    ],
)
def test_the_path_of_a_file_is_read(text: str, path: str, rest: str) -> None:
    assert _first_word(text) == (path, rest)


def test_a_file_needs_a_path() -> None:
    with pytest.raises(GatewayError, match="takes the path"):
        _first_word("")


def test_character_references_do_not_steer_either() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, color_system="truecolor")
    shown = {"role": "assistant", "notice": False, "text": "&#x202E;a&#27;b&#x9b;c **d** [e](f:g)"}
    Terminal(console).message(shown)
    text = out.getvalue()
    assert "\ufffda" in text
    assert not [char for char in TURNING if char in text]
    assert "\x1b]" not in text  # no hyperlinks: people see where a link leads
    assert "f:g" in text


def test_tokens_are_kept_apart_and_private(tmp_path: Path) -> None:
    here, there = Remembered(tmp_path, "", "a"), Remembered(tmp_path, "http://x", "a")
    here.keep("one")
    there.keep("two")
    assert (here.token, there.token) == ("one", "two")
    assert Remembered(tmp_path, "", "b").token == ""
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("[broken")
    assert here.token == ""
    here.keep("three")
    assert here.token == "three"


# over connections that break

Answer = Callable[[web.Request, dict[str, Any]], Any]


class Server:
    """Answers posts in turn as it was told, and opens a session for whoever asks."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.posts: list[dict[str, Any]] = []
        self.sessions = 0

    async def open(self, _: web.Request) -> web.Response:
        self.sessions += 1
        return web.json_response({"token": f"t{self.sessions}"}, status=201)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.posts.append({**body, "token": request.headers["Authorization"][7:]})
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        found: web.StreamResponse = await answer(request, body)
        return found


def streaming(*frames: str, breaks: bool = False) -> Answer:
    async def answer(request: web.Request, _: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for frame in frames:
            await response.write(frame.encode())
        if breaks:
            assert request.transport is not None
            request.transport.abort()
        return response

    return answer


def refusing(status: int, detail: str = "no", **headers: str) -> Answer:
    async def answer(_: web.Request, __: dict[str, Any]) -> web.StreamResponse:
        return web.json_response({"detail": detail}, status=status, headers=headers)

    return answer


def message(number: int, text: str) -> str:
    fields = f'"id": {number}, "role": "assistant", "text": "{text}", "notice": false'
    return f"event: message\ndata: {{{fields}}}\n\n"


DONE = 'event: done\ndata: {"task": {"id": "1", "state": "completed"}, "messages": []}\n\n'


@asynccontextmanager
async def talking(folder: Path, *answers: Answer) -> AsyncIterator[tuple[Conversation, Server]]:
    server = Server(*answers)
    app = web.Application()
    app.add_routes([web.post("/api/session", server.open), web.post("/api/chat", server.chat)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with connections() as http:
            port = runner.addresses[0][1]
            client = Client(http, f"http://127.0.0.1:{port}")
            conversation = Conversation(client, Remembered(folder, "", ""), "")
            await conversation.begin(fresh=True)
            yield conversation, server
    finally:
        await runner.cleanup()


async def heard(conversation: Conversation, text: str = "hello") -> list[str]:
    """The kinds of what happens, messages by their text."""
    async with asyncio.timeout(20):
        return [
            event.data["text"] if event.kind == "message" else event.kind
            async for event in conversation.say(text)
        ]


async def test_a_broken_answer_is_asked_for_again_under_the_same_id(tmp_path: Path) -> None:
    broken = streaming(message(2, "first"), breaks=True)
    whole = streaming(message(2, "first"), message(3, "second"), DONE)
    async with talking(tmp_path, broken, broken, whole) as (conversation, server):
        assert await heard(conversation) == ["first", "away", "second", "done"]
    assert len({(post["message_id"], post["text"]) for post in server.posts}) == 1
    assert len(server.posts) == 3


async def test_a_busy_gateway_is_waited_for(tmp_path: Path) -> None:
    busy = refusing(429, "Too many messages.", **{"Retry-After": "1"})
    async with talking(tmp_path, busy, streaming(DONE)) as (conversation, _):
        assert await heard(conversation) == ["away", "done"]


async def test_what_is_refused_is_not_repeated(tmp_path: Path) -> None:
    async with talking(tmp_path, refusing(413, "too long")) as (conversation, server):
        with pytest.raises(Refused, match="too long"):
            await heard(conversation)
    assert len(server.posts) == 1


async def test_a_gateway_that_always_breaks_off_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.chat.conversation._GIVE_UP_AFTER", 0.5)
    async with talking(tmp_path, streaming(": \n\n", breaks=True)) as (conversation, server):
        with pytest.raises(Away):
            await heard(conversation)
    assert 2 <= len(server.posts) < 6


@pytest.mark.parametrize(
    ("text", "again"),
    [("hello", "hello"), ("/reset", None), ("/new and more", "and more"), ("/newer", "/newer")],
)
async def test_a_session_that_ended_is_followed_by_another(
    tmp_path: Path, text: str, again: str | None
) -> None:
    async with talking(tmp_path, refusing(401), streaming(DONE)) as (conversation, server):
        assert await heard(conversation, text) == (["over", "done"] if again else ["over"])
    assert [post["token"] for post in server.posts] == (["t1", "t2"] if again else ["t1"])
    assert server.posts[-1]["text"] == (again or text)
    assert Remembered(tmp_path, "", "").token == "t2"


async def test_links_elsewhere_are_not_followed_with_the_token(tmp_path: Path) -> None:
    async with talking(tmp_path, streaming(DONE)) as (conversation, _):
        for link in ("http://evil.example/x", "//evil.example/x"):
            with pytest.raises(Refused, match="not the gateway's own"):
                await conversation.client.download(link)
