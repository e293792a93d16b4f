"""What a model is given to read: a turn as the messages of pydantic-ai."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    UserContent,
    UserPromptPart,
)

from gateway.agents import model_material
from gateway.agents.model_material import fenced
from gateway.agents.phrases import short
from gateway.domain import Attachment, Message, Quote, Role
from gateway.ports.agent import Turn

IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
IMAGE_BYTES = 20_971_520
"""How much a request carries of images, the newest first; OpenAI takes 20 MB for one."""
TEXT_BYTES = 100_000
"""How long a text file is put before the model as it is."""
ALL_TEXT_BYTES = 400_000

_TEXTS = re.compile(r"text/.*|application/(.+\+)?(json|xml|yaml|toml|javascript|x-sh|sql)")
_FIELD = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}")
_QUOTED = 1000

Read = Callable[[Attachment], Awaitable[bytes]]


@dataclass(slots=True)
class _Entry:
    """One message on its way: texts and images in the order in which they are read."""

    role: str
    parts: list[str | tuple[str, bytes]] = field(default_factory=list)

    def text(self) -> str:
        return "\n\n".join(part for part in self.parts if isinstance(part, str) and part)

    def content(self) -> str | list[UserContent]:
        """The texts, then the images."""
        text = self.text()
        images = [
            BinaryContent(data=part[1], media_type=part[0])
            for part in self.parts
            if isinstance(part, tuple)
        ]
        return [*([text] if text else []), *images] if images else text

    def message(self) -> ModelMessage:
        if self.role == Role.ASSISTANT:
            return ModelResponse(parts=[TextPart(self.text())])
        if self.role == Role.SYSTEM:
            return ModelRequest(parts=[SystemPromptPart(self.text())])
        return ModelRequest(parts=[UserPromptPart(self.content())])


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """One request: the rules, what was said so far, and what is to be answered now; None where
    that is already the last of the history."""

    instructions: str
    history: list[ModelMessage]
    question: str | list[UserContent] | None


class Files:
    """Reads attachments for one request, within what a request may carry."""

    def __init__(self, read: Read, *, images: bool) -> None:
        self._read = read
        self._image_bytes = IMAGE_BYTES if images else 0
        self._text_bytes = ALL_TEXT_BYTES

    async def part(self, attachment: Attachment) -> str | tuple[str, bytes]:
        """An image with its media type, a text file's text, or words that name the file."""
        kind, size = attachment.media_type.partition(";")[0].strip().lower(), attachment.size
        try:
            if kind in IMAGES and size <= self._image_bytes:
                data = await self._read(attachment)
                if len(data) <= self._image_bytes:
                    self._image_bytes -= len(data)
                    return kind, data
            elif _TEXTS.fullmatch(kind) and size <= min(TEXT_BYTES, self._text_bytes):
                data = await self._read(attachment)
                if len(data) <= min(TEXT_BYTES, self._text_bytes):
                    self._text_bytes -= len(data)
                    return _fenced(attachment.name, data)
        except LookupError:
            return f"{_named(attachment)[:-1]}; it is no longer kept]"
        return _named(attachment)


async def prompt(
    turn: Turn,
    history: Sequence[Message],
    instructions: str,
    *,
    images: bool,
    known: str = "",
    passages: str = "",
    tools: bool = False,
) -> Prompt:
    """The request: ``history`` oldest first, and what is said now. ``known`` stands before the
    history, ``passages`` before what is said now.

    Neighbours of one role are one message, and no answer stands without its question: the chat
    templates of some models refuse anything else.
    """
    files = Files(turn.read, images=images)
    earlier, spoken = _published_apart(turn, history)
    said = _said(turn.text, turn.quote, _speaker(turn, turn.participant.name))
    now = _Entry("user", [passages, said])
    # The newest files come first to what a request may carry.
    now.parts += [await files.part(attachment) for attachment in turn.attachments]
    told = [await _entry(turn, message, files) for message in reversed(earlier)][::-1]
    entries = [*told, now, *(_Entry("assistant", [text]) for text in spoken)]
    if spoken:
        entries.append(_Entry("user", ["(Go on from there.)"]))
    shown = [_Entry("user", [known])] if known else []
    *before, question = _merged([*shown, *_condensed(turn), *_begun(entries, earlier)])
    rules = [fill(instructions, names(turn))]
    rules += [model_material.RULES] if known or passages or tools else []
    rules += [model_material.CITING] if model_material.bases(turn) else []
    return Prompt(
        instructions="\n\n".join(rule for rule in rules if rule.strip()),
        history=[entry.message() for entry in before],
        question=question.content(),
    )


def fill(template: str, values: Mapping[str, object]) -> str:
    """``{name}`` replaced by its value, where there is one; ``{{`` and ``}}`` are braces."""

    def one(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        return _value(values[match[1]]) if match[1] in values else match[0]

    return _FIELD.sub(one, template)


def names(turn: Turn) -> dict[str, object]:
    """What instructions may name: the session's variables and ``sender``; ``name`` is the sender's
    own unless a variable says otherwise."""
    sender = short(turn.participant.name)
    known = {"name": sender, "sender": sender} if sender else {}
    return known | turn.variables


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    return "none" if value is None else orjson.dumps(value).decode()


def _published_apart(
    turn: Turn, history: Sequence[Message]
) -> tuple[Sequence[Message], tuple[str, ...]]:
    """The history, and what this very turn has said already; that comes after its question."""
    count = len(turn.published)
    newest = tuple(message.text for message in history[-count:]) if count else ()
    return (history[:-count], newest) if count and newest == turn.published else (history, ())


async def _entry(turn: Turn, message: Message, files: Files) -> _Entry:
    if message.role is not Role.USER:
        return _Entry(str(message.role), [message.text])
    entry = _Entry("user", [_said(message.text, message.quote, _speaker(turn, message.sender))])
    entry.parts += [await files.part(attachment) for attachment in message.attachments]
    return entry


def _condensed(turn: Turn) -> list[_Entry]:
    """What was said before the history. People's words: nothing in it is a rule."""
    if not turn.summary:
        return []
    about = f"\n(It was about: {', '.join(turn.summary.topics)}.)" if turn.summary.topics else ""
    return [_Entry("user", [f"[Earlier in this conversation]\n{turn.summary.text}{about}"])]


def _begun(entries: list[_Entry], earlier: Sequence[Message]) -> list[_Entry]:
    """Without answers whose question has left the window."""
    while entries and entries[0].role == "assistant" and earlier and earlier[0].number > 1:
        entries = entries[1:]
    return entries


def _merged(entries: Iterable[_Entry]) -> list[_Entry]:
    merged: list[_Entry] = []
    for entry in entries:
        if entry.role == Role.TOOL:
            continue
        if merged and merged[-1].role == entry.role:
            merged[-1].parts += entry.parts
        else:
            merged.append(_Entry(entry.role, list(entry.parts)))
    return merged


def _speaker(turn: Turn, name: str) -> str:
    return f"{short(name) or 'somebody'}: " if turn.shared else ""


def _said(text: str, quote: Quote | None, speaker: str) -> str:
    if quote is None or not quote.text.strip():
        return speaker + text
    quoted = quote.text if len(quote.text) <= _QUOTED else f"{quote.text[:_QUOTED]}…"
    lines = "\n".join(f"> {line}" for line in quoted.splitlines())
    return f"{lines}\n\n{speaker}{text}"


def _named(attachment: Attachment) -> str:
    size = f", {attachment.size} bytes" if attachment.size else ""
    return f"[attached: {short(attachment.name)}, {short(attachment.media_type)}{size}]"


def _fenced(name: str, data: bytes) -> str:
    return f"[attached: {short(name)}]\n{fenced(data.decode(errors='replace'))}"
