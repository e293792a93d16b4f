"""What people read on each platform, by readers that share nothing with the writers."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from gateway import Part


@dataclass(kw_only=True, slots=True)
class Seen:
    """What people read: the words, those of them that are marked (a kind and the words), and the
    links whose address is not in the words (the words, the address)."""

    text: str = ""
    marked: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    blocks: list[tuple[str, ...]] = field(default_factory=list)
    """The words again, block by block, each in every order in which they may be read."""
    raw: str = ""
    """What addresses are found in, where that is not what was sent, to the letter."""


Reader = Callable[[Part], Seen]


def telegram(part: Part) -> Seen:
    """Text is plain there; the entities say what is marked."""
    raw = part.text.encode("utf-16-le")
    seen = Seen(text=part.text)
    for entity in part.format.get("entities", ()):
        start, stop = 2 * entity["offset"], 2 * (entity["offset"] + entity["length"])
        assert 0 <= start < stop <= len(raw)
        words = raw[start:stop].decode("utf-16-le")
        if entity["type"] == "text_link":
            assert not entity["url"].startswith("tg://user"), "calls somebody"
            seen.links.append((words, entity["url"]))
        else:
            seen.marked.append((entity["type"], words))
    return seen


def sms(part: Part) -> Seen:
    """Nothing means anything."""
    return Seen(text=part.text)


# WhatsApp


_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\ue000-\uf8ff]+")
_WHATSAPP = {"*": "bold", "_": "italic", "~": "strikethrough"}


def whatsapp(part: Part) -> Seen:
    """`*bold*` and the like, code, and what lines begin with."""
    seen = Seen()
    for index, piece in enumerate(part.text.split("```")):
        if index % 2:
            seen.marked.append(("code", piece))
            seen.text += piece
        else:
            seen.text += "\n".join(_whatsapp_line(line, seen) for line in piece.split("\n"))
    assert part.text.count("```") % 2 == 0
    seen.text = seen.text.replace("\u2060", "")
    seen.marked = [(kind, words.replace("\u2060", "")) for kind, words in seen.marked]
    return seen


def _whatsapp_line(line: str, seen: Seen) -> str:
    while begin := re.match(r"\s*(?:> ?|[-*] (?=\S))", line):
        kind = "blockquote" if ">" in begin[0] else "list"
        line = line[begin.end() :]
        seen.marked.append((kind, line))
    kept: list[str] = []

    def keep(text: str, base: int = 0xF000) -> str:
        kept.append(text)
        return chr(base + len(kept) - 1)

    def code(match: re.Match[str]) -> str:
        if not (_may_open(line, match.start()) and _may_close(line, match.end() - 1)):
            return match[0]
        seen.marked.append(("code", match[1]))
        return keep(match[1], 0xE000)

    line = re.sub(r"`([^`]+)`", code, line)
    line = _ADDRESS.sub(lambda match: keep(match[0]), line)
    line = _shaded(line, seen, kept)
    return re.sub("[\ue000-\uf8ff]", lambda match: kept[ord(match[0]) & 0xFFF], line)


def _shaded(line: str, seen: Seen, kept: Sequence[str]) -> str:
    for place, sign in enumerate(line):
        if sign not in _WHATSAPP or not _may_open(line, place):
            continue
        for end in range(place + 2, len(line)):
            if line[end] == sign and _may_close(line, end):
                inside = _shaded(line[place + 1 : end], seen, kept)
                words = re.sub("[\ue000-\uf8ff]", lambda m: kept[ord(m[0]) & 0xFFF], inside)
                seen.marked.append((_WHATSAPP[sign], words))
                return line[:place] + inside + _shaded(line[end + 1 :], seen, kept)
    return line


def _may_open(line: str, place: int) -> bool:
    after = line[place + 1 : place + 2]
    return (place == 0 or _apart(line[place - 1])) and bool(after.strip())


def _may_close(line: str, place: int) -> bool:
    return bool(line[place - 1].strip()) and (place + 1 == len(line) or _apart(line[place + 1]))


def _apart(character: str) -> bool:
    # The last: code has signs around it.
    return (
        character.isspace()
        or unicodedata.category(character)[0] in "PS"
        or "\ue000" <= character < "\uf000"
    )


# CommonMark: what it says itself, and Slack, which reads it


@cache
def _parser() -> MarkdownIt:
    # HTML is words in a chat: platforms show it as it is written.
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline"])
    # Addresses as they are written, to be compared to the letter.
    vars(parser).update(normalizeLink=str, normalizeLinkText=str)
    return parser


_KINDS = {"strong": "bold", "em": "italic", "s": "strikethrough"}


_BARE = re.compile(r"(?<=see )https?://\S+")
_AROUND = {
    "list_item_open": "list",
    "blockquote_open": "blockquote",
    "heading_open": "bold",
    "th_open": "bold",
}


def commonmark(text: str) -> Seen:
    """What a reader of CommonMark with tables and strikethrough makes of a text."""
    seen = Seen()
    table: list[list[str]] | None = None
    around: list[str] = []
    # Addresses are such wherever they stand, as for all that are called "GitHub Flavored".
    for token in _parser().parse(_BARE.sub(r"<\g<0>>", text)):
        if token.type in _AROUND:
            around.append(_AROUND[token.type])
        elif token.type.removesuffix("close") + "open" in _AROUND:
            around.pop()
        if token.type in {"fence", "code_block"}:
            seen.marked += [(kind, token.content) for kind in ("code", *around)]
            seen.blocks.append((token.content,))
        elif token.type == "table_open":
            table = []
        elif token.type == "tr_open" and table is not None:
            table.append([])
        elif token.type == "inline":
            words = _inline(token.children or (), seen)
            seen.marked += [(kind, words) for kind in around]
            if table is not None:
                table[-1].append(words)
            else:
                seen.blocks.append((words,))
        elif token.type == "table_close" and table is not None:
            seen.blocks.append(_laid_out(table))
            # Where it stands in columns, it is in letters of one width.
            seen.marked += [("code", cell) for row in table for cell in row]
            table = None
    seen.text = "\n".join(block[0] for block in seen.blocks)
    return seen


def _laid_out(table: list[list[str]]) -> tuple[str, ...]:
    """A table's words row by row, and each with its column's."""
    head, *rows = table
    records = [f"{name}\n{cell}" for row in rows for name, cell in zip(head, row, strict=True)]
    in_rows = "\n".join("\n".join(row) for row in table)
    return (in_rows, "\n".join(records)) if rows else (in_rows,)


def _inline(tokens: Sequence[Token], seen: Seen) -> str:
    words = ""
    opened: list[tuple[str, int, str]] = []
    for token in tokens:
        if token.type == "code_inline":
            seen.marked.append(("code", token.content))
            words += token.content
        elif token.type == "image":
            alt = _inline(token.children or (), Seen())
            seen.links.append((alt, str(token.attrs["src"])))
            words += alt
        elif token.type in {"softbreak", "hardbreak"}:
            words += "\n"
        elif token.nesting > 0:
            kind = _KINDS.get(token.tag, token.type)
            opened.append((kind, len(words), str(token.attrs.get("href", ""))))
        elif token.nesting < 0:
            kind, start, address = opened.pop()
            if kind == "link_open":
                seen.links.append((words[start:], address))
            else:
                seen.marked.append((kind, words[start:]))
        elif token.type == "text":
            words += token.content
    return words


_SLACK = re.compile(
    r"<(?:[@#][A-Z0-9]|!(?:here|channel|everyone|subteam|date)|[a-z]+:[^<>|\s]*\|)"
    r"|(?<![^\W_])@(?:here|channel|everyone)(?![^\W_])"
)


def slack(part: Part) -> Seen:
    """CommonMark, and Slack's own marks, wherever they stand."""
    found = _SLACK.search(part.text)
    assert found is None, found
    if part.format.get("literal"):
        return Seen(text=html.unescape(part.text))
    seen = commonmark(part.text)
    seen.text = seen.text.replace("\u200b", "")
    seen.marked = [(kind, words.replace("\u200b", "")) for kind, words in seen.marked]
    return seen


# Discord


_BLOCKS = re.compile(r"```(?:[\w+#.-]+\n)?\n*(?P<lines>[^\n].*?)\n*```", re.DOTALL)
_DISCORD = re.compile(
    r"(?P<ticks>`+)(?P<code>.*?[^`])(?P=ticks)(?!`)"
    r"|\\(?P<escaped>[^0-9A-Za-z\s])"
    r"|<(?P<auto>https?://[^ >]+)>"
    r"|(?P<mention><(?:@[!&]?|\#|a?:\w+:|/[^<>:]+:|t:-?|id:)\w+(?::\w)?>)"
    r"|\[(?P<label>(?:\\.|\[[^\]\n]*\]|[^\[\]\\\n])+)\]\((?P<to>[^\s()]+)\)"
    r"|(?P<url>https?://[^\s<]+[^\s<.,:;\"'\]])"
    r"|\*\*(?P<bold>(?:\\.|[^\\])+?)\*\*(?!\*)"
    r"|__(?P<underlined>(?:\\.|[^\\])+?)__(?!_)"
    r"|~~(?P<strikethrough>.+?)~~"
    r"|\|\|(?P<spoiler>.+?)\|\|"
    r"|(?<!\w)_(?P<italic>(?:__|\\.|[^\\_])+?)_(?!\w)"
    r"|\*(?=\S)(?P<slanted>(?:\*\*|\\.|\s+(?:\\.|[^\s*\\]|\*\*)|[^\s*\\])+?)\*(?!\*)",
    re.DOTALL,
)
_DISCORD_LINE = re.compile(r"^[ \t]*(?:(#{1,3}|-#|>>>|>|[-*]) +)", re.MULTILINE)


def discord(part: Part) -> Seen:
    """Discord's Markdown, by the rules of its own client's reader."""
    seen = Seen()
    at = 0
    for block in _BLOCKS.finditer(part.text):
        seen.text += _discord(part.text[at : block.start()], seen) + block["lines"]
        seen.marked.append(("code", block["lines"]))
        at = block.end()
    seen.text += _discord(part.text[at:], seen)
    seen.raw = seen.text
    seen.text = seen.text.replace("\u200b", "")
    return seen


def _discord(text: str, seen: Seen) -> str:
    text = _DISCORD_LINE.sub(lambda match: _begun(match, seen), text)
    return _DISCORD.sub(lambda match: _said(match, seen), text)


def _begun(match: re.Match[str], seen: Seen) -> str:
    rest = match.string[match.end() :].partition("\n")[0]
    kinds = {"-#": "small", "-": "list", "*": "list", ">": "blockquote", ">>>": "blockquote"}
    seen.marked.append((kinds.get(match[1], "bold"), rest))
    return ""


def _said(match: re.Match[str], seen: Seen) -> str:
    found = {name: value for name, value in match.groupdict().items() if value is not None}
    if "mention" in found:
        return found["mention"]
    if "label" in found:
        words = _DISCORD.sub(lambda inner: _said(inner, seen), found["label"])
        seen.links.append((words, found["to"]))
        return words
    if "auto" in found:
        seen.links.append((found["auto"], found["auto"]))
    for name in ("escaped", "auto", "url"):
        if name in found:
            return found[name]
    if "code" in found:
        seen.marked.append(("code", found["code"]))
        return found["code"]
    kind, words = next(iter(found.items()))
    words = _DISCORD.sub(lambda inner: _said(inner, seen), words)
    seen.marked.append(("italic" if kind == "slanted" else kind, words))
    return words
