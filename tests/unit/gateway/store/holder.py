"""A process of its own that holds a database, and may be killed."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, sys
from gateway.store import connect
from gateway.testing._talk import arrival

async def main():
    store = connect(sys.argv[1], replica="other")
    await store.open()
    print("open", flush=True)
    number = 0
    while True:
        if sys.argv[2] == "idle":
            await asyncio.sleep(60)
        accepted = await asyncio.gather(
            *(store.accept(arrival("key", event_id=f"{number + n}")) for n in range(7))
        )
        for n, one in enumerate(accepted):
            print(number + n, one.row_id, flush=True)
        number += 7

asyncio.run(main())
"""


def holder(url: str, what: str = "idle") -> subprocess.Popen[str]:
    """Return once the process holds the database.

    With ``busy`` it accepts event after event, and prints the number and row of each that was.
    """
    command = [sys.executable, "-c", PROGRAM, url, what]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process
