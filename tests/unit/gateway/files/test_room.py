"""Files come whole or not at all, belong to one session, and go with the last one."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import threading
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.domain import Attachment, new_id
from gateway.errors import ConfigurationError, LimitExceeded, Unavailable
from gateway.files import FileRoom, LinkRefused
from gateway.files.disk import Disk, Draft
from gateway.ports.records import SessionScope, StoredFile
from gateway.ports.store import Store
from tests.unit.gateway.files import samples
from tests.unit.gateway.files.people import on_disk, pieces, visitor

HOURS = 3600.0


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def date(folder: Path, moment: float) -> None:
    """Let everything there be written then."""
    for path in folder.glob("*/*"):
        os.utime(path, (moment, moment))


def parts(link: str) -> tuple[str, str, str]:
    """The id, expiry and signature of a link."""
    url = urlsplit(link)
    query = parse_qs(url.query)
    return url.path.removeprefix("/files/"), query["exp"][0], query["sig"][0]


async def test_a_file_is_kept_and_read(room: FileRoom, store: Store, folder: Path) -> None:
    session = await visitor(store)
    kept = await room.keep(session, "../cat.png", pieces(samples.png(), b"tail"), media_type="a/b")
    assert (kept.name, kept.media_type, kept.size) == ("cat.png", "image/png", 49)
    digest = sha256(samples.png() + b"tail").hexdigest()
    assert on_disk(folder) == [digest]
    path = folder / digest[:2] / digest
    assert (mode(folder), mode(path)) == (0o700, 0o600)
    assert await room.read(kept) == samples.png() + b"tail"
    assert await room.find(session, kept.id) == kept


async def test_text_is_text_to_its_last_byte(room: FileRoom, store: Store) -> None:
    session = await visitor(store)

    async def kind(*content: bytes) -> str:
        return (await room.keep(session, "notes.txt", pieces(*content))).media_type

    cut = "né".encode()
    assert await kind(cut[:2], cut[2:]) == "text/plain"
    assert await kind(cut[:2]) == "application/octet-stream"
    assert await kind(b"a" * 500_000, b"\0") == "application/octet-stream"
    assert await kind(b"\x1b[2J") == "application/octet-stream"
    assert await kind() == "application/octet-stream"


async def test_a_file_is_found_only_in_its_own_session(room: FileRoom, store: Store) -> None:
    mine, other = await visitor(store), await visitor(store)
    kept = await room.keep(mine, "a", pieces(b"secret"))
    assert await room.find(other, kept.id) is None
    assert await room.find(mine, new_id()) is None
    assert await room.find(mine, "") is None


@pytest.mark.parametrize("several", [(b"x" * 1_000_001,), (b"x" * 600_000,) * 2])
async def test_too_large_leaves_nothing(
    room: FileRoom, store: Store, folder: Path, several: Sequence[bytes]
) -> None:
    session = await visitor(store)
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        for piece in (*several, b"x" * 10**6, b"x" * 10**6):
            asked += len(piece)
            yield piece

    with pytest.raises(LimitExceeded, match=r"^notes\.pdf is larger than 976\.6 KB$"):
        await room.keep(session, "notes.pdf", endless())
    assert on_disk(folder) == []
    assert asked < 2_000_000


async def test_no_limit(store: Store, folder: Path) -> None:
    room = FileRoom(folder=folder, store=store, limit=0)
    kept = await room.keep(await visitor(store), "big", pieces(*[b"x" * 1_000_000] * 12))
    assert kept.size == 12_000_000
    assert len(await room.read(kept)) == 12_000_000


async def test_exactly_the_limit_is_allowed(room: FileRoom, store: Store) -> None:
    kept = await room.keep(await visitor(store), "a", pieces(b"x" * 1_000_000))
    assert kept.size == room.limit


@pytest.mark.parametrize("error", [ConnectionResetError, asyncio.CancelledError])
async def test_an_upload_that_breaks_off_leaves_nothing(
    room: FileRoom, store: Store, folder: Path, error: type[BaseException]
) -> None:
    session = await visitor(store)

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 300_000
        raise error

    with pytest.raises(error):
        await room.keep(session, "a", broken())
    assert on_disk(folder) == []


async def test_cancelling_waits_for_the_thread_that_writes(
    room: FileRoom, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await visitor(store)
    write, begun, go, ended = Draft.write, asyncio.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(draft: Draft, data: bytes) -> None:
        loop.call_soon_threadsafe(begun.set)
        go.wait(10)
        write(draft, data)
        loop.call_soon_threadsafe(ended.set)

    monkeypatch.setattr(Draft, "write", slowly)
    keeping = asyncio.create_task(room.keep(session, "a", pieces(b"x" * 300_000)))
    await begun.wait()
    keeping.cancel()
    loop.call_later(0.05, go.set)
    with pytest.raises(asyncio.CancelledError):
        await keeping
    await asyncio.sleep(0)
    assert ended.is_set()
    assert on_disk(folder) == []


async def test_a_full_disk_is_a_matter_of_time(
    room: FileRoom, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await visitor(store)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Draft, "write", full)
    with pytest.raises(Unavailable) as caught:
        await room.keep(session, "a", pieces(b"x"))
    assert str(folder) not in str(caught.value)
    assert on_disk(folder) == []


async def test_what_a_crash_left_half_written_goes_with_the_next_start(
    room: FileRoom, store: Store, folder: Path
) -> None:
    disk = Disk(folder)
    disk.prepare()
    draft = disk.draft()
    draft.path.with_name(f"{draft.path.name}0").write_bytes(b"half")
    draft.close()
    assert len(on_disk(folder)) == 1
    kept = await room.keep(await visitor(store), "a", pieces(b"x"))
    assert on_disk(folder) == [sha256(b"x").hexdigest()]
    assert await room.read(kept) == b"x"


async def test_equal_contents_are_kept_once_and_go_with_the_last(
    room: FileRoom, store: Store, folder: Path
) -> None:
    mine, other = await visitor(store), await visitor(store)
    kept = [await room.keep(one, "a", pieces(b"same")) for one in (mine, other)]
    assert len(on_disk(folder)) == 1
    await room.discard(await store.delete_session(SessionScope(session_id=mine.id)))
    assert await room.read(kept[1]) == b"same"
    with pytest.raises(LookupError):
        await room.read(kept[0])
    with pytest.raises(LinkRefused):
        await room.open(*parts(room.link(kept[0])))
    await room.discard(await store.delete_session(SessionScope(session_id=other.id)))
    assert on_disk(folder) == []


async def test_discarding_asks_again_who_needs_it(
    room: FileRoom, store: Store, folder: Path
) -> None:
    """Between a deletion and its discarding the same content may have come again."""
    mine, other = await visitor(store), await visitor(store)
    await room.keep(mine, "a", pieces(b"same"))
    orphans = await store.delete_session(SessionScope(session_id=mine.id))
    assert orphans
    kept = await room.keep(other, "b", pieces(b"same"))
    assert await room.discard(orphans) == 0
    assert await room.read(kept) == b"same"


async def test_a_content_that_is_being_recorded_is_not_discarded(
    room: FileRoom, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await visitor(store)
    add, go, placed = store.add_file, asyncio.Event(), asyncio.Event()

    async def slowly(file: StoredFile) -> None:
        placed.set()
        await go.wait()
        await add(file)

    monkeypatch.setattr(store, "add_file", slowly)
    keeping = asyncio.create_task(room.keep(session, "a", pieces(b"new")))
    await placed.wait()
    assert await room.discard([sha256(b"new").hexdigest()]) == 0
    go.set()
    assert await room.read(await keeping) == b"new"


async def test_a_content_that_comes_while_it_is_discarded_stays(
    room: FileRoom, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await visitor(store)
    await room.keep(session, "a", pieces(b"same"))
    orphans = await store.delete_session(SessionScope(session_id=session.id))
    known, go, asked = store.known_digests, asyncio.Event(), asyncio.Event()

    async def slowly(*given: object) -> frozenset[str]:
        found = await known(*given)  # type: ignore[arg-type]
        asked.set()
        await go.wait()
        return found

    monkeypatch.setattr(store, "known_digests", slowly)
    discarding = asyncio.create_task(room.discard(orphans))
    await asked.wait()
    keeping = asyncio.create_task(room.keep(await visitor(store), "b", pieces(b"same")))
    await asyncio.sleep(0.1)
    go.set()
    await discarding
    assert await room.read(await keeping) == b"same"


async def test_what_a_crash_kept_from_the_store_is_swept_an_hour_later(
    room: FileRoom, store: Store, folder: Path, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await visitor(store)

    async def away(_: StoredFile) -> None:
        raise Unavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(store, "add_file", away)
        with pytest.raises(Unavailable):
            await room.keep(session, "a", pieces(b"orphan"))
    kept = await room.keep(session, "b", pieces(b"kept"))
    date(folder, now[0])
    now[0] += HOURS - 1
    await room.sweep()
    assert len(on_disk(folder)) == 2
    now[0] += 2
    await room.sweep()
    assert on_disk(folder) == [sha256(b"kept").hexdigest()]
    assert await room.read(kept) == b"kept"


async def test_many_at_once(room: FileRoom, store: Store, folder: Path) -> None:
    session = await visitor(store)
    contents = [bytes([number % 7]) * 1000 for number in range(40)]
    kept = await asyncio.gather(*(room.keep(session, "a", pieces(one)) for one in contents))
    assert [await room.read(one) for one in kept] == contents
    assert len(on_disk(folder)) == 7


# Links


async def test_a_link_opens_its_file_for_an_hour(
    room: FileRoom, store: Store, now: list[float]
) -> None:
    kept = await room.keep(await visitor(store), "a.txt", pieces(b"hello"))
    link = room.link(kept)
    assert re.fullmatch(rf"/files/{kept.id}\?exp=\d+&sig=[\w-]{{43}}", link)
    file, path = await room.open(*parts(link))
    assert (file.id, path.read_bytes()) == (kept.id, b"hello")
    now[0] += HOURS - 1
    assert (await room.open(*parts(link)))[0] == file
    now[0] += 902
    with pytest.raises(LinkRefused) as caught:
        await room.open(*parts(link))
    assert caught.value.status == 410


async def test_a_link_repeats_for_a_while(room: FileRoom, now: list[float]) -> None:
    one = Attachment(name="a", id="f")
    links = set()
    for _ in range(60):
        links.add(room.link(one))
        now[0] += 60
    assert len(links) in {4, 5}


@pytest.mark.parametrize(
    ("expiry", "signature"),
    [
        ("9999999999", None),
        ("", None),
        ("x", None),
        ("\u0661", None),
        (None, ""),
        (None, "A" * 43),
        (None, "\ud800"),
        (None, "é"),
    ],
)
async def test_a_changed_link_opens_nothing(
    room: FileRoom, store: Store, expiry: str | None, signature: str | None
) -> None:
    kept = await room.keep(await visitor(store), "a", pieces(b"x"))
    _, exp, sig = parts(room.link(kept))
    with pytest.raises(LinkRefused) as caught:
        await room.open(
            kept.id, exp if expiry is None else expiry, sig if signature is None else signature
        )
    assert caught.value.status == 403


async def test_a_link_opens_no_other_file(room: FileRoom, store: Store) -> None:
    session = await visitor(store)
    one, two = [await room.keep(session, "a", pieces(text)) for text in (b"1", b"2")]
    _, exp, sig = parts(room.link(one))
    with pytest.raises(LinkRefused) as caught:
        await room.open(two.id, exp, sig)
    assert caught.value.status == 403


async def test_a_link_to_what_is_gone(room: FileRoom, store: Store, folder: Path) -> None:
    kept = await room.keep(await visitor(store), "a", pieces(b"x"))
    digest = sha256(b"x").hexdigest()
    (folder / digest[:2] / digest).unlink()
    for one in (kept, Attachment(name="a", id="never")):
        with pytest.raises(LinkRefused) as caught:
            await room.open(*parts(room.link(one)))
        assert caught.value.status == 404
    with pytest.raises(LookupError):
        await room.read(kept)


def test_the_key_is_made_once_and_is_nobodys_else(store: Store, folder: Path) -> None:
    rooms = [FileRoom(folder=folder, store=store, limit=0, clock=lambda: 0.0) for _ in range(2)]
    one, two = (room.link(Attachment(name="a", id="f")) for room in rooms)
    assert one == two
    key = folder / ".key"
    assert (mode(folder), mode(key)) == (0o700, 0o600)
    assert [path.name for path in folder.iterdir()] == [".key"]
    assert len(key.read_bytes()) == 32


def test_who_comes_second_takes_the_key_that_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Disk(folder).key()
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: path.name != ".key" and exists(path))
    assert Disk(folder).key() == first
    assert [path.name for path in folder.iterdir()] == [".key"]


def test_a_key_that_somebody_cut_signs_nothing(folder: Path) -> None:
    disk = Disk(folder)
    disk.key()
    (folder / ".key").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="delete it"):
        disk.key()
