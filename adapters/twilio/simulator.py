"""Twilio on loopback: the REST APIs, the webhooks, and the people who write.

It keeps the rules of WhatsApp and SMS (the 24-hour window, opting out, lengths, media, buttons,
rates) and answers with Twilio's codes, so that what passes here is likely to pass there. One
address stands for all of Twilio's hosts: `settings()["api_url"]`.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import aiohttp
from aiohttp import web

from adapters.twilio.simulation.api import Api
from adapters.twilio.simulation.conversations import Conversations
from adapters.twilio.simulation.deliveries import Delivery, Notice, Patience
from adapters.twilio.simulation.errors import ApiError
from adapters.twilio.simulation.faults import Answer, suffer
from adapters.twilio.simulation.journeys import Journeys
from adapters.twilio.simulation.model import Content, JsonObject, NumberKind
from adapters.twilio.simulation.parameters import Call, credentials, read_call
from adapters.twilio.simulation.people import People
from adapters.twilio.simulation.postings import Postings, signed
from adapters.twilio.simulation.rates import RateLimits, Rates
from adapters.twilio.simulation.screen import Screen
from adapters.twilio.simulation.talking import Talking
from adapters.twilio.simulation.twiml import TwimlError, messages_in
from adapters.twilio.simulation.vocabulary import POSTING, find_route
from gateway.testing.loopback import HOST, LoopbackServer
from gateway.testing.simulator import Fault, FaultPlan, ReceivedCall

__all__ = ["Notice", "Patience", "Rates", "TwilioSimulator"]


class TwilioSimulator(People, Screen):
    """`gateway.testing.simulator.Simulator` for Twilio. An account here is a number's address.

    `kind` is what its numbers are. `rates=None` turns rate limits off. With `schema`, descriptions
    of Twilio's products, every call and answer is checked, and what is wrong goes to
    `violations`; what was refused goes to `refusals`, as `call: code`. `reads` lets people on
    WhatsApp read what arrives; `pace` are the seconds between statuses, which `scramble_callbacks`
    tells of the newest first. `shuffle` lets what is posted arrive in any order. With
    `advanced_opt_out` forms on SMS say what a keyword did. `media_first` fetches media before a
    message is accepted, not after. `clock` returns epoch seconds. `keep` bounds how many calls
    and messages are remembered; `None` keeps all.

    Two liberties: addresses are plain HTTP, and dates in lists are days without hours.
    """

    def __init__(
        self,
        kind: NumberKind = "whatsapp",
        *,
        rates: Rates | None = Rates(),  # noqa: B008 - frozen
        schema: Iterable[Mapping[str, Any]] = (),
        patience: Patience = Patience(),  # noqa: B008 - frozen
        reads: bool = True,
        pace: float = 0.0,
        scramble_callbacks: bool = False,
        shuffle: bool = False,
        advanced_opt_out: bool = True,
        media_first: bool = False,
        clock: Callable[[], float] = time.time,
        keep: int | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(kind, clock, keep)
        world = self._world
        world.advanced_opt_out = advanced_opt_out
        self._media_first = media_first
        self._server = LoopbackServer(self._handle, port)
        self._http: aiohttp.ClientSession | None = None
        limits = RateLimits(rates=rates, clock=clock)
        self._journeys = Journeys(
            world, limits, reads=reads, pace=pace, scramble=scramble_callbacks
        )
        self._api = Api(world, self._journeys, limits, schema)
        self._postings = Postings(
            world.auth_token, world.ledger, patience, self._on_answer, shuffle=shuffle
        )
        self._journeys.postings = self._postings
        world.deliver = self._postings.offer
        self.violations = self._api.violations
        self.refusals = self._api.refusals
        self._faults = FaultPlan(POSTING.__contains__)
        self._calls: deque[ReceivedCall] = deque(maxlen=keep)

    # The platform as a whole

    @property
    def url(self) -> str:
        """What stands for all of Twilio's hosts."""
        return f"http://{HOST}:{self._server.port}"

    async def start(self) -> None:
        """Listen on 127.0.0.1."""
        await self._server.start()
        self._world.base_url = self.url
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self._postings.attach(self._http)

    async def close(self) -> None:
        """Stop everything."""
        await self._postings.close()
        await self._journeys.close()
        await self._server.close()
        if self._http is not None:
            await self._http.close()

    def settings(self, account: str = "") -> Mapping[str, str]:
        """The account, its token, a number, and the address."""
        return {
            "account_sid": self._world.account_sid,
            "auth_token": self._world.auth_token,
            "from": self._number(account).address,
            "api_url": self.url,
            "conversations": "true",
        }

    def add_number(self, address: str = "", *, url: str = "") -> str:
        """Buy a number; return its account. WhatsApp's +14155238886 is everybody's sandbox."""
        return self._world.add_number(address, url).address

    def webhook_url(self, account: str, url: str) -> None:
        """Say in the console where a number's messages go; what happened before goes there, too.

        What follows a `#` says how often, and after what, Twilio tries again (`rc`, `rp`).
        """
        self._number(account).url = url
        self._postings.resume()

    async def verify(self, account: str = "") -> bool:
        """Post something that says nothing; return whether the webhook takes it."""
        number = self._number(account)
        sid = f"SM{0:032x}"
        form = {
            "ApiVersion": "2010-04-01",
            "MessageStatus": "delivered",
            "SmsSid": sid,
            "SmsStatus": "delivered",
            "MessageSid": sid,
            "AccountSid": self._world.account_sid,
            "From": number.address,
            "To": number.address,
        }
        return bool(number.url) and await self._postings.reach(number.url, form)

    def signed(self, url: str, form: Mapping[str, str]) -> dict[str, str]:
        """The headers with which Twilio would post a form there."""
        return signed(self._world.auth_token, url, form, str(uuid.uuid4()))

    def replay(
        self, form: Mapping[str, str], *, account: str = "", url: str = "", exact: bool = False
    ) -> str:
        """Post any form as it is given, but for the account and the number; return its key.

        Unless `exact`, those are ours. `url` is where to, if not to the number's webhook.
        """
        number = self._number(account)
        filled = dict(form)
        if not exact:
            ours = {"AccountSid": self._world.account_sid}
            ours |= {"From" if "MessageStatus" in form else "To": number.address}
            filled |= {name: value for name, value in ours.items() if name in form}
        key = filled.get("MessageSid") or self._world.new_id("SM")
        if conversation := filled.get("ConversationSid"):
            key = f"{conversation}:{key}"
        self._world.post("message", key, f"replay {key}", url or number, filled)
        return key

    def refuse(self, code: int, *, status: int = 0) -> None:
        """Answer every call with this code; with 0 no longer."""
        self._api.refused = ApiError(code, status=status) if code else None

    def suspend(self, *, on: bool = True) -> None:
        """Let the account be suspended: it can still be looked at."""
        self._world.suspended = on

    def configure(
        self, account: str = "", *, status: str = "", texts: bool = True, application: str = ""
    ) -> None:
        """Change a number: its WhatsApp sender's status, whether it does SMS, its TwiML app."""
        number = self._number(account)
        number.status = status or number.status
        number.texts, number.application = texts, application

    def break_media(self, *, on: bool = True) -> None:
        """Let no media be fetched with success."""
        self._journeys.broken = on

    def add_template(
        self,
        body: str,
        variables: Mapping[str, str] | None = None,
        *,
        approved: bool = True,
    ) -> str:
        """Make a content in the console, and have it approved; return its sid."""
        content = Content(
            sid=self._world.new_id("HX"),
            at=self._clock(),
            friendly_name="template",
            language="en",
            variables=dict(variables or {}),
            types={"twilio/text": {"body": body}},
            approved=approved,
        )
        self._world.contents[content.sid] = content
        return content.sid

    def contents(self) -> list[str]:
        """The sids of all contents there are."""
        return list(self._world.contents)

    def drop(self, times: int = 1) -> None:
        """Lose what is posted next on its way, retries and all: only the API's lists have it."""
        self._postings.drop(times)

    def fail_next(
        self, fault: Fault, times: int = 1, *, method: str | None = None, retry_after: float = 1.0
    ) -> None:
        """Break the next calls that post a message, or those to `method` ("*": any)."""
        self._faults.add(fault, times, method=method, retry_after=retry_after)

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    def calls(self, method: str | None = None) -> list[ReceivedCall]:
        """Every call that arrived whole; `GetFile` is one to where media is stored."""
        return [call for call in self._calls if method in {None, call.method}]

    async def disconnect(self) -> None:
        """Reset every open connection, what is being posted too."""
        self._server.disconnect()
        self._postings.disconnect()

    async def outage(self, on: bool) -> None:
        """Refuse and reset everything, and post nothing, until it is over."""
        self._postings.pause(on)
        if on:
            self._server.refuse()
        else:
            await self._server.listen()

    # How it works

    @property
    def _conversations(self) -> Conversations:
        return self._api.conversations

    @property
    def _talking(self) -> Talking:
        return self._api.talking

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        name, answer = await self._read(request)
        self._news.tell()
        planned = self._faults.take(name)
        if planned is None:
            return (await self._carry_out(answer)).response()
        return await suffer(*planned, request, partial(self._carry_out, answer))

    async def _carry_out(self, answer: Callable[[], Answer]) -> Answer:
        given = answer()
        if self._media_first:
            await self._journeys.fetched()
        self._news.tell()
        return given

    async def _read(self, request: web.BaseRequest) -> tuple[str, Callable[[], Answer]]:
        """What a request calls, and how to carry it out."""
        path = request.raw_path.partition("?")[0]
        if path.startswith("/cdn/"):
            named = credentials(request) != ("", "")
            self._note(Call(name="GetFile", path=path), {"path": path, "authorized": named})
            return "GetFile", partial(self._api.file, path)
        found = find_route(request.method, path)
        if found is None:
            return "", partial(self._api.no, f"{request.method} {path}", ApiError(20404))
        route, names = found
        try:
            call = await read_call(request, route.name, names)
            self._note(call, call.flat())
            self._api.authorize(request)
        except ApiError as error:
            return route.name, partial(self._api.no, route.name, error)
        self._api.check(route, call)
        return route.name, partial(self._api.answer, route, call)

    def _note(self, call: Call, given: JsonObject) -> None:
        account = str(given.get("From", "")) if call.name == "CreateMessage" else ""
        self._calls.append(
            ReceivedCall(method=call.name, parameters=given, account=account, at=self._clock())
        )

    def _on_answer(self, delivery: Delivery, media_type: str, content: bytes) -> int | None:
        """Do what the answer to a message says; return what is wrong with it."""
        try:
            said = messages_in(media_type, content)
        except TwimlError as error:
            return error.code
        text = self._world.texts.get(delivery.key)
        if text is None or text.other in text.number.opted_out:
            return None
        for each in said:
            self._api.messages.send(
                text.number, text.person, text.other, each, direction="outbound-reply"
            )
        return None
