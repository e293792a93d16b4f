"""``make bench``: chat-gateway beside the minimal programs of each platform, in one run.

Of Telegram, the webhook path against its floor: throughput at 1, 8 and 64 users, latency at 10
messages/s, CPU per message as a ratio to the floor's, memory, and the time to the first reply; then
the same with many dormant sessions, and with long ones. Of Discord, Slack and Twilio, the same
against an echo program with the platform's own SDK, as that documents it, the two measured in turn.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import uvloop

from bench import programs
from bench.discord import Discord
from bench.dormant import FIRST, fill
from bench.end import End
from bench.measuring import Figures, compare, in_turn, measure, show
from bench.programs import Program
from bench.slack import Slack
from bench.telegram import Telegram
from bench.twilio import Twilio


async def main(args: argparse.Namespace) -> list[Figures]:
    """The whole bench."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        return [
            figures
            for platform in args.platforms
            for figures in await PLATFORMS[platform](Path(name), args)
        ]


async def of_telegram(folder: Path, args: argparse.Namespace) -> list[Figures]:
    """The webhook path."""
    end = Telegram()
    await end.start()
    tell = partial(show, against="floor")
    base = await _measure(programs.floor(end, folder), end, args)
    results = [base]
    tell(base, base)
    if not args.only_gateway:
        results.append(await _measure(programs.ptb_echo(end, folder), end, args))
        tell(results[-1], base)
    empty = programs.telegram_gateway(end, _sub(folder, "telegram"))
    results.append(await _measure(empty, end, args))
    tell(results[-1], base)
    if args.dormant:
        few = await _with_dormant(folder, end, args, 1000)
        many = await _with_dormant(folder, end, args, args.dormant)
        tell(many, base)
        compare(few, many, f"{args.dormant:,} dormant sessions against 1,000")
        results += [few, many]
    if args.long:
        results += await _of_long_sessions(folder, args)
    await end.close()
    return results


async def of_discord(folder: Path, args: argparse.Namespace) -> list[Figures]:
    """Direct messages over a gateway connection."""
    places = _sub(folder, "discord-echo"), _sub(folder, "discord")
    ends = Discord(), Discord()
    for end in ends:
        await end.start()
    echo = programs.discord_echo(ends[0], places[0])
    gateway = programs.discord_gateway(ends[1], places[1])
    return await _beside(((echo, ends[0]), (gateway, ends[1])), args)


async def of_slack(folder: Path, args: argparse.Namespace) -> list[Figures]:
    """Direct messages, in Socket Mode and by the Events API."""
    results = []
    for socket_mode in (True, False):
        mode = "socket" if socket_mode else "events"
        places = _sub(folder, f"slack-{mode}-echo"), _sub(folder, f"slack-{mode}")
        ends = Slack(socket_mode=socket_mode), Slack(socket_mode=socket_mode)
        for end in ends:
            await end.start()
        echo = programs.slack_echo(ends[0], places[0])
        gateway = programs.slack_gateway(ends[1], places[1])
        results += await _beside(((echo, ends[0]), (gateway, ends[1])), args)
    return results


async def of_twilio(folder: Path, args: argparse.Namespace) -> list[Figures]:
    """Direct messages to a WhatsApp number."""
    places = _sub(folder, "twilio-echo"), _sub(folder, "twilio")
    ends = Twilio(), Twilio()
    for end in ends:
        await end.start()
    echo = programs.twilio_echo(ends[0], places[0])
    gateway = programs.whatsapp_gateway(ends[1], places[1])
    return await _beside(((echo, ends[0]), (gateway, ends[1])), args)


PLATFORMS = {
    "telegram": of_telegram,
    "discord": of_discord,
    "slack": of_slack,
    "twilio": of_twilio,
}


async def _beside(pairs: Sequence[tuple[Program, End]], args: argparse.Namespace) -> list[Figures]:
    """The SDK's echo program and the gateway, each with its other end."""
    results = await in_turn(pairs, seconds=args.seconds, pace=args.paced)
    for figures in results:
        show(figures, results[0], against="the echo's")
    for _, end in pairs:
        await end.close()
    return results


async def _measure(program: Program, end: End, args: argparse.Namespace) -> Figures:
    return await measure(program, end, seconds=args.seconds, pace=args.paced)


async def _with_dormant(
    folder: Path, end: Telegram, args: argparse.Namespace, sessions: int
) -> Figures:
    place = _sub(folder, f"dormant-{sessions}")
    await fill(place / "gateway.db", sessions)
    name = f"chat-gateway with {sessions:,} dormant sessions"
    program = programs.telegram_gateway(end, place, name)
    pace = args.paced
    return await measure(program, end, seconds=args.seconds, pace=pace, crowd_from=FIRST)


async def _of_long_sessions(folder: Path, args: argparse.Namespace) -> list[Figures]:
    """What a turn costs in a long session, of which its agent reads the window."""
    pairs = []
    for length in (100, args.long):
        place = _sub(folder, f"long-{length}")
        await fill(place / "gateway.db", 64, messages=length, first=1000, agent="reader")
        end = Telegram()
        await end.start()
        name = f"chat-gateway, sessions of {length:,} messages"
        pairs.append((programs.telegram_gateway(end, place, name, programs.READER), end))
    short, long = await in_turn(pairs, seconds=args.seconds, pace=args.paced)
    for figures in (short, long):
        show(figures, short, against="the short one's")
    compare(short, long, f"sessions of {args.long:,} messages against 100")
    for _, end in pairs:
        await end.close()
    return [short, long]


def _sub(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _platforms(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := [each for each in chosen if each not in PLATFORMS]:
        raise argparse.ArgumentTypeError(
            f"there is no bench of {unknown[0]!r}, only of {', '.join(PLATFORMS)}"
        )
    return [each for each in PLATFORMS if each in chosen]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each closed loop")
    parser.add_argument("--paced", type=float, default=30.0, help="length of the paced run")
    parser.add_argument("--dormant", type=int, default=1_000_000, help="0: leave that part out")
    parser.add_argument("--long", type=int, default=10_000, help="0: leave that part out")
    parser.add_argument(
        "--only-gateway", action="store_true", help="of Telegram, the floor and the gateway only"
    )
    parser.add_argument(
        "--platforms", type=_platforms, default=[*PLATFORMS], help=",".join(PLATFORMS)
    )
    parser.add_argument("--json", default="", help="write the figures to this file")
    options = parser.parse_args()
    measured = uvloop.run(main(options))
    if options.json:
        Path(options.json).write_text(json.dumps([asdict(one) for one in measured], indent=2))
