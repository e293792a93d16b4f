"""The files that come with a message. Each is got by its private address or its id, later.

https://docs.slack.dev/reference/objects/file-object
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from adapters.slack.fields import JsonObject, a_string, an_optional_id, details, in_one_line
from gateway import Attachment

_LONGEST_NAME = 120
_LONGEST_ENDING = 16
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_ADDRESS = re.compile(r"https?://[!-~]{1,2000}")
_GONE = {
    "tombstone": "it was deleted",
    "hidden_by_limit": "Slack no longer shows it: the workspace is beyond its plan's limit",
}
_NOT_OURS: Mapping[str, str] = {
    "access_denied": "the bot may not see it",
    "file_not_found": "it was deleted",
}


def read(message: JsonObject) -> tuple[tuple[Attachment, ...], tuple[str, ...]]:
    """The files that can be had, and a line in words for each that cannot."""
    files: list[Attachment] = []
    lines: list[str] = []
    for file in details(message, "files"):
        reason = _absent(file)
        found = None if reason else _file(file)
        if found is not None:
            files.append(found)
        else:
            lines.append(f"[file: {_name(file)}; {reason or 'Slack does not say where it is'}]")
    return tuple(files), tuple(lines)


def in_words(file: Attachment) -> str:
    """What stands for a message that is nothing but this file."""
    return f"[{file.kind}: {file.name}]"


def _absent(file: JsonObject) -> str:
    mode, access = a_string(file, "mode"), a_string(file, "file_access")
    if mode in _GONE or access in _NOT_OURS:
        return _GONE.get(mode) or _NOT_OURS[access]
    if mode == "external" or file.get("is_external") is True:
        where = in_one_line(a_string(file, "url_private"), 500)
        return f"kept elsewhere, at {where}" if _ADDRESS.fullmatch(where) else "kept elsewhere"
    return ""


def _file(file: JsonObject) -> Attachment | None:
    ref = a_string(file, "url_private_download") or a_string(file, "url_private")
    if not _ADDRESS.fullmatch(ref):
        # In channels shared with others, Slack gives the id alone: files.info knows the rest.
        ref = an_optional_id(file, "id")
    if not ref:
        return None
    said = a_string(file, "mimetype").partition(";")[0].strip().lower()
    media_type = said if _MEDIA_TYPE.fullmatch(said) else "application/octet-stream"
    return Attachment(name=_name(file), media_type=media_type, size=_bytes(file), ref=ref)


def _name(file: JsonObject) -> str:
    return _plain_name(a_string(file, "name") or a_string(file, "title")) or "file"


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
