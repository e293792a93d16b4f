"""What people wrote, as plain text: Slack's marks for mentions and links in words.

Slack escapes `&`, `<` and `>` in what people write, and puts its own marks between `<` and `>`.
https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from adapters.slack.fields import in_one_line

_MARK = re.compile(r"<([^<>]*)>")
_ESCAPED = re.compile(r"&(amp|lt|gt);")
_CHARACTERS = {"amp": "&", "lt": "<", "gt": ">"}
_MENTION = re.compile(r"<@([A-Z0-9]{1,32})(?:\|[^<>]*)?>")
_PERSON = re.compile(r"@([A-Z0-9]{1,32})")
_CHANNEL = re.compile(r"#([A-Z0-9]{1,32})")
_GROUP = re.compile(r"!subteam\^([A-Z0-9]{1,32})")
_LINK = re.compile(r"(?:https?|ftps?|slack)://\S+|(?:mailto|tel|sms|skype):\S+", re.IGNORECASE)
_EVERYBODY = frozenset({"!here", "!channel", "!everyone"})
_AFTER_MENTION = " \t\r\n,:;"
_LONGEST_NAME = 80

Names = Mapping[str, str]


def plain(text: str, names: Names) -> str:
    """The text as people see it; `names` has those of people and channels, by their ids.

    What is between `<` and `>` and no mark of Slack's stays as it stands.
    """
    if "<" in text:
        text = _MARK.sub(lambda match: _in_words(match, names), text)
    return unescaped(text)


def unescaped(text: str) -> str:
    """The three escaped characters as they were; once, so that `&amp;lt;` is `&lt;`."""
    return _ESCAPED.sub(lambda match: _CHARACTERS[match[1]], text) if "&" in text else text


def mentions(text: str, user_ids: Collection[str]) -> bool:
    """Whether one of these is mentioned."""
    return "<@" in text and any(match[1] in user_ids for match in _MENTION.finditer(text))


def calls(text: str) -> str:
    """Whom the text begins with a mention of; empty: nobody."""
    match = _MENTION.match(text.lstrip())
    return match[1] if match else ""


def without_call(text: str, user_ids: Collection[str]) -> str:
    """Take mentions of these off the start; alone, or further on, they are part of the text."""
    start = len(text) - len(text.lstrip())
    called = False
    while (match := _MENTION.match(text, start)) is not None and match[1] in user_ids:
        called, start = True, match.end()
        start += len(text[start:]) - len(text[start:].lstrip(_AFTER_MENTION))
    return text[start:] if called and text[start:].strip() else text


def _in_words(match: re.Match[str], names: Names) -> str:
    """A mark in words. An ampersand that is put in here would be read as an escape: it is one."""
    mark, bar, label = match[1].partition("|")
    label = label.strip()
    if found := _PERSON.fullmatch(mark):
        return f"@{_name(names, found[1], label)}"
    if found := _CHANNEL.fullmatch(mark):
        return f"#{_name(names, found[1], label)}"
    if found := _GROUP.fullmatch(mark):
        return f"@{label.removeprefix('@') or found[1]}"
    if mark in _EVERYBODY:
        return f"@{mark[1:]}"
    if mark.startswith("!date^") and bar:
        return label
    if _LINK.fullmatch(mark):
        return _link(mark, label)
    return match[0]


def _name(names: Names, key: str, label: str) -> str:
    name = names.get(key)
    known = in_one_line(name, _LONGEST_NAME) if isinstance(name, str) else ""
    # As all of the text, it is still to be unescaped.
    return known.replace("&", "&amp;") or label or key


def _link(address: str, label: str) -> str:
    scheme, _, bare = address.partition(":")
    bare = bare.removeprefix("//")
    shown = bare if scheme.lower() in ("mailto", "tel", "sms") else address
    if not label or label in (address, bare, bare.rstrip("/")):
        return shown
    return f"{label} ({shown})"
