"""The other end of a bench: Discord's side, a gateway connection and the REST calls that come back.

Each direct message is dispatched compressed, as Discord does when it is asked to, and so is the
bot's own reply, of which Discord tells the bot too. No limit is ever used up.
"""

from __future__ import annotations

import base64
import re
import time
import zlib
from itertools import count
from typing import Any

import orjson

from bench.end import End, connected
from bench.wire import BINARY, TEXT, Peer

_BOT = 1_180_000_000_000_001_000
_GUILD = 1_180_000_000_000_007_000
_PEOPLE = 1_180_000_000_100_000_000
_CHANNELS = 1_180_000_000_200_000_000
_EPOCH = 1_420_070_400_000
TOKEN = base64.b64encode(b"%d" % _BOT).decode().rstrip("=") + ".bench-.bench-bench-bench-bench"

_CALL = re.compile(rb"([A-Z]+) /api/v10(/\S*)")
_MESSAGES = re.compile(rb"/channels/(\d+)/messages")
_LIMITS = (
    b"X-RateLimit-Limit: 1000000\r\nX-RateLimit-Remaining: 999999\r\n"
    b"X-RateLimit-Reset: %d.000\r\nX-RateLimit-Reset-After: 1.000\r\n"
    b"X-RateLimit-Bucket: 80c17d2f203122d936070c88c8d10f33\r\n"
)

_HELLO = 10
_HEARTBEAT = 1
_HEARTBEAT_ACK = 11
_IDENTIFY = 2


def _user(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "username": name,
        "global_name": name.capitalize(),
        "discriminator": "0",
        "avatar": None,
        "avatar_decoration_data": None,
        "collectibles": None,
        "display_name_styles": None,
        "primary_guild": None,
        "public_flags": 0,
        **more,
    }


_ME = _user(_BOT, "bench", bot=True)
_APPLICATION = {
    "id": str(_BOT),
    "name": "bench",
    "icon": None,
    "description": "",
    "bot_public": False,
    "bot_require_code_grant": False,
    "verify_key": "0" * 64,
    "flags": 1 << 19,
    "owner": _user(_PEOPLE, "owner"),
    "bot": _ME,
}
_ROLES = [
    {
        "id": str(number),
        "name": name,
        "permissions": "2248473465835073",
        "position": place,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": bool(place),
        "mentionable": False,
        "flags": 0,
        **({"tags": {"bot_id": str(_BOT)}} if place else {}),
    }
    for place, (number, name) in enumerate([(_GUILD, "@everyone"), (_GUILD + 1, "bench")])
]
_SERVER = {
    "id": str(_GUILD),
    "name": "Bench",
    "unavailable": False,
    "owner_id": str(_PEOPLE),
    "member_count": 2,
    "joined_at": "2026-01-01T00:00:00.000000+00:00",
    "roles": _ROLES,
    "channels": [],
    "threads": [],
    "members": [],
    "emojis": [],
    "stickers": [],
    "features": [],
    "presences": [],
    "voice_states": [],
    "stage_instances": [],
    "guild_scheduled_events": [],
    "verification_level": 0,
    "default_message_notifications": 0,
    "explicit_content_filter": 0,
    "mfa_level": 0,
    "nsfw_level": 0,
    "premium_tier": 0,
    "system_channel_flags": 0,
    "preferred_locale": "en-US",
    "afk_timeout": 300,
    "afk_channel_id": None,
    "icon": None,
    "splash": None,
    "banner": None,
    "description": None,
}


class _Client(Peer):
    """The bot: its REST calls, all of which succeed, or its gateway connection."""

    def __init__(self, end: Discord) -> None:
        super().__init__()
        self._end = end
        self._sequence = count(1)
        self._zlib: Any = None

    def message(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /gateway"):
            if b"compress=zlib-stream" in head.partition(b"\r\n")[0]:
                self._zlib = zlib.compressobj(1)
            self.upgrade(head)
            self._tell({"op": _HELLO, "d": {"heartbeat_interval": 41250, "_trace": []}})
            return
        call = _CALL.match(head)
        assert call is not None
        place = _MESSAGES.fullmatch(call[2])
        if place is not None and call[1] == b"POST":
            said = self._end.said(int(place[1]), _ME, orjson.loads(body))
            self._end.replied(int(place[1]) - _CHANNELS)
            self.answer(orjson.dumps(said), _LIMITS % (int(time.time()) + 1))
            self._end.dispatch_own(said)
        else:
            self.answer(_answer(call[2]))

    def frame(self, payload: bytes) -> None:
        op = orjson.loads(payload)["op"]
        if op == _HEARTBEAT:
            self._tell({"op": _HEARTBEAT_ACK})
        elif op == _IDENTIFY:
            self.dispatch("READY", self._ready())
            self.dispatch("GUILD_CREATE", _SERVER)
            self._end.socket = self

    def dispatch(self, event: str, data: dict[str, Any]) -> None:
        """Tell of an event."""
        self._tell({"t": event, "s": next(self._sequence), "op": 0, "d": data})

    def _ready(self) -> dict[str, Any]:
        return {
            "v": 10,
            "user": {**_ME, "verified": True, "mfa_enabled": False, "flags": 0, "email": None},
            "session_id": "0123456789abcdef0123456789abcdef",
            "session_type": "normal",
            "resume_gateway_url": self._end.gateway_url,
            "guilds": [{"id": str(_GUILD), "unavailable": True}],
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "application": {"id": str(_BOT), "flags": _APPLICATION["flags"]},
        }

    def _tell(self, frame: dict[str, Any]) -> None:
        payload = orjson.dumps(frame)
        if self._zlib is None:
            self.send(payload, TEXT)
        else:
            packed = self._zlib.compress(payload) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
            self.send(packed, BINARY)


class Discord(End):
    """One bot's Discord."""

    def __init__(self) -> None:
        super().__init__()
        self.socket: _Client | None = None
        self._numbers = count(1)

    @property
    def api_url(self) -> str:
        """The REST API's address."""
        return f"{self.url}/api/v10"

    @property
    def gateway_url(self) -> str:
        """Where events come from."""
        return f"ws{self.url.removeprefix('http')}/gateway"

    def peer(self) -> Peer:
        """The bot, calling or listening."""
        return _Client(self)

    def aim(self, port: int) -> None:
        """Another bot."""
        super().aim(port)
        self.socket = None

    async def tell(self, person: int, text: str) -> None:
        """Dispatch a direct message."""
        connected(self.socket)
        author = _user(_PEOPLE + person, f"ada{person}")
        said = self.said(_CHANNELS + person, author, {"content": text, "nonce": str(person)})
        self._dispatch(said)

    def said(self, channel: int, author: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        """A message as REST gives it."""
        number = ((int(time.time() * 1000) - _EPOCH) << 22) + next(self._numbers) % (1 << 22)
        return {
            "type": 0,
            "content": message["content"],
            "mentions": [],
            "mention_roles": [],
            "mention_everyone": False,
            "attachments": [],
            "embeds": [],
            "timestamp": "2026-11-21T09:21:00.000000+00:00",
            "edited_timestamp": None,
            "flags": 0,
            "components": [],
            "id": str(number),
            "channel_id": str(channel),
            "author": author,
            "pinned": False,
            "tts": False,
            "nonce": message.get("nonce"),
        }

    def dispatch_own(self, said: dict[str, Any]) -> None:
        """Tell the bot of its own message, if it listens."""
        if self.socket is not None:
            self._dispatch(said)

    def _dispatch(self, said: dict[str, Any]) -> None:
        assert self.socket is not None
        self.socket.dispatch("MESSAGE_CREATE", {**said, "channel_type": 1})


def _answer(path: bytes) -> bytes:
    if path == b"/users/@me":
        return orjson.dumps(_ME)
    if path in {b"/applications/@me", b"/oauth2/applications/@me"}:
        return orjson.dumps(_APPLICATION)
    return b"[]"
