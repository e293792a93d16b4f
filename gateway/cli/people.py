"""``gateway export`` and ``gateway forget``: for people who ask their operator."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from gateway.cli.acting import through
from gateway.cli.output import print_json
from gateway.cli.reading import gateway_section, reading
from gateway.errors import GatewayError
from gateway.exporting import Exporter
from gateway.files import FileRoom
from gateway.ports.records import PersonScope
from gateway.ports.store import Store
from gateway.privacy import person
from gateway.receipts import REMAINS, STORES
from gateway.settings import GatewaySection


def export(config: Path | None, channel: str, participant: str, output: Path | None) -> None:
    """Write an archive of what is kept of somebody, beside a gateway that may be running."""
    scope, gateway = _scope(channel, participant), gateway_section(config)
    path = output or Path(f"export-{channel}.zip")
    if str(path) == "-":
        asyncio.run(_export(gateway, scope, sys.stdout.buffer))
        return
    try:
        with path.open("xb") as file:
            asyncio.run(_export(gateway, scope, file))
    except FileExistsError:
        raise GatewayError(f"{path} exists already: name another with --output") from None
    print(f"Everything that is kept of {participant} on {channel} is in {path}.", file=sys.stderr)


async def _export(gateway: GatewaySection, scope: PersonScope, target: IO[bytes]) -> None:
    async with reading(gateway.database) as store:
        exporter = Exporter(store=store, files=_files(gateway, store))
        await exporter.write(scope, target, now=time.time(), limit=0)


def forget(config: Path | None, channel: str, participant: str, *, as_json: bool) -> None:
    """Erase everything that is kept of somebody, and say what that was."""
    scope, gateway = _scope(channel, participant), gateway_section(config)

    async def directly(store: Store) -> Mapping[str, Any]:
        erased = await store.erase(scope, now=time.time())
        await _files(gateway, store).discard(erased.digests)
        await store.scrub()
        return {"erased": asdict(erased.traces)}

    answer = through(config, "POST", ("people", channel, participant, "forget"), directly)
    if as_json:
        print_json(answer)
        return
    print(f"Everything that was kept of {participant} on {channel} is erased for good:")
    for store_name, words in STORES.items():
        print(f"- {words}: {answer['erased'][store_name]:,}")
    print(f"\n{REMAINS}")


def _scope(channel: str, participant: str) -> PersonScope:
    try:
        return person(channel, participant)
    except ValueError as error:
        raise GatewayError(str(error)) from None


def _files(gateway: GatewaySection, store: Store) -> FileRoom:
    return FileRoom(folder=Path(gateway.data_dir, "files"), store=store, limit=0)
