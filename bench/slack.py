"""The other end of a bench: Slack's side, Socket Mode or the Events API, and the Web API.

Events are signed posts, or envelopes over the bot's connection; each has to be acknowledged. Of
the bot's own reply Slack tells the bot too. No limit is ever used up.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from contextlib import suppress
from itertools import count
from typing import Any

import orjson

from bench.end import End, connected
from bench.wire import Peer

BOT_TOKEN = "xoxb-1234567-bench-bench-bench-bench"
APP_TOKEN = "xapp-1-A0BENCH-1234567-bench"
SECRET = "0123456789abcdef0123456789abcdef"

_TEAM, _APP, _BOT, _BOT_USER = "T0BENCH", "A0BENCH", "B0BENCH", "U0BENCH"
_METHOD = re.compile(rb"POST /api/([\w.]+)")
_PERSON = re.compile(rb"user=U(\d+)")
_TESTED = {
    "ok": True,
    "url": "https://bench.slack.com/",
    "team": "Bench",
    "user": "bench",
    "team_id": _TEAM,
    "user_id": _BOT_USER,
    "bot_id": _BOT,
    "is_enterprise_install": False,
}


class _Client(Peer):
    """The bot: its calls of the Web API, all of which succeed, or its connection."""

    def __init__(self, end: Slack) -> None:
        super().__init__()
        self._end = end

    def message(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /link"):
            self.upgrade(head)
            self.send(orjson.dumps(_hello()))
            self._end.socket = self
            return
        method = _METHOD.match(head)
        name = method[1] if method else b""
        if name == b"chat.postMessage":
            message = orjson.loads(body)
            said = self._end.own(message)
            self._end.replied(int(message["channel"].removeprefix("D")))
            answer = {"ok": True, "channel": message["channel"], "ts": said["ts"], "message": said}
            self.answer(orjson.dumps(answer))
            self._end.tell_own(said | {"channel": message["channel"]})
        else:
            self.answer(orjson.dumps(self._answer(name, body)))

    def frame(self, payload: bytes) -> None:
        self._end.acknowledged(orjson.loads(payload)["envelope_id"])

    def _answer(self, method: bytes, body: bytes) -> dict[str, Any]:
        if method == b"auth.test":
            return _TESTED
        if method == b"apps.connections.open":
            return {"ok": True, "url": f"ws{self._end.url.removeprefix('http')}/link/?ticket=1"}
        if method == b"users.info":
            person = _PERSON.search(body)
            return {"ok": True, "user": _user(int(person[1]) if person else 0)}
        if method == b"users.conversations":
            return {"ok": True, "channels": [], "response_metadata": {"next_cursor": ""}}
        return {"ok": True}


class Slack(End):
    """One app's Slack. `socket_mode` says how it tells of events."""

    def __init__(self, *, socket_mode: bool) -> None:
        super().__init__()
        self.socket: _Client | None = None
        self.socket_mode = socket_mode
        self._events = count(1)
        self._last = 0
        self._unacknowledged: dict[str, asyncio.Future[None]] = {}
        self._posts: set[asyncio.Task[None]] = set()

    @property
    def mode(self) -> str:
        """What Slack calls it."""
        return "Socket Mode" if self.socket_mode else "Events API"

    @property
    def api_url(self) -> str:
        """The Web API's address."""
        return f"{self.url}/api/"

    def peer(self) -> Peer:
        """The bot, calling or listening."""
        return _Client(self)

    def aim(self, port: int) -> None:
        """Another bot."""
        super().aim(port)
        self.socket = None

    async def tell(self, person: int, text: str) -> None:
        """Tell of a direct message."""
        ts = self._now()
        said = {
            "user": f"U{person}",
            "type": "message",
            "ts": ts,
            "client_msg_id": "0f0e0d0c-0000-4000-8000-000000000001",
            "text": text,
            "team": _TEAM,
            "blocks": _typed(text),
            "channel": f"D{person}",
        }
        await self._tell(said)

    async def _tell(self, said: dict[str, Any]) -> None:
        number = next(self._events)
        body = _body({**said, "event_ts": said["ts"], "channel_type": "im"}, number)
        if self.socket_mode:
            await self._over_socket(body, f"envelope-{number}")
        else:
            payload = orjson.dumps(body)
            await self.hooks.post(payload, _signature(payload))

    async def _over_socket(self, body: dict[str, Any], envelope: str) -> None:
        socket = connected(self.socket)
        frame = {
            "envelope_id": envelope,
            "payload": body,
            "type": "events_api",
            "accepts_response_payload": False,
            "retry_attempt": 0,
            "retry_reason": "",
        }
        told = self._unacknowledged[envelope] = asyncio.get_running_loop().create_future()
        socket.send(orjson.dumps(frame))
        await told

    def acknowledged(self, envelope: str) -> None:
        """The bot says that it has this one."""
        told = self._unacknowledged.pop(envelope, None)
        if told is not None and not told.done():
            told.set_result(None)

    def own(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message of the bot's as the Web API gives it."""
        text = message.get("markdown_text") or message.get("text") or ""
        return {
            "user": _BOT_USER,
            "type": "message",
            "ts": self._now(),
            "bot_id": _BOT,
            "app_id": _APP,
            "text": text,
            "team": _TEAM,
            "bot_profile": {
                "id": _BOT,
                "app_id": _APP,
                "user_id": _BOT_USER,
                "name": "bench",
                "icons": {},
                "deleted": False,
                "updated": 1_700_000_000,
                "team_id": _TEAM,
            },
            "blocks": _typed(text),
        }

    def tell_own(self, said: dict[str, Any]) -> None:
        """Tell the bot of its own message."""
        post = asyncio.get_running_loop().create_task(self._tell_own(said))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)

    async def _tell_own(self, said: dict[str, Any]) -> None:
        with suppress(OSError):
            await self._tell(said)

    def _now(self) -> str:
        self._last = max(self._last + 1, int(time.time() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"


def _hello() -> dict[str, Any]:
    return {
        "type": "hello",
        "num_connections": 1,
        "debug_info": {"host": "applink-1", "approximate_connection_time": 18060},
        "connection_info": {"app_id": _APP},
    }


def _typed(text: str) -> list[dict[str, Any]]:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return [{"type": "rich_text", "block_id": "b1", "elements": [section]}]


def _user(person: int) -> dict[str, Any]:
    name = f"ada{person}"
    profile = {"real_name": name.capitalize(), "display_name": name, "team": _TEAM}
    return {"id": f"U{person}", "team_id": _TEAM, "name": name, "profile": profile}


def _body(event: dict[str, Any], number: int) -> dict[str, Any]:
    me = {"team_id": _TEAM, "user_id": _BOT_USER, "is_bot": True, "is_enterprise_install": False}
    return {
        "token": "bench",
        "team_id": _TEAM,
        "context_team_id": _TEAM,
        "context_enterprise_id": None,
        "api_app_id": _APP,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{number:09d}",
        "event_time": int(time.time()),
        "authorizations": [{"enterprise_id": None, **me}],
        "is_ext_shared_channel": False,
        "event_context": f"4-bench-{number}",
    }


def _signature(body: bytes) -> bytes:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    now = b"%d" % time.time()
    signed = hmac.new(SECRET.encode(), b"v0:%b:%b" % (now, body), hashlib.sha256).hexdigest()
    return b"X-Slack-Request-Timestamp: %b\r\nX-Slack-Signature: v0=%b\r\n" % (
        now,
        signed.encode(),
    )
