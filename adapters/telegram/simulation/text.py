"""Text as Telegram counts and reads it: UTF-16 lengths, entities, parse modes."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import Any

from adapters.telegram.simulation.entities import moved, settled
from adapters.telegram.simulation.errors import ApiError, bad_request
from adapters.telegram.simulation.vocabulary import HTML_TAGS

MAX_TEXT = 4096
MAX_CAPTION = 1024
TOO_LONG = "message is too long"
CAPTION_TOO_LONG = "message caption is too long"

# After TDLib's own pattern in MessageEntity.cpp.
COMMAND = re.compile(r"(?<![\w/<>])/\w{1,64}(?:@\w{3,32})?(?![\w/<>])", re.ASCII)
MENTION = re.compile(r"(?<![\w/@])@\w{2,32}(?!\w)", re.ASCII)

HTML_TOKEN = re.compile(r"<(/?)([a-zA-Z][\w-]*)([^>]*)>|[<>]")
V2_TOKEN = re.compile(
    r"\\(?P<escaped>[\x01-\x7e])"
    r"|```(?:[^\s`\\]*\n)?(?P<pre>(?:\\.|[^`\\])*)```"
    r"|`(?P<code>(?:\\.|[^`\\])*)`"
    r"|(?P<toggle>__|\|\||[*_~])"
    r"|(?P<open>!?\[)|\](?P<target>\((?:\\.|[^)\\])*\))"
    r"|(?:(?<=\n)|\A)(?:\*\*)?>"
    r"|(?P<reserved>[\]()`>#+\-=|{}.!])",
    re.DOTALL,
)


def utf16_length(text: str) -> int:
    """Count as Telegram does: characters beyond the basic plane are two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def addressed(text: str, username: str) -> str:
    """Put `@username` where people put it: behind a command, in front of anything else."""
    if not text.startswith("/"):
        return f"@{username} {text}"
    command, space, rest = text.partition(" ")
    return f"{command}@{username}{space}{rest}"


def find_entities(text: str) -> list[dict[str, Any]]:
    """The commands and mentions that Telegram marks in what people write."""
    if "/" not in text and "@" not in text:
        return []
    found = [(match, "bot_command") for match in COMMAND.finditer(text)]
    spans = [match.span() for match, _ in found]
    found += [
        (match, "mention")
        for match in MENTION.finditer(text)
        if not any(start <= match.start() < end for start, end in spans)
    ]
    found.sort(key=lambda pair: pair[0].start())
    return [
        {
            "type": kind,
            "offset": utf16_length(text[: match.start()]),
            "length": utf16_length(match[0]),
        }
        for match, kind in found
    ]


def outgoing(
    text: str, parse_mode: str | None, entities: Sequence[Any], *, too_long: str = TOO_LONG
) -> tuple[str, list[dict[str, Any]]]:
    """What people see of a text a bot sends, and its entities.

    Raises what Telegram answers to one it refuses; `too_long` is what it calls too long a one.
    """
    shown, found = trimmed(text, parse_mode, entities)
    if not shown:
        raise bad_request("message text is empty")
    if utf16_length(shown) > MAX_TEXT:
        raise bad_request(too_long)
    return shown, found


def caption(
    text: str, parse_mode: str | None, entities: Sequence[Any], *, too_long: str = CAPTION_TOO_LONG
) -> tuple[str, list[dict[str, Any]]]:
    """The same for what stands below a file, which may be nothing."""
    shown, found = trimmed(text, parse_mode, entities)
    if utf16_length(shown) > MAX_CAPTION:
        raise bad_request(too_long)
    return shown, found


def trimmed(
    text: str, parse_mode: str | None, entities: Sequence[Any]
) -> tuple[str, list[dict[str, Any]]]:
    """A text and its entities without the space around it."""
    if parse_mode:
        return _plain(text, parse_mode).strip(), []
    found = settled(text, entities)
    shown = text.strip()
    before = utf16_length(text[: len(text) - len(text.lstrip())])
    return shown, moved(found, before, utf16_length(shown))


def _plain(text: str, parse_mode: str) -> str:
    match parse_mode.lower():
        case "html":
            return "".join(_from_html(text))
        case "markdownv2":
            return "".join(_from_markdown_v2(text))
        case "markdown":
            return re.sub(r"\\([_*`\[])|[_*`]|\[([^\]]*)\]\([^)]*\)", r"\1\2", text)
        case _:
            raise bad_request("unsupported parse_mode")


def _from_html(text: str) -> Iterator[str]:
    open_tags: list[str] = []
    position = 0
    for token in HTML_TOKEN.finditer(text):
        yield html.unescape(text[position : token.start()])
        position = token.end()
        closing, tag = token[1], (token[2] or "").lower()
        if not tag and token[0] == ">":
            yield ">"
        elif tag not in HTML_TAGS:
            raise _unreadable(f'Unsupported start tag "{tag}" at byte offset {token.start()}')
        elif not closing:
            open_tags.append(tag)
        elif not open_tags or open_tags.pop() != tag:
            raise _unreadable(f"Unmatched end tag at byte offset {token.start()}")
    if open_tags:
        raise _unreadable(f'Can\'t find end tag corresponding to start tag "{open_tags[-1]}"')
    yield html.unescape(text[position:])


def _from_markdown_v2(text: str) -> Iterator[str]:
    open_marks: list[str] = []
    position = 0
    for token in V2_TOKEN.finditer(text):
        yield text[position : token.start()]
        position = token.end()
        yield _v2_content(token, open_marks)
    if open_marks:
        raise _unreadable(f"Can't find end of the entity started by '{open_marks[-1]}'")
    yield text[position:]


def _v2_content(token: re.Match[str], open_marks: list[str]) -> str:
    """The visible text of one MarkdownV2 token; keeps the stack of open marks."""
    mark = token["open"] or token["toggle"]
    if token["reserved"] or (token["target"] and (not open_marks or "[" not in open_marks.pop())):
        character = token["reserved"] or "]"
        raise _unreadable(
            f"Character '{character}' is reserved and must be escaped with the preceding '\\'"
        )
    if mark and token["toggle"] and open_marks[-1:] == [mark]:
        open_marks.pop()
    elif mark:
        open_marks.append(mark)
    code = token["pre"] or token["code"] or ""
    return token["escaped"] or re.sub(r"\\(.)", r"\1", code, flags=re.DOTALL)


def _unreadable(text: str) -> ApiError:
    return bad_request(f"can't parse entities: {text}")
