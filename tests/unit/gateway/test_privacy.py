"""What people are told of what is kept of them, handed out, and what is left after they forgot."""

from __future__ import annotations

import asyncio
import io
import json
import random
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from gateway import (
    Delivery,
    File,
    Inbound,
    Output,
    Quote,
    RateLimited,
    Role,
    Sent,
    Text,
    Turn,
    Unavailable,
    endings,
)
from gateway import observability as obs
from gateway.app import gateway
from gateway.cli import acting, people
from gateway.errors import GatewayError
from gateway.exporting import Exporter
from gateway.notices import FAILED, GAVE_UP
from gateway.ports.agent import AgentKind
from gateway.settings import Model, load
from gateway.store.erasure import Erasure
from tests.support.loop import LoopAdapter

TOKEN = "an operator's token of these tests"
HOME = {"kind": "direct", "id": "dm-ada"}
GROUP = {"kind": "group", "id": "garden"}
# Another lane of the same person.
ASIDE: Any = {"kind": "thread", "id": "aside", "parent_id": "dm-ada", "private": True}
CONFIGURATION = """
[gateway]
listen = "127.0.0.1:0"
database = "sqlite:///{folder}/data/gateway.db"
data_dir = "{folder}/data"
log_level = "error"
operator_token = "{token}"
{more}

[limits]
history_messages = 6
file_bytes = 900_000
messages_per_minute = 0

[agents.first]
kind = "keeper"

[channels.one]
platform = "loop"
agent = "first"

[channels.apart]
platform = "loop"
agent = "first"
boundary.group = "per-user-in-group"
"""


class Nothing(Model):
    """The keeper needs no settings."""


class Keeper:
    """Keeps what it is told, by the first word, and says what it sees, but no words after a hyphen:
    what it repeats to others is theirs."""

    def __init__(self) -> None:
        self.holding, self.freed = asyncio.Event(), asyncio.Event()
        self.cut_off = False

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        """One turn."""
        kind, _, rest = turn.text.partition(" ")
        if kind == "fact":
            await turn.facts.remember(rest)
        elif kind == "note":
            await turn.drive.save("note", rest)
        elif kind == "shelve":
            await turn.drive.save("shelved.txt", rest.encode(), "text/plain")
        elif kind == "data":
            turn.data["told"] = rest
        elif kind == "hold":
            self.holding.set()
            try:
                await self.freed.wait()
            except asyncio.CancelledError:
                self.cut_off = True
                raise
        elif kind == "known":
            facts = [fact.text for fact in await turn.facts.recall()]
            yield Text(f"{turn.data} {facts} {[item.name for item in await turn.drive.list()]}")
            return
        elif kind == "blob":
            # Random, as what is compressed already.
            yield File(name=f"{rest}.bin", data=random.Random(rest).randbytes(250_000))
        elif kind == "file":
            yield File(name="made.txt", data=rest.encode(), media_type="text/plain")
        seen = [m.text.partition("-")[0] for m in turn.messages if m.role is Role.USER]
        yield Text(f"{turn.text} after {'|'.join(seen) or 'nothing'}")


class House:
    """A gateway in this very loop, and what people see of it."""

    def __init__(
        self, adapters: Mapping[str, LoopAdapter], address: str, folder: Path, keeper: Keeper
    ) -> None:
        self.adapters = adapters
        self.address = address
        self.folder = folder
        self.keeper = keeper

    async def say(
        self,
        who: str,
        place: dict[str, str],
        text: str,
        channel: str = "one",
        *,
        apart: bool = False,
    ) -> list[str]:
        """What is answered there, and, if ``apart``, to the person alone."""
        adapter = self.adapters[channel]
        before = {one: len(adapter.sent[one]) for one in (place["id"], who)}
        await adapter.say(who, place, text)
        for one in (place["id"], who) if apart else (place["id"],):
            await adapter.answered(one, before[one])
        await self.still(adapter)
        return [said for one, count in before.items() for said in adapter.sent[one][count:]]

    async def still(self, adapter: LoopAdapter) -> None:
        """Wait until nothing more is sent."""
        before, now = -1, 0
        while before != now:
            await asyncio.sleep(0.05)
            before, now = now, sum(map(len, adapter.sent.values()))

    def found(self, word: str) -> list[str]:
        """The files of the data directory that have it."""
        files = (path for path in (self.folder / "data").rglob("*") if path.is_file())
        return [path.name for path in files if word.encode() in path.read_bytes()]

    async def gone(self, word: str) -> None:
        """Wait until no file has it: that is done once the receipt is sent."""
        for _ in range(250):
            if not self.found(word):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{word} is still in {self.found(word)}")


@asynccontextmanager
async def housed(folder: Path, more: str = "", **patches: Any) -> AsyncIterator[House]:
    """A gateway below the folder; ``patches`` change the platform."""
    platform: type[LoopAdapter] = type("Loop", (LoopAdapter,), {"made": {}, **patches})
    (folder / "data").mkdir(exist_ok=True)
    path = folder / "gateway.toml"
    path.write_text(CONFIGURATION.format(folder=folder, token=TOKEN, more=more))
    keeper = Keeper()
    kind = AgentKind(settings=Nothing, create=lambda _name, _settings: keeper)
    adapters: Any = {"loop": platform}
    async with gateway(load(path, {}, adapters, {"keeper": kind})) as address:
        yield House(platform.made, address, folder, keeper)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with housed(tmp_path) as opened:
        yield opened


def unpacked(said: list[str]) -> zipfile.ZipFile:
    """The archive among what was sent."""
    (whole,) = [text[text.index("PK\x03\x04") :] for text in said if "PK\x03\x04" in text]
    return zipfile.ZipFile(io.BytesIO(whole.encode("latin-1")))


def exported(said: list[str]) -> Any:
    """Its document."""
    return json.loads(unpacked(said).read("export.json"))


# /forget in private


async def test_nothing_is_forgotten_before_it_is_confirmed(house: House) -> None:
    await house.say("ada", HOME, "fact likes roses")
    (told,) = await house.say("ada", HOME, "/forget")
    for line in ("conversations: 1", "messages: 2", "remembered facts: 1", "/forget yes"):
        assert line in told
    assert "likes roses" not in told
    assert await house.say("ada", HOME, "two") == ["two after fact likes roses"]


async def test_all_of_it_is_forgotten_and_the_receipt_names_each_store(house: House) -> None:
    for text in ("fact w1-rose", "note w2-rose", "shelve w3-rose", "data w4-rose", "file w5-rose"):
        await house.say("ada", HOME, text)
    await house.say("bob", {"kind": "direct", "id": "dm-bob"}, "fact w6-tulip")
    (receipt,) = await house.say("ada", HOME, "/forget yes")
    for line in ("conversations: 1", "messages: 10", "facts: 1", "keep: 2", "data: 1", "files: 1"):
        assert line in receipt
    assert "for at most 30 days" in receipt
    assert "STOP" in receipt
    for word in ("w1-rose", "w2-rose", "w3-rose", "w4-rose", "w5-rose"):
        await house.gone(word)
    assert house.found("w6-tulip")
    assert await house.say("ada", HOME, "again") == ["again after nothing"]
    assert await house.say("ada", HOME, "known") == ["{} [] []"]
    (told,) = await house.say("ada", HOME, "/forget")
    assert "facts" not in told


async def test_not_even_who_they_were_is_left(house: House) -> None:
    place = {"kind": "direct", "id": "dm-4711x"}
    await house.say("4711x", place, "one")
    await house.say("4711x", place, "/forget yes")
    await house.gone("4711x")
    assert await house.say("4711x", place, "two") == ["two after nothing"]


async def test_forgotten_twice_the_second_finds_nothing(house: House) -> None:
    await house.say("ada", HOME, "one")
    await house.say("ada", HOME, "/forget yes")
    (receipt,) = await house.say("ada", HOME, "/forget YES")
    assert "conversations: 0" in receipt
    assert "messages: 0" in receipt


async def test_it_is_gone_from_each_of_their_places(house: House) -> None:
    aside = {"kind": "group", "id": "garden"}
    elsewhere = {"kind": "direct", "id": "another chat with ada"}
    await house.say("ada", HOME, "one")
    await house.say("ada", aside, "two", channel="apart")
    assert await house.say("ada", elsewhere, "three") == ["three after one"]
    await house.say("ada", HOME, "/forget yes")
    assert await house.say("ada", elsewhere, "four") == ["four after nothing"]
    # Another channel is another account, where nobody asked for it.
    assert await house.say("ada", aside, "five", channel="apart") == ["five after two"]


async def test_a_turn_under_way_among_others_goes_on_without_it(house: House) -> None:
    await house.say("ada", GROUP, "g1-rose")
    adapter = house.adapters["one"]
    await adapter.say("bob", GROUP, "hold on")
    await house.keeper.holding.wait()
    await adapter.say("eve", GROUP, "g2")
    await house.say("ada", HOME, "/forget yes")
    house.keeper.freed.set()
    # At once, and not when somebody looks what was lost.
    async with asyncio.timeout(15):
        await adapter.answered("garden", 2)
    assert adapter.sent["garden"][1:] == ["hold on after nothing", "g2 after hold on"]


async def test_a_turn_under_way_elsewhere_is_cut_off_and_says_nothing(house: House) -> None:
    adapter = house.adapters["one"]
    await house.say("ada", ASIDE, "a1-rose")
    await adapter.say("ada", ASIDE, "hold a2-rose")
    await house.keeper.holding.wait()
    await house.say("ada", HOME, "/forget yes")
    assert house.keeper.cut_off
    await house.gone("-rose")
    house.keeper.freed.set()
    assert await house.say("ada", ASIDE, "a3") == ["a3 after nothing"]


async def test_what_waits_to_be_sent_elsewhere_is_not_sent_any_more(tmp_path: Path) -> None:
    tried, free = asyncio.Event(), asyncio.Event()

    async def send(adapter: LoopAdapter, delivery: Delivery) -> Sent:
        if delivery.address.destination == "aside" and not free.is_set():
            tried.set()
            raise RateLimited("not now", retry_after=0.1)
        return await LoopAdapter.send(adapter, delivery)

    async with housed(tmp_path, send=send) as house:
        adapter = house.adapters["one"]
        await adapter.say("ada", ASIDE, "a1-rose")
        await tried.wait()
        await house.say("ada", HOME, "/forget yes")
        free.set()
        await asyncio.sleep(0.3)
        assert not adapter.sent["aside"]
        assert await house.say("ada", ASIDE, "a2") == ["a2 after nothing"]


async def test_forgotten_from_two_places_at_once_one_of_them_gets_the_receipt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, begun = Erasure.erase, []

    async def slowly(store: Erasure, *args: Any, **more: Any) -> Any:
        begun.append(more)
        await asyncio.sleep(0.1)
        return await whole(store, *args, **more)

    monkeypatch.setattr(Erasure, "erase", slowly)
    await house.say("ada", HOME, "w1-rose")
    await house.say("ada", ASIDE, "a1-rose")
    adapter = house.adapters["one"]
    await asyncio.gather(*(adapter.say("ada", one, "/forget yes") for one in (HOME, ASIDE)))
    async with asyncio.timeout(10):
        await adapter.until(lambda: "conversations: 2" in str(adapter.sent))
    await house.gone("-rose")
    assert len(begun) == 1
    assert await house.say("ada", ASIDE, "a2") == ["a2 after nothing"]


async def test_an_export_under_way_elsewhere_is_forgotten_with_the_rest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, writing, erased = Exporter.write, asyncio.Event(), asyncio.Event()

    async def slowly(exporter: Exporter, *args: Any, **more: Any) -> Any:
        left = await whole(exporter, *args, **more)
        writing.set()
        await erased.wait()
        return left

    monkeypatch.setattr(Exporter, "write", slowly)
    await house.say("ada", HOME, "w1-rose")
    adapter = house.adapters["one"]
    await adapter.say("ada", ASIDE, "/export")
    await writing.wait()
    await house.say("ada", HOME, "/forget yes")
    erased.set()
    await house.still(adapter)
    await house.gone("PK\x03\x04")
    assert not adapter.sent["aside"]


async def test_the_log_tells_that_the_sessions_are_gone_and_not_what_was_in_them(
    tmp_path: Path,
) -> None:
    with obs.captured() as lines:
        async with housed(tmp_path) as house:
            await house.say("ada", HOME, "w1-rose")
            await house.say("ada", ASIDE, "a1-rose")
            await house.say("ada", HOME, "/forget yes")
    deleted = [line["session"] for line in lines if line["event"] == obs.Event.SESSION_DELETED]
    assert len(set(deleted)) == len(deleted) == 2
    assert "-rose" not in str(lines)


async def test_what_a_crash_cuts_off_is_done_when_it_is_tried_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.say("ada", HOME, "fact w1-rose")
    whole, tries = Erasure.erase, []

    async def breaks_off(store: Erasure, *args: Any, **more: Any) -> Any:
        tries.append(await whole(store, *args, **more))
        if len(tries) == 1:
            raise Unavailable("gone away", retry_after=0.05)
        return tries[-1]

    monkeypatch.setattr(Erasure, "erase", breaks_off)
    (receipt,) = await house.say("ada", HOME, "/forget yes")
    # It tells what was left the second time.
    assert "conversations: 0" in receipt
    await house.gone("w1-rose")
    assert await house.say("ada", HOME, "again") == ["again after nothing"]


async def test_in_private_what_was_said_among_others_goes_too(house: House) -> None:
    await house.say("ada", GROUP, "g1-rose")
    await house.say("bob", GROUP, "g2-tulip")
    await house.say("ada", GROUP, "g3-rose", channel="apart")
    await house.say("ada", HOME, "/forget yes")
    await house.say("ada", HOME, "/forget yes", channel="apart")
    for word in ("g1-rose", "g3-rose"):
        await house.gone(word)
    assert await house.say("bob", GROUP, "g4") == ["g4 after g2"]


# /forget among others


async def test_among_others_one_forgets_ones_own_words(house: House) -> None:
    park = {"kind": "group", "id": "park"}
    await house.say("ada", HOME, "home-rose")
    await house.say("ada", park, "p1-rose")
    await house.say("ada", GROUP, "g1-rose")
    await house.say("bob", GROUP, "g2-tulip")
    here, private = await house.say("ada", GROUP, "/forget", apart=True)
    assert "privately" in here
    assert "messages: 2" in private
    here, private = await house.say("ada", GROUP, "/forget yes", apart=True)
    assert "privately" in here
    assert "messages:" not in here
    assert "messages: 2" in private
    await house.gone("g1-rose")
    assert await house.say("bob", GROUP, "g3") == ["g3 after g2"]
    assert await house.say("ada", HOME, "h2") == ["h2 after home"]
    assert await house.say("ada", park, "p2") == ["p2 after p1"]


async def test_where_nobody_can_be_told_in_private_no_numbers_are_told(tmp_path: Path) -> None:
    async with housed(tmp_path, confide=lambda *_: None) as house:
        await house.say("ada", GROUP, "g1-rose")
        assert "messages:" not in (await house.say("ada", GROUP, "/forget"))[0]
        (told,) = await house.say("ada", GROUP, "/export")
        assert told == "Write to me privately and send /export there."
        (told,) = await house.say("ada", GROUP, "/forget yes")
        assert told.startswith("Done.")
        assert "messages:" not in told
        await house.gone("g1-rose")


async def test_a_summary_is_made_anew_of_what_the_others_said(house: House) -> None:
    for number in range(6):
        await house.say("ada", GROUP, f"My roses {number} are s1-rose")
        await house.say("bob", GROUP, f"My tulips {number} are s2-tulip")
    for _ in range(250):
        if house.found("Ada: My roses 1"):
            break
        await asyncio.sleep(0.05)
    assert house.found("Ada: My roses 1")
    await house.say("ada", GROUP, "/forget yes")
    await house.gone("s1-rose")
    assert house.found("Bob: My tulips 1")


async def test_ones_own_place_in_a_group_is_forgotten_whole(house: House) -> None:
    await house.say("ada", GROUP, "fact g1-rose", channel="apart")
    await house.say("bob", GROUP, "fact g2-tulip", channel="apart")
    here, private = await house.say("ada", GROUP, "/forget yes", "apart", apart=True)
    assert "privately" in here
    assert "facts: 1" in private
    await house.gone("g1-rose")
    bobs = await house.say("bob", GROUP, "g3", channel="apart")
    assert bobs == ["g3 after fact g2"]


# /export


async def test_everything_of_a_person_and_nobody_elses(house: House) -> None:
    for text in ("fact roses", "note a note", "shelve shelved words", "data told", "file made"):
        await house.say("ada", HOME, text)
    await house.say("ada", HOME, "/name My garden")
    await house.say("ada", GROUP, "among others")
    await house.say("bob", GROUP, "his words")
    await house.say("bob", {"kind": "direct", "id": "dm-bob"}, "fact tulips")
    said = await house.say("ada", HOME, "/export")
    archive = unpacked(said)
    whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"his words" not in whole
    assert b"tulips" not in whole
    document = json.loads(archive.read("export.json"))
    (talk,) = document["conversations"]
    assert talk["name"] == "My garden"
    assert talk["messages"][0]["text"] == "fact roses"
    (remembered,) = document["remembered"]
    assert remembered["data"] == {"told": "told"}
    assert [fact["text"] for fact in remembered["facts"]] == ["roses"]
    saved = {item["name"]: item for item in remembered["saved"]}
    assert saved["note"]["text"] == "a note"
    assert archive.read(saved["shelved.txt"]["file"]) == b"shelved words"
    (shared,) = document["said_in_shared_conversations"]
    assert shared["text"] == "among others"
    made = next(file for m in talk["messages"] for file in m.get("files", ()))
    assert archive.read(made["file"]) == b"made"


async def test_among_others_only_what_was_said_there_is_sent_in_private(house: House) -> None:
    await house.say("ada", HOME, "at home")
    await house.say("ada", GROUP, "among others")
    await house.say("bob", GROUP, "his words")
    here, *private = await house.say("ada", GROUP, "/export", apart=True)
    assert "privately" in here
    document = exported(private)
    assert document["conversations"] == []
    assert [one["text"] for one in document["said_in_shared_conversations"]] == ["among others"]
    assert not house.adapters["one"].sent["garden"][-1].startswith("Here is everything")


async def test_what_somebody_quotes_of_others_is_not_handed_out(tmp_path: Path) -> None:
    quoted = Quote(text="his words", sender="Bob")

    def parse(adapter: LoopAdapter, raw: bytes) -> Any:
        return replace(cast("Inbound", LoopAdapter.parse(adapter, raw)), quote=quoted)

    async with housed(tmp_path, parse=parse) as house:
        await house.say("ada", GROUP, "among others")
        await house.say("ada", HOME, "at home")
        document = exported(await house.say("ada", HOME, "/export"))
    (shared,) = document["said_in_shared_conversations"]
    assert "quotes" not in shared
    # In one's own conversation it is a part of what was said.
    assert document["conversations"][0]["messages"][0]["quotes"]["text"] == "his words"


async def test_an_export_does_not_outlast_its_sending(house: House) -> None:
    await house.say("ada", HOME, "one")
    await house.say("ada", HOME, "/export")
    await house.gone("PK\x03\x04")


async def test_where_no_file_can_be_sent_there_is_a_link(tmp_path: Path) -> None:
    public = 'public_url = "http://127.0.0.1:1"'
    async with housed(tmp_path, public, carries=lambda *_: False) as house:
        await house.say("ada", HOME, "one")
        (told,) = await house.say("ada", HOME, "/export")
        path = told.rpartition("http://127.0.0.1:1")[2]
        async with aiohttp.ClientSession() as http, http.get(house.address + path) as response:
            archive = zipfile.ZipFile(io.BytesIO(await response.read()))
        assert b'"one"' in archive.read("export.json")
        # What is forgotten is not to be had by a link either.
        assert house.found("PK\x03\x04")
        await house.say("ada", HOME, "/forget yes")
        await house.gone("PK\x03\x04")


async def test_without_an_address_people_are_told_whom_to_ask(tmp_path: Path) -> None:
    async with housed(tmp_path, carries=lambda *_: False) as house:
        await house.say("ada", HOME, "one")
        (told,) = await house.say("ada", HOME, "/export")
        assert "Ask whoever runs this" in told


async def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    async with housed(tmp_path) as house:
        for number in range(4):
            await house.say("ada", HOME, f"blob {number}")
        said = await house.say("ada", HOME, "/export")
    archive = unpacked(said)
    assert "only the names fit in" in said[0]
    left = json.loads(archive.read("left out.json"))
    named = [m["files"][0]["file"] for m in exported(said)["conversations"][0]["messages"][1::2]]
    assert {*left} | {name for name in archive.namelist() if name in named} == {*named}
    assert left


async def test_an_export_that_cannot_be_written_fails_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: Any, **__: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Exporter, "write", full)
    monkeypatch.setattr(endings, "_BACKOFF", (0.01,) * 4)
    with obs.captured() as lines:
        async with housed(tmp_path) as house:
            await house.say("ada", HOME, "w1-rose")
            assert await house.say("ada", HOME, "/export") == [FAILED]
            assert await house.say("ada", HOME, "w2") == ["w2 after w1"]
    assert len([line for line in lines if line["event"] == obs.Event.TURN_FAILED]) == 5
    assert "-rose" not in str(lines)


async def test_an_export_for_which_there_is_long_no_room_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> int:
        raise Unavailable("files cannot be written or read now", retry_after=0.05)

    monkeypatch.setattr(Exporter, "write", away)
    async with housed(tmp_path, "give_up_after = 0.2") as house:
        assert await house.say("ada", HOME, "/export") == [GAVE_UP]
        assert await house.say("ada", HOME, "w1") == ["w1 after nothing"]


# operators


async def test_operators_hand_out_and_erase_for_people(house: House) -> None:
    await house.say("ada", HOME, "fact w1-rose")
    await house.say("bob", {"kind": "direct", "id": "dm-bob"}, "fact w2-tulip")
    url = f"{house.address}/operator/people/one/ada"
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{url}/forget") as response:
            assert response.status == 401
        http.headers["Authorization"] = f"Bearer {TOKEN}"
        async with http.get(f"{url}/export") as response:
            archive = zipfile.ZipFile(io.BytesIO(await response.read()))
            whole = archive.read("export.json")
            assert b"w1-rose" in whole
            assert b"w2-tulip" not in whole
        async with http.post(f"{url}/forget") as response:
            erased = (await response.json())["erased"]
        async with http.post(f"{house.address}/operator/people/one/%20/forget") as response:
            assert response.status == 400
    assert (erased["sessions"], erased["facts"]) == (1, 1)
    assert not house.found("w1-rose")
    assert house.found("w2-tulip")
    assert await house.say("ada", HOME, "again") == ["again after nothing"]


async def test_the_same_from_the_command_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with housed(tmp_path) as house:
        await house.say("ada", HOME, "shelve w1-rose")
        await house.say("bob", {"kind": "direct", "id": "dm-bob"}, "fact w2-tulip")
        # Beside a gateway that runs.
        path, config = tmp_path / "ada.zip", tmp_path / "gateway.toml"
        await asyncio.to_thread(people.export, config, "one", "ada", path)
        with pytest.raises(GatewayError, match="exists already"):
            await asyncio.to_thread(people.export, config, "one", "ada", path)
    with zipfile.ZipFile(path) as archive:
        (shelved,) = (name for name in archive.namelist() if name.endswith("shelved.txt"))
        assert archive.read(shelved) == b"w1-rose"
        assert b"w2-tulip" not in archive.read("export.json")
    with pytest.raises(GatewayError, match="whose it is"):
        await asyncio.to_thread(people.forget, config, "one", "", as_json=True)
    capfd.readouterr()
    await asyncio.to_thread(people.forget, config, "one", "ada", as_json=True)
    erased = json.loads(capfd.readouterr().out)["erased"]
    assert (erased["sessions"], erased["items"]) == (1, 1)
    assert not house.found("w1-rose")
    assert house.found("w2-tulip")
    await asyncio.to_thread(people.forget, config, "one", "ada", as_json=False)
    assert "- conversations: 0" in capfd.readouterr().out


async def test_the_command_line_erases_through_the_gateway_that_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = "ada/of the garden?"
    place = {"kind": "direct", "id": "dm-strange"}
    async with housed(tmp_path) as house:
        await house.say(strange, place, "shelve w1-rose")
        await house.say("bob", {"kind": "direct", "id": "dm-bob"}, "fact w2-tulip")
        config = tmp_path / "gateway.toml"
        port = house.address.rpartition(":")[2]
        config.write_text(config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        capfd.readouterr()
        await asyncio.to_thread(people.forget, config, "one", strange, as_json=True)
        erased = json.loads(capfd.readouterr().out)["erased"]
        assert (erased["sessions"], erased["items"]) == (1, 1)
        assert not house.found("w1-rose")
        assert house.found("w2-tulip")
        assert await house.say(strange, place, "again") == ["again after nothing"]
        path = tmp_path / "strange.zip"
        await asyncio.to_thread(people.export, config, "one", strange, path)
        with zipfile.ZipFile(path) as archive:
            assert b'"again"' in archive.read("export.json")
        another = tmp_path / "another.toml"
        another.write_text(config.read_text().replace(TOKEN, "another"))
        with pytest.raises(GatewayError, match="another operator token"):
            await asyncio.to_thread(people.forget, another, "one", "bob", as_json=True)
        assert house.found("w2-tulip")
        whole = Erasure.erase

        async def slowly(store: Erasure, *args: Any, **more: Any) -> Any:
            await asyncio.sleep(0.3)
            return await whole(store, *args, **more)

        monkeypatch.setattr(Erasure, "erase", slowly)
        monkeypatch.setattr(acting, "TIMEOUT", 0.1)
        with pytest.raises(GatewayError, match="still at it"):
            await asyncio.to_thread(people.forget, config, "one", "bob", as_json=True)
        await house.gone("w2-tulip")
