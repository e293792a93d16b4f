"""What only PostgreSQL has: a server that dies, wires that are cut, a lock on the other side."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.errors import ConfigurationError, Fenced, StoreError, StoreLocked, Unavailable
from gateway.ports.records import SessionQuery, SessionScope
from gateway.ports.store import Store
from gateway.store import connect
from gateway.testing._talk import OPERATOR, Talk, arrival, credential, session, waiting
from gateway.testing.postgres import PostgresServer
from tests.unit.gateway.store.holder import holder
from tests.unit.gateway.store.proxy import Proxy, proxied


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that keeps what it says it keeps, for the tests of this module to kill."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> Iterator[str]:
    server.start()
    name = f"test_{uuid.uuid4().hex}"
    yield server.create_database(name)
    server.start()
    server.drop_database(name)


@asynccontextmanager
async def opened(url: str, *, read_only: bool = False) -> AsyncIterator[Store]:
    store = connect(url, replica="test", read_only=read_only)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_through(url: str, server: PostgresServer) -> AsyncIterator[tuple[Store, Proxy]]:
    async with (
        proxied(server.port) as proxy,
        opened(url.replace(f":{server.port}/", f":{proxy.port}/")) as store,
    ):
        yield store, proxy


async def test_an_error_says_nothing_of_what_people_said(url: str) -> None:
    async with opened(url) as store:
        wrong = text("SELECT no_function(:said)")
        backend = store._backend  # type: ignore[attr-defined]
        with pytest.raises(DBAPIError) as error:
            await backend.read(lambda c: c.execute(wrong, {"said": "a canary"}))
    assert "no_function" in str(error.value)
    assert "canary" not in str(error.value)


class TestLock:
    async def test_a_second_process_is_told_who_holds_it(self, url: str) -> None:
        with holder(url) as process:
            with pytest.raises(StoreLocked) as refused:
                async with opened(url):
                    pass
            assert f"process {process.pid} on {socket.gethostname()} since 2" in str(refused.value)
            assert "gateway@" not in str(refused.value)
            process.kill()
            process.wait()
            async with opened(url) as store:
                await store.ping()

    async def test_a_reader_needs_no_lock_and_writes_nothing(self, url: str) -> None:
        async with opened(url) as store, opened(url, read_only=True) as beside:
            talk = Talk(store)
            await talk.exchange()
            assert len(await beside.history(talk.scope)) == 2
            assert len(await beside.sessions(OPERATOR, SessionQuery())) == 1
            with pytest.raises(StoreError, match="reading only"):
                await beside.accept(arrival("a"))

    async def test_who_was_replaced_meanwhile_writes_no_more(
        self, url: str, server: PostgresServer
    ) -> None:
        async with opened_through(url, server) as (store, proxy):
            talk = Talk(store)
            accepted, hold = await talk.holds()
            proxy.down = True
            proxy.cut()
            with pytest.raises(Unavailable):
                await store.commit(talk.turn(accepted, hold))
            async with opened(url) as other:
                other_talk = Talk(other)
                await other_talk.exchange("the other's")
            proxy.down = False
            for _ in range(2):
                with pytest.raises(StoreLocked, match="taken over"):
                    await store.commit(talk.turn(accepted, hold))
            with pytest.raises(StoreLocked):
                await store.ping()

    async def test_who_is_replaced_by_a_running_other_writes_no_more(
        self, url: str, server: PostgresServer
    ) -> None:
        async with opened_through(url, server) as (store, proxy):
            proxy.down = True
            proxy.cut()
            async with opened(url) as other:
                proxy.down = False
                with pytest.raises(StoreLocked, match="taken over"):
                    await store.ping()
                await Talk(other).exchange()

    async def test_a_server_that_did_not_notice_the_cut_gives_the_lock_back(
        self, url: str, server: PostgresServer
    ) -> None:
        async with opened_through(url, server) as (store, proxy):
            talk = Talk(store)
            await talk.exchange()
            proxy.cut(server_notices=False)
            await talk.exchange()
            assert await talk.texts() == ["hello"] * 4


class TestAway:
    async def test_a_server_that_is_not_there(self, url: str, server: PostgresServer) -> None:
        server.stop()
        for read_only in (False, True):
            with pytest.raises(Unavailable, match=str(server.port)):
                async with opened(url, read_only=read_only):
                    pass

    async def test_a_wrong_password_is_a_mistake_in_the_configuration(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match=r"gateway\.database") as refused:
            async with opened(url.replace(":gateway@", ":wrong@")):
                pass
        assert "wrong" not in str(refused.value)

    async def test_so_is_a_database_that_does_not_exist(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="does not exist"):
            async with opened(f"{url}_not"):
                pass

    async def test_everything_is_unavailable_and_then_back(
        self, url: str, server: PostgresServer
    ) -> None:
        async with opened(url) as store:
            talk = Talk(store)
            await talk.exchange()
            accepted, hold = await talk.holds()
            server.kill()
            with pytest.raises(Unavailable):
                await store.commit(talk.turn(accepted, hold))
            with pytest.raises(Unavailable):
                await store.accept(arrival("a"))
            with pytest.raises(Unavailable):
                await store.history(talk.scope)
            with pytest.raises(Unavailable):
                await store.ping()
            server.start()
            await talk.commits(talk.turn(accepted, hold))
            assert await talk.texts() == ["hello"] * 4
            assert not (await store.accept(arrival("a"))).duplicate

    async def test_an_idle_store_does_not_notice_a_restart(
        self, url: str, server: PostgresServer
    ) -> None:
        async with opened(url) as store:
            talk = Talk(store)
            await talk.exchange()
            await asyncio.gather(*(store.history(talk.scope) for _ in range(8)))
            server.restart()
            await talk.exchange()
            server.restart()
            found = await asyncio.gather(*(store.history(talk.scope) for _ in range(8)))
            assert [len(history) for history in found] == [4] * 8

    async def test_closing_without_a_server_ends(self, url: str, server: PostgresServer) -> None:
        async with asyncio.timeout(20):
            async with opened(url) as store:
                await store.ping()
                server.kill()


class TestDoubt:
    """The wire is cut while a transaction is being committed."""

    async def test_what_was_committed_is_answered_as_committed(
        self, url: str, server: PostgresServer
    ) -> None:
        async with opened_through(url, server) as (store, proxy):
            talk = Talk(store)
            accepted, hold = await talk.holds()
            behind = await talk.says()
            proxy.cut_after(b"COMMIT")
            effects = talk.turn(accepted, hold, claim_next=(behind.row_id,), release=False)
            following = await talk.commits(effects)
            assert proxy.cuts == 1
            assert following is not None
            await talk.commits(talk.turn(behind, following))
            assert await talk.texts() == ["hello"] * 4

    async def test_what_was_not_is_committed_then(self, url: str, server: PostgresServer) -> None:
        async with opened_through(url, server) as (store, proxy):
            talk = Talk(store)
            proxy.cut_before(b"COMMIT")
            accepted, hold = await talk.holds()
            assert proxy.cuts == 1
            proxy.cut_before(b"COMMIT")
            await talk.commits(talk.turn(accepted, hold))
            assert proxy.cuts == 2
            assert await talk.texts() == ["hello"] * 2

    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_an_act_happens_once(self, url: str, server: PostgresServer, when: str) -> None:
        async with opened_through(url, server) as (store, proxy):
            (proxy.cut_before if when == "before" else proxy.cut_after)(b"COMMIT")
            made = await store.create_session(session("", "key"), "key", credential("token"))
            assert proxy.cuts == 1
            await store.end_session(SessionScope(session_id=made.id), "")
            assert len(await store.sessions(OPERATOR, SessionQuery())) == 1

    async def test_who_waits_is_answered_once_the_server_is_back(
        self, url: str, server: PostgresServer
    ) -> None:
        async with opened_through(url, server) as (store, proxy):
            talk = Talk(store)
            proxy.cut_after(b"COMMIT")
            says = asyncio.create_task(talk.holds())
            await proxy.was_cut.wait()
            proxy.down = True
            await asyncio.sleep(0.3)
            assert not says.done()
            proxy.down = False
            accepted, hold = await says
            await talk.commits(talk.turn(accepted, hold))

    async def test_closing_answers_who_still_waits(self, url: str, server: PostgresServer) -> None:
        async with asyncio.timeout(20):
            async with opened_through(url, server) as (store, proxy):
                proxy.cut_after(b"COMMIT")
                waits = asyncio.create_task(store.accept(arrival("a")))
                await proxy.was_cut.wait()
                proxy.down = True
                await asyncio.sleep(0.1)
                await store.close()
                with pytest.raises(Unavailable):
                    await waits


@dataclass
class Person:
    """Somebody who writes and is answered while the server comes and goes."""

    store: Store
    number: int
    said: int = 0
    unavailable: int = 0
    doubtful: list[str] = field(default_factory=list)

    async def talks(self, until: asyncio.Event) -> Talk:
        talk = Talk(self.store, f"person/{self.number}")
        while not until.is_set():
            try:
                await self._exchange(talk)
            except Unavailable:
                self.unavailable += 1
                await asyncio.sleep(0.01)
        return talk

    async def _exchange(self, talk: Talk) -> None:
        event = f"{self.number}/{self.said}/{self.unavailable}"
        try:
            accepted = await self.store.accept(arrival(talk.key, event_id=event))
        except Unavailable:
            self.doubtful.append(event)
            raise
        assert accepted.hold is not None
        talk.lane_id = accepted.lane_id
        effects = talk.turn(accepted, accepted.hold)
        while True:
            try:
                await talk.commits(effects)
            except Unavailable:
                self.unavailable += 1
                await asyncio.sleep(0.01)
            else:
                self.said += 1
                return


class TestKilledServer:
    async def test_nothing_answered_is_lost_and_nothing_happens_twice(
        self, url: str, server: PostgresServer
    ) -> None:
        async with opened(url) as store:
            over = asyncio.Event()
            people = [Person(store, number) for number in range(16)]
            talking = [asyncio.create_task(person.talks(over)) for person in people]
            for _ in range(3):
                await asyncio.sleep(0.4)
                server.kill()
                await asyncio.sleep(0.2)
                await asyncio.to_thread(server.start)
            before = [person.said for person in people]
            for _ in range(1000):
                if all(person.said > said for person, said in zip(people, before, strict=True)):
                    break
                await asyncio.sleep(0.02)
            over.set()
            talks = await asyncio.gather(*talking)
            assert all(person.said > said for person, said in zip(people, before, strict=True))
            for person, talk in zip(people, talks, strict=True):
                assert len(await talk.texts()) == 2 * person.said
            assert not await waiting(store)
            for person in people:
                for event in person.doubtful:
                    again = await store.accept(arrival(f"again/{event}", event_id=event))
                    assert not again.duplicate

    async def test_a_turn_held_over_a_restart_of_the_server_can_be_committed(
        self, url: str, server: PostgresServer
    ) -> None:
        async with opened(url) as store:
            talk = Talk(store)
            accepted, hold = await talk.holds()
            await asyncio.to_thread(server.restart)
            await talk.commits(talk.turn(accepted, hold))
            with pytest.raises(Fenced):
                await store.commit(talk.turn(accepted, hold))


async def test_what_was_answered_survives_a_kill_of_the_writing_process(url: str) -> None:
    with holder(url, "busy") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(300)]
        process.kill()
        lines += [line.split() for line in process.stdout.readlines() if line.endswith("\n")]
    async with opened(url) as store:
        for number, row_id in lines:
            again = await store.accept(arrival("key", event_id=number))
            assert again.duplicate
            assert again.row_id == row_id


async def test_a_lost_writing_connection_is_made_anew(url: str, server: PostgresServer) -> None:
    async with opened(url) as store:
        talk = Talk(store)
        await talk.exchange()
        name = url.rpartition("/")[2]
        server.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        await talk.exchange()
        assert await talk.texts() == ["hello"] * 4
