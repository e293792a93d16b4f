"""What holds of every answer on every platform."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.discord import outbound as discord
from adapters.slack import inert
from adapters.slack import outbound as slack
from adapters.telegram import outbound as telegram
from adapters.twilio import markup, plain
from gateway import Address, Delivery, Part
from tests.presentation import readers
from tests.presentation.readers import Reader, Seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """How a text is split there, the most units that one message holds, and how people read it."""

    name: str
    split: Callable[[str], Sequence[Part]]
    split_literal: Callable[[str], Sequence[Part]]
    limit: int
    read: Reader
    is_exact: bool = True
    """Whether its reader and CommonMark's agree on what the marks of a nonsensical text mean."""


def delivery(part: Part) -> Delivery:
    """A part as it is to be sent."""
    return Delivery(
        id="1",
        channel="test",
        lane_id="1",
        address=Address(destination="1"),
        text=part.text,
        format=part.format,
    )


PLATFORMS = [
    Platform(
        name="telegram",
        split=lambda text: telegram.split(text, is_markdown=True),
        split_literal=lambda text: telegram.split(text, is_markdown=False),
        limit=4096,
        read=readers.telegram,
    ),
    Platform(
        name="discord",
        split=lambda text: discord.split(text, markdown=True),
        split_literal=lambda text: [
            Part(text=discord.content(delivery(part)))
            for part in discord.split(text, markdown=False)
        ],
        limit=2000,
        read=readers.discord,
        is_exact=False,
    ),
    Platform(
        name="slack",
        split=lambda text: slack.split(text, markdown=True),
        # Slack is told that these are no Markdown at all.
        split_literal=lambda text: [
            Part(text=inert.escaped(part.text), format={"literal": True})
            for part in slack.split(text, markdown=False)
        ],
        limit=12_000,
        read=readers.slack,
    ),
    Platform(
        name="whatsapp",
        split=markup.parts,
        split_literal=markup.literal_parts,
        limit=1600,
        read=readers.whatsapp,
    ),
    Platform(
        name="sms",
        split=plain.parts,
        split_literal=plain.literal_parts,
        limit=1600,
        read=readers.sms,
    ),
]

_WORDS = re.compile(r"[\w*~`]+")
_NUMBERED = re.compile(r"w\d+x")
_SIGNS = re.compile(r"[\w*~`]")
_KINDS = {"pre": "code", "expandable_blockquote": "blockquote"}
_ADDRESS_LIKE = re.compile(r"[\w-]+[.。]example")
_LINKED = re.compile(r"(?<![\w/])https?://[^\s<>]+")
_AFTER_LINKS = ")]}.,;:!?\"'"


def check_answer(text: str, platforms: Sequence[Platform] = PLATFORMS) -> None:
    """Everything that holds of an answer in which the marks are clear."""
    meant = readers.commonmark(text)
    for platform in platforms:
        with _named(platform):
            seen = read(platform, text)
            check_words(seen, meant, _WORDS)
            check_no_more(seen, meant)
            check_addresses(seen, meant)
            check_links(seen)
            check_marks(seen, meant)


def check_soup(text: str, platforms: Sequence[Platform] = PLATFORMS) -> None:
    """Everything that holds of any text: an address may stand between the letters of a word."""
    meant = readers.commonmark(text)
    for platform in platforms:
        with _named(platform):
            seen = read(platform, text)
            check_words(seen, meant, _SIGNS if platform.is_exact else _NUMBERED)
            check_links(seen)
            if platform.is_exact:
                check_addresses(seen, meant)
                check_marks(seen, meant)


def check_literal(text: str) -> None:
    """Where a text is no Markdown, people read it as it stands, and nothing in it is marked."""
    for platform in PLATFORMS:
        with _named(platform):
            seen = Seen()
            for part in platform.split_literal(text):
                one = platform.read(part)
                seen.text += one.text
                seen.marked += one.marked
                seen.links += one.links
            assert _solid(seen.text) == _solid(text)
            assert not seen.marked
            assert all(words == url for words, url in seen.links)


def _solid(text: str) -> str:
    """The same without white space, and brackets around addresses, which Discord leaves out."""
    return "".join(re.sub(r"<(https?://[^ >]+)>", r"\1", visible(text)).split())


@contextmanager
def _named(platform: Platform) -> Iterator[None]:
    """Say on which platform something does not hold."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"on {platform.name}")
        raise


def read(platform: Platform, text: str) -> Seen:
    """What people read of an answer; no part of it is longer than the platform takes."""
    seen = Seen()
    for part in platform.split(text):
        length = len(part.text.encode("utf-16-le")) // 2
        assert length <= platform.limit, f"{length} units"
        one = platform.read(part)
        seen.text += one.text + "\n"
        seen.raw += (one.raw or part.text) + "\n"
        seen.marked += one.marked
        seen.links += one.links
    return seen


def check_words(seen: Seen, meant: Seen, pattern: re.Pattern[str]) -> None:
    """All words that CommonMark shows are read, block by block in order."""
    said, at = pattern.findall(visible(seen.text)), 0
    for orders in meant.blocks:
        ends = [_found(pattern.findall(visible(words)), said, at) for words in orders]
        assert any(end >= 0 for end in ends), f"{orders[0]!r} is not in {said[at:]}"
        at = min(end for end in ends if end >= 0)


def check_no_more(seen: Seen, meant: Seen) -> None:
    """Nothing is read but what CommonMark shows, addresses, and numbers of lists."""
    known = "\n".join([words for orders in meant.blocks for words in orders])
    known += "\n".join(["", *(url for _, url in meant.links)])
    more = set(_WORDS.findall(visible(seen.text))) - set(_WORDS.findall(visible(known)))
    more = {word for word in more if not word.isdecimal()}
    assert not more, f"{more} mean nothing"


def visible(text: str) -> str:
    """The same without what nobody sees."""
    return re.sub("[\u200b\u2060]", "", text)


def _found(words: Sequence[str], said: Sequence[str], at: int) -> int:
    """Where the words end that come after this place in this order; -1: nowhere."""
    for word in words:
        try:
            at = said.index(word, at) + 1
        except ValueError:
            return -1
    return at


def check_addresses(seen: Seen, meant: Seen) -> None:
    """Every address can be followed, or read, and is the same to the letter: apps end one at white
    space, and leave out the punctuation before it."""
    found = [url for _, url in seen.links] + _LINKED.findall(seen.raw)
    for _, url in meant.links:
        address = url.removeprefix("mailto:")
        if not address.startswith("http"):
            assert address in seen.text or url in found, f"{url} is lost"
            continue
        # What cannot stand in a link of Discord's.
        known = (address, address.replace("(", "%28").replace(")", "%29"))
        rests = [each.removeprefix(one) for each in found for one in known if each.startswith(one)]
        assert any(not rest.strip(_AFTER_LINKS) for rest in rests), f"{url} is not in {found}"


def check_links(seen: Seen) -> None:
    """No words say another address than the one behind them."""
    for words, url in seen.links:
        for name in _ADDRESS_LIKE.findall(re.sub("[*_~`]", "", visible(words))):
            assert name.replace("。", ".") in url, f"{words} hides {url}"


def check_marks(seen: Seen, meant: Seen) -> None:
    """Nothing is marked that nobody marked."""
    for kind, words in seen.marked:
        kind = _KINDS.get(kind, kind)
        may = " ".join(said for marked, said in meant.marked if marked == kind)
        unknown = set(_NUMBERED.findall(words)) - set(_NUMBERED.findall(may))
        assert not unknown, f"{kind}: {words!r}"
