"""A session as something to read: Markdown, or a page. What people wrote is data in both. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import NamedTuple

from gateway.cli.output import local, printable
from gateway.domain import Message, Role, Session, Summary

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
article { margin: 1rem 0 } article.aside { opacity: .6 }
header { font-size: .85rem; color: #666 } p { margin: .2rem 0; white-space: pre-wrap }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #ddd } }
"""
_FENCE = re.compile(r"(`{3,})[^`]*|(~{3,}).*")


class Writer(NamedTuple):
    """Writes a transcript: its beginning, each message, its end."""

    begin: Callable[[Session, Summary], str]
    message: Callable[[Session, Message], str]
    end: str = ""


def _title(session: Session) -> str:
    return printable(session.name) or f"Session {session.id}"


def _who(session: Session, message: Message) -> str:
    if message.role is Role.USER:
        return printable(message.sender or message.sender_id or "somebody")
    return printable(session.agent) if message.role is Role.ASSISTANT else message.role.value


def _files(message: Message) -> Iterator[str]:
    for file in message.attachments:
        yield f"[{printable(file.name)}, {file.size:,} bytes]"


# Markdown: texts are quoted, so that no heading or list of theirs is one of the transcript.


def _markdown_begin(session: Session, summary: Summary) -> str:
    where = f"{_plain(session.channel)}, {_plain(session.agent)}"
    facts = f"{where}, since {local(session.created_at)}, {session.message_count} messages"
    lines = [f"# {_plain(_title(session))}", "", facts]
    if summary:
        about = f"\n\nTopics: {_plain(', '.join(summary.topics))}" if summary.topics else ""
        lines += ["", "## Summary", "", _quoted(summary.text) + about]
    return "\n".join([*lines, "", "## Messages", ""])


def _markdown_message(session: Session, message: Message) -> str:
    said = "\n".join([*([message.text] if message.text else []), *_files(message)])
    head = f"**{_plain(_who(session, message))}**, {local(message.created_at)}"
    return f"{head}\n\n{_quoted(said)}\n"


def _plain(text: str) -> str:
    """Words in which nothing is a mark."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in _inert(text.splitlines() or [""]))


def _inert(lines: Iterable[str]) -> Iterator[str]:
    """No element of HTML and no picture, but in code, where there are none."""
    closing: re.Pattern[str] | None = None
    for line in map(printable, lines):
        if closing is not None:
            closing = None if closing.fullmatch(line) else closing
            yield line
        elif fence := _FENCE.fullmatch(line):
            # At the very beginning of a line, where it is in no list that may end before it does.
            mark = fence[1] or fence[2]
            closing = re.compile(rf" {{0,3}}{mark[0]}{{{len(mark)},}}[ \t]*")
            yield line
        else:
            yield line.replace("<", "&lt;").replace("![", "&#33;[")


# A page: no script, nothing from elsewhere, every text escaped.


def _html_begin(session: Session, summary: Summary) -> str:
    title = escape(_title(session))
    about = (
        f"<header>{escape(session.channel)}, {escape(session.agent)},"
        f" since {local(session.created_at)}, {session.message_count} messages</header>"
    )
    condensed = ""
    if summary:
        said, topics = _text(summary.text), escape(", ".join(summary.topics))
        condensed = f"<section><h2>Summary</h2><p>{said}</p><p>{topics}</p></section>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{title}</h1>{about}{condensed}"
    )


def _html_message(session: Session, message: Message) -> str:
    kind = message.role.value if message.in_context else "aside"
    said = "\n".join([*([message.text] if message.text else []), *_files(message)])
    who, when = escape(_who(session, message)), local(message.created_at)
    head = f"<header><b>{who}</b>, {when}</header>"
    return f'<article class="{kind}">{head}<p>{_text(said)}</p></article>'


def _text(text: str) -> str:
    return escape("\n".join(printable(line) for line in text.splitlines()))


WRITERS = {
    "markdown": Writer(_markdown_begin, _markdown_message),
    "html": Writer(_html_begin, _html_message, "</body></html>"),
}
