"""The operators' API, on a real store: what is seen, what is changed, and who may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gateway.custody import Custody
from gateway.domain import Message, Role, Session, new_id
from gateway.files import FileRoom
from gateway.http import belongings, inspecting
from gateway.inspection import Inspection
from gateway.longterm import LongTerm
from gateway.ports.records import AgentScope, Entry, OwnerScope, SessionScope
from gateway.ports.store import Store
from gateway.settings import LimitsSection
from gateway.store import connect
from gateway.testing._talk import CHANNEL, Talk, credential, session

TOKEN = "operator-token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
ADA = {"channel": CHANNEL, "agent": "echo", "owner": "participant:ada"}
BOB = {**ADA, "owner": "participant:bob"}
LIMITS = LimitsSection(data_bytes=200, facts=2, drive_bytes=50, file_bytes=40)


class Desk:
    """The API, and what stands behind it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.longterm = LongTerm(store)
        self.changed: list[Session] = []
        custody = Custody(
            store=store,
            keeps=self.longterm,
            files=FileRoom(folder=folder / "files", store=store, limit=LIMITS.file_bytes),
            limits=LIMITS,
            bases=("handbook",),
            changed=self.changed.append,
        )
        inspection = Inspection(store=store, idle_after=60.0)
        routes = [*inspecting.routes(inspection, TOKEN), *belongings.routes(custody, TOKEN)]
        self.routes = routes
        transport = httpx.ASGITransport(Starlette(routes=routes))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://gateway/operator")

    async def ask(
        self, method: str, path: str, whose: Mapping[str, str] | None = None, **more: Any
    ) -> Any:
        """What is answered; a problem's words and status where it is one."""
        answer = await self.http.request(
            method, path, params={**(whose or {}), **more.pop("params", {})}, headers=OPERATOR,
            **more,
        )  # fmt: skip
        if answer.status_code >= 400:
            return answer.status_code, answer.json()["detail"]
        return answer.json()

    async def opened(self, key: str, **changes: Any) -> Session:
        """A session that somebody has."""
        return await self.store.create_session(
            session("", key, **changes), key, credential(new_id())
        )


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = connect(f"sqlite:///{tmp_path}/gateway.db", replica="test")
    await store.open()
    desk = Desk(store, tmp_path)
    yield desk
    await desk.http.aclose()
    await store.close()


async def test_nobody_else_sees_or_changes_anything(desk: Desk) -> None:
    for route in desk.routes:
        path = route.path.replace("{id}", "x").replace("{name:path}", "x")  # type: ignore[attr-defined]
        (method,) = route.methods - {"HEAD"}  # type: ignore[attr-defined]
        for value in ("", "Bearer wrong", f"Basic {TOKEN}"):
            answer = await desk.http.request(
                method, f"http://gateway{path}", headers={"Authorization": value}
            )
            assert answer.status_code == 401, path


# Sessions


async def test_sessions_are_listed_in_pages_and_filtered(desk: Desk) -> None:
    made = [await desk.opened(key, last_activity=1e9 + n) for n, key in enumerate("abc")]
    first = await desk.ask("GET", "/sessions", params={"limit": 2})
    assert [one["id"] for one in first["sessions"]] == [made[2].id, made[1].id]
    rest = await desk.ask("GET", "/sessions", params={"limit": 2, "after": first["next"]})
    assert [one["id"] for one in rest["sessions"]] == [made[0].id]
    assert rest["next"] is None
    found = await desk.ask("GET", "/sessions", params={"owner": "participant:b"})
    assert [one["id"] for one in found["sessions"]] == [made[1].id]
    assert (await desk.ask("GET", "/sessions", params={"agent": "none"}))["sessions"] == []
    dormant = await desk.ask("GET", "/sessions", params={"state": "dormant"})
    assert {one["state"] for one in dormant["sessions"]} == {"dormant"}
    assert len(dormant["sessions"]) == 3


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"limit": "0"}, 400),
        ({"limit": "x"}, 400),
        ({"limit": "501"}, 400),
        ({"limit": "00000000100"}, 400),
        ({"state": "x"}, 404),
    ],
)
async def test_what_cannot_be_asked_is_said(
    desk: Desk, params: dict[str, str], status: int
) -> None:
    answered, words = await desk.ask("GET", "/sessions", params=params)
    assert answered == status
    assert words


async def test_one_session_with_what_it_holds(desk: Desk) -> None:
    made = await desk.opened("a", variables={"name": "Ada"}, overrides={"model": "m"})
    shown = await desk.ask("GET", f"/sessions/{made.id}")
    assert (shown["state"], shown["variables"]) == ("active", {"name": "Ada"})
    assert shown["overrides"] == {"model": "m"}
    assert shown["summary"]["upto"] == 0
    assert await desk.ask("GET", "/sessions/x") == (404, "there is no session x")


async def test_messages_of_any_session_are_searched(desk: Desk) -> None:
    for key in "ab":
        talk = Talk(desk.store)
        accepted, hold = await talk.holds()
        made = session(accepted.lane_id, key)
        said = Message(number=1, role=Role.USER, text=f"Green {key} TEA", created_at=1.0)
        await talk.commits(
            talk.turn(
                accepted,
                hold,
                new_sessions=(made,),
                entries=(Entry(session_id=made.id, message=said),),
            )
        )
    found = await desk.ask("GET", "/messages", params={"words": "tea green"})
    assert {hit["message"]["text"] for hit in found["found"]} == {"Green a TEA", "Green b TEA"}
    assert (await desk.ask("GET", "/messages", params={"words": "tea x"}))["found"] == []
    assert (await desk.ask("GET", "/messages", params={"words": " "}))[0] == 400


async def test_a_session_turns_on_something_else(desk: Desk) -> None:
    made, path = await desk.opened("a"), "overrides"
    wanted = {"model": "big", "tools": ["recall"], "knowledge": ["handbook"]}
    shown = await desk.ask("PUT", f"/sessions/{made.id}/{path}", json=wanted)
    assert shown == {"id": made.id, "overrides": wanted}
    assert [one.overrides for one in desk.changed] == [wanted]
    for wrong, part in (({"model": 1}, "model"), ({"x": "y"}, "'x'"), ({"knowledge": ["z"]}, "z")):
        status, words = await desk.ask("PUT", f"/sessions/{made.id}/{path}", json=wrong)
        assert (status, part in words) == (400, True)
    much = {"prompt": "x" * 300_000}
    status, words = await desk.ask("PUT", f"/sessions/{made.id}/{path}", json=much)
    assert (status, "262,144 are allowed" in words) == (413, True)
    stored = await desk.store.session(SessionScope(session_id=made.id))
    assert stored is not None
    assert stored.overrides == wanted
    assert (await desk.ask("PUT", f"/sessions/x/{path}", json={}))[0] == 404


# What outlives sessions


async def test_data_is_changed_by_key_and_turns_see_it_at_once(desk: Desk) -> None:
    scope = OwnerScope(**ADA)
    assert await desk.longterm.data(scope) == b"{}"
    assert await desk.ask("PATCH", "/data", ADA, json={"a": 1, "b": "x"}) == {"a": 1, "b": "x"}
    assert await desk.ask("PATCH", "/data", ADA, json={"a": None, "c": []}) == {"b": "x", "c": []}
    assert await desk.longterm.data(scope) == b'{"b":"x","c":[]}'
    assert await desk.ask("GET", "/data", BOB) == {}
    assert await desk.ask("GET", "/data", {"agent": "echo"}) == {}
    status, words = await desk.ask("PATCH", "/data", ADA, json={"d": "x" * 200})
    assert (status, "limits.data_bytes" in words) == (413, True)
    owners = await desk.ask("GET", "/owners")
    assert owners == {"owners": [ADA]}


async def test_an_agent_s_own_data_is_its_own(desk: Desk) -> None:
    await desk.ask("PATCH", "/data", {"agent": "echo"}, json={"open": "9 to 5"})
    assert await desk.store.data(AgentScope(agent="echo")) == {"open": "9 to 5"}
    assert await desk.ask("GET", "/data", {"agent": "other"}) == {}
    assert await desk.ask("GET", "/data", ADA) == {}


@pytest.mark.parametrize(
    "whose", [{}, {"channel": CHANNEL, "agent": "echo"}, {"agent": "echo", "owner": "o"}]
)
async def test_it_is_said_whose(desk: Desk, whose: dict[str, str]) -> None:
    for method, path in (("GET", "/data"), ("GET", "/drive"), ("GET", "/facts")):
        status, words = await desk.ask(method, path, whose)
        assert (status, "`channel` and `owner`" in words) == (400, True)
    assert (await desk.ask("GET", "/facts", {"agent": "echo"}))[0] == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b'{"text": 1}'])
async def test_a_body_that_is_none(desk: Desk, body: bytes) -> None:
    assert (await desk.ask("POST", "/facts", ADA, content=body))[0] == 400


async def test_facts_are_added_and_dropped(desk: Desk) -> None:
    made = await desk.ask("POST", "/facts", ADA, json={"text": "likes tea"})
    await desk.ask("POST", "/facts", ADA, json={"text": "is tall"})
    status, words = await desk.ask("POST", "/facts", ADA, json={"text": "one more"})
    assert (status, "limits.facts" in words) == (413, True)
    assert (await desk.ask("DELETE", f"/facts/{made['id']}", BOB))[0] == 404
    found = await desk.ask("GET", "/facts", ADA, params={"words": "TEA"})
    assert [fact["text"] for fact in found["facts"]] == ["likes tea"]
    assert await desk.ask("DELETE", f"/facts/{made['id']}", ADA) == {"id": made["id"]}
    found = await desk.ask("GET", "/facts", ADA)
    assert [fact["text"] for fact in found["facts"]] == ["is tall"]


async def test_a_shelf_is_filled_and_cleared(desk: Desk) -> None:
    agents = {"agent": "echo"}
    text = await desk.ask("PUT", "/drive/hours.txt", agents, content=b"9 to 5")
    assert (text["media_type"], text["size"], text["digest"]) == ("text/plain", 6, "")
    picture = b"\x89PNG\r\n\x1a\n\0\0"
    item = await desk.ask("PUT", "/drive/map.png", agents, content=picture)
    assert item["digest"]
    listed = await desk.ask("GET", "/drive", agents)
    assert [one["name"] for one in listed["items"]] == ["map.png", "hours.txt"]
    assert listed["items"] == [item, text]
    assert "9 to 5" not in str(listed)
    answer = await desk.http.get("/drive/hours.txt", params=agents, headers=OPERATOR)
    assert answer.content == b"9 to 5"
    answer = await desk.http.get("/drive/map.png", params=agents, headers=OPERATOR)
    assert answer.content == picture
    assert answer.headers["content-disposition"] == "attachment"
    assert (await desk.ask("GET", "/drive/map.png", ADA))[0] == 404
    for name, size, limit in (("big.bin", 45, "larger"), ("more.txt", 40, "limits.drive_bytes")):
        status, words = await desk.ask("PUT", f"/drive/{name}", agents, content=b"x" * size)
        assert (status, limit in words) == (413, True)
    assert await desk.ask("DELETE", "/drive/map.png", agents) == {"name": "map.png"}
    assert (await desk.ask("GET", "/drive/map.png", agents))[0] == 404
