"""One run of a channel: its connection, what it hears, and what it remembers of both.

Bookmarks: `session` resumes the connection after a restart, `me` is what only a new session tells
of the bot, `channel:ID` and `dm:ID` are the newest messages taken there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

import discord
import orjson

from adapters.discord.acknowledging import Acknowledging
from adapters.discord.backoff import Backoff
from adapters.discord.catching_up import CatchingUp
from adapters.discord.connection import Connection, Session
from adapters.discord.fields import JsonObject, a_detail, details, is_id
from adapters.discord.intake import HEARD, Intake, Mark, Watermark
from adapters.discord.people import Me
from adapters.discord.refusals import refusal
from adapters.discord.rest import Rest
from adapters.discord.settings import DiscordSettings
from gateway import Host, Receive, Unavailable

SESSION = "session"
ME = "me"
SAVE_WITHIN = 0.1
"""Seconds after which a position is handed over to be written."""
_RESUMED = "RESUMED"


class Receiving:
    """`connection.Listener` for as long as the adapter runs."""

    def __init__(
        self,
        receive: Receive,
        *,
        name: str,
        settings: DiscordSettings,
        host: Host,
        rest: Rest,
        acknowledging: Acknowledging,
        me: Me,
        acquaint: Callable[[Me], None],
        log: Any,
    ) -> None:
        self._receive = receive
        self._name = name
        self._settings = settings
        self._host = host
        self._rest = rest
        self._acknowledging = acknowledging
        self._me = me
        self._acquaint = acquaint
        self._log = log
        self._group = asyncio.TaskGroup()
        self._watermark = Watermark()
        self._heard = 0
        self._saving: asyncio.TimerHandle | None = None
        self._intake = Intake(
            receive,
            self._group.create_task,
            name=name,
            bookmarks=host.bookmarks,
            watermark=self._watermark,
            moved=self._soon,
            log=log,
        )
        self._history = CatchingUp(
            rest, self._intake, reach=settings.catch_up, over=self._save, log=log
        )

    async def run(self) -> NoReturn:
        """Until cancelled. Raises `ConfigurationError` when Discord wants this bot no more."""
        marks = await self._load()
        connection = Connection(self._settings, self._host.http, self, log=self._log)
        code = 0
        try:
            async with self._group:
                await connection.run(*self._recall(marks))
        except* discord.ConnectionClosed as closed:
            code = _code(closed)
        finally:
            self._save()
        raise refusal(code, self._name, self._settings)

    def _recall(self, marks: Mapping[str, str]) -> tuple[Session | None, int]:
        """The session to go on with, and from where; None if there is none."""
        me = _remembered(marks.get(ME), self._me)
        session, seq, since = _position(marks.get(SESSION), self._settings.gateway_url)
        # Another bot's session, or one in which it was not told who this one is, is none.
        if me is None or session is None:
            return None, 0
        self._meet(me)
        self._watermark.resume(session, seq)
        self._heard = seq
        if since:
            self._history.begin(marks, [_RESUMED], since)
        return session, seq

    # What the connection tells

    async def hear(self, frame: dict[str, Any], raw: str) -> None:
        """Take one dispatch; returns at once, unless too many wait."""
        event, data, seq = frame.get("t"), frame.get("d"), frame.get("s")
        if not isinstance(event, str) or not isinstance(data, dict):
            self._log.warning("discord.dispatch_skipped", error="it has no t or no d")
            self._watermark.passed(seq)
        elif event == "READY":
            await self._ready(data, seq)
        elif self._is_again(seq):
            return
        elif event in HEARD:
            is_pressed = event == "INTERACTION_CREATE"
            then = self._acknowledging.expect(data, self._group.create_task) if is_pressed else None
            self._intake.take(frame, raw, then)
            await self._intake.room()
        elif event == "GUILD_CREATE":
            self._learn(details(data, "roles"))
            self._history.server(data, partial(self._taken, self._watermark.opened(seq)))
        else:
            self._watermark.passed(seq)
            self._notice(event, data)

    def pulse(self) -> int | None:
        """What a heartbeat tells. Bookmarks that never change would be forgotten one day."""
        self._remember_me()
        return self._watermark.current

    def _is_again(self, seq: object) -> bool:
        """Whether it was heard in this session, and is on its way already."""
        if type(seq) is int:
            if seq <= self._heard:
                return True
            self._heard = seq
        return False

    def _notice(self, event: str, data: JsonObject) -> None:
        if event == _RESUMED:
            self._log.info("discord.resumed")
            self._history.arrived(_RESUMED)
        elif event in {"GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE"}:
            self._learn([a_detail(data, "role")])
        elif event == "GUILD_DELETE" and data.get("unavailable") is not True:
            self._history.arrived(str(data.get("id")))

    async def _ready(self, ready: JsonObject, seq: object) -> None:
        """A new session: what came after the last one is to be looked for."""
        user, application = a_detail(ready, "user"), a_detail(ready, "application")
        me = replace(
            self._me,
            id=str(user.get("id") or self._me.id),
            application_id=str(application.get("id") or self._me.application_id),
        )
        self._meet(me)
        self._log.info("discord.connected", user=me.id)
        marks = await self._load()
        self._heard = seq if type(seq) is int else 0
        self._watermark.begin(Session.read(ready))
        self._watermark.passed(seq)
        self._history.begin(marks, [str(each.get("id")) for each in details(ready, "guilds")])
        self._remember_me()
        self._save()
        # What is not written now is written within a second of the store's return.
        with suppress(Unavailable):
            await self._host.bookmarks.flush()

    # Who the bot is

    def _meet(self, me: Me) -> None:
        self._me = me
        self._intake.me = me.id
        self._acquaint(me)

    def _learn(self, roles: list[JsonObject]) -> None:
        """A bot has a role of its own in a server: whoever mentions that, means the bot."""
        own = {
            str(role.get("id"))
            for role in roles
            if a_detail(role, "tags").get("bot_id") == self._me.id and is_id(role.get("id"))
        }
        if not own <= self._me.roles:
            self._meet(replace(self._me, roles=self._me.roles | own))
            self._remember_me()

    # What is remembered

    async def _load(self) -> Mapping[str, str]:
        backoff = Backoff()
        while True:
            try:
                return await self._host.bookmarks.load(self._name)
            except Unavailable as away:
                await backoff.wait(away.retry_after)

    def _taken(self, mark: Mark | None) -> None:
        self._watermark.closed(mark)
        self._soon()

    def _soon(self) -> None:
        """Save the position in a moment: with those of what else is taken until then."""
        if self._saving is None:
            loop = asyncio.get_running_loop()
            self._saving = loop.call_later(SAVE_WITHIN, self._save)

    def _save(self) -> None:
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
        session = self._watermark.session
        if session is not None:
            since, there = str(self._history.behind or ""), self._settings.gateway_url
            position = [session.id, session.url, self._watermark.seq, since, there]
            self._host.bookmarks.put(self._name, SESSION, orjson.dumps(position).decode())

    def _remember_me(self) -> None:
        me = self._me
        known = {"id": me.id, "application": me.application_id, "roles": sorted(me.roles)}
        self._host.bookmarks.put(self._name, ME, orjson.dumps(known).decode())


def _code(closed: BaseExceptionGroup[discord.ConnectionClosed]) -> int:
    (error,) = closed.exceptions
    return error.code if isinstance(error, discord.ConnectionClosed) else 0


def _position(mark: str | None, gateway_url: str) -> tuple[Session | None, int, int]:
    """The session of a bookmark, the number to resume it from, and since when something may be
    missing. A session of another address is none: it would be told the token."""
    try:
        found = orjson.loads(mark or "")
    except orjson.JSONDecodeError:
        return None, 0, 0
    match found:
        case [str(session_id), str(url), int(seq), str(since), str(there)] if there == gateway_url:
            return Session(id=session_id, url=url), seq, int(since) if is_id(since) else 0
    return None, 0, 0


def _remembered(mark: str | None, me: Me) -> Me | None:
    """What is known of this bot besides what is configured, if anything is."""
    try:
        found = orjson.loads(mark or "")
    except orjson.JSONDecodeError:
        return None
    match found:
        case {"id": str(user_id), "application": str(application), "roles": list(roles)} if (
            user_id == me.id or not me.id
        ):
            known = frozenset(role for role in roles if is_id(role))
            return replace(me, id=user_id, application_id=application, roles=known)
    return None
