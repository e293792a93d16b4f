"""Telegram on loopback: the Bot API for any number of bots, and the people they talk with.

It keeps Telegram's rules (lengths, keyboards, flood control, privacy mode, one receiver for each
bot) and answers in Telegram's words, so that what passes here is likely to pass there. Point a
client's base URL at `url`. To try it by hand: `python -m adapters.telegram.simulator --port 8081`.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web

from adapters.telegram.simulation.api import BotApi
from adapters.telegram.simulation.errors import ApiError
from adapters.telegram.simulation.faults import refuse, respond, suffer
from adapters.telegram.simulation.methods import Methods
from adapters.telegram.simulation.model import Chat, JsonObject, Message
from adapters.telegram.simulation.news import News
from adapters.telegram.simulation.parameters import read_parameters
from adapters.telegram.simulation.rates import FloodControl, Rates
from adapters.telegram.simulation.receiving import Receiving
from adapters.telegram.simulation.server import HOST, LoopbackServer
from adapters.telegram.simulation.text import addressed
from adapters.telegram.simulation.vocabulary import posts
from adapters.telegram.simulation.webhook import WebhookPolicy
from adapters.telegram.simulation.world import DEFAULT_TOKEN, Bot, World
from gateway.testing.simulator import (
    Fault,
    FaultPlan,
    PlaceKind,
    ReceivedCall,
    SentMessage,
    SimulatedPerson,
    SimulatedPlace,
    Until,
    running,
)

__all__ = ["Rates", "TelegramSimulator", "WebhookPolicy"]


class TelegramSimulator:
    """`gateway.testing.simulator.Simulator` for Telegram. An account is a bot's id, as a string.

    `rates=None` turns flood control off. A bot comes to be with `add_bot` or the first use of its
    token, which `strict` forbids (401). With `schema`, aiogram's description of the Bot API, every
    call is checked and what is wrong with it goes to `violations`. `clock` returns epoch seconds;
    flood control, dates and `callback_lifetime` (of a pressed button) run by it. `keep` bounds how
    many calls, updates and messages of a chat are remembered; `None` keeps all.

    What was refused goes to `refusals`, as `method: description`; planned faults do not count.
    One liberty: webhooks may be plain HTTP. Update ids start alike for every bot, message ids in
    every chat: nothing but the bot and the chat tells them apart.
    """

    def __init__(
        self,
        *,
        rates: Rates | None = Rates(),  # noqa: B008 - frozen
        strict: bool = False,
        schema: Mapping[str, Any] | None = None,
        webhooks: WebhookPolicy = WebhookPolicy(),  # noqa: B008 - frozen
        callback_lifetime: float = 60.0,
        clock: Callable[[], float] = time.time,
        keep: int | None = None,
        port: int = 0,
    ) -> None:
        self._clock = clock
        self._news = News()
        self._world = World(clock, keep, self._news)
        self._server = LoopbackServer(self._handle, port)
        self._receiving = Receiving(webhooks)
        flood = FloodControl(rates, clock) if rates is not None else None
        self._api = BotApi(
            self._world,
            Methods(self._world, flood, callback_lifetime=callback_lifetime),
            self._receiving,
            add_bot=None if strict else self._world.add_unknown_bot,
            schema=schema,
        )
        self.violations = self._api.violations
        self.refusals = self._api.refusals
        self._faults = FaultPlan(posts)
        self._calls: deque[ReceivedCall] = deque(maxlen=keep)

    # The platform as a whole

    @property
    def url(self) -> str:
        """What stands for `https://api.telegram.org`."""
        return f"http://{HOST}:{self._server.port}"

    async def start(self) -> None:
        """Listen on 127.0.0.1."""
        await self._server.start()

    async def close(self) -> None:
        """Stop everything."""
        await self._receiving.close(list(self._world.bots.values()))
        await self._server.close()

    def settings(self, account: str = "") -> Mapping[str, str]:
        """Token and address."""
        return {"token": self._bot(account).token, "api_url": self.url}

    def fail_next(
        self, fault: Fault, times: int = 1, *, method: str | None = None, retry_after: float = 1.0
    ) -> None:
        """Break the next calls that post a message, or those to `method` ("*": any)."""
        self._faults.add(fault, times, method=method, retry_after=retry_after)

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    async def disconnect(self) -> None:
        """Reset every open connection, long polls too."""
        self._server.disconnect()

    async def outage(self, on: bool) -> None:
        """Refuse and reset everything, and deliver nothing, until it is over."""
        self._receiving.pause(list(self._world.bots.values()), on)
        if on:
            self._server.refuse()
        else:
            await self._server.listen()

    # Who and where

    def add_bot(
        self, token: str, username: str, *, can_read_all_group_messages: bool = False
    ) -> str:
        """Register a bot; return its account. Privacy mode is on unless it may read all."""
        bot = self._world.add_bot(token, username, reads_all=can_read_all_group_messages)
        return str(bot.id)

    def person(self, name: str) -> SimulatedPerson:
        """Let somebody join Telegram."""
        return SimulatedPerson(id=str(self._world.add_person(name).id), name=name)

    def place(
        self,
        kind: PlaceKind,
        *,
        people: Sequence[SimulatedPerson] = (),
        parent: SimulatedPlace | None = None,
        account: str = "",
    ) -> SimulatedPlace:
        """A private chat, a supergroup, a channel, or a topic, which makes its parent a forum."""
        if kind == "direct":
            (person,) = people
            return SimulatedPlace(kind=kind, id=person.id, account=str(self._bot(account).id))
        if kind != "thread":
            return self.group("Place", channel=kind == "channel", people=people, account=account)
        if parent is None:
            raise ValueError("a topic needs its group")
        topic = self._world.add_topic(self._chat(parent)[0], "Topic")
        return replace(parent, kind=kind, id=f"{parent.id}:{topic}", parent=parent.id)

    def group(
        self,
        title: str,
        *,
        basic: bool = False,
        channel: bool = False,
        people: Iterable[SimulatedPerson] = (),
        account: str = "",
    ) -> SimulatedPlace:
        """A supergroup; or a `basic` group, which has no topics and can migrate; or a channel."""
        chat = self._world.add_chat(
            "channel" if channel else "group" if basic else "supergroup", title
        )
        chat.people.update((int(p.id), self._world.people[int(p.id)]) for p in people)
        kind: PlaceKind = "channel" if channel else "group"
        return self.join(SimulatedPlace(kind=kind, id=str(chat.id)), account)

    def join(self, place: SimulatedPlace, account: str, *, admin: bool = False) -> SimulatedPlace:
        """Add a bot to a group or channel; return the place as this bot's."""
        bot, (chat, _) = self._bot(account), self._chat(place)
        chat.bots.add(bot.id)
        if admin:
            chat.admins.add(bot.id)
        return replace(place, account=str(bot.id))

    def block(self, person: SimulatedPerson, *, account: str = "", on: bool = True) -> None:
        """Let a person block a bot, or unblock it."""
        who = self._world.people[int(person.id)]
        self._world.dialog(self._bot(account), who).blocked = on

    def migrate(self, place: SimulatedPlace) -> SimulatedPlace:
        """Upgrade a basic group to a supergroup, and return that."""
        return replace(place, id=str(self._world.migrate(self._chat(place)[0]).id))

    # What people do

    async def say(
        self,
        text: str,
        *,
        person: SimulatedPerson,
        place: SimulatedPlace,
        mention: bool = False,
        reply_to: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """Write, or post in a channel; `extra` are more fields of the `Message`.

        A mention becomes `@bot text`, or `/command@bot` where a command comes first.
        """
        bot, (chat, topic) = self._bot(place.account), self._chat(place)
        if mention and place.kind != "direct":
            text = addressed(text, bot.username)
        heard = self._world.say(
            chat,
            self._world.people[int(person.id)],
            text,
            topic=topic,
            reply_to=None if reply_to is None else int(reply_to),
            extra=extra,
        )
        return heard.get(bot.id, "")

    async def edit(self, event_id: str, text: str, *, account: str = "") -> str:
        """Let the author of what came with an event change it; return the new event's id."""
        bot = self._bot(account)
        heard = self._world.edit(self._world.told(bot, int(event_id)), text)
        return heard.get(bot.id, "")

    async def press(self, label: str, *, person: SimulatedPerson, place: SimulatedPlace) -> str:
        """Press an inline button, or write what a button under the input field says."""
        visible = self._within(self._chat(place)[0].sent, place)
        for message in reversed(visible):
            for button in message.buttons():
                if button["text"] == label and "callback_data" in button:
                    who = self._world.people[int(person.id)]
                    return self._world.press(message, who, button["callback_data"])
                if button["text"] == label and "inline_keyboard" not in (message.markup or {}):
                    return await self.say(label, person=person, place=place)
        raise LookupError(f"no button {label!r} below {[message.text for message in visible]}")

    def inject(self, update: Mapping[str, Any], *, account: str = "") -> str:
        """Queue an update exactly as given, with the next id unless it has one."""
        return str(self._bot(account).updates.inject(dict(update)))

    def redeliver(self, event_id: str, *, account: str = "") -> None:
        """Deliver an update once more, acknowledged or not, as Telegram may."""
        self._bot(account).updates.redeliver(int(event_id))

    # What people see, and what the bots did

    def sent(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """What people see of the bots."""
        pool = self._world.sent if place is None else self._chat(place)[0].sent
        return [_as_sent(message) for message in self._within(pool, place)]

    async def wait_until(self, holds: Callable[[], bool], *, timeout: float = 10.0) -> None:
        """Wait for anything."""
        async with asyncio.timeout(timeout):
            while not holds():
                await self._news.wait()

    async def wait_sent(
        self, until: Until, place: SimulatedPlace | None = None, *, timeout: float = 10.0
    ) -> list[SentMessage]:
        """Wait for what people see."""
        try:
            await self.wait_until(partial(self._reached, until, place), timeout=timeout)
        except TimeoutError:
            texts = [message.text for message in self.sent(place)]
            raise TimeoutError(f"after {timeout:g} s, {len(texts)} were sent: {texts}") from None
        return self.sent(place)

    def draft(self, place: SimulatedPlace) -> str | None:
        """The preview of an answer that people see in a private chat now."""
        return self._chat(place)[0].preview(self._clock())

    def duplicates(self, place: SimulatedPlace | None = None) -> list[SentMessage]:
        """Messages accepted directly after one with the same text."""
        return [_as_sent(m) for m in self._within(self._world.repeated, place, deleted=True)]

    def calls(self, method: str | None = None) -> list[ReceivedCall]:
        """Every call that arrived whole."""
        return [call for call in self._calls if method in {None, call.method}]

    def unacknowledged(self) -> list[str]:
        """Ids of updates that wait for their bot."""
        return [str(key) for bot in self._world.bots.values() for key in bot.updates.pending()]

    def _bot(self, account: str) -> Bot:
        return self._world.bot(account) if account else self._world.first_bot()

    def _chat(self, place: SimulatedPlace) -> tuple[Chat, int | None]:
        """The chat a place stands for, and the topic in it."""
        if place.kind == "direct":
            person = self._world.people[int(place.id)]
            return self._world.dialog(self._bot(place.account), person), None
        chat_id, _, topic = place.id.partition(":")
        return self._world.chats[int(chat_id)], int(topic) if topic else None

    def _within(
        self, pool: Iterable[Message], place: SimulatedPlace | None, *, deleted: bool = False
    ) -> list[Message]:
        visible = [message for message in pool if deleted or not message.deleted]
        if place is None:
            return visible
        chat, topic = self._chat(place)
        return [message for message in visible if message.chat is chat and message.topic == topic]

    def _reached(self, until: Until, place: SimulatedPlace | None) -> bool:
        if not isinstance(until, int):
            return until(self.sent(place))
        most = self._world.sent if place is None else self._chat(place)[0].sent
        return len(most) >= until and len(self._within(most, place)) >= until

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            bot, method = self._api.route(request.raw_path)
            given = self._api.read(method, await read_parameters(request))
        except ApiError as error:
            return refuse(error)
        self._calls.append(
            ReceivedCall(method=method, parameters=given, account=str(bot.id), at=self._clock())
        )
        self._news.tell()
        planned = self._faults.take(method)
        if planned is None:
            return respond(*await self._answer(bot, method, given))
        return await suffer(*planned, request, partial(self._answer, bot, method, given))

    async def _answer(self, bot: Bot, method: str, given: JsonObject) -> tuple[int, bytes]:
        answer = await self._api.answer(bot, method, given)
        self._news.tell()
        return answer


def _as_sent(message: Message) -> SentMessage:
    chat = message.chat
    return SentMessage(
        place_id=str(chat.id) if message.topic is None else f"{chat.id}:{message.topic}",
        message_id=str(message.id),
        text=message.text,
        buttons=tuple(button["text"] for button in message.buttons()),
        reply_to=None if message.reply_to is None else str(message.reply_to.id),
        edited=message.edited is not None,
        at=message.date,
        account=str(message.bot_id),
    )


async def _try_out(port: int, token: str) -> None:
    """Talk with a bot by hand: one person at the terminal, in a private chat."""
    simulator = TelegramSimulator(rates=None, port=port)
    account = simulator.add_bot(token, "simulated_bot")
    you = simulator.person("You")
    here = simulator.place("direct", people=[you], account=account)
    async with running(simulator), asyncio.TaskGroup() as tasks:
        sys.stdout.write(f"{simulator.url} - type what to say, !LABEL to press a button\n")
        screen = tasks.create_task(_show(simulator, here))
        while line := await asyncio.to_thread(sys.stdin.readline):
            if not line.startswith("!"):
                await simulator.say(line.strip(), person=you, place=here)
            else:
                with suppress(LookupError):
                    await simulator.press(line[1:].strip(), person=you, place=here)
        screen.cancel()


async def _show(simulator: TelegramSimulator, place: SimulatedPlace) -> None:
    shown: list[SentMessage] = []
    while True:
        now = await simulator.wait_sent(partial(list.__ne__, shown), place, timeout=math.inf)
        for message in (message for message in now if message not in shown):
            sys.stdout.write(f"  bot> {message.text} {list(message.buttons) or ''}\n")
        shown = now


def main() -> None:
    """`python -m adapters.telegram.simulator`."""
    parser = argparse.ArgumentParser(description="Telegram on loopback, to try a bot by hand.")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--token", default=DEFAULT_TOKEN, help="the bot's (default: %(default)s)")
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_try_out(arguments.port, arguments.token))


if __name__ == "__main__":
    main()
