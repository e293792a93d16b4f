"""What is measured of a program: throughput, latency, CPU, memory, the time to the first reply."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.end import End
from bench.programs import Program

USERS = (1, 8, 64)
CROWD = 1000
TURNS = 5
"""How often each program is measured where several are measured in turn."""


@dataclass
class Figures:
    """What was measured of one program. CPU in microseconds a message, latency in milliseconds,
    memory in MB; ``crowded``: once a thousand more people had written."""

    name: str
    first_reply: float = 0.0
    throughput: dict[int, float] = field(default_factory=dict)
    cpu: dict[int, float] = field(default_factory=dict)
    p50: float = 0.0
    p99: float = 0.0
    memory: float = 0.0
    crowded: float = 0.0


async def closed_loop(program: Program, end: End, users: int, seconds: float) -> Figures:
    """``users`` people who each write again as soon as they are answered."""
    figures = Figures(program.name)
    done = 0
    stop_at = time.perf_counter() + seconds

    async def person(number: int) -> None:
        nonlocal done
        while time.perf_counter() < stop_at:
            await end.ask(number, f"message {done}")
            done += 1

    cpu, began = program.cpu(), time.perf_counter()
    await asyncio.gather(*(person(1000 + number) for number in range(users)))
    figures.throughput[users] = done / (time.perf_counter() - began)
    await end.quiet()
    await asyncio.sleep(0.05)
    figures.cpu[users] = (program.cpu() - cpu) / done * 1e6
    return figures


async def paced(end: End, seconds: float, rate: float = 10.0) -> list[float]:
    """Latencies in milliseconds of messages that come at a steady rate from many people."""
    asks: list[asyncio.Task[float]] = []
    for number in range(int(seconds * rate)):
        asks.append(asyncio.create_task(end.ask(5000 + number % 100, f"paced {number}")))
        await asyncio.sleep(1 / rate)
    return [seconds * 1000 for seconds in await asyncio.gather(*asks)]


async def crowd(end: End, first: int) -> None:
    """A thousand people write once each, some at a time."""
    at_once = asyncio.Semaphore(64)

    async def person(number: int) -> None:
        async with at_once:
            await end.ask(number, "here I am again")

    await asyncio.gather(*(person(first + number) for number in range(CROWD)))


async def measure(
    program: Program, end: End, *, seconds: float, pace: float, crowd_from: int = 0
) -> Figures:
    """Everything about one program: loops of so many seconds, and messages at a pace; then a
    thousand people who were there before, where there are any."""
    figures = Figures(program.name)
    program.start()
    try:
        figures.first_reply = await program.first_reply(end)
        await closed_loop(program, end, 8, 1.0)
        for users in USERS:
            found = await closed_loop(program, end, users, seconds)
            figures.throughput |= found.throughput
            figures.cpu |= found.cpu
        await _latency(figures, end, pace)
        figures.memory = program.memory()
        if crowd_from:
            await crowd(end, crowd_from)
            figures.crowded = program.memory()
    finally:
        program.stop()
    return figures


async def _latency(figures: Figures, end: End, pace: float) -> None:
    latencies = sorted(await paced(end, pace))
    figures.p50 = statistics.median(latencies)
    figures.p99 = latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))]


async def in_turn(
    pairs: Sequence[tuple[Program, End]], *, seconds: float, pace: float
) -> list[Figures]:
    """Everything about several programs, each with an other end of its own.

    They run at the same time and are measured in short turns, so that whatever else a machine does,
    it does to all of them. Of the turns, the median counts.
    """
    found = [Figures(program.name) for program, _ in pairs]
    try:
        for (program, end), figures in zip(pairs, found, strict=True):
            program.start()
            figures.first_reply = await program.first_reply(end)
            await closed_loop(program, end, 8, 1.0)
        for users in USERS:
            turns = [
                [await closed_loop(program, end, users, seconds / TURNS) for program, end in pairs]
                for _ in range(TURNS)
            ]
            for figures, own in zip(found, zip(*turns, strict=True), strict=True):
                figures.throughput[users] = statistics.median(t.throughput[users] for t in own)
                figures.cpu[users] = statistics.median(turn.cpu[users] for turn in own)
        for (program, end), figures in zip(pairs, found, strict=True):
            await _latency(figures, end, pace)
            figures.memory = program.memory()
    finally:
        for program, _ in pairs:
            program.stop()
    return found


def show(figures: Figures, base: Figures, *, against: str) -> None:
    """One program's lines."""
    print(f"\n{figures.name}")
    for users in USERS:
        ratio = figures.cpu[users] / base.cpu[users]
        print(
            f"  {users:>3} users  {figures.throughput[users]:8.0f} messages/s"
            f"  {figures.cpu[users]:6.0f} us CPU a message  {ratio:5.2f} x {against}"
        )
    print(f"  10 messages/s: p50 {figures.p50:.1f} ms, p99 {figures.p99:.1f} ms")
    print(f"  memory {figures.memory:.0f} MB, first reply after {figures.first_reply:.2f} s")
    sys.stdout.flush()


def compare(few: Figures, many: Figures, what: str) -> None:
    """What much of something costs, against the run with little of it."""
    print(f"\n{what}:")
    for users in USERS:
        cpu = many.cpu[users] / few.cpu[users]
        speed = many.throughput[users] / few.throughput[users]
        print(f"  {users:>3} users  CPU {cpu:5.2f} x  throughput {speed:5.2f} x")
    if few.crowded:
        print(
            f"  memory once a thousand of them are active again: {many.crowded:.0f} MB"
            f" against {few.crowded:.0f} MB, {many.crowded / few.crowded:5.2f} x"
        )
