"""The files on the simulated Telegram: what is sent, how messages show it, how a bot gets it."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from adapters.telegram.simulation.errors import ApiError, bad_request
from adapters.telegram.simulation.images import dimensions

MEBIBYTE = 2**20
# https://core.telegram.org/bots/api#sending-files, #getfile.
MAX_PHOTO = 10 * MEBIBYTE
MAX_UPLOAD = 50 * MEBIBYTE
MAX_DOWNLOAD = 20 * MEBIBYTE
MAX_SIDES, MAX_RATIO = 10_000, 20
LINK_LIFETIME = 3600.0
THUMBNAIL = b"a small picture of the photo"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of file: TDLib's name for it, where it is downloaded from, and as what."""

    title: str
    folder: str
    media_type: str
    extension: str = ""


KINDS: Mapping[str, Kind] = {
    "animation": Kind(title="Animation", folder="animations", media_type="video/mp4"),
    "audio": Kind(title="Audio", folder="music", media_type="audio/mpeg"),
    "document": Kind(title="Document", folder="documents", media_type="application/octet-stream"),
    "photo": Kind(title="Photo", folder="photos", media_type="image/jpeg", extension=".jpg"),
    "sticker": Kind(title="Sticker", folder="stickers", media_type="image/webp"),
    "video": Kind(title="Video", folder="videos", media_type="video/mp4"),
    "video_note": Kind(title="VideoNote", folder="video_notes", media_type="video/mp4"),
    "voice": Kind(title="VoiceNote", folder="voice", media_type="audio/ogg", extension=".oga"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A file part of a multipart call."""

    name: str
    media_type: str
    content: bytes = field(repr=False)

    def described(self) -> dict[str, Any]:
        """The same for people: without the content."""
        size = len(self.content)
        return {"file_name": self.name, "media_type": self.media_type, "file_size": size}


@dataclass(kw_only=True, slots=True, eq=False)
class StoredFile:
    """A file as Telegram keeps it. `bots` may use its id; `path` is there from a `getFile` on."""

    number: int
    kind: str
    name: str
    media_type: str
    content: bytes = field(repr=False)
    bots: set[int] = field(default_factory=set)
    path: str = ""
    path_since: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)
    thumbnail: StoredFile | None = None

    @property
    def id(self) -> str:
        """The `file_id`."""
        return f"AgAC{KINDS[self.kind].title}{self.number:06}"

    def tell(self, bots: Collection[int]) -> None:
        """Let these bots use its id."""
        self.bots.update(bots)
        if self.thumbnail is not None:
            self.thumbnail.tell(bots)

    def shown(self) -> dict[str, Any]:
        """What the file adds to a `Message`."""
        if self.kind == "photo":
            small = [self.thumbnail._size()] if self.thumbnail is not None else []
            return {"photo": [*small, self._size()]}
        more = {name: value for name, value in _MORE[self.kind](self).items() if value != ""}
        body = {**self._plain(), **more, **self.extra}
        if self.kind == "animation":
            names = ("file_name", "mime_type")
            document = {name: body[name] for name in names if name in body}
            return {"animation": body, "document": {**self._plain(), **document}}
        return {self.kind: body}

    def _plain(self) -> dict[str, Any]:
        unique = f"AQAD{self.number:06}"
        return {"file_id": self.id, "file_unique_id": unique, "file_size": len(self.content)}

    def _size(self) -> dict[str, Any]:
        width, height = dimensions(self.content) or (90, 60)
        return {**self._plain(), "width": width, "height": height}

    def as_file(self) -> dict[str, Any]:
        """A `File`."""
        return {**self._plain(), "file_path": self.path}


def _named(file: StoredFile) -> dict[str, Any]:
    return {"file_name": file.name, "mime_type": file.media_type}


# What messages say of a file besides its id and size.
_MORE: Mapping[str, Callable[[StoredFile], dict[str, Any]]] = {
    "animation": lambda file: {"width": 320, "height": 240, "duration": 2, **_named(file)},
    "audio": lambda file: {"duration": 3, **_named(file)},
    "document": _named,
    "sticker": lambda _: {
        "type": "regular",
        "width": 512,
        "height": 512,
        "is_animated": False,
        "is_video": False,
        "emoji": "👍",
    },
    "video": lambda file: {"width": 320, "height": 240, "duration": 2, **_named(file)},
    "video_note": lambda _: {"length": 240, "duration": 2},
    "voice": lambda file: {"duration": 3, "mime_type": file.media_type},
}


class FileStore:
    """Every file that was sent; `keep` bounds how many are remembered."""

    def __init__(self, clock: Callable[[], float], keep: int | None) -> None:
        self._clock = clock
        self._keep = keep
        self._numbers = count(1)
        self._by_id: dict[str, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}

    def add(
        self, kind: str, name: str, media_type: str, content: bytes, bots: Collection[int]
    ) -> StoredFile:
        """Keep a file as something of this kind."""
        media_type = media_type or mimetypes.guess_type(name)[0] or KINDS[kind].media_type
        file = self._new(kind, name, media_type, content, bots)
        if kind == "photo":
            file.thumbnail = self._new(kind, "", KINDS[kind].media_type, THUMBNAIL, bots)
        return file

    def upload(self, kind: str, upload: Upload, bot_id: int) -> StoredFile:
        """Keep what a bot uploads. Raises what Telegram answers to a file it refuses."""
        size = len(upload.content)
        if not size:
            raise bad_request("file must be non-empty")
        if kind == "photo":
            _check_photo(upload.content, size)
        own = KINDS[kind].media_type
        guessed = mimetypes.guess_type(upload.name)[0] or ""
        family = own.partition("/")[0] + "/"
        fits = kind == "document" or guessed.startswith(family)
        return self.add(
            kind, upload.name, guessed if guessed and fits else own, upload.content, {bot_id}
        )

    def find(self, bot_id: int, file_id: str) -> StoredFile:
        """The file with an id that this bot was told."""
        file = self._by_id.get(file_id)
        if file is None or bot_id not in file.bots:
            raise bad_request("wrong remote file identifier specified: can't unserialize it")
        return file

    def reused(self, kind: str, bot_id: int, file_id: str) -> StoredFile:
        """The same to be sent once more as this kind."""
        if "." in file_id:
            raise bad_request("failed to get HTTP URL content")
        file = self.find(bot_id, file_id)
        if file.kind != kind:
            titles = KINDS[file.kind].title, KINDS[kind].title
            raise bad_request(f"can't use file of type {titles[0]} as {titles[1]}")
        return file

    def link(self, bot_id: int, file_id: str) -> StoredFile:
        """`getFile`: give the file a path to download it from, for an hour."""
        file = self.find(bot_id, file_id)
        if len(file.content) > MAX_DOWNLOAD:
            raise bad_request("file is too big")
        kind = KINDS[file.kind]
        dot, extension = file.name.rpartition(".")[1:]
        file.path = (
            f"{kind.folder}/file_{file.number}{kind.extension or dot + extension * bool(dot)}"
        )
        file.path_since = self._clock()
        self._by_path[file.path] = file
        return file

    def download(self, bot_id: int, path: str) -> bytes:
        """The content behind a path."""
        file = self._by_path.get(path)
        old = file is None or self._clock() - file.path_since > LINK_LIFETIME
        if file is None or old or bot_id not in file.bots:
            raise ApiError(404, "Not Found")
        return file.content

    def _new(
        self, kind: str, name: str, media_type: str, content: bytes, bots: Collection[int]
    ) -> StoredFile:
        file = StoredFile(
            number=next(self._numbers),
            kind=kind,
            name=name,
            media_type=media_type,
            content=content,
            bots=set(bots),
        )
        self._by_id[file.id] = file
        if self._keep is not None and len(self._by_id) > self._keep:
            oldest = self._by_id.pop(next(iter(self._by_id)))
            self._by_path.pop(oldest.path, None)
        return file


def _check_photo(content: bytes, size: int) -> None:
    if size > MAX_PHOTO:
        raise bad_request(
            f"file of size {size} bytes is too big for a photo; the maximum size is"
            f" {MAX_PHOTO} bytes"
        )
    sides = dimensions(content)
    if sides is None:
        raise bad_request("IMAGE_PROCESS_FAILED")
    if sum(sides) > MAX_SIDES or max(sides) > MAX_RATIO * min(sides):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
