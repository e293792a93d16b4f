"""Brings the files of a message here before its turn runs: agents read them from the store only."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway.channels import Channel
from gateway.domain import Attachment
from gateway.errors import LimitExceeded, Unavailable
from gateway.files.names import in_words
from gateway.limits import exceeded
from gateway.ports.adapter import Fetching
from gateway.ports.host import Files
from gateway.seen import Seen

TIMEOUT = 120.0
"""Seconds that fetching one file may take."""


async def fetched(files: Files, channel: Channel, seen: Seen) -> Seen:
    """The turn with every file of its message stored. One that cannot be had is told in words, to
    the agent too; raises ``Unavailable`` while the platform is away."""
    had: list[Attachment] = []
    words = [seen.inbound.text] if seen.inbound.text else []
    for attachment in seen.inbound.attachments:
        try:
            had.append(
                attachment if attachment.id else await _fetch(files, channel, seen, attachment)
            )
        except LimitExceeded as error:
            words.append(f"[{error}]")
    inbound = replace(seen.inbound, attachments=tuple(had), text="\n".join(words))
    return replace(seen, inbound=inbound)


async def _fetch(files: Files, channel: Channel, seen: Seen, attachment: Attachment) -> Attachment:
    adapter = channel.adapter
    if not isinstance(adapter, Fetching):
        raise LimitExceeded(f"{attachment.name} could not be fetched from this channel")
    if files.limit and attachment.size > files.limit:
        raise exceeded("file_bytes", f"{attachment.name} is larger than {in_words(files.limit)}")
    content = adapter.fetch(attachment)
    try:
        async with asyncio.timeout(TIMEOUT):
            return await files.keep(
                seen.session, attachment.name, content, media_type=attachment.media_type
            )
    except TimeoutError:
        raise Unavailable(f"{attachment.name} was not fetched within {TIMEOUT:.0f} s") from None
