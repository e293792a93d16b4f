"""Questions with buttons: Contents, which Twilio keeps, and what fills them.

A Content is made once for each shape of a question (so many options, lines so arranged) and used
for all of that shape: text, labels and ids are its placeholders. Placeholders take no line ends,
and none may stay empty; so each line has one of its own.

https://www.twilio.com/docs/content/twilio-quick-reply
https://www.twilio.com/docs/content/twiliolist-picker
https://www.twilio.com/docs/content/using-variables-with-content-api
https://www.twilio.com/docs/api/errors/21656
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from adapters.twilio.api import Product, TwilioApi
from gateway import NotAccepted, Question
from gateway.presentation import units

MAX_QUICK_REPLIES = 3
"""More buttons need an approved template."""
MAX_LABEL = 20
MAX_LIST = 10
MAX_LIST_LABEL = 24
MAX_TEXT = 1024
MAX_LINES = 50
MAX_KEPT = 5000
LANGUAGE = "en"
FRIENDLY_NAME = "chat-gateway"
OPEN_LIST = "☰"
"""What opens a list: it is written on the button, in no language."""

_UNFILLABLE = re.compile(r"[\t\v\f\r]| {5,}|\{\{|\}\}")
_PATH = "/v1/Content"


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """A question's shape, by a name of its own, and what fills it."""

    name: str
    types: dict[str, Any] = field(repr=False)
    variables: dict[str, str] = field(repr=False)

    def form(self, sid: str) -> dict[str, str]:
        """What a message says that is made of it."""
        return {"ContentSid": sid, "ContentVariables": orjson.dumps(self.variables).decode()}


def ask(text: str, question: Question) -> Content | None:
    """The buttons or the list that ask this; None where the options or the text do not fit.

    `inbound` reads the ids.
    """
    labels = [" ".join(option.split()) for option in question.options]
    lines = [line.rstrip() for line in text.strip().split("\n")]
    if not _can_fill(text, lines) or not labels or len(set(labels)) < len(labels):
        return None
    longest = max(map(units, labels))
    if not all(labels) or any(_UNFILLABLE.search(label) for label in labels):
        return None
    if len(labels) <= MAX_QUICK_REPLIES and longest <= MAX_LABEL:
        return _filled("quick-reply", lines, labels, question.id)
    if len(labels) <= MAX_LIST and longest <= MAX_LIST_LABEL:
        return _filled("list-picker", lines, labels, question.id)
    return None


def _can_fill(text: str, lines: list[str]) -> bool:
    if not text.strip() or units(text) > MAX_TEXT or len(lines) > MAX_LINES:
        return False
    return not any(_UNFILLABLE.search(line) for line in lines)


def _filled(kind: str, lines: list[str], labels: list[str], question_id: str) -> Content:
    variables: dict[str, str] = {}

    def placeholder(value: str) -> str:
        variables[str(len(variables) + 1)] = value
        return f"{{{{{len(variables)}}}}}"

    options = [
        (placeholder(label), placeholder(f"q:{question_id}:{option}"))
        for option, label in enumerate(labels)
    ]
    body = "\n".join(placeholder(line) if line else "" for line in lines)
    shape: dict[str, Any] = {"body": body}
    if kind == "quick-reply":
        shape["actions"] = [
            {"type": "QUICK_REPLY", "title": title, "id": value} for title, value in options
        ]
    else:
        shape["button"] = OPEN_LIST
        shape["items"] = [{"item": title, "id": value} for title, value in options]
    types = {f"twilio/{kind}": shape}
    digest = hashlib.sha256(orjson.dumps(types)).hexdigest()[:12]
    name = f"{FRIENDLY_NAME} {kind} {len(labels)} {digest}"
    return Content(name=name, types=types, variables=variables)


class Contents:
    """The Contents that the account has; raises as the API does."""

    def __init__(self, api: TwilioApi, log: Any) -> None:
        self._api = api
        self._log = log
        self._sids: dict[str, str] | None = None
        self._lock = asyncio.Lock()

    async def sid(self, content: Content) -> str:
        """The id of a question's shape, which is made where there is none yet."""
        async with self._lock:
            known = self._sids if self._sids is not None else await self._load()
            if content.name not in known:
                known[content.name] = await self._create(content)
            return known[content.name]

    def forget(self, content: Content) -> None:
        """Twilio does not know it (any more): the next one is made anew."""
        if self._sids is not None:
            self._sids.pop(content.name, None)

    async def _load(self) -> dict[str, str]:
        """What earlier processes have made."""
        params = {"PageSize": "500"}
        pages = self._api.pages(Product.CONTENT, _PATH, "contents", params, limit=MAX_KEPT)
        self._sids = {
            name: sid
            async for one in pages
            if isinstance(name := one.get("friendly_name"), str)
            and isinstance(sid := one.get("sid"), str)
            and name.startswith(f"{FRIENDLY_NAME} ")
        }
        return self._sids

    async def _create(self, content: Content) -> str:
        # Samples for what is filled in; each placeholder must have one.
        asked = {
            "friendly_name": content.name,
            "language": LANGUAGE,
            "variables": {name: f"sample {name}" for name in content.variables},
            "types": content.types,
        }
        answer = await self._api.post(Product.CONTENT, _PATH, json=asked)
        sid = answer.get("sid")
        if not isinstance(sid, str) or not sid:
            raise NotAccepted("Twilio does not say which Content it made")
        self._log.info("twilio.content_made", name=content.name, content=sid)
        return sid
