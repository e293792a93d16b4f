"""Tools for what is kept: the owner's Drive, and the agent's own shelf."""

from __future__ import annotations

import mimetypes

from pydantic import Field

from gateway.agents.model_material import fenced
from gateway.agents.phrases import short
from gateway.agents.tools.base import LONGEST, Desk, Tool, day, listed, named
from gateway.belongings import Item
from gateway.domain import Attachment
from gateway.ports.agent import File, Turn


class DriveSave(Tool):
    """Save something to keep under a name: a text, or by its name a file that came with this
    message. What stood under the name is replaced."""

    done = "Saved something"

    name: str = Field(min_length=1, max_length=200)
    text: str = ""
    attachment: str = ""

    async def use(self, desk: Desk) -> str:
        """What is there now."""
        if bool(self.text) == bool(self.attachment):
            raise LookupError("give either a text or the name of an attachment")
        content = self._attached(desk.turn) if self.attachment else self.text
        item = await desk.turn.drive.save(self.name, content)
        return f"Saved as {short(item.name)!r}, {item.size} bytes."

    def _attached(self, turn: Turn) -> Attachment:
        for attachment in turn.attachments:
            if attachment.name == self.attachment:
                return attachment
        there = named(attachment.name for attachment in turn.attachments)
        raise LookupError(f"no such file came with this message; there are: {there}")


class DriveList(Tool):
    """List what was saved, the newest first; with words, what has all of them."""

    done = "Looked through what was saved"

    words: str = ""

    async def use(self, desk: Desk) -> str:
        """Names, sizes and days."""
        return listed(_shelved(item) for item in await desk.turn.drive.list(self.words))


class DriveRead(Tool):
    """Read a text that was saved, by its name."""

    done = "Read something that was saved"

    name: str

    async def use(self, desk: Desk) -> str:
        """The text."""
        return _content(await desk.turn.drive.read(self.name))


class DriveSend(Tool):
    """Send the person something that was saved, as a file with your answer."""

    done = "Fetched something that was saved"

    name: str

    async def use(self, desk: Desk) -> str:
        """That it goes out."""
        data = await desk.turn.drive.read(self.name)
        kind = mimetypes.guess_type(self.name)[0] or await self._kept_as(desk.turn)
        desk.files.append(File(name=self.name, data=data, media_type=kind))
        return "It goes out with your answer."

    async def _kept_as(self, turn: Turn) -> str:
        found = await turn.drive.list(self.name)
        kinds = [item.media_type for item in found if item.name == self.name]
        return kinds[0] if kinds else "application/octet-stream"


class DriveDelete(Tool):
    """Delete something that was saved, by its name."""

    done = "Deleted something that was saved"

    name: str

    async def use(self, desk: Desk) -> str:
        """That it is gone."""
        if not await desk.turn.drive.delete(self.name):
            raise LookupError("nothing is saved under this name; drive_list shows the names")
        return "Deleted."


class ShelfList(Tool):
    """List what your operator laid ready for you; with words, what has all of them."""

    done = "Looked through the shelf"

    words: str = ""

    async def use(self, desk: Desk) -> str:
        """Names, sizes and days."""
        return listed(_shelved(item) for item in await desk.turn.shelf.list(self.words))


class ShelfRead(Tool):
    """Read a text that your operator laid ready for you, by its name."""

    done = "Read from the shelf"

    name: str

    async def use(self, desk: Desk) -> str:
        """The text."""
        return _content(await desk.turn.shelf.read(self.name))


def _shelved(item: Item) -> str:
    return f"{short(item.name, 200)} ({item.media_type}, {item.size} bytes, {day(item.created_at)})"


def _content(data: bytes) -> str:
    try:
        return fenced(data.decode(), LONGEST)
    except UnicodeDecodeError:
        return f"It is no text, but a file of {len(data)} bytes."
