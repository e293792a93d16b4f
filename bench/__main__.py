"""``make bench``: the Telegram webhook path against its floor, in one run.

Prints throughput at 1, 8 and 64 users, latency at 10 messages/s, CPU per message as a ratio to the
floor's, memory, and the time to the first reply; then the same with many dormant sessions.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvloop

from bench.dormant import fill
from bench.programs import Program, floor, gateway, ptb_echo
from bench.telegram import Telegram

USERS = (1, 8, 64)


@dataclass
class Figures:
    """What was measured of one program. CPU in microseconds a message, latency in milliseconds."""

    name: str
    first_reply: float = 0.0
    throughput: dict[int, float] = field(default_factory=dict)
    cpu: dict[int, float] = field(default_factory=dict)
    p50: float = 0.0
    p99: float = 0.0
    memory: float = 0.0


async def closed_loop(program: Program, telegram: Telegram, users: int, seconds: float) -> Figures:
    """``users`` people who each write again as soon as they are answered."""
    figures = Figures(program.name)
    done = 0
    stop_at = time.perf_counter() + seconds

    async def person(number: int) -> None:
        nonlocal done
        while time.perf_counter() < stop_at:
            await telegram.ask(number, f"message {done}")
            done += 1

    cpu, began = program.cpu(), time.perf_counter()
    await asyncio.gather(*(person(1000 + number) for number in range(users)))
    await asyncio.sleep(0.05)
    figures.throughput[users] = done / (time.perf_counter() - began - 0.05)
    figures.cpu[users] = (program.cpu() - cpu) / done * 1e6
    return figures


async def paced(telegram: Telegram, seconds: float, rate: float = 10.0) -> list[float]:
    """Latencies in milliseconds of messages that come at a steady rate from many people."""
    asks: list[asyncio.Task[float]] = []
    for number in range(int(seconds * rate)):
        asks.append(asyncio.create_task(telegram.ask(5000 + number % 100, f"paced {number}")))
        await asyncio.sleep(1 / rate)
    return [seconds * 1000 for seconds in await asyncio.gather(*asks)]


async def measure(program: Program, telegram: Telegram, args: argparse.Namespace) -> Figures:
    """Everything about one program."""
    figures = Figures(program.name)
    program.start()
    try:
        figures.first_reply = await program.first_reply(telegram)
        await closed_loop(program, telegram, 8, 1.0)
        for users in USERS:
            found = await closed_loop(program, telegram, users, args.seconds)
            figures.throughput |= found.throughput
            figures.cpu |= found.cpu
        latencies = sorted(await paced(telegram, args.paced))
        figures.p50 = statistics.median(latencies)
        figures.p99 = latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))]
        figures.memory = program.memory()
    finally:
        program.stop()
    return figures


def show(figures: Figures, base: Figures) -> None:
    """One program's lines."""
    print(f"\n{figures.name}")
    for users in USERS:
        ratio = figures.cpu[users] / base.cpu[users]
        print(
            f"  {users:>3} users  {figures.throughput[users]:8.0f} messages/s"
            f"  {figures.cpu[users]:6.0f} us CPU a message  {ratio:5.2f} x floor"
        )
    print(f"  10 messages/s: p50 {figures.p50:.1f} ms, p99 {figures.p99:.1f} ms")
    print(f"  memory {figures.memory:.0f} MB, first reply after {figures.first_reply:.2f} s")
    sys.stdout.flush()


def compare(few: Figures, many: Figures, dormant: int) -> None:
    """What dormant sessions cost: CPU a message, against the run with a thousand."""
    print(f"\n{dormant:,} dormant sessions against 1,000:")
    for users in USERS:
        cpu = many.cpu[users] / few.cpu[users]
        speed = many.throughput[users] / few.throughput[users]
        print(f"  {users:>3} users  CPU {cpu:5.2f} x  throughput {speed:5.2f} x")


async def main(args: argparse.Namespace) -> list[Figures]:
    """The whole bench."""
    telegram = Telegram()
    await telegram.start()
    results: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        base = await measure(floor(telegram, folder), telegram, args)
        results.append(base)
        show(base, base)
        if not args.only_gateway:
            results.append(await measure(ptb_echo(telegram, folder), telegram, args))
            show(results[-1], base)
        results.append(await measure(gateway(telegram, _sub(folder, "empty")), telegram, args))
        show(results[-1], base)
        if args.dormant:
            few = await _with_dormant(folder, telegram, args, 1000)
            many = await _with_dormant(folder, telegram, args, args.dormant)
            show(many, base)
            compare(few, many, args.dormant)
            results += [few, many]
    await telegram.close()
    return results


async def _with_dormant(
    folder: Path, telegram: Telegram, args: argparse.Namespace, sessions: int
) -> Figures:
    place = _sub(folder, f"dormant-{sessions}")
    await fill(place / "gateway.db", sessions)
    program = gateway(telegram, place, f"chat-gateway with {sessions:,} dormant sessions")
    return await measure(program, telegram, args)


def _sub(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each closed loop")
    parser.add_argument("--paced", type=float, default=30.0, help="length of the paced run")
    parser.add_argument("--dormant", type=int, default=1_000_000, help="0: leave that part out")
    parser.add_argument("--only-gateway", action="store_true", help="floor and gateway only")
    parser.add_argument("--json", default="", help="write the figures to this file")
    options = parser.parse_args()
    measured = uvloop.run(main(options))
    if options.json:
        Path(options.json).write_text(json.dumps([asdict(one) for one in measured], indent=2))
