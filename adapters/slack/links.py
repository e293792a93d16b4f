"""Links of Markdown that say one address and lead to another, told apart. Pure.

https://spec.commonmark.org/0.31.2/#links
"""

from __future__ import annotations

import html
import re

GAP = "\u200b"
"""A space of no width: nobody sees it, and a mark with it inside is none."""

_FURTHEST_BACK = 2000
_MOST_BRACKETS = 30
_FURTHEST_ON = 2500
# Where an address starts that leads out, behind the words of a link.
_BEHIND = re.compile(r"\]\((?=\s*<?\\*(?:[a-z][a-z0-9+.-]*\\*:|&|//|www\.))", re.IGNORECASE)
_ABSOLUTE = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//|www\.)", re.IGNORECASE)
_DEFINITION = re.compile(r"^([> \t]*\[[^\[\]\n]{1,999}\])(?=:\s*\S)", re.MULTILINE)
_WORDS = re.compile(r"\[([^\[\]]{3,999})\](?!\()")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>]+", re.IGNORECASE)
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,20}[^\W\d_]{2,63}(?:[/:?#].*)?", re.DOTALL)
_DRESS = re.compile(rf"[*_~`\\<>\"'!\[\]{GAP}\u2060\ufeff\u200c\u200d\u00ad]")
_SCHEME = re.compile(r"^(?:https?:)?(?://)?", re.IGNORECASE)
_AFTER = re.compile(r"[.,;:!?)*_~]*(?:\s|$)")
_TURN = re.compile(r"[\s()]")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def honest(text: str) -> str:
    """The text with the address behind each link whose words seem to say another one."""
    if "](" in text:
        text = _links(text)
    if "]:" in text and any(_addresses(words) for words in _WORDS.findall(text)):
        text = _DEFINITION.sub(rf"\1{GAP}", text)
    return text


def parted(text: str) -> str:
    """The text with such links taken apart by a space that nobody sees: not a letter changes."""
    return _links(text, rewrite=False) if "](" in text else text


def _links(text: str, *, rewrite: bool = True) -> str:
    done, at = "", 0
    for match in _BEHIND.finditer(text):
        if match.start() < at:
            continue
        done += text[at : match.start()]
        at = match.start()
        start = _opening(done)
        words = done[start + 1 :]
        if start < 0 or not (said := _addresses(words)):
            continue
        url, end = _destination(text, match.end())
        if url and all(_leads(address, url) for address in said):
            continue
        if not (url and rewrite):
            done, at = f"{done}]{GAP}", at + 1
        else:
            before = done[:start].removesuffix("!")
            # What comes directly after an address would be read as a part of it.
            gap = "" if _AFTER.match(text, end) else " "
            done, at = f"{before}{words} ({url}){gap}", end
    return done + text[at:]


def _opening(text: str) -> int:
    """Where the bracket opens that the next one closes; -1: nowhere near."""
    depth, place, least = 0, len(text), max(0, len(text) - _FURTHEST_BACK)
    for _ in range(_MOST_BRACKETS):
        place = max(text.rfind("[", least, place), text.rfind("]", least, place))
        if place < 0:
            return -1
        if _is_escaped(text, place):
            continue
        if text[place] == "[" and not depth:
            return place
        depth += 1 if text[place] == "]" else -1
    return -1


def _is_escaped(text: str, place: int) -> bool:
    before = text[max(0, place - 20) : place]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _destination(text: str, at: int) -> tuple[str, int]:
    """A link's address, and where the link is over; empty where only Slack may know."""
    rest = text[at : at + _FURTHEST_ON]
    start = len(rest) - len(rest.lstrip())
    if rest[start : start + 1] == "<":
        end = rest.find(">", start)
        url, after = rest[start + 1 : end], end + 1
    else:
        after = _balanced(rest, start)
        url = rest[start:after]
    close = rest.find(")", after)
    if after <= start or close < 0:
        return "", at
    title = rest[after:close].strip()
    if title[:1] in {'"', "'", "("}:
        quote = ")" if title[0] == "(" else title[0]
        last = rest.find(quote, rest.index(title[0], after) + 1)
        close = rest.find(")", last + 1) if last >= 0 else -1
    elif title:
        return "", at
    return ("", at) if close < 0 else (_ESCAPED.sub(r"\1", url), at + close + 1)


def _balanced(text: str, at: int) -> int:
    """Where an address ends that may hold pairs of parentheses."""
    depth = 0
    for match in _TURN.finditer(text, at):
        if match[0] == "(":
            depth += 1
        elif match[0] != ")" or not depth:
            return match.start()
        else:
            depth -= 1
    return len(text)


def _addresses(words: str) -> list[str]:
    """What reads like an address in the words of a link."""
    plain = _DRESS.sub("", html.unescape(words)).strip()
    found: list[str] = _ADDRESS.findall(plain)
    return found or ([plain] if _DOMAIN.fullmatch(plain) else [])


def _leads(said: str, url: str) -> bool:
    """Whether an address is where a link leads, or the beginning of it."""
    target = html.unescape(url)
    if not _ABSOLUTE.match(target):
        return True
    short, full = _bare(said), _bare(target)
    return full == short or (full.startswith(short) and full[len(short)] in "/?#")


def _bare(address: str) -> str:
    return _SCHEME.sub("", address).rstrip("/.,;:!?)").casefold()
