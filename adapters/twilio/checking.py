"""What `gateway check --online` finds out about a number, in words.

https://www.twilio.com/docs/iam/api/account
https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
https://www.twilio.com/docs/whatsapp/api/senders
https://www.twilio.com/docs/content/content-api-resources
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from adapters.twilio.api import Product, TwilioApi, TwilioRefused
from adapters.twilio.fields import a_string, in_one_line
from adapters.twilio.settings import DEFAULT_API, TwilioSettings, WhatsAppSettings
from gateway import ConfigurationError, Host, Problem, SendError, Unavailable

CONSOLE = "https://console.twilio.com"
NUMBERS = f"{CONSOLE}/us1/develop/phone-numbers/manage/incoming"
SENDERS = f"{CONSOLE}/us1/develop/sms/senders/whatsapp-senders"
SANDBOX = f"{CONSOLE}/us1/develop/sms/try-it-out/whatsapp-learn"
TEMPLATES = f"{CONSOLE}/us1/develop/sms/content-template-builder"
REACH_WITHIN = 5.0
"""Seconds for our own address to answer."""
_ONLINE = frozenset({"ONLINE", "ONLINE:UPDATING"})
_LOCAL = (".local", ".internal", ".localhost", ".lan", ".home")


async def check(settings: TwilioSettings, api: TwilioApi, host: Host, *, channel: str) -> str:
    """Try the token; returns whose number it is, and what may surprise. Raises
    `ConfigurationError` with everything that is wrong."""
    return await _Checking(settings, api, host, channel).result()


@dataclass(kw_only=True, slots=True)
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Checking:
    def __init__(self, settings: TwilioSettings, api: TwilioApi, host: Host, channel: str) -> None:
        self._settings = settings
        self._api = api
        self._host = host
        self._where = f"channels.{channel}"
        self._public = host.public_url.rstrip("/")
        self._url = f"{self._public}/webhooks/{channel}" if self._public else ""
        self._found = _Findings()

    async def result(self) -> str:
        self._public_url()
        name = await self._account()
        if name is not None:
            for step in self._steps():
                await step()
        if self._found.problems:
            raise ConfigurationError(self._found.problems)
        return "; ".join([f"{self._settings.number} of {name or 'an account'}", *self._found.notes])

    def _steps(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        settings = self._settings
        steps: list[Callable[[], Coroutine[Any, Any, None]]] = [self._phone_number]
        if settings.whatsapp:
            steps = [self._sandbox if settings.sandbox else self._sender]
        if settings.conversations:
            steps.append(self._conversations)
        if isinstance(settings, WhatsAppSettings) and settings.template:
            steps.append(partial(self._template, settings.template, settings.template_variable))
        if self._public:
            steps.append(self._reach)
        return steps

    def _wrong(self, key: str, what: str, hint: str = "") -> None:
        where = key if "." in key else f"{self._where}.{key}"
        self._found.problems.append(Problem(where=where, what=what, hint=hint))

    def _note(self, words: str) -> None:
        self._found.notes.append(words)

    # The way to us

    def _public_url(self) -> None:
        key, parts = "gateway.public_url", urlsplit(self._public)
        if not self._public:
            what = f"is not set, and Twilio brings messages for {self._where} only to an address"
            hint = 'the server\'s own, as platforms reach it: "https://bots.example.org"'
            self._wrong(key, what, hint)
        elif self._settings.api_url == DEFAULT_API and _is_local(parts.hostname or ""):
            what = f"is {parts.hostname}, which Twilio cannot reach"
            self._wrong(key, what, "a name or tunnel that the world can reach, with https")
        elif parts.scheme != "https":
            self._note("gateway.public_url is not https: what people write travels in the open")

    async def _reach(self) -> None:
        """Ask at our own address, as Twilio will; the gateway need not run yet."""
        words = ""
        try:
            async with self._host.http.get(
                f"{self._public}/livez",
                timeout=aiohttp.ClientTimeout(REACH_WITHIN),
                allow_redirects=False,
            ) as response:
                if response.status != HTTPStatus.OK:
                    words = f"answers {response.status} to /livez"
        except (aiohttp.ClientError, OSError, ValueError):
            words = "does not answer"
        if words:
            self._note(
                f"{self._public} {words} at the moment: is the gateway running, and the way open?"
            )

    def _compare(self, url: str, method: str, page: str, where: str) -> None:
        """Whether what people write is brought here."""
        if not self._url:
            return
        if url.partition("#")[0].partition("?")[0].rstrip("/") != self._url:
            there = in_one_line(url, 120) or "nowhere"
            self._note(f"what people write goes to {there}: set {where} to {self._url} at {page}")
        elif method.upper() not in {"", "POST"}:
            self._note(f"{where} is called by {in_one_line(method, 8)}: set POST at {page}")

    # The account

    async def _account(self) -> str | None:
        """The account's name; None where nothing can be asked with this token."""
        try:
            account = await self._api.get(Product.API, f"{self._api.account_path}.json")
        except TwilioRefused as error:
            if error.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
                raise self._away(error) from None
            what = "Twilio refuses it together with this account_sid"
            hint = f"{CONSOLE} shows both under Account Info; an API key is neither"
            self._wrong("auth_token", what, hint)
            return None
        except (SendError, Unavailable) as error:
            raise self._away(error) from None
        status = a_string(account, "status")
        if status in {"suspended", "closed"}:
            self._wrong("account_sid", f"the account is {status}", f"{CONSOLE} says why")
        if a_string(account, "type") == "Trial":
            self._note("a trial account, which writes to verified numbers only")
        return in_one_line(a_string(account, "friendly_name"), 80)

    def _away(self, error: Exception) -> ConfigurationError:
        problem = Problem(
            where=f"{self._where}.api_url",
            what=f"{self._settings.api_url} does not answer: {error}",
            hint="is the address right, and this machine online?",
        )
        return ConfigurationError([*self._found.problems, problem])

    async def _asked(self, what: str, asking: Coroutine[Any, Any, Any]) -> Any:
        """What Twilio answers; None where it does not tell, which is said."""
        try:
            return await asking
        except (SendError, Unavailable) as error:
            self._note(f"{what} cannot be looked up: {error}")
            return None

    # SMS

    async def _phone_number(self) -> None:
        number = self._settings.from_
        long = number.startswith("+")
        kind, key = ("IncomingPhoneNumbers", "phone_number") if long else (
            "SMS/ShortCodes", "short_code",
        )  # fmt: skip
        asked = {"PhoneNumber" if long else "ShortCode": number}
        path = f"{self._api.account_path}/{kind}.json"
        entries = "incoming_phone_numbers" if long else "short_codes"
        answer = await self._asked("the number", self._api.get(Product.API, path, asked))
        if answer is None:
            return
        listed = answer.get(entries)
        found = [one for one in listed or () if isinstance(one, dict) and one.get(key) == number]
        if not found:
            hint = f"{NUMBERS} shows the numbers there are"
            self._wrong("from", f"{number} is no number of this account", hint)
            return
        capabilities = found[0].get("capabilities")
        if isinstance(capabilities, dict) and capabilities.get("sms") is False:
            self._wrong("from", f"{number} cannot send SMS", f"take one that can: {NUMBERS}")
        if a_string(found[0], "sms_application_sid"):
            self._note(f"what people write goes to a TwiML app, as {NUMBERS} shows")
            return
        where = '"A message comes in" (of its messaging service, if it is in one)'
        self._compare(
            a_string(found[0], "sms_url"), a_string(found[0], "sms_method"), NUMBERS, where
        )

    # WhatsApp

    async def _sandbox(self) -> None:
        self._note(
            'Twilio\'s sandbox: each person joins it first, by sending "join" and its two words'
            f" to {self._settings.number}, and again after three days. {SANDBOX} shows the words,"
            f' and under "Sandbox settings" where to set {self._url or "the webhook"}'
        )

    async def _sender(self) -> None:
        found = await self._asked("the WhatsApp sender", self._find_sender())
        if found is None:
            return
        if not found:
            what = f"{self._settings.number} is no WhatsApp sender of this account"
            self._wrong("from", what, f"{SENDERS} shows those there are, and makes one")
            return
        status = a_string(found, "status")
        if status not in _ONLINE:
            what = f"the WhatsApp sender is {in_one_line(status, 40) or 'not'}, and not ONLINE"
            self._wrong("from", f"{what}{_reasons(found)}", f"{SENDERS} says what is missing")
        webhook = found.get("webhook")
        given = webhook if isinstance(webhook, dict) else {}
        url, method = a_string(given, "callback_url"), a_string(given, "callback_method")
        self._compare(url, method, SENDERS, '"Webhook URL for incoming messages"')

    async def _find_sender(self) -> dict[str, Any]:
        asked = {"Channel": "whatsapp", "PageSize": "100"}
        pages = self._api.pages(Product.MESSAGING, "/v2/Channels/Senders", "senders", asked)
        async for sender in pages:
            if sender.get("sender_id") == self._settings.from_:
                return sender
        return {}

    # What is asked for besides

    async def _conversations(self) -> None:
        path = self._api.conversations_path
        try:
            await self._api.get(Product.CONVERSATIONS, path, {"PageSize": "1"})
        except TwilioRefused as error:
            if error.status != HTTPStatus.NOT_FOUND or not self._settings.conversation_service:
                self._note(f"groups cannot be looked up: {error}")
                return
            what = "is no Conversations service of this account"
            hint = f"{CONSOLE}/us1/develop/conversations/manage/services shows them; empty: the"
            self._wrong("conversation_service", what, f"{hint} account's default")
        except (SendError, Unavailable) as error:
            self._note(f"groups cannot be looked up: {error}")

    async def _template(self, name: str, variable: str) -> None:
        path = f"/v1/Content/{quote(name, safe='')}"
        try:
            content = await self._api.get(Product.CONTENT, path)
        except TwilioRefused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                hint = f"{TEMPLATES} shows those there are"
                self._wrong("template", "is no content template of this account", hint)
            else:
                self._note(f"the template cannot be looked up: {error}")
            return
        except (SendError, Unavailable) as error:
            self._note(f"the template cannot be looked up: {error}")
            return
        variables = content.get("variables")
        if variable and isinstance(variables, dict) and variable not in variables:
            known = ", ".join(in_one_line(str(key), 20) for key in variables) or "none"
            what = f"the template has no placeholder {{{{{variable}}}}}"
            self._wrong("template_variable", what, f"it has: {known}; {TEMPLATES}")
            return
        await self._approval(path)

    async def _approval(self, path: str) -> None:
        answer = await self._asked(
            "the template's approval", self._api.get(Product.CONTENT, f"{path}/ApprovalRequests")
        )
        asked = answer.get("whatsapp") if isinstance(answer, dict) else None
        status = a_string(asked, "status") if isinstance(asked, dict) else ""
        if status and status != "approved":
            said = in_one_line(status, 40)
            self._note(f"WhatsApp has not approved the template ({said}): {TEMPLATES}")


def _reasons(sender: dict[str, Any]) -> str:
    """Why a sender is offline, as far as Twilio says."""
    reasons = sender.get("offline_reasons")
    words = [
        in_one_line(a_string(one, "message"), 120)
        for one in (reasons if isinstance(reasons, list) else ())
        if isinstance(one, dict)
    ]
    return f": {'; '.join(filter(None, words))}" if any(words) else ""


def _is_local(host: str) -> bool:
    """Whether an address is this machine's or this network's own."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(_LOCAL) or "." not in host
    return not address.is_global
