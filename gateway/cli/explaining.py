"""``gateway explain``: which session a raw update goes to, and why."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from pathlib import Path

from gateway.boundary import Explanation
from gateway.cli.output import print_facts, print_json
from gateway.cli.reading import configuration
from gateway.cli.standing_in import host
from gateway.errors import ConfigurationError, Problem
from gateway.settings import Settings

STAND_IN = "0:stand-in"


def explain(channel: str, update: str, config: Path | None, *, as_json: bool) -> None:
    """Print what the channel's rules make of one raw update."""
    settings = configuration(config, only=channel, stand_in=STAND_IN)
    if channel not in settings.channels:
        raise unknown(channel, settings)
    explanation = _explanation(settings, channel, _read(update))
    if as_json:
        print_json(explanation.as_json())
        return
    print(f"{explanation.outcome}: {explanation.reason}")
    print_facts(_facts(explanation))


def _explanation(settings: Settings, channel: str, raw: bytes) -> Explanation:
    from gateway.channels import explain as explain_raw
    from gateway.opening import channel_of

    return explain_raw(channel_of(settings.channels[channel], host(settings)), raw)


def _facts(explanation: Explanation) -> dict[str, object]:
    conversation, who = explanation.conversation, explanation.participant
    return {
        "event": explanation.event_id,
        "rule": explanation.rule,
        "lane": explanation.lane,
        "conversation": conversation and f"{conversation.kind} {conversation.id}",
        "within": conversation and conversation.parent_id,
        "participant": who and " ".join(filter(None, (who.id, who.name))),
        "text": explanation.text or None,
    }


def _read(update: str) -> bytes:
    if update == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(update).read_bytes()
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ConfigurationError([Problem(where=update, what=what)]) from None


def unknown(channel: str, settings: Settings) -> ConfigurationError:
    """There is no such channel, and which there are."""
    names = sorted(
        str(path[1]) for path in settings.lines if path[:1] == ("channels",) and path[1:]
    )
    close = get_close_matches(channel, names, n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"known: {', '.join(dict.fromkeys(names))}"
    what = f'there is no channel "{channel}"'
    return ConfigurationError([Problem(where=settings.source, what=what, hint=hint)])
