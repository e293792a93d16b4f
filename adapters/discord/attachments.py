"""The files that come with a message.

The address of a file is signed and expires, so that a file is known by the message it came with,
where a fresh one is found: https://docs.discord.com/developers/reference#signed-attachment-cdn-urls
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from adapters.discord.fields import JsonObject, a_detail, a_string, details, in_one_line, is_id
from gateway import Attachment

_LONGEST_NAME = 120
_LONGEST_ENDING = 16
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_UNKNOWN = "application/octet-stream"
_VOICE = 1 << 13


def read(message: JsonObject, channel_id: str, message_id: str) -> tuple[Attachment, ...]:
    """The files of a message, and of the one that it forwards."""
    if not message.get("attachments") and not message.get("message_snapshots"):
        return ()
    return tuple(
        Attachment(
            name=_plain_name(a_string(file, "filename")) or "file",
            media_type=_media_type(file),
            size=_bytes(file),
            ref=f"{channel_id}/{message_id}/{file['id']}",
        )
        for file in _files(message)
    )


def described(message: JsonObject) -> Iterator[str]:
    """A line for each file of a message."""
    voice = _is_voice(message)
    for file in details(message, "attachments"):
        yield f"[{_voice(file) if voice else _described(file)}]"


def _files(message: JsonObject) -> Iterator[JsonObject]:
    forwarded = (a_detail(one, "message") for one in details(message, "message_snapshots"))
    for holder in (message, *forwarded):
        yield from (file for file in details(holder, "attachments") if is_id(file.get("id")))


def _is_voice(message: JsonObject) -> bool:
    """https://docs.discord.com/developers/resources/message#message-object-message-flags"""
    flags = message.get("flags")
    return isinstance(flags, int) and bool(flags & _VOICE)


def _voice(file: JsonObject) -> str:
    seconds = file.get("duration_secs")
    known = type(seconds) in (int, float)
    return f"voice message, {seconds:.0f} s" if known else "voice message"


def _described(file: JsonObject) -> str:
    kind = Attachment(name="", media_type=_media_type(file)).kind
    called = _plain_name(a_string(file, "filename")) or "unnamed"
    meant = in_one_line(a_string(file, "description"), 1024)
    return f"{kind}: {called}, {meant}" if meant else f"{kind}: {called}"


def _media_type(file: JsonObject) -> str:
    said = a_string(file, "content_type").partition(";")[0].strip().lower()
    return said if _MEDIA_TYPE.fullmatch(said) else _UNKNOWN


def _plain_name(name: str) -> str:
    """A sender's name for a file, as one of a file: no path, nothing invisible."""
    last = re.split(r"[/\\]", name)[-1]
    line = in_one_line(last, len(last) + 1).strip(". ")
    if len(line) <= _LONGEST_NAME:
        return line
    ending = line.rpartition(".")[2]
    if len(ending) > _LONGEST_ENDING:
        return line[:_LONGEST_NAME]
    return f"{line[: _LONGEST_NAME - len(ending) - 1]}.{ending}"


def _bytes(file: JsonObject) -> int:
    size = file.get("size")
    return size if type(size) is int and 0 <= size < 2**63 else 0
