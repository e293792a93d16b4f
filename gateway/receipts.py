"""What people are told of what is kept of them, and of what was erased. Words, and nothing else."""

from __future__ import annotations

from dataclasses import asdict

from gateway.ports.records import Traces

CONFIRMED = "yes"
"""What has to follow the command for it to be carried out."""

STORES = {
    "sessions": "conversations",
    "messages": "messages",
    "summaries": "summaries",
    "data": "sets of remembered data",
    "facts": "remembered facts",
    "items": "things saved to keep",
    "files": "files",
    "events": "events as they came in",
    "deliveries": "outgoing messages",
}
"""Each store by the field of ``Traces`` that counts it."""

PRIVATELY = "I answer you privately. If nothing comes, write to me there first."
EXPORT_ELSEWHERE = "Write to me privately and send /export there."
FORGOTTEN_HERE = "Done. What you said here is erased, and what was answered to it."
FORGOTTEN_PRIVATELY = f"{FORGOTTEN_HERE} The receipt comes to you privately."
NOBODY = "I cannot tell who you are here, so I do not know what is yours."
FORGET_HERE = (
    "Send /forget yes to erase what you said here, and what was answered to it. That cannot be"
    " undone. What you told me privately is erased by the same command there."
)
REMAINS = (
    "What remains: keyed hashes of the ids of events, for at most 30 days, so that nothing is"
    " answered twice; nobody can tell from them who you are or what you said. How far"
    " conversations were read; and if you asked by STOP not to be written to, that you did. What"
    " the platform itself keeps, and backups, are not within my reach."
)
_CONFIRM = "To erase all of it for good, send /forget yes. That cannot be undone."
_COPY = "/export sends you a copy first."


def found(traces: Traces, *, apart: bool) -> str:
    """What there is, and how to have it erased; ``apart``: of a place that others share."""
    if not any(asdict(traces).values()):
        return "Nothing is kept of you here."
    kept = [f"- {line}" for line in _lines(traces) if not line.endswith(": 0")]
    if apart:
        confirm = "To erase it for good, send /forget yes in that conversation, not here."
        return "\n".join(["What is kept of you in the shared conversation:", *kept, "", confirm])
    return "\n".join(["What is kept of you:", *kept, "", f"{_CONFIRM} {_COPY}"])


def receipt(traces: Traces, *, apart: bool) -> str:
    """What was erased, store by store."""
    what = "What you said in the shared conversation" if apart else "Everything that was kept"
    erased = [f"- {line}" for line in _lines(traces)]
    return "\n".join([f"{what} is erased for good:", *erased, "", REMAINS])


def _lines(traces: Traces) -> list[str]:
    counted = asdict(traces)
    return [f"{words}: {counted[store]:,}" for store, words in STORES.items()]


def exported(left_out: int) -> str:
    """What goes with an export."""
    more = ""
    if left_out:
        more = f" Of {left_out:,} files only the names fit in; ask whoever runs this for the rest."
    return f"Here is everything that is kept of you. Open export.json within it to read it.{more}"


def linked(address: str, left_out: int) -> str:
    """The same where no file can be sent."""
    return f"{exported(left_out)}\nFor an hour it is at {address}"


def too_large(size: str) -> str:
    """An export that fits nowhere."""
    return (
        f"What is kept of you is more than I can send in one file ({size})."
        " Ask whoever runs this for it."
    )


NOT_HERE = (
    "No file can be sent here, and this server has no address of its own."
    " Ask whoever runs this for a copy of what is kept of you."
)
