"""Deliveries and previews as arguments of Web API calls. Pure, and free of any SDK.

https://docs.slack.dev/reference/methods/chat.postMessage/, https://docs.slack.dev/reference/blocks/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.slack import inert
from gateway import Address, Attachment, Delivery, Part, Preview, Question
from gateway.presentation import markdown_parts, markdown_tail, plain_parts, units

MAX_PART = 10_000
"""UTF-16 units of Markdown in one message: Slack takes 12,000, in blocks somewhat fewer."""
MAX_PLAIN = 3000
"""UTF-16 units of plain text in one message: what a section block holds."""
MAX_FALLBACK = 3900
MAX_LABEL = 75
MAX_LABEL_OF_MANY = 40
"""Of more than fifty: all that stands in a message's blocks may be 10,000 characters."""
BUTTONS_IN_BLOCK = 25
MAX_BUTTONS = 125
MAX_UPLOAD = 10**9
EVENT_TYPE = "gateway_delivery"
"""What the metadata of our messages is called, by which they are found again."""
STOP = "stop"
"""What the button below an answer that is being written sends; `inbound` reads it."""

_FILE_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff/\\\"]+")


def split(text: str, *, markdown: bool) -> Sequence[Part]:
    """Parts that one message each can hold. Tables stay as they are: Slack shows them."""
    if markdown:
        pieces = markdown_parts(inert.markdown(text), MAX_PART)
        return [Part(text=piece, format={"markdown": True}) for piece in pieces]
    return [Part(text=piece) for piece in plain_parts(text, MAX_PLAIN)]


def carries(attachment: Attachment) -> bool:
    """Whether Slack takes a file of this size."""
    return 0 < attachment.size <= MAX_UPLOAD


def place(address: Address) -> dict[str, Any]:
    """Where a message goes."""
    where = {"channel": address.data["channel"]}
    return {**where, "thread_ts": thread} if (thread := thread_of(address)) else where


def thread_of(address: Address) -> str:
    """The thread that answers go to; empty: none."""
    return str(address.data.get("thread") or "")


def gave_command(address: Address) -> str:
    """Whose slash command is answered, if one is: those can be given anywhere."""
    return str(address.data.get("user") or "") if address.data.get("command") else ""


def is_markdown(delivery: Delivery) -> bool:
    """Whether its text is an agent's Markdown, and not a notice."""
    return bool(delivery.format.get("markdown"))


def shown(delivery: Delivery) -> str:
    """A delivery's text as people are to see it."""
    return inert.markdown(delivery.text) if is_markdown(delivery) else inert.literal(delivery.text)


def metadata(delivery: Delivery) -> dict[str, Any]:
    """What marks a message as this delivery. https://docs.slack.dev/messaging/message-metadata"""
    return {"event_type": EVENT_TYPE, "event_payload": {"id": delivery.id}}


def post_message(delivery: Delivery, *, link_previews: bool = False) -> dict[str, Any]:
    """The arguments of `chat.postMessage`."""
    return {
        **place(delivery.address),
        **_words(delivery),
        "metadata": metadata(delivery),
        "unfurl_links": link_previews,
        "unfurl_media": link_previews,
    }


def _words(delivery: Delivery) -> dict[str, Any]:
    if delivery.question is not None and delivery.question.options:
        return _in_blocks(delivery)
    if is_markdown(delivery):
        return {"markdown_text": shown(delivery)}
    return {"text": inert.escaped(delivery.text), "mrkdwn": False}


def update_message(delivery: Delivery) -> dict[str, Any]:
    """The arguments of `chat.update` that make a preview the answer, whatever it showed.

    In blocks: with nothing but `markdown_text` the old ones might stay, and a `text` is shown as
    edited.
    """
    return {
        "channel": delivery.address.data["channel"],
        "ts": delivery.replaces,
        **_in_blocks(delivery),
        "metadata": metadata(delivery),
    }


def stop_stream(delivery: Delivery, rest: str) -> dict[str, Any]:
    """The arguments of `chat.stopStream` that end a stream with the rest of its text."""
    offered = buttons(delivery.question, delivery.address)
    return {
        "channel": delivery.address.data["channel"],
        "ts": delivery.replaces,
        **({"markdown_text": rest} if rest else {}),
        **({"blocks": offered} if offered else {}),
        "metadata": metadata(delivery),
    }


def final_text(delivery: Delivery) -> str:
    """What is said above the buttons, all options included that they cannot say."""
    return shown(delivery) + _spelled_out(delivery.question)


def _in_blocks(delivery: Delivery) -> dict[str, Any]:
    text = final_text(delivery)
    said: list[dict[str, Any]]
    if is_markdown(delivery):
        said = [{"type": "markdown", "text": text}]
    else:
        said = [_section(piece) for piece in plain_parts(text, MAX_PLAIN)]
    return {
        "blocks": [*said, *buttons(delivery.question, delivery.address)],
        "text": fallback(text),
    }


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}


def fallback(text: str) -> str:
    """What notifications show of a message in blocks, and screen readers read."""
    words = inert.escaped(text)
    if len(words) <= MAX_FALLBACK:
        return words
    return re.sub(r"&[a-z]{0,3}\Z", "", words[: MAX_FALLBACK - 1]) + "…"


# Questions


def buttons(question: Question | None, address: Address) -> list[dict[str, Any]]:
    """The options as blocks of buttons, whose values `inbound` reads.

    A press does not say what sort of place it was made in; the block's name does.

    https://docs.slack.dev/reference/blocks/actions-block
    """
    if question is None:
        return []
    longest = _longest_label(question)
    elements = [
        {
            "type": "button",
            "action_id": f"q:{question.id}:{option}",
            "value": f"q:{question.id}:{option}",
            "text": {"type": "plain_text", "text": _label(label, option, longest), "emoji": False},
        }
        for option, label in enumerate(question.options[:MAX_BUTTONS])
    ]
    return [
        {
            "type": "actions",
            "block_id": _block_id(address, at),
            "elements": elements[at : at + BUTTONS_IN_BLOCK],
        }
        for at in range(0, len(elements), BUTTONS_IN_BLOCK)
    ]


def _block_id(address: Address, number: int) -> str:
    return f"{address.data.get('kind', 'channel')}-{number}"


def _longest_label(question: Question) -> int:
    return MAX_LABEL if len(question.options) <= 2 * BUTTONS_IN_BLOCK else MAX_LABEL_OF_MANY


def _label(label: str, option: int, longest: int) -> str:
    words = _line(label) or str(option + 1)
    if units(words) <= longest:
        return words
    # The number is what can be answered with.
    number = f"{option + 1}. "
    return number + plain_parts(words, longest - 1 - len(number))[0] + "…"


def _line(label: str) -> str:
    return inert.literal(" ".join(label.split()))


def _spelled_out(question: Question | None) -> str:
    """The options by number, where a button cannot say or offer them all."""
    if question is None:
        return ""
    longest = _longest_label(question)
    too_long = any(units(_line(label)) > longest for label in question.options)
    if not too_long and len(question.options) <= MAX_BUTTONS:
        return ""
    lines = "\n".join(f"{n}. {_line(label)}" for n, label in enumerate(question.options, 1))
    return "\n\n" + plain_parts(lines, MAX_PLAIN // 2)[0]


# Previews


def preview_text(preview: Preview) -> str:
    """What is shown of an answer that is being written, where it is a message that changes."""
    return markdown_tail(inert.markdown(preview.text), MAX_PART)


def preview_words(text: str, address: Address) -> dict[str, Any]:
    """A preview and the button that stops it, as arguments of `chat.postMessage`."""
    shown = [{"type": "markdown", "text": text}, _stop_button(address)]
    return {"blocks": shown, "text": fallback(text)}


def _stop_button(address: Address) -> dict[str, Any]:
    button = {
        "type": "button",
        "action_id": STOP,
        "value": STOP,
        "text": {"type": "plain_text", "text": "Stop", "emoji": False},
    }
    return {"type": "actions", "block_id": _block_id(address, 0), "elements": [button]}


def start_stream(address: Address, text: str) -> dict[str, Any] | None:
    """The arguments of `chat.startStream`; None where a stream cannot be.

    https://docs.slack.dev/reference/methods/chat.startStream/: it answers somebody, in a thread.
    """
    where, data = place(address), address.data
    if "thread_ts" not in where:
        return None
    team = data.get("user_team") or data.get("team")
    known = {"recipient_user_id": data.get("user"), "recipient_team_id": team}
    if not str(data["channel"]).startswith("D"):
        if not all(known.values()):
            return None
        where |= known
    return {**where, "markdown_text": text}


# Files


def file_name(attachment: Attachment) -> str:
    """A name that Slack can show."""
    return _FILE_NAME.sub("_", attachment.name).strip()[-120:] or "file"


def complete_upload(delivery: Delivery, file_id: str, name: str) -> dict[str, Any]:
    """The arguments of `files.completeUploadExternal` that show a file, its text above it."""
    thread = thread_of(delivery.address)
    return {
        "files": [{"id": file_id, "title": inert.literal(name)}],
        "channel_id": delivery.address.data["channel"],
        **({"thread_ts": thread} if thread else {}),
        **({"initial_comment": inert.escaped(delivery.text)} if delivery.text.strip() else {}),
    }


def share_of(file: Mapping[str, Any], channel: str) -> str:
    """The id of the message that shows a file in a channel, if Slack tells it already."""
    shares = file.get("shares")
    for kind in shares.values() if isinstance(shares, dict) else ():
        for share in (kind.get(channel) or ()) if isinstance(kind, dict) else ():
            return str(share.get("ts") or "")
    return ""
