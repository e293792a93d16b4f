"""Slack's markup, as people see it, and what in it calls somebody.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from adapters.slack.simulation.model import JsonObject, Message

_CONTROL = re.compile(r"<([^<>\n]+)>")
_LINK = re.compile(r"(?<![<|\w])(https?://[^\s<>|]+)")
_CODE = re.compile(r"```(?:\n?)(.+?)(?:\n?)```|`([^`\n]+)`", re.DOTALL)
_MARKS = [
    re.compile(
        rf"(?<![\w{sign}]){sign}([^\s{sign}](?:[^{sign}\n]*[^\s{sign}])?){sign}(?![\w{sign}])"
    )
    for sign in (r"\*", "_", "~")
]
_CALL = re.compile(r"<(?:!(?:channel|here|everyone)|!subteam\^\w+|@[UWB]\w*)(?:\|[^<>]*)?>")
_NAMED_CALL = re.compile(r"(?<!\w)@(?:channel|here|everyone)\b")
_HIDING = re.compile(r"<(https?://[^<>|]+)\|([^<>]+)>|\[([^\]\n]+)\]\(\s*<?(https?://[^)>\s]+)")
_ADDRESS = re.compile(
    r"(?:(?:https?|mailto|ftp)://?)?((?:[\w-]+\.)+[a-z]{2,})(?:[/:?#]|$)", re.IGNORECASE
)

Named = Callable[[str], str]
"""The name of a person or a channel, by id."""


def escape(text: str) -> str:
    """What Slack makes of the three characters that mean something."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """The way back."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def written(text: str) -> str:
    """What Slack makes of what a person types: escaped, its addresses marked as links."""
    return _LINK.sub(r"<\1>", escape(text))


def shown(text: str, named: Named, *, formatted: bool) -> str:
    """What people see of mrkdwn; they see no marks of it where it is `formatted`."""
    if formatted:
        text = _without_marks(text)
    return unescape(_CONTROL.sub(lambda found: _meant(found[1], named), text))


def _without_marks(text: str) -> str:
    parts = []
    position = 0
    for code in _CODE.finditer(text):
        parts += [_plain(text[position : code.start()]), code[1] or code[2]]
        position = code.end()
    return "".join([*parts, _plain(text[position:])])


def _plain(text: str) -> str:
    for mark in _MARKS:
        text = mark.sub(r"\1", text)
    return text


def _meant(inside: str, named: Named) -> str:
    """What people see of what stands between angle brackets."""
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return f"@{label or named(target[1:])}"
    if target.startswith("#"):
        return f"#{label or named(target[1:])}"
    if target.startswith("!date^"):
        return label
    if target.startswith("!subteam^"):
        return label or "@group"
    if target.startswith("!"):
        return label or f"@{target[1:]}"
    return label or target


def pings(message: Message) -> bool:
    """Whether something in a message calls people, or hides where a link leads."""
    texts = [message.text, message.markdown or "", *_strings(message.blocks)]
    if any(_CALL.search(text) or _hides(text) for text in texts):
        return True
    if message.links_names and any(_NAMED_CALL.search(text) for text in texts):
        return True
    return any(_calls(element) for element in _elements(message.blocks))


def _hides(text: str) -> bool:
    """Whether a link's label looks like another address than the one it leads to."""
    for link in _HIDING.finditer(text):
        target, label = (link[1], link[2]) if link[1] else (link[4], link[3])
        looks = _ADDRESS.match(unescape(label).strip().lower())
        leads = _ADDRESS.match(target.lower())
        if looks is not None and (leads is None or looks[1] != leads[1]):
            return True
    return False


def _elements(found: object) -> Iterator[JsonObject]:
    """Everything in blocks that is an object."""
    if isinstance(found, dict):
        yield found
        for value in found.values():
            yield from _elements(value)
    elif isinstance(found, list):
        for value in found:
            yield from _elements(value)


def _strings(blocks: list[JsonObject]) -> Iterator[str]:
    """Every text of blocks in which markup counts."""
    for element in _elements(blocks):
        text = element.get("text")
        if element.get("type") in {"mrkdwn", "markdown"} and isinstance(text, str):
            yield text


def _calls(element: JsonObject) -> bool:
    return element.get("type") in {"user", "usergroup", "broadcast"} and "text" not in element
