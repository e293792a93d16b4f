"""Every row of what a session remembers and how it ends, on two platforms, on both databases.

| row | test here; else the scenario told again by `test_on_postgresql_too` |
|---|---|
| created, active, ended by `/reset` or `/new` | `test_views`, `test_one_after_the_other` (places) |
| ended by an operator; by the API | `test_ended_by_an_operator`, `test_ended_by_the_api` |
| dormant, and resumed with its context | `test_a_week_passes` |
| expired: an anonymous session of the web, no other | `test_a_week_passes` |
| reset never, after a pause, each day; people are told | `test_a_week_passes` |
| what a turn sees, and nothing else | `test_what_a_turn_sees`, `test_a_model_sees_the_same` |
| summary: what left the window, in short | `test_what_left_the_window` |
| variables, with the seeded four; braces that people write | `test_variables`, `..._the_same` |
| whose the long-term data is | `EVERYWHERE` |
| a person's own survives `/reset`; what an anonymous one has does not outlive the session |
  `EVERYWHERE`, `test_ended_by_the_api` |
| agent data: operators write it, agents where they may | `test_what_is_the_agents_own` |
| another agent knows nothing; what is saved comes back | `CHATS` |
| knowledge is the agent's | `test_what_is_the_agents_own` |
| limits: each told politely, and counted | `test_what_an_agent_keeps_is_limited`, `test_pace` ... |
| `sessions`, `messages`, `session_state` | `test_views` |

When a day begins: tests/unit/gateway/test_resets.py. That a summariser which fails is in nobody's
way: tests/unit/gateway/test_condensing.py. Limits on the page: tests/scenarios/test_limits.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest

from gateway.notices import BUSY
from gateway.settings.resets import A_NEW_DAY, AFTER_A_PAUSE
from gateway.testing.openai import ModelServer
from tests.scenarios.platforms import test_memory
from tests.scenarios.test_limits import counted
from tests.scenarios.test_web_identity import token
from tests.support.databases import empty
from tests.support.keeper import NOTHING
from tests.support.people import Home
from tests.support.rows import BOOK, LIMITS, OWN, PAIR, Rows
from tests.support.rows import rows as rows_of
from tests.support.stage import Stage
from tests.support.web import WebClient

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVERYWHERE: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    test_memory.test_what_was_learned_in_private_is_not_known_in_the_group_nor_the_other_way,
    test_memory.test_a_reset_keeps_what_is_the_persons_and_ends_what_is_the_sessions,
)
CHATS: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    test_memory.test_another_agent_on_the_same_lane_knows_nothing,
    test_memory.test_what_is_saved_comes_back_later_as_a_file,
)
INSTRUCTIONS = "You talk to {name} in {city}, told {message_count}; ask {current_user_id}."
WEEK = 8 * 86_400


@pytest.fixture(params=PAIR)
def stage(request: pytest.FixtureRequest, rows: Rows) -> Stage:
    return rows[request.param]


@asynccontextmanager
async def browsers(rows: Rows, *users: str) -> AsyncIterator[list[WebClient]]:
    """A session on the page for each; nobody's name is an anonymous one."""
    async with aiohttp.ClientSession() as http:
        opened = []
        for user in users:
            client = WebClient(http, rows.theatre.gateway.base_url)
            await client.open(**({"user_token": token(user)} if user else {}))
            opened.append(client)
        yield opened


async def said(client: WebClient, text: str) -> str:
    """What is answered on the page."""
    (answer,) = (await client.say(text, wait=10)).texts
    return answer


@pytest.mark.parametrize("rows", ["postgresql"], indirect=True)
async def test_on_postgresql_too(rows: Rows) -> None:
    """Scenarios that test_memory.py tells on SQLite."""
    for story in EVERYWHERE:
        await asyncio.gather(*(story(rows[name]) for name in (*PAIR, "web")))
    for story in CHATS:
        await asyncio.gather(*(story(rows[name]) for name in PAIR))


# How it goes and ends


async def test_ended_by_an_operator(rows: Rows, stage: Stage) -> None:
    ada = stage.at_home()
    await ada.ask("one")
    ((session,),) = await rows.sessions(ada)
    await rows.operate("POST", f"sessions/{session}/reset")
    assert await ada.ask("two") == "two after nothing"
    assert [state for (state,) in await rows.sessions(ada, "state")] == ["ended", "active"]


async def test_ended_by_the_api(rows: Rows) -> None:
    """What is an anonymous person's goes with the last session; a user has it in the next."""
    async with browsers(rows, "", "joe", "joe") as (anonymous, user, elsewhere):
        for client, fact in ((anonymous, "nobodys secret"), (user, "joes secret")):
            await said(client, f"learn {fact}")
            fresh = await client.ask("POST", "/api/session/reset")
            assert (await client.history()).status == 401
            client.token = fresh.json["token"]
            assert (await said(client, "belongings")).startswith(f"facts {fact}; sessions")
            await client.ask("DELETE", "/api/session")
            assert (await client.history()).status == 401
            # As they go when they expire; see the week that passes.
            for (session,) in await rows.database.ask(_KNOWING.format(fact)):
                await rows.operate("DELETE", f"sessions/{session}")
        assert (await said(elsewhere, "belongings")).startswith("facts joes secret")
        kept = await rows.database.ask("SELECT text FROM facts WHERE channel = 'web'")
        assert ("nobodys secret",) not in kept


_KNOWING = """
SELECT s.id FROM sessions s JOIN facts f ON s.owner = f.owner AND s.channel = f.channel
 WHERE f.text = '{}' AND s.state = 'ended'
"""


async def test_a_week_passes(rows: Rows) -> None:
    """For everybody, while the gateway is away: what it does to each session is configured."""
    gateway = rows.theatre.gateway
    never = [rows[name].at_home() for name in (*PAIR, "slack-socket", "whatsapp")]
    pause, daily = (rows[name].at_home() for name in OWN.values())
    members = rows[OWN[PAIR[0]]].together("Eve")[0]
    everybody = [*never, pause, daily, members]
    async with browsers(rows, "", "ann") as (anonymous, user):
        for home in everybody:
            assert await home.ask("one") == "one after nothing"
        for client in (anonymous, user):
            assert await said(client, "one") == "one after nothing"
        await said(anonymous, "learn to vanish")
        assert await gateway.stop() == 0
        for column in ("last_activity", "expires_at"):
            await rows.database.ask(f"UPDATE session_rows SET {column} = {column} - {WEEK}")
        await gateway.start()
        assert await rows.sessions(never[0], "state") == [("dormant",)]
        for home in (*never, members):
            assert await home.ask("two") == "two after one"
        assert await rows.sessions(never[0], "state") == [("active",)]
        for home, told in ((pause, AFTER_A_PAUSE), (daily, A_NEW_DAY)):
            heard = await home.ask("two")
            assert told in heard
            assert heard.endswith("two after nothing")
            assert [state for (state,) in await rows.sessions(home, "state")] == ["ended", "active"]
        assert (await anonymous.say("two")).status == 401
        assert await said(user, "two") == "two after one"
    for _ in range(100):
        # It is deleted by and by, with all that was this person's.
        if not await rows.database.ask("SELECT id FROM facts WHERE text = 'to vanish'"):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("what was an anonymous person's is still there")


# What is seen of it


async def test_views(rows: Rows, stage: Stage) -> None:
    ada = stage.at_home()
    await ada.ask("set city Turin")
    await ada.ask("/name Holidays")
    shown = await rows.sessions(
        ada, "id, channel, agent, conversation_kind, name, state, message_count"
    )
    ((session, *columns),) = shown
    assert columns == [stage.name, "scenario", "direct", "Holidays", "active", "2"]
    where = f"WHERE session_id = '{session}' ORDER BY number"
    messages = await rows.database.ask(
        f"SELECT role, text, sender, sender_id FROM messages {where}"
    )
    assert messages[:2] == [
        ("user", "set city Turin", "Ada", ada.person.id),
        ("assistant", "done set city Turin", "", ""),
    ]
    ((state, seen),) = await rows.database.ask(
        f"SELECT variables, message_count FROM session_state WHERE session_id = '{session}'"
    )
    assert (orjson.loads(state), seen) == ({"city": "Turin"}, "2")


async def test_variables(rows: Rows, stage: Stage) -> None:
    ada, bob = stage.at_home(), stage.at_home("Bob")
    ((first, told),) = [await _variables(rows, ada)]
    assert told == {
        "current_user_id": ada.person.id,
        "current_session_id": first,
        "message_count": 0,
        "last_visit": None,
    }
    await ada.ask("set city Turin")
    session, told = await _variables(rows, ada)
    assert (session, told["city"], told["message_count"]) == (first, "Turin", 4)
    assert told["last_visit"]
    assert "city" not in (await _variables(rows, bob))[1]
    await ada.ask("/reset")
    session, told = await _variables(rows, ada)
    assert session != first
    assert "city" not in told
    assert told["message_count"] == 0
    await ada.ask("set city Turin")
    told = orjson.loads(await ada.ask("/new variables"))
    assert "city" not in told
    assert told["current_session_id"] != session


async def _variables(rows: Rows, home: Home) -> tuple[str, dict[str, object]]:
    told = orjson.loads(await home.ask("variables"))
    return (await rows.sessions(home))[-1][0], told


async def test_what_a_turn_sees(rows: Rows, stage: Stage) -> None:
    """The newest messages; of this session, this agent and these people alone."""
    ada, bob = stage.at_home(), stage.at_home("Bob")
    await bob.ask("his")
    for number in range(6):
        await ada.ask(str(number))
    assert await ada.ask("now") == "now after 2|3|4|5"
    await ada.ask("prefer small")
    await ada.ask("learn likes tea")
    assert await ada.ask("belongings") == "facts likes tea; model small"
    await ada.ask("/reset")
    assert await ada.ask("belongings") == "facts likes tea; sessions 1"
    await ada.ask("prefer big")
    assert await ada.ask("/new belongings") == "facts likes tea; sessions 2"
    assert (await ada.ask("earlier his")) == NOTHING
    assert await ada.ask("earlier 5") == "now after 2|3|4|5; 5 after 1|2|3|4; 5"


@pytest.mark.parametrize("kind", ["postgresql", pytest.param("sqlite", marks=pytest.mark.soak)])
async def test_a_model_sees_the_same(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """Instructions are filled from what the session has; braces that people write are not.

    It has a gateway of its own: what a model needs takes longer to load than all the rest. For
    SQLite see tests/scenarios/test_model_tools.py, too."""
    async with ModelServer() as model:
        agent = {"kind": "llm", "instructions": INSTRUCTIONS, **model.agent()}
        with empty(kind, tmp_path, request) as database:
            async with rows_of(tmp_path, database, PAIR, model=agent) as opened:
                for name in PAIR:
                    await _talks_to_a_model(opened, name, model)


async def _talks_to_a_model(rows: Rows, name: str, model: ModelServer) -> None:
    ada = rows[name].at_home()
    await ada.ask("/agent model")
    await ada.ask("{city} and {name}")
    rules, asked = _read(model)
    assert rules.startswith(f"You talk to Ada in {{city}}, told 0; ask {ada.person.id}.")
    assert asked[-1].endswith("{city} and {name}")
    session = (await rows.sessions(ada))[-1][0]
    own = {"prompt": "Be brief with {name}."}
    await rows.operate("PUT", f"sessions/{session}/overrides", json=own)
    await ada.ask("again")
    assert "Be brief with Ada." in _read(model)[0]
    await ada.ask("/reset")
    await ada.ask("anew")
    rules, asked = _read(model)
    assert "Be brief" not in rules
    assert not any("again" in text for text in asked)


def _read(model: ModelServer) -> tuple[str, Sequence[str]]:
    """The rules that the model was given last, and what its user said."""
    request = model.requests[-1]
    assert request.messages[0]["role"] in {"system", "developer"}
    return str(request.messages[0]["content"]), request.texts


async def test_what_left_the_window(stage: Stage) -> None:
    ada, bob = stage.at_home(), stage.at_home("Bob")
    assert await ada.ask("recap") == "0"
    for number in range(10):
        await ada.ask(f"Rosebud {number} is my boat Rosebud")
    told = "0"
    for _ in range(12):
        told = await ada.ask("recap")
        if not told.startswith("0"):
            break
        await asyncio.sleep(0.2)
    assert "Ada: Rosebud 0 is my boat Rosebud" in told
    assert "rosebud" in told.splitlines()[0]
    assert await bob.ask("recap") == "0"
    await ada.ask("/reset")
    assert await ada.ask("recap") == "0"


async def test_what_is_the_agents_own(rows: Rows, stage: Stage) -> None:
    """Only the clerk may change it, and has books."""
    ada, bob = stage.at_home(), stage.at_home("Bob")
    assert await ada.ask("teach tea green") == "it is not mine to teach"
    for home in (ada, bob):
        await home.ask("/agent clerk")
    await rows.operate("PATCH", "data", params={"agent": "clerk"}, json={"open": stage.name})
    await ada.ask(f"teach tea {stage.name}")
    assert orjson.loads(await bob.ask("taught")) == {"open": stage.name, "tea": stage.name}
    async with asyncio.timeout(20):
        # Nothing tells when it was read.
        while BOOK not in await bob.ask("consult garden gate"):  # noqa: ASYNC110
            await asyncio.sleep(1.0)
    await ada.ask("/agent scenario")
    assert await ada.ask("taught") == "{}"
    assert await ada.ask("consult garden gate") == "no book says so"


# Limits


async def test_what_an_agent_keeps_is_limited(stage: Stage) -> None:
    ada = stage.at_home()
    await ada.ask("/agent greedy")
    for few, many, limit in (
        ("variables 90", "variables 900", "variables_bytes"),
        ("data 90", "data 900", "data_bytes"),
        ("facts 2", "facts 9", "facts"),
        ("drive 90", "drive 1500", "drive_bytes"),
        ("drive 95", "drive 2500", "file_bytes"),
        ("file 90", "file 2500", "file_bytes"),
    ):
        before, there = await counted(stage, limit), len(ada.texts())
        await ada.say(few)
        await _told(ada, there, f"done {few}")
        await ada.say(many)
        await _told(ada, there, "larger than" if limit == "file_bytes" else f"limits.{limit}")
        assert await counted(stage, limit) == before + 1


async def _told(home: Home, since: int, words: str) -> None:
    await home.simulator.wait_sent(
        # Discord takes an underscore for an emphasis, unless it is told not to.
        lambda sent: any(words in one.text.replace("\\", "") for one in sent[since:]),
        home.place,
    )


async def test_pace(stage: Stage) -> None:
    """Whoever writes too much is told once; nobody else waits for it."""
    ada, bob, most = stage.at_home(), stage.at_home("Bob"), LIMITS["messages_per_minute"]
    before = await counted(stage, "messages_per_minute")
    for number in range(most + 5):
        await ada.say(str(number))
    assert await bob.ask("one") == "one after nothing"
    await stage.simulator.wait_until(lambda: len(ada.texts()) > most)
    told = [text for text in ada.texts() if "a lot at once" in text]
    assert len(told) == 1
    assert await counted(stage, "messages_per_minute") > before


async def test_many_at_once(stage: Stage) -> None:
    """Who waits long for a place is told so, and served."""
    before = await counted(stage, "running_sessions")
    sleepers = [stage.at_home("Zoe") for _ in range(LIMITS["running_sessions"])]
    for home in sleepers:
        await home.say("sleep 1")
    await stage.simulator.wait_until(lambda: not stage.simulator.unacknowledged())
    ada = stage.at_home()
    await ada.say("one")
    await stage.simulator.wait_until(lambda: ada.texts() == [BUSY, "one after nothing"])
    for home in sleepers:
        await home.heard(1)
    assert await counted(stage, "running_sessions") == before + 1
