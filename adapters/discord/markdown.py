"""Texts in the Markdown that Discord reads, so that it shows what was meant. Pure.

https://support.discord.com/hc/en-us/articles/210298617

Agents write CommonMark. Discord reads most of it; what it reads otherwise, or not at all, is said
another way. What is no Markdown at all is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

from gateway.presentation import with_fences, with_plain_tables

MAX_ADDRESS = 500
"""Characters of an address that is shown and not linked: a picture may stand in it whole."""

# As Discord finds them itself.
_URL = r"https?://[^\s<]+[^\s<.,:;\"'\]]"
_FENCE = re.compile(r"^([ \t]*(?:>[ \t]?)*)(`{3,}(?=[^`\n]*$)|~{3,})[ \t]*([\w+#.-]*)[^\n]*$")
_HEADING = re.compile(r"^([ \t]*(?:>[ \t]?)*)#{4,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_BULLET = re.compile(r"^([ \t]*)\+(?=[ \t]+\S)")
_SMALL = re.compile(r"^([ \t]*(?:>[ \t]?)*)-#(?=[ \t])")
_RULE = re.compile(r"^[ \t]*(?:\*[ \t]*){3,}$|^[ \t]*(?:_[ \t]*){3,}$")
_QUOTED = re.compile(r"^([ \t]*)((?:>[ \t]?)+)")
_STRONG = re.compile(r"(?<![^\s(\"'])__(?=\S)(.+?)(?<=\S)__(?!\w)")
_FORMULA_MARKS = frozenset("\\^_={}+<>")

_INLINE = re.compile(
    r"(?P<formula>\\\([^\n]{1,500}?\\\)|\\\[.{1,1000}?\\\]|\$\$.{1,1000}?\$\$)"
    r"|(?P<kept>\\.|(?<!`)(?P<ticks>`{1,9})(?!`).{1,2000}?(?<!`)(?P=ticks)(?!`)"
    r"|<[^<>\s]{1,2000}>)"
    r"|!?\[(?P<label>(?:\\.|[^\[\]\\\n]|\[[^\[\]\n]{0,200}\]){0,500})\]"
    r"\([ \t]*(?P<address><[^<>\n]{0,9999}>"
    r"|[^\s()<>]{0,9999}(?:\([^\s()]{0,999}\)[^\s()]{0,999}){0,9})"
    r"(?:[ \t]+(?:\"[^\"\n]{0,500}\"|'[^'\n]{0,500}'))?[ \t]*\)"
    rf"|(?P<url>{_URL})"
    r"|(?P<name>__\w{1,100}?__(?=[\w(.]))"
    r"|(?<![\w_])__(?P<bold>[^\s_](?:[^\n]{0,1000}?[^\s_])?)__(?![\w_])"
    r"|(?P<bare>__+|\|\|+)"
    r"|(?P<entity>&(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});)",
    re.DOTALL,
)
_AFTER = " \t\n.,:;\"')]"
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_SPECIAL = re.compile(r"[\\*_~`|<>\[\]#:+-]")
_UNSEEN = re.compile("[*~`|\u00ad\u200b-\u200f\u2060-\u2064\ufeff]+")
# What would end the address in a masked link.
_IN_LINK = str.maketrans({" ": "%20", "(": "%28", ")": "%29", "<": "%3C", ">": "%3E", '"': "%22"})

# What looks like the address of a page, to people; there are no such domains as the latter.
_ADDRESS_LIKE = re.compile(
    r"[a-z][a-z0-9+.-]{0,20}:/|www\.|(?<![\w@])[\w-]+(?:[.。．｡][\w-]+){0,9}[.。．｡]"
    r"(?!(?:js|jsx|json|html?|css|txt|ya?ml|toml|pdf|png|jpe?g|gif|svg|xml|csv|tsx|cpp)\b)"
    r"[^\W\d_]{2,24}(?!\w)",
    re.IGNORECASE,
)

_PLAIN = re.compile(
    rf"(?P<url><https?://[^ >]+>|{_URL})"
    r"|(?P<each>[\\*_`]|~~+|\|\|+)"
    r"|(?P<bracket>\[)"
    r"|(?P<first><(?=@|\#|/\w|a?:\w|t:-?\d|id:)|:(?=[\w+-]{1,40}:))"
    r"|^(?P<margin>[ \t]*)(?:(?P<mark>\#{1,3}(?=\s)|-\#?(?=\s)|\+(?=\s)|>(?=\s|>>))"
    r"|(?P<number>\d{1,9})(?=\.\s))",
    re.MULTILINE,
)


def escaped(text: str) -> str:
    """What Discord shows exactly as it stands here; addresses can be followed nevertheless."""
    return _PLAIN.sub(partial(_escape, links="](" in text), text)


def shown(text: str) -> str:
    """An agent's Markdown as Discord's, its tables in letters of one width."""
    return "\n".join(_blocks(with_fences(with_plain_tables(text.replace("\r\n", "\n")))))


def _escape(match: re.Match[str], *, links: bool) -> str:
    if match["url"] or (match["bracket"] and not links):
        return match[0]
    if match["each"]:
        return _each(match["each"])
    if match["bracket"] or match["first"]:
        return f"\\{match[0]}"
    return f"{match['margin']}\\{match['mark']}" if match["mark"] else f"{match[0]}\\"


def _each(characters: str) -> str:
    return "".join(f"\\{character}" for character in characters)


def _blocks(text: str) -> Iterator[str]:
    """Its lines: words in one way, code in another."""
    words: list[str] = []
    fence = ""
    for line in text.split("\n"):
        opening = None if fence else _FENCE.match(line)
        if fence:
            ends = re.fullmatch(rf"[ \t>]*{fence[0]}{{{len(fence)},}}[ \t]*", line)
            yield re.sub(r"[`~]+", "```", line) if ends else _code(line)
            fence = "" if ends else fence
        elif opening is not None:
            if words:
                yield _inline("\n".join(words))
            words, fence = [], opening[2]
            yield f"{opening[1]}```{opening[3]}"
        else:
            words.append(_line(line))
    if words:
        yield _inline("\n".join(words))
    if fence:
        yield "```"


def _code(line: str) -> str:
    """Discord ends code at any three of these, wherever they stand."""
    return line.replace("```", "`\u200b`\u200b`")


def _line(line: str) -> str:
    """What a line begins with: Discord knows three sizes of headings, one of quotations, no line
    across the text, and small print, which nobody meant."""
    if _RULE.match(line):
        return "———"
    if match := _SMALL.match(line):
        return f"{match[1]}\\{line[match.end(1) :]}"
    if match := _HEADING.match(line):
        title = _STRONG.sub(r"\1", match[2]).replace("**", "").strip()
        return f"{match[1]}**{title}**" if title else match[1]
    if match := _QUOTED.match(line):
        inner = "> " * (match[2].count(">") - 1)
        return f"{match[1]}> {inner}{line[match.end() :]}"
    return _BULLET.sub(r"\1-", line)


def _inline(text: str) -> str:
    return _INLINE.sub(_meant, text)


def _meant(match: re.Match[str]) -> str:
    if match["label"] is not None:
        said = _link(match["label"], match["address"])
        if not match.string[match.end() :][:1].strip(_AFTER) or "](" in said:
            return said
        # What comes directly after an address would be taken for a part of it.
        return f"<{said}>" if said.startswith("http") and " " not in said else f"{said} "
    if match["bold"]:
        return f"**{_inline(match['bold'])}**"
    if match["formula"]:
        is_one = not match[0].startswith("\\[") or _FORMULA_MARKS & set(match[0][2:-2])
        return escaped(match[0]) if is_one else match[0]
    if match["name"]:
        return escaped(match[0])
    if match["entity"]:
        return _SPECIAL.sub(r"\\\g<0>", html.unescape(match[0]))
    return _each(match[0]) if match["bare"] else match[0]


def _link(label: str, address: str) -> str:
    """A link under its words; where they could pass for another address, both are shown."""
    label = _inline(label).strip()
    address = _ESCAPED.sub(r"\1", address.removeprefix("<").removesuffix(">").strip())
    if not address:
        return label
    if not _is_page(address):
        said = escaped(address if len(address) <= MAX_ADDRESS else f"{address[:MAX_ADDRESS]}…")
        return f"{label} ({said})" if label else said
    if not label or _bare(label) == _bare(address):
        return address.translate(_IN_LINK)
    if _ADDRESS_LIKE.search(_seen(label)):
        return f"{label} ({address.translate(_IN_LINK)})"
    return f"[{label}]({address.translate(_IN_LINK)})"


def _is_page(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _bare(address: str) -> str:
    """An address as people say it."""
    said = _seen(address).casefold()
    return said.removeprefix("https://").removeprefix("http://").removesuffix("/")


def _seen(label: str) -> str:
    """What people see of it, unmarked."""
    return _UNSEEN.sub("", _ESCAPED.sub(r"\1", label))
