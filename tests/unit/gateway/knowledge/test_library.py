"""The index says what the folders hold, to whom it concerns and to nobody else."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from gateway import observability as obs
from gateway.errors import Unavailable
from gateway.knowledge import Library, folder, passages, reading
from gateway.knowledge import index as index_module
from gateway.knowledge.indexing import Indexing
from gateway.knowledge.shelfmark import Block, Document, Mark
from gateway.settings import KnowledgeSection
from gateway.store.sqlite import driver
from tests.unit.gateway.knowledge import pdfs


class Town:
    """Two folders, ``open`` and ``closed``, and a library of them."""

    def __init__(self, home: Path) -> None:
        self.data = home / "data"
        self.open, self.closed = home / "open", home / "closed"
        self.open.mkdir()
        self.closed.mkdir()
        self.bases = {
            "open": KnowledgeSection(path=self.open),
            "closed": KnowledgeSection(path=self.closed),
        }
        self.library = self.made()

    def made(self, *, every: float = 60.0) -> Library:
        return Library(self.data, self.bases, every=every, rests=False)

    async def find(self, words: str, *bases: str) -> list[str]:
        found = await self.library.view(bases or ("open",)).search(words)
        return [f"{passage.base}/{passage.document}" for passage in found]

    async def until_found(self, words: str) -> None:
        async with asyncio.timeout(20):
            while not await self.find(words):  # noqa: ASYNC110 - another process would not tell
                await asyncio.sleep(0.01)

    def bytes_of_index(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.data.glob("knowledge.db*"))


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    made = Town(tmp_path)
    await made.library.open()
    yield made
    await made.library.close()


async def test_a_passage_says_where_it_is_from(town: Town) -> None:
    (town.open / "hr").mkdir()
    text = "# Handbook\n\n## Holidays\n\nEverybody has 25 days.\n"
    (town.open / "hr" / "leave.md").write_text(text)
    (town.open / "form.pdf").write_bytes(pdfs.pdf(["nothing", "a request form"], title="Forms"))
    assert await town.library.update() == 2
    (holiday,) = await town.library.view(["open"]).search("how many days")
    assert (holiday.base, holiday.document, holiday.title) == ("open", "hr/leave.md", "Handbook")
    assert (holiday.heading, holiday.page) == ("Holidays", 0)
    assert holiday.text == "Everybody has 25 days."
    form, *_ = await town.library.view(["open"]).search("request form")
    assert (form.title, form.page) == ("Forms", 2)


# whose it is


CANARY = "zanzibar"


async def everything(library: Library, bases: Sequence[str]) -> str:
    """All that a view of these bases can be made to say."""
    view = library.view(bases)
    asked = (CANARY, f'{CANARY}" OR "', "closed", "zanz", "anzib", "report", "x" * 50)
    return repr([view.bases, *[await view.search(words, limit=1000) for words in asked]])


async def test_no_view_shows_what_is_in_another_base(town: Town) -> None:
    for number in range(30):
        text = f"# {CANARY}\n\nThe closed {CANARY} report {number}."
        (town.closed / f"{CANARY}{number}.md").write_text(text)
    (town.open / "report.md").write_text("The open report.")
    await town.library.update()
    assert CANARY in await everything(town.library, ["closed"])
    assert CANARY in await everything(town.library, ["open", "closed"])
    assert CANARY not in await everything(town.library, ["open"])
    assert "open report" in await everything(town.library, ["open"])
    assert CANARY not in await everything(town.library, [])
    assert CANARY not in await everything(town.library, ["clos", "closed%", "CLOSED", "' OR 1"])


async def test_the_same_name_in_two_bases_is_two_documents(town: Town) -> None:
    (town.open / "a.txt").write_text("apples")
    (town.closed / "a.txt").write_text("pears")
    await town.library.update()
    (town.open / "a.txt").unlink()
    await town.library.update()
    assert await town.find("pears", "closed") == ["closed/a.txt"]
    assert await town.find("apples", "open", "closed") == []


async def test_the_rest_of_a_full_base_leaves_room_for_others(town: Town) -> None:
    """What another base has does not use up the limit."""
    for number in range(20):
        (town.closed / f"{number}.txt").write_text("apples " * 5)
    (town.open / "one.txt").write_text("one of many apples among other fruit")
    await town.library.update()
    assert len(await town.library.view(["open"]).search("apples", limit=1)) == 1


# what changes


async def test_it_follows_the_folder(town: Town) -> None:
    note = town.open / "note.md"
    note.write_text("apples")
    assert await town.library.update() == 1
    assert await town.library.update() == 0
    note.write_text("pears and plums")
    assert await town.library.update() == 1
    assert (await town.find("apples"), await town.find("pears")) == ([], ["open/note.md"])
    note.rename(town.open / "other.md")
    await town.library.update()
    assert await town.find("pears") == ["open/other.md"]
    (town.open / "other.md").unlink()
    assert await town.library.update() == 1
    assert await town.find("pears") == []


@pytest.mark.parametrize("since", [(3, 0, 0), (9, 0, 0)], ids=["new SQLite", "old SQLite"])
async def test_what_is_deleted_is_not_in_the_file_any_more(
    town: Town, monkeypatch: pytest.MonkeyPatch, since: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(index_module, "ERASES_SINCE", since)
    (town.data / "knowledge.db").unlink()
    town.library = town.made()
    await town.library.open()
    (town.open / "other.md").write_text("Another text.")
    (town.open / "note.md").write_text(f"The {CANARY} text.")
    await town.library.update()
    assert CANARY.encode() in town.bytes_of_index()
    (town.open / "note.md").unlink()
    await town.library.update()
    assert CANARY.encode() not in town.bytes_of_index()


async def test_the_same_content_written_again_is_not_read_again(town: Town) -> None:
    note = town.open / "note.md"
    note.write_text("apples")
    await town.library.update()
    os.utime(note, ns=(1, 1))
    assert await town.library.update() == 0
    note.write_text("pears.")
    os.utime(note, ns=(1, 1))
    assert await town.library.update() == 0, "nothing tells that it changed"


async def test_a_base_that_is_no_longer_configured_goes(town: Town) -> None:
    (town.closed / "a.txt").write_text(CANARY)
    await town.library.update()
    del town.bases["closed"]
    town.library = town.made()
    assert CANARY not in await everything(town.library, ["open", "closed"])
    assert await town.library.update() == 1
    assert CANARY.encode() not in town.bytes_of_index()


async def test_a_folder_that_is_gone_is_told_once(town: Town) -> None:
    (town.open / "a.txt").write_text("apples")
    await town.library.update()
    (town.open / "a.txt").unlink()
    town.open.rmdir()
    with obs.captured() as lines:
        assert (await town.library.update(), await town.library.update()) == (1, 0)
    told = [line for line in lines if line["event"] == "knowledge_left_out"]
    assert [(line["base"], line["document"]) for line in told] == [("open", ".")]


async def test_it_is_brought_up_to_date_by_itself(town: Town) -> None:
    library = town.library = town.made(every=0.01)
    running = asyncio.create_task(library.run())
    (town.open / "a.txt").write_text("apples")
    await town.until_found("apples")
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


# what is not read


async def test_hidden_and_foreign_files_are_not_read(town: Town, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text(CANARY)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text(CANARY)
    (town.open / ".hidden.txt").write_text(CANARY)
    (town.open / ".git").mkdir()
    (town.open / ".git" / "a.txt").write_text(CANARY)
    (town.open / "a.py").write_text(CANARY)
    (town.open / "link.txt").symlink_to(outside)
    (town.open / "up.txt").symlink_to("../outside.txt")
    (town.open / "folder").symlink_to(tmp_path / "out")
    (town.open / "round").symlink_to(town.open)
    (town.open / "gone.txt").symlink_to("nowhere.txt")
    os.mkfifo(town.open / "pipe.txt")
    assert await town.library.update() == 0
    assert CANARY.encode() not in town.bytes_of_index()


async def test_a_link_within_the_folder_is_read(town: Town) -> None:
    """So Kubernetes shows a ConfigMap's files:
    https://kubernetes.io/docs/concepts/configuration/configmap/
    """
    (town.open / "..2026").mkdir()
    (town.open / "..2026" / "a.txt").write_text("apples")
    (town.open / "..data").symlink_to("..2026")
    (town.open / "a.txt").symlink_to("..data/a.txt")
    (town.open / "again").symlink_to("..2026")
    assert await town.library.update() == 1
    assert await town.find("apples") == ["open/a.txt"]


async def test_a_bad_file_is_told_once_and_no_others_suffer(town: Town) -> None:
    (town.open / "a.pdf").write_bytes(b"%PDF-nonsense")
    (town.open / "b.txt").write_bytes(b"\0\1\2")
    (town.open / "c.txt").write_text("apples")
    with obs.captured() as lines:
        assert (await town.library.update(), await town.library.update()) == (3, 0)
        assert await town.made().update() == 0
    told = {line["document"]: line["reason"] for line in lines if "reason" in line}
    assert sorted(told) == ["a.pdf", "b.txt"]
    assert len([line for line in lines if "reason" in line]) == 2
    assert await town.find("apples") == ["open/c.txt"]
    (held, _) = await town.library.holdings()
    assert (held.documents, held.passages) == (1, 1)
    assert dict(held.problems) == told
    (town.open / "b.txt").write_text("now it is text")
    await town.library.update()
    assert await town.find("text") == ["open/b.txt"]


async def test_a_file_that_cannot_be_read_now_is_tried_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    (town.open / "a.txt").write_text("apples")

    def refuse(_: folder.Entry) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch, obs.captured() as lines:
        patch.setattr(folder, "read", refuse)
        assert (await town.library.update(), await town.library.update()) == (1, 0)
    assert [line["reason"] for line in lines if "reason" in line] == ["Permission denied"]
    await town.library.update()
    assert await town.find("apples") == ["open/a.txt"]


async def test_a_shutdown_does_not_wait_until_all_is_dropped(town: Town) -> None:
    for number in range(5):
        (town.open / f"{number}.txt").write_text("apples")
    await town.library.update()
    for path in town.open.iterdir():
        path.unlink()
    asked = iter([False, False, True, True, True, True])
    index = index_module.Index(town.data)
    indexing = Indexing(index, {"open": town.open}, lambda: next(asked))
    assert indexing.update() == 2
    (held, _) = await town.library.holdings()
    assert held.documents == 3


async def test_sizes_are_bounded(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LARGEST", 2**20)
    (town.open / "large.txt").write_bytes(b"x" * (2**20 + 1))
    monkeypatch.setattr(passages, "MOST", 3)
    (town.open / "many.txt").write_text("\n\n".join("y" * 1400 for _ in range(5)))
    await town.library.update()
    (held, _) = await town.library.holdings()
    assert held.problems == (("large.txt", "is larger than 1 MB"),)
    assert held.passages == 3
    monkeypatch.setattr(folder, "MOST", 1)
    with obs.captured() as lines:
        await town.library.update()
    assert "more than 1 documents" in str(lines)


async def test_nothing_that_is_read_is_logged(town: Town) -> None:
    (town.open / "a.txt").write_text(CANARY)
    (town.open / "b.pdf").write_text(CANARY)
    with obs.captured() as lines:
        await town.library.update()
        await town.find(CANARY)
    assert CANARY not in str(lines)
    assert CANARY not in repr(town.library.view(["open"]))


# the file


async def test_without_an_index_there_is_nothing(town: Town) -> None:
    for path in town.data.glob("knowledge.db*"):
        path.unlink()
    assert await town.find("apples") == []
    assert [held.documents for held in await town.library.holdings()] == [0, 0]


async def test_the_index_is_nobody_elses_to_read(town: Town) -> None:
    (town.open / "a.txt").write_text("apples")
    await town.library.update()
    assert {path.stat().st_mode & 0o077 for path in town.data.glob("knowledge.db*")} == {0}


async def test_a_sound_index_is_kept(town: Town) -> None:
    (town.open / "a.txt").write_text("apples")
    await town.library.update()
    town.library = town.made()
    with obs.captured() as lines:
        await town.library.open()
    assert await town.find("apples") == ["open/a.txt"]
    assert not lines


@pytest.mark.parametrize("what", ["zeros", "cut", "words", "version", "other"])
async def test_an_index_that_is_not_sound_is_made_anew(town: Town, what: str) -> None:
    (town.open / "a.txt").write_text("apples " * 2000)
    await town.library.update()
    spoil(town.data / "knowledge.db", what)
    town.library = town.made()
    with obs.captured() as lines:
        await town.library.open()
    assert [line["event"] for line in lines] == ["knowledge_rebuilt"]
    assert await town.library.update() == 1
    assert await town.find("apples") != []


@pytest.mark.parametrize("what", ["zeros", "words", "other", "gone"])
async def test_an_index_that_breaks_while_it_is_used_is_made_anew(town: Town, what: str) -> None:
    (town.open / "a.txt").write_text("apples " * 2000)
    library = town.library = town.made(every=3600.0)
    running = asyncio.create_task(library.run())
    await town.until_found("apples")
    await library.update()
    spoil(town.data / "knowledge.db", what)
    with obs.captured() as lines:
        if what == "gone":
            await library.update()
        await town.until_found("apples")
    assert "knowledge_damaged" in {line["event"] for line in lines}
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def spoil(path: Path, what: str) -> None:
    if what == "gone":
        path.unlink()
    elif what == "zeros":
        path.write_bytes(b"\0" * path.stat().st_size)
    elif what == "cut":
        os.truncate(path, path.stat().st_size // 2)
    else:
        statement = {
            "words": "DROP TABLE words; PRAGMA user_version = 0",
            "version": f"PRAGMA user_version = {index_module.VERSION + 1}",
            "other": "PRAGMA application_id = 1; DROP TABLE documents",
        }[what]
        connection = driver().connect(path)
        connection.executescript(statement)
        connection.close()


async def test_an_index_that_is_busy_is_away_for_now(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "BUSY", 0.01)
    # Another library's locks would not be seen within one process.
    connection = driver().connect(town.data / "knowledge.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unavailable, match=r"knowledge\.db.*locked"):
        await town.find("apples")
    connection.close()


async def test_a_search_never_sees_half_a_document(town: Town) -> None:
    """While it is written again and again, all its passages are of one time."""
    stopping = threading.Event()

    def write() -> None:
        index = index_module.Index(town.data)
        for number in range(40):
            blocks = [Block(text=f"apples of time{number}") for _ in range(20)]
            document = Document(title="t", blocks=tuple(blocks))
            index.put("open", "a.txt", Mark(size=1, written=1), document, blocks, 1.0)
        stopping.set()

    writing = asyncio.create_task(asyncio.to_thread(write))
    seen = set[int]()
    while not stopping.is_set() and not writing.done():
        found = await town.library.view(["open"]).search("apples", limit=100)
        assert len({passage.text for passage in found}) <= 1
        seen.add(len(found))
    await writing
    assert seen <= {0, 20}
    assert 20 in seen


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no urgency of their own")
async def test_only_the_thread_that_reads_stands_back(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def urgency() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    seen: list[int] = []
    read = folder.read

    def watched(entry: folder.Entry) -> bytes:
        seen.append(urgency())
        return read(entry)

    monkeypatch.setattr(folder, "read", watched)
    before = urgency()
    (town.open / "a.txt").write_text("apples")
    await town.library.update()
    await town.find("apples")
    assert seen == [min(19, before + 10)]
    assert {urgency(), await asyncio.to_thread(urgency)} == {before}


async def test_a_shutdown_waits_for_one_document_only(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        (town.open / f"{number}.txt").write_text("apples")
    begun, read = threading.Event(), reading.read

    def slowly(name: str, *rest: object) -> Document:
        begun.set()
        threading.Event().wait(0.02)
        return read(name, b"apples")

    monkeypatch.setattr(reading, "read", slowly)
    running = asyncio.create_task(town.library.run())
    await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await town.library.close()
    (held, _) = await town.library.holdings()
    assert 0 < held.documents < 50
