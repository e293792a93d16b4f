"""The files that come with a message. Each is got by its address or its SIDs, later.

https://www.twilio.com/docs/messaging/guides/webhook-request
https://www.twilio.com/docs/conversations-classic/media-support-conversations
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import orjson

from adapters.twilio.fields import Fields, a_count, a_string, in_one_line
from adapters.twilio.settings import TwilioSettings
from gateway import Attachment

MAX_FILES = 20
_LONGEST_NAME = 120
_LONGEST_ENDING = 16
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_ADDRESS = re.compile(r"https?://[!-~]{1,2000}")
_MEDIA = re.compile(r"ME[0-9a-f]{32}")
_FILE_NAME = re.compile(r"[^/\\\0-\x1f]{1,115}\.[A-Za-z0-9]{1,8}")

# Twilio tells no names: a file is called after what it is.
_ENDINGS: Mapping[str, str] = {
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "text/calendar": "ics",
    "text/csv": "csv",
    "text/plain": "txt",
    "text/vcard": "vcf",
    "text/x-vcard": "vcf",
    "video/3gpp": "3gp",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
_KINDS: Mapping[str, str] = {"vcf": "contact", "ics": "event"}

Files = tuple[tuple[Attachment, ...], tuple[str, ...]]
"""The files that can be had, and a line in words for each that cannot."""


def of_message(form: Fields, settings: TwilioSettings) -> Files:
    """What came with an SMS or a WhatsApp message."""
    count = min(a_count(form, "NumMedia"), MAX_FILES)
    return _sorted(_announced(form, count), settings)


def of_conversation(
    form: Fields, conversation: str, message: str, settings: TwilioSettings
) -> Files:
    """What came with a message in a Conversation, told as JSON."""
    return _sorted(_listed(form, f"conv:{conversation}:{message}"), settings)


def in_words(file: Attachment) -> str:
    """What stands for a message that is nothing but this file."""
    return f"[{file.kind}: {file.name}]"


def document_name(form: Fields) -> str:
    """The name of a document that WhatsApp gives instead of words; empty if there is none."""
    body = a_string(form, "Body").strip()
    if a_string(form, "MessageType") != "document" or a_count(form, "NumMedia") != 1:
        return ""
    return _plain_name(body) if _FILE_NAME.fullmatch(body) else ""


def _announced(form: Fields, count: int) -> Iterator[Attachment]:
    name = document_name(form)
    for place in range(count):
        media_type = _media_type(a_string(form, f"MediaContentType{place}"))
        ref = a_string(form, f"MediaUrl{place}")
        yield Attachment(
            name=name or _called(media_type, place if count > 1 else None),
            media_type=media_type,
            ref=ref if _ADDRESS.fullmatch(ref) else "",
        )


def _listed(form: Fields, where: str) -> Iterator[Attachment]:
    files = _json(a_string(form, "Media"))
    listed = [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    for place, file in enumerate(listed[:MAX_FILES]):
        media_type = _media_type(a_string(file, "ContentType") or a_string(file, "content_type"))
        name = _plain_name(a_string(file, "Filename") or a_string(file, "filename"))
        sid = a_string(file, "Sid") or a_string(file, "sid")
        size = file.get("Size", file.get("size"))
        yield Attachment(
            name=name or _called(media_type, place if len(listed) > 1 else None),
            media_type=media_type,
            size=size if type(size) is int and 0 <= size < 2**63 else 0,
            ref=f"{where}:{sid}" if _MEDIA.fullmatch(sid) else "",
        )


def _sorted(files: Iterator[Attachment], settings: TwilioSettings) -> Files:
    taken, lines = [], []
    for file in files:
        if not file.media_type.startswith(settings.media_types):
            lines.append(f"[file: {file.name}; {file.media_type} is not taken here]")
        elif not file.ref:
            lines.append(f"[file: {file.name}; Twilio does not say where it is]")
        else:
            taken.append(file)
    return tuple(taken), tuple(lines)


def _json(text: str) -> object:
    try:
        return orjson.loads(text) if text else None
    except orjson.JSONDecodeError:
        return None


def _media_type(said: str) -> str:
    plain = said.partition(";")[0].strip().lower()
    return plain if _MEDIA_TYPE.fullmatch(plain) else "application/octet-stream"


def _called(media_type: str, place: int | None) -> str:
    """A name for a file that has none."""
    kind = media_type.partition("/")[0]
    ending = _ENDINGS.get(media_type, "")
    stem = _KINDS.get(ending) or (kind if kind in {"image", "audio", "video"} else "file")
    numbered = stem if place is None else f"{stem}-{place + 1}"
    return f"{numbered}.{ending}" if ending else numbered


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
