"""What a message says: its text, and a short description of what it shows besides.

https://docs.discord.com/developers/resources/message#message-object
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters.discord import attachments
from adapters.discord.fields import JsonObject, a_detail, a_string, details, in_one_line
from adapters.discord.markup import mentioned, readable

_LONGEST_EMBED = 1000


def shown(message: JsonObject, text: str | None = None) -> str:
    """What people see of a message; empty if nothing. `text`: in the place of its own."""
    written = a_string(message, "content") if text is None else text
    said = _own(message, written)
    if message.get("message_snapshots") and (first := _forwarded(message)):
        said = "\n".join(filter(None, (said, f"[forwarded]\n{first}")))
    return said.replace("\0", "\ufffd")


def is_empty(message: JsonObject) -> bool:
    """Whether Discord kept from us what it says, or it says nothing.

    https://docs.discord.com/developers/events/gateway#message-content-intent
    """
    return not any(message.get(field) for field in _SAYING)


_SAYING = ("content", "attachments", "sticker_items", "poll", "embeds", "message_snapshots")


def _own(message: JsonObject, written: str) -> str:
    text = readable(written, lambda: mentioned(message))
    if not text.strip():
        text = ""
    if text and not (message.get("sticker_items") or message.get("poll")):
        return text
    lines = [text, *_stickers(message), *_poll(message)]
    return "\n".join(filter(None, lines)) or "\n".join(_besides(message))


def _forwarded(message: JsonObject) -> str:
    """Somebody else's words, as they were when they were forwarded.

    https://docs.discord.com/developers/resources/message#message-snapshot-object
    """
    snapshots = details(message, "message_snapshots")
    first = (a_detail(one, "message") for one in snapshots)
    return "\n".join(_own(one, a_string(one, "content")) or "[a message]" for one in first)


def _besides(message: JsonObject) -> Iterator[str]:
    """What is described only where there are no words."""
    files = list(attachments.described(message))
    yield from files
    if not files:
        for embed in details(message, "embeds"):
            yield from filter(None, _embed(embed))


def _stickers(message: JsonObject) -> Iterator[str]:
    for sticker in details(message, "sticker_items"):
        called = in_one_line(a_string(sticker, "name"))
        yield f"[sticker: {called}]" if called else "[sticker]"


def _poll(message: JsonObject) -> Iterator[str]:
    """https://docs.discord.com/developers/resources/poll#poll-object"""
    if poll := a_detail(message, "poll"):
        yield f"[poll: {_medium(a_detail(poll, 'question'))}]"
        for answer in details(poll, "answers"):
            yield f"- {_medium(a_detail(answer, 'poll_media'))}"


def _medium(medium: JsonObject) -> str:
    emoji = a_detail(medium, "emoji")
    sign = in_one_line(a_string(emoji, "name"))
    if sign and emoji.get("id") is not None:
        sign = f":{sign}:"
    return " ".join(filter(None, (sign, in_one_line(a_string(medium, "text"), 300))))


def _embed(embed: JsonObject) -> tuple[str, str]:
    title = in_one_line(a_string(embed, "title"), 256)
    described = a_string(embed, "description")
    if len(described) > _LONGEST_EMBED:
        described = f"{described[: _LONGEST_EMBED - 1]}…"
    return f"[embed: {title}]" if title else "[embed]", described
