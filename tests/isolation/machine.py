"""Random people, groups, agents, resets, resumes, searches, exports and deletions: who may know.

The model here is written apart from the gateway: whose a place is, and what each canary's scope
is. Every way to look is tried again and again, and must never show a canary outside its scope.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from gateway.ports.records import OwnerScope, SessionScope
from gateway.ports.store import Store
from tests.isolation.world import BOOKS, Report, World, canaries

PEOPLE = ("ada", "bob", "eve")
CHANNELS = ("one", "two")
PLACES = ("direct", "aside", "group", "room", "thread")
KEPT = {
    "say": "",
    **dict.fromkeys(("fact", "data", "note", "file"), "owner"),
    **dict.fromkeys(("variable", "prompt"), "session"),
    "agent": "agent",
}
"""How the agent keeps a canary, and for whom, beside the message it came in."""

who_ = st.sampled_from(PEOPLE)
channel_ = st.sampled_from(CHANNELS)
place_ = st.sampled_from(PLACES)
kind_ = st.sampled_from(tuple(KEPT))


@dataclass(frozen=True)
class Lane:
    """Where a conversation goes on, and whose it is."""

    channel: str
    place: str
    owner: str

    @property
    def shared(self) -> bool:
        """Whether several people are in it."""
        return self.owner not in PEOPLE and "/" not in self.owner


def lane(channel: str, place: str, who: str) -> Lane:
    """The boundaries, as the configuration of ``World`` sets them."""
    if place in ("direct", "aside"):
        return Lane(channel, f"{place}-{who}", who)
    if place == "group" and channel == "two":
        return Lane(channel, f"group-{who}", f"group/{who}")
    return Lane(channel, place, place)


def conversation(place: str, who: str) -> dict[str, Any]:
    """The same as the platform names it; ids are alike on both channels."""
    match place:
        case "direct":
            return {"kind": "direct", "id": f"dm-{who}"}
        case "aside":
            thread = {"kind": "thread", "id": f"aside-{who}", "parent_id": f"dm-{who}"}
            return {**thread, "private": True}
        case "thread":
            return {"kind": "thread", "id": "thread", "parent_id": "room"}
        case "room":
            return {"kind": "channel", "id": "room"}
        case _:
            return {"kind": "group", "id": "group"}


@dataclass
class Canary:
    """Something said. ``kept``: beside the message, and for whom; see ``KEPT``."""

    word: str
    who: str
    lane: Lane
    agent: str
    session: str
    kept: str = ""


@dataclass
class Visit:
    """A session on the page, and who has its token."""

    token: str
    session: str
    agent: str
    owner: str


@dataclass
class Truth:
    """Every canary that still stands, by its word, and what is known of sessions."""

    canaries: dict[str, Canary] = field(default_factory=dict)
    agents: dict[Lane, str] = field(default_factory=dict)
    sessions: dict[str, tuple[Lane, str]] = field(default_factory=dict)

    def agent(self, lane: Lane) -> str:
        """Who answers there now."""
        return self.agents.get(lane, "first")

    def of_session(self, session: str) -> set[str]:
        """What was said in one."""
        return {c.word for c in self.canaries.values() if c.session == session}

    def of_owner(self, lane: Lane, agent: str) -> set[str]:
        """What whoever has this lane may know through this agent."""
        return {
            c.word
            for c in self.canaries.values()
            if (c.lane.channel, c.lane.owner, c.agent) == (lane.channel, lane.owner, agent)
        }

    def of_agent(self, agent: str) -> set[str]:
        """What the agent itself has."""
        kept = {c.word for c in self.canaries.values() if c.kept == "agent" and c.agent == agent}
        return kept | {BOOKS[agent]}

    def of_person(self, channel: str, who: str) -> set[str]:
        """What is one person's own on a channel."""
        return {
            c.word
            for c in self.canaries.values()
            if c.lane.channel == channel and who in (c.who, c.lane.owner)
        }


class Isolation(RuleBasedStateMachine):
    """Drives one gateway."""

    database: str = ""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.database)
        self.truth = Truth()
        self.visits: list[Visit] = []
        self._numbers = count(1)

    def teardown(self) -> None:
        """Shut the gateway down."""
        self.world.close()

    def fresh(self) -> str:
        """A canary that nobody has heard."""
        return f"canary{next(self._numbers)}x"

    # what people do

    @initialize()
    def everybody_says_something(self) -> None:
        """So that there is something to find from the first rule on; books are read meanwhile."""
        for agent in ("second", "first"):
            self.world.say("one", "ada", conversation("room", "ada"), f"/agent {agent}")
            while self.world.say("one", "ada", conversation("room", "ada"), "hello"):
                if self.world.reports[-1].own:
                    break
        for who in PEOPLE[:2]:
            self.say(who, "one", "direct", "fact")
            self.say(who, "one", "group", "say")

    @rule(who=who_, channel=channel_, place=place_, kind=kind_)
    def say(self, who: str, channel: str, place: str, kind: str) -> None:
        """One message; the agent keeps its canary as ``kind`` says."""
        word = self.fresh()
        sent = self.world.say(channel, who, conversation(place, who), f"{kind} {word}")
        assert sent == ["ok"], sent
        self.heard(lane(channel, place, who), who, kind, word)

    @rule(several=st.lists(st.tuples(who_, channel_, place_, kind_), min_size=2, max_size=6))
    def say_at_once(self, several: list[tuple[str, str, str, str]]) -> None:
        """Several at the same time, one at each place."""
        places = {
            (c, conversation(place, who)["id"]): (who, c, place, k) for who, c, place, k in several
        }
        said = {
            lane(channel, place, who): (who, place, kind, self.fresh())
            for who, channel, place, kind in places.values()
        }

        async def all_of_them() -> None:
            await asyncio.gather(
                *(
                    self.world.said(at.channel, who, conversation(place, who), f"{kind} {word}")
                    for at, (who, place, kind, word) in said.items()
                )
            )

        self.world.wait(all_of_them())
        # What one sees of another that was said at the same time is a matter of chance.
        reports = [self.there(at, who, kind, word) for at, (who, _, kind, word) in said.items()]
        for at, report in zip(said, reports, strict=True):
            self.check(report, at)

    def heard(self, at: Lane, who: str, kind: str, word: str) -> None:
        """What its turn saw is as it may be."""
        self.check(self.there(at, who, kind, word), at)

    def there(self, at: Lane, who: str, kind: str, word: str) -> Report:
        """From now on the canary is there."""
        report = next(r for r in reversed(self.world.reports) if r.text.endswith(word))
        agent = self.truth.agent(at)
        assert report.agent == agent
        known = self.truth.sessions.setdefault(report.session, (at, agent))
        assert known == (at, agent), "a session is two lanes' or two agents'"
        self.truth.canaries[word] = Canary(word, who, at, agent, report.session, KEPT[kind])
        if report.session not in self.world.known:
            self.world.known.append(report.session)
        return report

    def check(self, report: Report, at: Lane) -> None:
        """Nothing that it saw is beyond its scope."""
        agent = report.agent
        within(report.now, self.truth.of_session(report.session), "the session")
        within(report.ever, self.truth.of_owner(at, agent), "the owner")
        within(report.own, self.truth.of_agent(agent), "the agent")
        assert BOOKS[agent] in report.own, "its own book is not found"

    @rule(who=who_, channel=channel_, place=place_, command=st.sampled_from(("reset", "new")))
    def reset(self, who: str, channel: str, place: str, command: str) -> None:
        """Start afresh; the next session is another."""
        at = lane(channel, place, who)
        self.command(who, at, place, f"/{command}")
        before = set(self.truth.sessions)
        self.say(who, channel, place, "say")
        assert self.world.reports[-1].session not in before

    @rule(who=who_, channel=channel_, place=place_, number=st.integers(1, 4))
    def resume(self, who: str, channel: str, place: str, number: int) -> None:
        """Go back to an earlier session, if there is one of that number."""
        at = lane(channel, place, who)
        self.command(who, at, place, "/sessions")
        self.command(who, at, place, f"/sessions {number}")
        self.say(who, channel, place, "say")

    @rule(who=who_, channel=channel_, place=place_, agent=st.sampled_from(tuple(BOOKS)))
    def change_agent(self, who: str, channel: str, place: str, agent: str) -> None:
        """Talk to another agent at the same place."""
        at = lane(channel, place, who)
        self.command(who, at, place, f"/agent {agent}")
        self.truth.agents[at] = agent
        self.say(who, channel, place, "say")

    @rule(who=who_, channel=channel_, place=place_)
    def name(self, who: str, channel: str, place: str) -> None:
        """Give the session a name."""
        self.say(who, channel, place, "say")
        at, word = lane(channel, place, who), self.fresh()
        session = self.world.reports[-1].session
        agent = self.truth.agent(at)
        self.truth.canaries[word] = Canary(word, who, at, agent, session, "session")
        self.command(who, at, place, f"/name {word}")

    @rule(who=who_, channel=channel_, place=place_)
    def compare_agents(self, who: str, channel: str, place: str) -> None:
        """What one agent's session is called, the other's never tells."""
        at = lane(channel, place, who)
        self.name(who, channel, place)
        other = next(name for name in BOOKS if name != self.truth.agent(at))
        self.change_agent(who, channel, place, other)
        for command in ("sessions", "status", "history"):
            self.command(who, at, place, f"/{command}")

    @rule(
        who=who_,
        channel=channel_,
        place=place_,
        command=st.sampled_from(("history", "status", "whoami", "help", "agent", "sessions")),
    )
    def ask_about(self, who: str, channel: str, place: str, command: str) -> None:
        """Whatever a command tells is of that place and its agent."""
        self.command(who, lane(channel, place, who), place, f"/{command}")

    def command(self, who: str, at: Lane, place: str, text: str) -> list[str]:
        """What is said to a command concerns its own lane."""
        sent = self.world.say(at.channel, who, conversation(place, who), text)
        agent = self.truth.agent(at)
        allowed = {c.word for c in self.truth.canaries.values() if (c.lane, c.agent) == (at, agent)}
        within(canaries(sent), allowed, text)
        return sent

    # privacy

    @rule(who=who_, channel=channel_, place=place_)
    def export(self, who: str, channel: str, place: str) -> None:
        """One's own, and nobody else's."""
        at = lane(channel, place, who)
        sent = self.world.say(channel, who, conversation(place, who), "/export", until="PK\x03")
        mine = self.truth.of_person(channel, who)
        if at.owner != who:
            mine = {w for w in mine if self.truth.canaries[w].lane == at}
        within(canaries(unpacked(sent)), mine, "the export")

    @rule(who=who_, channel=channel_, place=place_)
    def forget(self, who: str, channel: str, place: str) -> None:
        """What is forgotten is found nowhere any more."""
        at = lane(channel, place, who)
        where = conversation(place, who)
        self.world.say(channel, who, where, "/forget yes", until="What remains")
        everything = at.owner == who
        for canary in list(self.truth.canaries.values()):
            there = canary.lane == at or (everything and canary.lane.channel == channel)
            alone = canary.lane.owner in (who, f"group/{who}")
            own = alone if everything else canary.lane == at and not at.shared
            said = canary.who == who and there and not canary.kept
            if (own and canary.lane.channel == channel and canary.kept != "agent") or said:
                del self.truth.canaries[canary.word]

    # the page

    @rule(agent=st.sampled_from(tuple(BOOKS)))
    def visit(self, agent: str) -> None:
        """Open a session on the page."""
        opened = self.world.wait(self.world.call("POST", "/api/session", json={"agent": agent}))
        session = opened["session_id"]
        self.visits.append(Visit(opened["token"], session, agent, f"visitor {session}"))

    @rule(who=who_, agent=st.sampled_from(tuple(BOOKS)))
    def sign_in(self, who: str, agent: str) -> None:
        """The same as one of the site's users, who has the same data in every session."""
        body = {"agent": agent, "user_token": self.world.user_token(who)}
        opened = self.world.wait(self.world.call("POST", "/api/session", json=body))
        session = opened["session_id"]
        self.visits.append(Visit(opened["token"], session, agent, f"user {who}"))
        listed = self.world.wait(
            self.world.call("GET", "/api/sessions", self.world.user_token(who))
        )
        mine = {visit.session for visit in self.visits if visit.owner == f"user {who}"}
        assert {one["session_id"] for one in listed["sessions"]} <= mine

    @precondition(lambda self: self.visits)
    @rule(data=st.data(), kind=kind_)
    def chat(self, data: st.DataObject, kind: str) -> None:
        """Say something on the page."""
        visit = data.draw(st.sampled_from(self.visits))
        word = self.fresh()
        body = {"text": f"{kind} {word}", "wait": 10}
        self.world.wait(self.world.call("POST", "/api/chat", visit.token, json=body))
        at = Lane("page", visit.session, visit.owner)
        self.truth.agents[at] = visit.agent
        self.heard(at, visit.owner, kind, word)

    @precondition(lambda self: self.visits)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        """What a token shows is its session's."""
        visit = data.draw(st.sampled_from(self.visits))
        for path in ("/api/chat/history?limit=100", "/api/chat/search?q=canary", "/api/session"):
            shown = self.world.wait(self.world.call("GET", path, visit.token))
            allowed = self.truth.of_session(visit.session)
            within(canaries([str(shown)]), allowed, path)

    # the store

    @precondition(lambda self: self.truth.sessions)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        """What the store shows to a scope is the scope's, whatever else is asked for."""
        session = data.draw(st.sampled_from(sorted(self.truth.sessions)))
        at, agent = self.truth.sessions[session]

        async def look(store: Store) -> None:
            scope = SessionScope(session_id=session)
            said = [
                *await store.window(scope, -1),
                *await store.history(scope, limit=1000),
                *await store.search(scope, "canary", 1000),
            ]
            summary = await store.summary(scope)
            seen = canaries([*(m.text for m in said), summary.text, *summary.topics])
            within(seen, self.truth.of_session(session), "a session's scope")
            found = await store.session(scope)
            if found is None:
                return
            owner = OwnerScope(channel=found.channel, agent=agent, owner=found.owner)
            texts = [str(await store.data(owner))]
            texts += [fact.text for fact in await store.facts(owner, (), 1000)]
            texts += [f"{i.name} {i.text}" for i in await store.items(owner, (), 1000)]
            texts += [s.name for s in await store.owned_sessions(owner, 1000)]
            others = sorted(self.truth.sessions)
            hits = await store.search_sessions(owner, others, ("canary",), limit=1000)
            texts += [hit.message.text for hit in hits]
            within(canaries(texts), self.truth.of_owner(at, agent), "an owner's scope")

        self.world.beside(look)


def within(seen: Iterable[str], allowed: set[str], where: str) -> None:
    """Nothing was seen that is not allowed."""
    strangers = set(seen) - allowed
    assert not strangers, f"{where} shows {sorted(strangers)}"


def unpacked(sent: list[str]) -> list[str]:
    """Texts, and the files within what was sent as an archive."""
    found = list(sent)
    for text in sent:
        at = text.find("PK\x03\x04")
        if at >= 0:
            with zipfile.ZipFile(io.BytesIO(text[at:].encode("latin-1"))) as archive:
                found += [archive.read(name).decode() for name in archive.namelist()]
    return found
