"""The built-in summariser: takes sentences out of what was said, and needs no model. Pure.

The sentences that say most of what the whole is about are kept, in their order, each with who said
it; what was kept before competes anew. After H. P. Luhn, "The Automatic Creation of Literature
Abstracts" (1958): what is about much is made of words that come again.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.domain import Message, Role, Summary

KEPT_CHARACTERS = 2000
TOPICS = 8
LONGEST_SENTENCE = 240
SHORTEST_WORD = 4
ANSWERS_WEIGH = 0.5
"""How much an agent's sentences count beside people's."""
RECENT_WEIGHS = 1.25
"""How much more the newest sentences count than the oldest."""

_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")
_WORD = re.compile(r"[^\W\d_]+")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """
    about after again also been before being both could does done down each even every from
    have here into just like made make many more most much must next only other over please
    said same should some such than thank thanks that their them then there these they this
    those through time under very want well were what when where which while will with would
    your yours aber auch dann dass dein denn dies doch eine einem einen einer eines haben
    hier ihre immer kann kein mehr mein mich nach nicht noch oder sehr sein sich sind über
    unser unter viel weil wenn wird wurde zwar para pero como está este esta esto cuando
    donde porque también muy todo todos pour avec dans mais nous vous leur cette être avoir
    sont tout tous plus sans quand comme это как что для быть если есть меня тебя можно
    только очень когда
    """,
    )
)
"""Words that say nothing of what is talked about."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """One line of what is kept, and the words that it is about."""

    line: str
    words: tuple[str, ...]
    weight: float


def condense(summary: Summary, messages: Sequence[Message], agent: str) -> Summary:
    """What ``summary`` and the ``messages`` after it, oldest first, come to together."""
    said = [*_kept(summary), *(one for m in messages for one in _sentences(m, agent))]
    counts = Counter(word for sentence in said for word in set(sentence.words))
    chosen = _chosen(said, counts)
    return Summary(
        text="\n".join(sentence.line for sentence in chosen),
        topics=_topics(counts, summary.topics),
        upto=messages[-1].number if messages else summary.upto,
        revision=summary.revision,
    )


def _kept(summary: Summary) -> Iterable[_Sentence]:
    for line in summary.text.split("\n") if summary.text else ():
        yield _Sentence(line, _words(line.partition(": ")[2]), 1.0)


def _sentences(message: Message, agent: str) -> Iterable[_Sentence]:
    if message.role not in (Role.USER, Role.ASSISTANT):
        return
    mine = message.role is Role.ASSISTANT
    who = agent if mine else message.sender or message.sender_id or "user"
    for match in _SENTENCE.finditer(message.text):
        text = " ".join(match[0].split())
        if not _WORD.search(text):
            continue
        if len(text) > LONGEST_SENTENCE:
            text = f"{text[: LONGEST_SENTENCE - 1]}…"
        line = f"{' '.join(who.split())}: {text}"
        yield _Sentence(line, _words(text), ANSWERS_WEIGH if mine else 1.0)


def _words(text: str) -> tuple[str, ...]:
    found = (word.casefold() for word in _WORD.findall(text))
    return tuple(word for word in found if len(word) >= SHORTEST_WORD and word not in _COMMON)


def _chosen(said: Sequence[_Sentence], counts: Counter[str]) -> list[_Sentence]:
    """As many as there is room for, the weightiest first; none twice."""
    last = max(1, len(said) - 1)
    weights = [
        _weight(sentence, counts) * (1 + (RECENT_WEIGHS - 1) * place / last)
        for place, sentence in enumerate(said)
    ]
    room, chosen, lines = KEPT_CHARACTERS, [], set()
    for place in sorted(range(len(said)), key=lambda at: -weights[at]):
        line = said[place].line
        if line in lines or len(line) + 1 > room:
            continue
        room -= len(line) + 1
        lines.add(line)
        chosen.append(place)
    return [said[place] for place in sorted(chosen)]


def _weight(sentence: _Sentence, counts: Counter[str]) -> float:
    """How much of what is talked about it mentions, for its length."""
    mentions = sum(counts[word] for word in set(sentence.words))
    return sentence.weight * (1 + mentions / math.sqrt(1 + len(sentence.words)))


def _topics(counts: Counter[str], before: Iterable[str]) -> tuple[str, ...]:
    """What is spoken of most; what was before counts as one mention more."""
    counts = counts + Counter(topic for topic in before if topic)
    repeated = [word for word, number in counts.most_common() if number > 1]
    return tuple(repeated[:TOPICS])
