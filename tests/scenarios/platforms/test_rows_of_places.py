"""Every row of who shares a session, on two platforms at least, on SQLite and on PostgreSQL.

| row | test here; else the scenario told again by `test_on_postgresql_too` |
|---|---|
| direct: one session for each person | `test_a_person_alone` |
| group: its members share one | `test_those_who_share_a_place` |
| channel: posts of a Telegram channel, members of Discord's | `..._place`, `test_posts` |
| channel and thread on Slack: the thread that a message begins | `SLACK` |
| thread: topics share their group; on Discord it is a channel | `test_threads` |
| a reply thread in Slack's direct messages; the agent view | `SLACK`; `test_agent_view` |
| Web, API: as many as there are tokens | `test_many_sessions_of_one_person` |
| overridden by the channel's configuration | `test_overridden` |
| another channel, another agent: another session | `test_another_channel`, `EVERYWHERE` |
| what cannot be placed is refused, never widened | `test_nothing_is_widened` |
| a place or a person under another id: the session follows | `test_a_group_that_migrates`, ... |
| many sessions at once; or one, and `/reset` moves on | `test_one_after_the_other`, ... |
| the sender's name in a shared session | `test_who_said_what` |
| answers when mentioned, replied to, commanded; or always | `test_meant_for_the_bot`, ... |

That a rule lacks an id, for every kind and rule: tests/unit/gateway/test_boundary.py. What
`gateway explain` says: test_checks.py and tests/unit/gateway/test_cli.py; it opens no database.
Where two lanes become one: the store's contract, on both databases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import aiohttp
import pytest

from adapters.slack.simulator import SlackSimulator
from adapters.telegram.simulator import TelegramSimulator
from tests.scenarios.platforms import test_agents, test_boundaries, test_conversations
from tests.scenarios.test_web_identity import token
from tests.support.people import Home
from tests.support.rows import OWN, PAIR, Rows
from tests.support.stage import Stage
from tests.support.web import WebClient

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVERYWHERE: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    test_agents.test_another_agent_is_another_session_and_coming_back_resumes,
)
SLACK: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    partial(
        test_boundaries.test_a_message_in_a_slack_channel_begins_a_session_in_its_thread,
        private=False,
    ),
    test_boundaries.test_a_thread_in_a_direct_message_stays_in_it,
    test_boundaries.test_a_channel_that_gets_another_id_keeps_its_sessions,
)
on_postgresql = pytest.mark.parametrize("rows", ["postgresql"], indirect=True)


@pytest.fixture(params=PAIR)
def stage(request: pytest.FixtureRequest, rows: Rows) -> Stage:
    return rows[request.param]


@pytest.fixture(params=PAIR)
def own(request: pytest.FixtureRequest, rows: Rows) -> Stage:
    """The same platforms, configured otherwise."""
    return rows[OWN[request.param]]


@on_postgresql
async def test_on_postgresql_too(rows: Rows) -> None:
    """Scenarios that other modules tell on SQLite, all at once: each has people of its own."""
    async with asyncio.TaskGroup() as group:
        for story in EVERYWHERE:
            for name in PAIR:
                group.create_task(_told(story(rows[name])))
        for story in SLACK:
            group.create_task(_told(story(rows["slack-socket"])))
        follows = test_boundaries.test_somebody_who_hides_their_number_goes_on_in_their_session
        group.create_task(_told(follows(rows.theatre)))


async def _told(story: Awaitable[None]) -> None:
    await story


# The table


@on_postgresql
@pytest.mark.parametrize("name", [*PAIR, "slack-socket", "whatsapp", "sms", "web"])
async def test_a_person_alone(rows: Rows, name: str) -> None:
    """On SQLite it is told of every platform, as what follows, by test_conversations.py."""
    await test_conversations.test_the_first_message_and_what_follows(rows[name])


@on_postgresql
@pytest.mark.parametrize("name", [*PAIR, "slack-socket", "whatsapp", "sms"])
async def test_those_who_share_a_place(rows: Rows, name: str) -> None:
    """Groups, and Discord's channels."""
    await test_conversations.test_a_place_shares_and_its_people_s_own_chats_do_not_know_it(
        rows[name]
    )


async def test_posts(rows: Rows) -> None:
    """In a channel of Telegram nobody has to mention the bot, and all posts are one session's."""
    stage = rows["telegram-polling"]
    ada = stage.simulator.person("Ada")
    one, other = (
        Home(stage.simulator, ada, stage.simulator.place("channel", people=[ada])) for _ in range(2)
    )
    assert await one.ask("one") == "one after nothing"
    assert await one.ask("two") == "two after one"
    assert await other.ask("three") == "three after nothing"


async def test_threads(stage: Stage) -> None:
    simulator, (ada, bob) = stage.simulator, stage.together("Ada", "Bob")
    shares = stage.name == "telegram-polling"
    people = [ada.person, bob.person]
    first, second = (
        stage.beside(ada, simulator.place("thread", people=people, parent=ada.place))
        for _ in range(2)
    )
    assert await ada.ask("one", mention=True) == "one after nothing"
    assert await first.ask("two", mention=True) == f"two after {'one' if shares else 'nothing'}"
    there = stage.beside(bob, second.place)
    assert await there.ask("3", mention=True) == f"3 after {'one|two' if shares else 'nothing'}"
    there = stage.beside(bob, first.place)
    assert await there.ask("4", mention=True) == f"4 after {'one|two|3' if shares else 'two'}"


async def test_agent_view(rows: Rows) -> None:
    stage = rows["slack-socket"]
    simulator, ada = stage.simulator, stage.at_home()
    assert isinstance(simulator, SlackSimulator)
    first, second = (stage.beside(ada, simulator.open_assistant(ada.person)) for _ in range(2))
    assert await first.ask("one") == "one after nothing"
    assert await second.ask("two") == "two after nothing"
    assert await first.ask("three") == "three after one"


# What changes it


async def test_overridden(own: Stage) -> None:
    """Everybody has a session of their own among others; on Telegram each topic is one, too."""
    ada, bob = own.together("Ada", "Bob")
    assert await ada.ask("one") == "one after nothing"
    assert await bob.ask("two") == "two after nothing"
    assert await ada.ask("three") == "three after one"
    alone = own.beside(ada, own.simulator.place("direct", people=[ada.person]))
    assert await alone.ask("four") == "four after nothing"
    if own.name == "telegram-own":
        people = [ada.person, bob.person]
        topic = own.simulator.place("thread", people=people, parent=ada.place)
        assert await own.beside(ada, topic).ask("five") == "five after nothing"
        assert await own.beside(bob, topic).ask("six") == "six after five"
        assert await bob.ask("seven") == "seven after two"


@pytest.mark.parametrize("name", PAIR)
async def test_another_channel(rows: Rows, name: str) -> None:
    """Two bots of one platform meet people of the same id."""
    one, other = rows[name].simulator, rows[OWN[name]].simulator
    ada, same = one.person("Ada"), other.person("Ada")
    while ada.id != same.id:
        if int(ada.id) < int(same.id):
            ada = one.person("Ada")
        else:
            same = other.person("Ada")
    homes = [
        Home(simulator, who, simulator.place("direct", people=[who]))
        for simulator, who in ((one, ada), (other, same))
    ]
    assert [await home.ask("one") for home in homes] == ["one after nothing"] * 2
    await homes[0].ask("learn likes tea")
    assert await homes[1].ask("belongings") == "nothing is known"
    assert await homes[1].ask("two") == "two after one|belongings"


async def test_nothing_is_widened(rows: Rows) -> None:
    """Posts begin no thread, and the configuration wants a session for each: they have none."""
    stage = rows["telegram-own"]
    ada = stage.simulator.person("Ada")
    home = Home(stage.simulator, ada, stage.simulator.place("channel", people=[ada]))
    before = stage.gateway.output.count('"event_refused"')
    await home.say("one")
    await stage.simulator.wait_until(lambda: not stage.simulator.unacknowledged())
    await stage.at_home().ask("next")
    assert not home.texts()
    assert stage.gateway.output.count('"event_refused"') == before + 1
    assert "per-thread needs the thread id" in stage.gateway.output


async def test_a_group_that_migrates(rows: Rows) -> None:
    stage = rows["telegram-polling"]
    simulator = stage.simulator
    assert isinstance(simulator, TelegramSimulator)
    ada = simulator.person("Ada")
    old = Home(simulator, ada, simulator.group("garden", basic=True, people=[ada]))
    assert await old.ask("one", mention=True) == "one after nothing"
    new = stage.beside(old, simulator.migrate(old.place))
    assert await new.ask("two", mention=True) == "two after one"


# One after the other, or many at once


@pytest.mark.parametrize("name", [*PAIR, "whatsapp", "sms"])
async def test_one_after_the_other(rows: Rows, name: str) -> None:
    ada = rows[name].at_home()
    await ada.ask("one")
    assert await ada.ask("/new two") == "two after nothing"
    assert "forgotten" in await ada.ask("/reset")
    assert await ada.ask("three") == "three after nothing"
    states = [state for (state,) in await rows.sessions(ada, "state")]
    assert states == ["ended", "ended", "active"]


async def test_many_sessions_of_one_person(rows: Rows) -> None:
    """On a page; threads of Slack are told of in `SLACK`."""
    async with aiohttp.ClientSession() as http:
        url = rows.theatre.gateway.base_url
        first, second = (WebClient(http, url) for _ in range(2))
        for client in (first, second):
            await client.open(user_token=token("ann"))
        for client in (first, second):
            assert (await client.say("one", wait=10)).texts == ["one after nothing"]
        await first.ask("POST", "/api/session/reset")
        assert (await second.say("two", wait=10)).texts == ["two after one"]


# Among others


async def test_who_said_what(stage: Stage) -> None:
    ada, bob = stage.together("Ada", "Bob")
    await ada.ask("one", mention=True)
    assert await bob.ask("voices", mention=True) == "Ada: one|Bob: voices"


async def test_meant_for_the_bot(stage: Stage) -> None:
    ada, bob = stage.together("Ada", "Bob")
    await ada.say("just talking")
    assert await bob.ask("one", mention=True) == "one after nothing"
    answer = stage.simulator.sent(ada.place)[-1].message_id
    await stage.simulator.say("two", person=ada.person, place=ada.place, reply_to=answer)
    assert (await ada.heard(2))[-1] == "two after one"
    assert "Talking to" in await bob.ask("/status", mention=True)
    assert len(ada.texts()) == 3


@pytest.mark.parametrize("name", [*OWN.values(), "whatsapp", "sms"])
async def test_all_is_meant_for_the_bot(rows: Rows, name: str) -> None:
    """Where a channel is configured so; by default in groups of WhatsApp and SMS."""
    ada, bob = rows[name].together("Ada", "Bob")
    assert await ada.ask("one") == "one after nothing"
    shared = name not in OWN.values()
    assert await bob.ask("two") == f"two after {'one' if shared else 'nothing'}"
