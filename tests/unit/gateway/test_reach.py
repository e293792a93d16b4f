"""What a turn reaches beyond its session: its owner's and nobody else's, kept with the turn or not
at all; on a real store and a real disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.agents.echo import EchoAgent, EchoSettings
from gateway.belongings import Item, Passage
from gateway.domain import Attachment, Conversation, ConversationKind, Participant, Session
from gateway.errors import LimitExceeded
from gateway.files import FileRoom
from gateway.longterm import LongTerm
from gateway.ports.agent import Agent, Output, Text, Turn
from gateway.ports.records import AgentScope, Keeping, OwnerScope
from gateway.ports.store import Store
from gateway.reach import Reach, Reaching
from gateway.settings import AgentBasics, LimitsSection
from gateway.store import connect
from gateway.testing._talk import CHANNEL, Talk, session

FILE = Attachment(name="map.png", media_type="image/png", id="f1")


class Curious:
    """An agent that looks at what there is."""

    async def run(self, turn: Turn) -> AsyncIterator[Output]:
        yield Text(turn.text)


@dataclass
class Shelf:
    """A knowledge view that says which bases it was made for."""

    bases: Sequence[str]

    async def search(self, words: str, *, limit: int = 5) -> Sequence[Passage]:
        return [Passage(base=base, document="d", title="", text=words) for base in self.bases]


async def contents(attachment: Attachment) -> bytes:
    if attachment.id != FILE.id:
        raise LookupError(f"{attachment.name!r} is not a file of this turn")
    return b"\x89PNG map"


@dataclass
class Place:
    """A gateway's rooms, and turns in them."""

    store: Store
    folder: Path
    limits: dict[str, int] = field(default_factory=dict)
    basics: AgentBasics = field(default_factory=AgentBasics)

    def __post_init__(self) -> None:
        self.longterm = LongTerm(self.store)
        limits = LimitsSection(**self.limits)
        self.files = FileRoom(
            folder=self.folder / "files", store=self.store, limit=limits.file_bytes
        )
        agents: dict[str, Agent] = {
            "echo": Curious(),
            "other": Curious(),
            "forgetful": EchoAgent("forgetful", EchoSettings()),
        }
        self.reach = Reach(
            store=self.store,
            longterm=self.longterm,
            files=self.files,
            limits=limits,
            agents=agents,
            basics={"echo": self.basics},
            bases=("law", "tea", "secret"),
            view=Shelf,
        )

    async def begin(self, who: str = "ada", agent: str = "echo", **changes: Any) -> Reaching:
        place = session("lane", who, agent=agent, **changes)
        return await self.reach.begin(place, contents)

    async def commit(self, reaching: Reaching, turn: Turn | None = None) -> None:
        """As a turn's end does."""
        keepings = reaching.keepings(turn or turn_of(reaching))
        with self.longterm.changing(keepings):
            for keeping in keepings:
                await self.store.keep(keeping)
        await reaching.close()

    def on_disk(self) -> int:
        return sum(path.is_file() for path in (self.folder / "files").glob("??/*"))


def turn_of(reaching: Reaching) -> Turn:
    where = Conversation(kind=ConversationKind.DIRECT, id="1")
    return Turn(
        id="u",
        task_id="t",
        channel=CHANNEL,
        agent=reaching.session.agent,
        text="",
        session=reaching.session,
        participant=Participant(id="ada"),
        conversation=where,
        **reaching.belongings(),
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = connect(f"sqlite:///{tmp_path}/gateway.db")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Place:
    return Place(store, tmp_path)


# facts


async def test_a_fact_is_this_turns_alone_until_it_is_committed(place: Place) -> None:
    one, other = await place.begin(), await place.begin()
    fact = await one.facts.remember("  likes tea ")
    assert [f.text for f in await one.facts.recall("TEA")] == ["likes tea"]
    assert not await other.facts.recall()
    await place.commit(one)
    assert list(await other.facts.recall("likes")) == [fact]
    assert not await (await place.begin("bob")).facts.recall()
    assert not await (await place.begin(agent="other")).facts.recall()


async def test_what_a_turn_that_failed_learned_is_forgotten(place: Place) -> None:
    one = await place.begin()
    await one.facts.remember("likes tea")
    await one.drive.save("plan.txt", b"secret")
    await one.close()
    again = await place.begin()
    assert not await again.facts.recall()
    assert not await again.drive.list()
    assert place.on_disk() == 0


async def test_the_same_fact_is_kept_once(place: Place) -> None:
    one = await place.begin()
    first = await one.facts.remember("likes tea")
    assert await one.facts.remember("likes tea ") == first
    await place.commit(one)
    two = await place.begin()
    assert await two.facts.remember("likes tea") == first
    assert two.keepings(turn_of(two)) == ()


async def test_facts_are_dropped_with_the_turn_and_come_back_without_it(place: Place) -> None:
    one = await place.begin()
    kept, dropped = await one.facts.remember("likes tea"), await one.facts.remember("is 40")
    unsaid = await one.facts.remember("a slip")
    assert await one.facts.forget(unsaid.id)
    await place.commit(one)
    two = await place.begin()
    assert await two.facts.forget(dropped.id)
    assert not await two.facts.forget(dropped.id)
    assert not await two.facts.forget("nobody's")
    assert [f.id for f in await two.facts.recall()] == [kept.id]
    await two.close()
    three = await place.begin()
    assert [f.id for f in await three.facts.recall()] == [dropped.id, kept.id]
    assert await three.facts.forget(dropped.id)
    await place.commit(three)
    assert [f.id for f in await (await place.begin()).facts.recall()] == [kept.id]


async def test_nobody_drops_anothers_fact(place: Place) -> None:
    one = await place.begin()
    fact = await one.facts.remember("likes tea")
    await place.commit(one)
    other = await place.begin("bob")
    assert not await other.facts.forget(fact.id)
    await place.commit(other)
    assert len(await (await place.begin()).facts.recall()) == 1


async def test_recall_counts_what_the_turn_changed(place: Place) -> None:
    one = await place.begin()
    for number in range(4):
        await one.facts.remember(f"fact {number}")
    await place.commit(one)
    two = await place.begin()
    newest, *_ = await two.facts.recall(limit=1)
    assert newest.text == "fact 3"
    await two.facts.forget(newest.id)
    await two.facts.remember("fact 4")
    assert [f.text for f in await two.facts.recall("fact", limit=2)] == ["fact 4", "fact 2"]


async def test_there_are_no_more_facts_than_the_limit(store: Store, tmp_path: Path) -> None:
    place = Place(store, tmp_path, limits={"facts": 2})
    one = await place.begin()
    await one.facts.remember("1")
    await place.commit(one)
    two = await place.begin()
    first, *_ = await two.facts.recall()
    await two.facts.remember("2")
    with pytest.raises(LimitExceeded, match=r"2 are allowed \(limits.facts\)"):
        await two.facts.remember("3")
    assert (await two.facts.remember("1")).id == first.id
    await two.facts.forget(first.id)
    await two.facts.remember("3")


@pytest.mark.parametrize(("text", "error"), [(" ", ValueError), ("x" * 10_001, LimitExceeded)])
async def test_a_fact_is_a_sentence_or_two(place: Place, text: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="fact"):
        await (await place.begin()).facts.remember(text)


# the Drive


async def test_what_is_saved_is_read_listed_and_deleted_like_files(place: Place) -> None:
    one = await place.begin()
    await one.drive.save("notes", "buy Tea")
    await one.drive.save("map", FILE)
    await one.drive.save("data.bin", b"\0\1")
    for turn in (one, None):
        here = turn or await place.begin()
        assert [item.name for item in await here.drive.list()] == ["data.bin", "map", "notes"]
        assert [item.name for item in await here.drive.list("tea")] == ["notes"]
        assert await here.drive.read("notes") == b"buy Tea"
        assert await here.drive.read("map") == b"\x89PNG map"
        if turn:
            await place.commit(one)
    assert place.on_disk() == 2
    for who, agent in (("bob", "echo"), ("ada", "other")):
        stranger = await place.begin(who, agent)
        assert not await stranger.drive.list()
        with pytest.raises(LookupError, match="nothing called 'map'"):
            await stranger.drive.read("map")
    last = await place.begin()
    assert await last.drive.delete("map")
    assert not await last.drive.delete("map")
    with pytest.raises(LookupError):
        await last.drive.read("map")
    await place.commit(last)
    assert {item.name for item in await (await place.begin()).drive.list()} == {
        "data.bin",
        "notes",
    }


async def test_a_file_of_another_turn_cannot_be_saved(place: Place) -> None:
    one = await place.begin()
    with pytest.raises(LookupError):
        await one.drive.save("map", replace(FILE, id="f2"))
    assert one.keepings(turn_of(one)) == ()


async def test_what_is_saved_under_a_name_again_replaces_it(place: Place) -> None:
    one = await place.begin()
    await one.drive.save("notes", b"old")
    await place.commit(one)
    two = await place.begin()
    await two.drive.save("notes", "new")
    await two.drive.delete("notes")
    await two.drive.save("notes", "newest")
    assert [item.text for item in await two.drive.list()] == ["newest"]
    await place.commit(two)
    three = await place.begin()
    assert [item.text for item in await three.drive.list()] == ["newest"]
    assert await three.drive.read("notes") == b"newest"


async def test_names_have_no_folders(place: Place) -> None:
    one = await place.begin()
    item = await one.drive.save("../plans/a.txt", "x")
    assert "/" not in item.name
    assert await one.drive.read("../plans/a.txt") == b"x"
    await one.drive.save("b.txt", "other")
    assert await one.drive.read("b.txt") == b"other"
    with pytest.raises(ValueError, match="name"):
        await one.drive.save("  ", "x")


async def test_there_is_no_more_on_the_drive_than_the_limit(store: Store, tmp_path: Path) -> None:
    place = Place(store, tmp_path, limits={"drive_bytes": 100, "file_bytes": 60})
    one = await place.begin()
    await one.drive.save("a", "x" * 50)
    await place.commit(one)
    two = await place.begin()
    with pytest.raises(LimitExceeded, match="larger than 60 bytes"):
        await two.drive.save("b", b"x" * 61)
    await two.drive.save("b", b"x" * 50)
    with pytest.raises(LimitExceeded, match=r"100 are allowed \(limits.drive_bytes\)"):
        await two.drive.save("c", "x")
    # What could not be saved is not there, and took nothing away.
    with pytest.raises(LimitExceeded):
        await two.drive.save("a", "x" * 51)
    assert await two.drive.read("a") == b"x" * 50
    await two.drive.save("a", "x" * 40)
    await two.drive.save("c", "x" * 10)
    await two.drive.delete("c")
    await two.drive.save("d", "é" * 5)
    await place.commit(two)
    assert (await store.shelf_size(two.owner))[1] == 100


async def test_a_text_is_called_by_the_name_of_a_kind(place: Place) -> None:
    one = await place.begin()
    kinds = {
        "": "text/plain",
        "Text/CSV; charset=utf-8": "text/csv",
        "text/x\r\nSet-Cookie: a": "text/plain",
        "text/ü": "text/plain",
        "x" * 1000: "text/plain",
    }
    for said, called in kinds.items():
        assert (await one.drive.save("a", "text", said)).media_type == called


async def test_no_fewer_than_none_are_listed(place: Place) -> None:
    one = await place.begin()
    for name in "ab":
        await one.facts.remember(name)
        await one.drive.save(name, name)
    assert not await one.facts.recall(limit=-1)
    assert not await one.drive.list(limit=-1)


async def test_a_turn_that_is_over_saves_nothing_more(place: Place) -> None:
    one = await place.begin()
    await one.close()
    with pytest.raises(RuntimeError, match="over"):
        await one.drive.save("late", b"x")
    assert place.on_disk() == 0


async def test_a_content_that_another_turn_saves_stays_while_one_fails(place: Place) -> None:
    one, two = await place.begin(), await place.begin("bob")
    await asyncio.gather(one.drive.save("same", b"x"), two.drive.save("same", b"x"))
    await one.close()
    assert place.on_disk() == 1
    await place.commit(two)
    assert await (await place.begin("bob")).drive.read("same") == b"x"


async def test_the_agents_shelf_is_its_own_and_read_only(place: Place) -> None:
    scope = AgentScope(agent="echo")
    file = await place.files.shelve("prices.csv", b"tea;3")
    text = Item(id="i", name="hello", created_at=1.0, text="Welcome", size=7)
    await place.store.keep(Keeping(scope=scope, items=(file, text)))
    await place.files.let_go((file,))
    one = await place.begin()
    assert {item.name for item in await one.shelf.list()} == {"prices.csv", "hello"}
    assert await one.shelf.read("prices.csv") == b"tea;3"
    assert await one.shelf.read("hello") == b"Welcome"
    assert not hasattr(one.shelf, "save")
    other = await place.begin(agent="other")
    assert not await other.shelf.list()
    with pytest.raises(LookupError, match="agent's shelf"):
        await other.shelf.read("hello")


# data


async def test_data_changes_key_by_key(place: Place) -> None:
    one, two = await place.begin(), await place.begin()
    one.data["name"] = "Ada"
    two.data["tea"] = ["green"]
    await place.commit(one)
    await place.commit(two)
    three = await place.begin()
    assert three.data == {"name": "Ada", "tea": ["green"]}
    three.data["tea"].append("black")
    del three.data["name"]
    await place.commit(three)
    assert (await place.begin()).data == {"tea": ["green", "black"]}
    assert (await place.begin("bob")).data == {}
    assert (await place.begin(agent="other")).data == {}
    assert (await place.begin(channel="elsewhere")).data == {}


async def test_each_turn_has_a_copy_of_its_own(place: Place) -> None:
    one = await place.begin()
    shared = ["x"]
    one.data["list"] = shared
    await place.commit(one)
    shared.append("changed later")
    (await place.begin()).data["list"].append("never committed")
    assert (await place.begin()).data == {"list": ["x"]}


async def test_data_that_did_not_change_is_not_written(place: Place) -> None:
    one = await place.begin()
    one.data.update(a=1, b=True)
    await place.commit(one)
    two = await place.begin()
    two.data["a"] = 1
    assert two.keepings(turn_of(two)) == ()
    two.data["b"] = 1
    assert [keeping.data for keeping in two.keepings(turn_of(two))] == [{"b": 1}]


async def test_what_is_no_json_is_named(place: Place) -> None:
    one = await place.begin()
    one.data.update(fine=1, when={1, 2})
    with pytest.raises(TypeError, match=r"turn.data\['when'\] cannot be kept as JSON"):
        one.keepings(turn_of(one))
    two = await place.begin()
    two.data[3] = 4  # type: ignore[index]
    with pytest.raises(TypeError, match="has the key 3; keys must be texts"):
        two.keepings(turn_of(two))


async def test_data_may_be_as_large_as_the_limit(store: Store, tmp_path: Path) -> None:
    place = Place(store, tmp_path, limits={"data_bytes": 30})
    one = await place.begin()
    one.data["a"] = "x" * 40
    with pytest.raises(LimitExceeded):
        await place.commit(one)
    assert (await place.begin()).data == {}


async def test_agent_data_is_read_only_unless_configured(store: Store, tmp_path: Path) -> None:
    place = Place(store, tmp_path)
    await place.longterm.keep(Keeping(scope=AgentScope(agent="echo"), data={"prices": {"tea": 3}}))
    one = await place.begin()
    assert one.agent_data == {"prices": {"tea": 3}}
    data: Any = one.agent_data
    for change in (
        lambda: data.update(a=1),
        lambda: data.pop("prices"),
        lambda: data.setdefault("a", 1),
        lambda: data.__setitem__("a", 1),
        lambda: data.__delitem__("prices"),
        lambda: data.__ior__({"a": 1}),
        data.clear,
        data.popitem,
    ):
        with pytest.raises(TypeError, match="writes_agent_data = true"):
            change()
    one.agent_data["prices"]["tea"] = 4
    with pytest.raises(TypeError, match="writes_agent_data = true"):
        one.keepings(turn_of(one))
    writer = Place(store, tmp_path, basics=AgentBasics(writes_agent_data=True))
    two = await writer.begin("bob")
    two.agent_data["prices"]["tea"] = 4
    await writer.commit(two)
    assert (await writer.begin()).agent_data == {"prices": {"tea": 4}}
    assert (await writer.begin(agent="other")).agent_data == {}


# what a session turns on


async def test_overrides_are_the_sessions_own(place: Place) -> None:
    one = await place.begin(overrides={"model": "small"})
    assert one.overridden(turn_of(one)) is None
    one.overrides["tools"] = ["recall"]
    assert one.session.overrides == {"model": "small"}
    assert one.overridden(turn_of(one)) == {"tools": ["recall"]}
    del one.overrides["model"]
    assert one.overridden(turn_of(one)) == {"model": None, "tools": ["recall"]}


async def test_a_session_may_be_one_of_an_agent_that_is_no_longer_configured(place: Place) -> None:
    """Its last message may wait still: it has to come to an end."""
    assert (await place.begin(agent="former")).data == {}


async def test_a_base_that_is_no_longer_configured_is_in_nobodys_way(place: Place) -> None:
    one = await place.begin(overrides={"knowledge": ["former"]})
    one.overrides["model"] = "small"
    assert one.overridden(turn_of(one)) == {"model": "small"}


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"colour": "red"}, "cannot turn on 'colour'"),
        ({"model": 3}, r"overrides\['model'\] should be a text, not int"),
        ({"prompt": None}, r"overrides\['prompt'\] should be a text"),
        ({"tools": "recall"}, r"overrides\['tools'\] should be a list of names, not str"),
        ({"tools": [1]}, r"overrides\['tools'\] should be a list of names"),
        ({"knowledge": ["coffee"]}, "no knowledge base 'coffee'; configured: law, secret, tea"),
    ],
)
async def test_what_a_session_cannot_turn_on_is_named(
    place: Place, overrides: dict[str, Any], words: str
) -> None:
    one = await place.begin()
    one.overrides.update(overrides)
    with pytest.raises(ValueError, match=words):
        one.overridden(turn_of(one))


async def test_a_session_turns_on_so_much_and_no_more(place: Place) -> None:
    one = await place.begin()
    one.overrides["prompt"] = "x" * 300_000
    with pytest.raises(LimitExceeded, match="262,144 are allowed"):
        one.overridden(turn_of(one))


async def test_a_session_consults_its_own_knowledge_or_its_agents(
    store: Store, tmp_path: Path
) -> None:
    place = Place(store, tmp_path, basics=AgentBasics(knowledge=("law",)))
    one = await place.begin()
    assert list(one.knowledge.bases) == ["law"]
    assert [p.base for p in await one.knowledge.search("x")] == ["law"]
    one.overrides["knowledge"] = ["tea", "nonsense"]
    assert [p.base for p in await one.knowledge.search("x")] == ["tea"]
    two = await place.begin(overrides={"knowledge": []})
    assert not await two.knowledge.search("x")
    assert not await (await place.begin(agent="other")).knowledge.search("x")


# earlier sessions


async def talked(store: Store, key: str, *texts: str) -> list[Session]:
    """Sessions of one person, one after the other, in each of which one thing was said."""
    talk, sessions = Talk(store, key), []
    for text in texts:
        await talk.exchange(text)
        assert talk.session is not None
        sessions.append(talk.session)
        await store.end_session(talk.scope, "")
        talk.session = None
    return sessions


async def test_earlier_sessions_are_the_owners_newest(place: Place) -> None:
    _, two, three = await talked(place.store, "ada", "one tea", "two tea", "three milk")
    (bobs,) = await talked(place.store, "bob", "his tea")
    reaching = await place.begin("ada")
    assert [s.id for s in await reaching.earlier.sessions()] == [three.id, two.id]
    assert [m.text for m in await reaching.earlier.messages(two.id)] == ["two tea", "two tea"]
    assert len(await reaching.earlier.messages(two.id, limit=1)) == 1
    assert not await reaching.earlier.summary(three.id)
    found = await reaching.earlier.search("TEA")
    assert {f.session.id for f in found} == {two.id}
    for session_id in (bobs.id, "nobody's", reaching.session.id):
        with pytest.raises(LookupError, match="none of the earlier sessions"):
            await reaching.earlier.messages(session_id)
        with pytest.raises(LookupError):
            await reaching.earlier.summary(session_id)


async def test_sessions_beyond_the_number_are_not_looked_into(place: Place) -> None:
    one, *_ = await talked(place.store, "ada", "one", "two", "three")
    with pytest.raises(LookupError):
        await (await place.begin("ada")).earlier.messages(one.id)


async def test_the_turns_own_session_is_not_an_earlier_one(place: Place) -> None:
    one, two, three = await talked(place.store, "ada", "one", "two", "three")
    reaching = await place.reach.begin(three, contents)
    assert [s.id for s in await reaching.earlier.sessions()] == [two.id, one.id]


async def test_an_agent_without_history_sessions_sees_none(store: Store, tmp_path: Path) -> None:
    await talked(store, "ada", "one")
    place = Place(store, tmp_path, basics=AgentBasics(num_history_sessions=0))
    reaching = await place.begin("ada")
    assert not await reaching.earlier.sessions()
    assert not await reaching.earlier.search("one")


async def test_another_agent_has_other_earlier_sessions(place: Place) -> None:
    await talked(place.store, "ada", "one")
    reaching = await place.begin("ada", "other")
    assert not await reaching.earlier.sessions()
    assert not await reaching.earlier.search()


def test_an_agent_that_looks_at_nothing_is_given_nothing(place: Place) -> None:
    assert place.reach.needless("forgetful")
    assert not place.reach.needless("echo")


def test_a_scope_means_somebody() -> None:
    with pytest.raises(ValueError, match="nobody"):
        OwnerScope(channel="c", agent="a", owner="")
