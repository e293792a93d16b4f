"""Deliveries as parameters of Bot API calls, and long texts in parts. Pure, and free of any SDK.

https://core.telegram.org/bots/api#sendmessage
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from gateway import Address, Delivery, Question, QuestionKind

MAX_TEXT = 4096
"""UTF-16 units of one message."""
MAX_BUTTONS = 100

# On a row go so many buttons when the longest label has at most so many characters.
_ROWS = ((12, 3), (24, 2))
_LEAST = MAX_TEXT // 4
_FURTHEST_BACK = 64
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*(?=\s)|[。！？][」』”]*")


def send_message(delivery: Delivery) -> dict[str, Any]:
    """The parameters of `sendMessage`. Only an answer's first part quotes what it answers."""
    where, question = delivery.address.data, delivery.question
    parameters = {**_place(where), "text": delivery.text}
    quote = where.get("reply_to")
    force_reply = quote is not None and question is not None and question.kind is QuestionKind.TEXT
    if question is not None and question.options:
        parameters["reply_markup"] = {"inline_keyboard": keyboard(question)}
    elif force_reply:
        # Selective: the input field opens for whoever is quoted, and for nobody else.
        parameters["reply_markup"] = {"force_reply": True, "selective": True}
    if quote is not None and (delivery.part == 0 or force_reply):
        parameters["reply_parameters"] = {"message_id": quote, "allow_sending_without_reply": True}
    return parameters


def send_chat_action(address: Address) -> dict[str, Any]:
    """The parameters of `sendChatAction` that show somebody typing."""
    place = _place(address.data)
    # The call does not know the topics of a channel's direct messages.
    place.pop("direct_messages_topic_id", None)
    return {**place, "action": "typing"}


def _place(where: Mapping[str, Any]) -> dict[str, Any]:
    place = {"chat_id": where["chat_id"]}
    for topic in ("message_thread_id", "direct_messages_topic_id"):
        if topic in where:
            place[topic] = where[topic]
    return place


def keyboard(question: Question) -> list[list[dict[str, str]]]:
    """The options as rows of buttons. `inbound` reads their `callback_data` (at most 64 bytes)."""
    labels = [label.strip() or str(n) for n, label in enumerate(question.options[:MAX_BUTTONS], 1)]
    longest = max(map(len, labels))
    width = next((width for most, width in _ROWS if longest <= most), 1)
    buttons = [
        {"text": label, "callback_data": f"q:{question.id}:{option}"}
        for option, label in enumerate(labels)
    ]
    return [buttons[at : at + width] for at in range(0, len(buttons), width)]


def split(text: str) -> Sequence[str]:
    """Cut a text into parts that fit a message: after a paragraph, a line, a sentence or a word.

    Nothing is lost but the white space at a cut. Where there is none, what people see as one
    character stays in one piece, unless it is absurdly long.
    """
    parts, at = [], 0
    while not _fits(text, at):
        cut = _cut(text, at)
        parts.append(text[at:cut].rstrip())
        at = cut
        while at < len(text) and text[at].isspace():
            at += 1
    if not parts:
        return (text,)
    parts.append(text[at:])
    return tuple(part for part in parts if part.strip()) or ("",)


def _fits(text: str, at: int) -> bool:
    length = len(text) - at
    if length > MAX_TEXT:
        return False
    return length * 2 <= MAX_TEXT or length + _astral(text[at:]) <= MAX_TEXT


def _astral(text: str) -> int:
    """How many characters count twice, being surrogate pairs in UTF-16."""
    return 0 if text.isascii() else sum(character > "\uffff" for character in text)


def _cut(text: str, at: int) -> int:
    """Where the part that starts at `at` ends best; something always comes after it."""
    end = _reach(text, at)
    least = min(at + _LEAST, end)
    for lines in ("\n\n", "\n"):
        found = text.rfind(lines, least, end + len(lines))
        if found >= 0:
            return found
    ends = (match.end() for match in _SENTENCE_END.finditer(text, least, end + 1))
    sentence = max((place for place in ends if place <= end), default=0)
    word = sentence or next((place for place in range(end, at, -1) if text[place].isspace()), 0)
    return word or _between_characters(text, at, end)


def _reach(text: str, at: int) -> int:
    """How far a part that starts at `at` can go."""
    end = min(at + MAX_TEXT, len(text))
    excess = end - at + _astral(text[at:end]) - MAX_TEXT
    while excess > 0:
        end -= 1
        excess -= 2 if text[end] > "\uffff" else 1
    return end


def _between_characters(text: str, at: int, end: int) -> int:
    for place in range(end, max(at, end - _FURTHEST_BACK), -1):
        if not _inside_character(text, at, place):
            return place
    return end


def _inside_character(text: str, at: int, place: int) -> bool:
    """Whether a cut at `place` would tear apart what is shown as one: an accent, emoji or flag.

    The common cases of https://unicode.org/reports/tr29/#Grapheme_Cluster_Boundaries
    """
    before, after = text[place - 1], text[place]
    if "\u200d" in (before, after) or _extends(after):
        return True
    if not (_is_regional(before) and _is_regional(after)):
        return False
    # A flag is a pair of letters: an odd number of them before the cut leaves one alone.
    start = place
    while start > at and _is_regional(text[start - 1]):
        start -= 1
    return (place - start) % 2 == 1


def _extends(character: str) -> bool:
    return (
        unicodedata.category(character).startswith("M")
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags, as in the flag of Wales
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
