"""Who somebody is on the web, against the real process: users on several devices, and services."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from adapters.web import models
from tests.support.process import ROOT, GatewayProcess
from tests.support.web import WebClient

SECRET = "a secret that only the shop and the gateway know"
KEY = "the key of a service, which is long enough"
CONFIG: dict[str, Any] = {
    "agents": {
        "echo": {"kind": "echo"},
        "demo": {"kind": "demo", "pace": 0},
        "namesake": {
            "kind": "python",
            "entry": "tests.support.agents:namesake",
            "path": str(ROOT),
        },
    },
    "channels": {
        "page": {
            "platform": "web",
            "agent": "echo",
            "agents": ["echo", "demo", "namesake"],
            "user_secret": SECRET,
            "service_keys": [KEY],
        }
    },
    "limits": {"messages_per_minute": 0},
}


def token(user: str, secret: str = SECRET, **more: Any) -> str:
    """What the shop signs for one of its users."""
    return jwt.encode({"sub": user, "exp": int(time.time()) + 600, **more}, secret)


@pytest.fixture(params=["sqlite", "postgresql"])
async def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway on each database."""
    config = dict(CONFIG)
    if request.param == "postgresql":
        config["gateway"] = {"database": request.getfixturevalue("postgres_url")}
    async with GatewayProcess(config, tmp_path) as process:
        yield process


@asynccontextmanager
async def devices(gateway: GatewayProcess, count: int) -> AsyncIterator[list[WebClient]]:
    """So many browsers without a session."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        yield [WebClient(http, gateway.base_url) for _ in range(count)]


async def listed(device: WebClient, user: str, query: str = "", secret: str = SECRET) -> Any:
    """The user's sessions; or the status where they are refused."""
    opens = {"Authorization": f"Bearer {token(user, secret)}"}
    answer = await device.ask("GET", f"/api/sessions{query}", headers=opens)
    return answer.json["sessions"] if answer.status == 200 else answer.status


async def joins(device: WebClient, user: str, session_id: str) -> int:
    """Open a session of the user's on this device too."""
    opens = {"Authorization": f"Bearer {token(user)}"}
    answer = await device.ask("POST", f"/api/sessions/{session_id}/token", headers=opens)
    if answer.status == 201:
        device.token = answer.json["token"]
    return answer.status


async def test_a_user_goes_on_elsewhere_and_services_find_their_own(
    gateway: GatewayProcess,
) -> None:
    async with devices(gateway, 3) as (phone, desk, stranger):
        await is_the_same_on_both(phone, desk, stranger)
        await is_reset_for_both(phone, desk)
        await is_one_for_a_service(stranger)


async def is_the_same_on_both(phone: WebClient, desk: WebClient, stranger: WebClient) -> None:
    """What was begun on one device goes on on the other; nobody else sees it."""
    ann = token("ann", name="Ann Ames")
    opened = (await phone.open(user_token=ann, agent="namesake")).json
    assert opened["expires_at"] is None
    assert (await phone.say("hello")).texts == ["Ann Ames (user:ann) said hello"]
    (found,) = await listed(desk, "ann")
    assert (found["session_id"], found["title"]) == (opened["session_id"], "hello")
    assert await listed(desk, "ann", "?agent=echo") == []
    assert await joins(desk, "ann", found["session_id"]) == 201
    assert (await desk.history()).texts == ["hello", "Ann Ames (user:ann) said hello"]
    await desk.say("again")
    assert len((await phone.history()).texts) == 4
    # Whoever is called alike is somebody else.
    await stranger.open()
    for other in ("bob", "user:ann", "anon:ann", "Ann"):
        assert await listed(stranger, other) == []
        assert await joins(stranger, other, found["session_id"]) == 404
    assert await listed(stranger, "ann", secret="x" * 40) == 401
    await is_nothing_for_a_database(stranger)
    desk.token, kept = token("ann"), desk.token
    assert (await desk.history()).status == 401
    desk.token = kept


async def is_nothing_for_a_database(stranger: WebClient) -> None:
    """What no database would take as an id, or as a number, is none."""
    assert await joins(stranger, "ann", "%00") == 404
    last = {"Last-Event-ID": "99999999999"}
    asked = [
        await stranger.ask("GET", "/api/chat/tasks/a%00b"),
        await stranger.ask("GET", "/api/chat/events", None, last),
        await stranger.ask("GET", f"/api/chat/history?before={2**40}"),
        await stranger.ask("GET", f"/api/chat/history?before={models.MAX_NUMBER}"),
    ]
    assert [one.status for one in asked] == [404, 400, 422, 200]


async def is_reset_for_both(phone: WebClient, desk: WebClient) -> None:
    """After a reset no old token opens anything; the user finds the successor."""
    old = phone.token
    fresh = (await phone.ask("POST", "/api/session/reset")).json
    phone.token = fresh["token"]
    assert fresh["token_expires_at"]
    assert (await phone.say("anew")).texts == ["Ann Ames (user:ann) said anew"]
    assert [(await desk.history()).status, len((await phone.history()).texts)] == [401, 2]
    desk.token = old
    assert (await desk.history()).status == 401
    assert [one["session_id"] for one in await listed(desk, "ann")] == [fresh["session_id"]]
    assert await joins(desk, "ann", fresh["session_id"]) == 201


async def is_one_for_a_service(service: WebClient) -> None:
    """However many ask at once, one session has the service's name."""
    service.token = ""
    opens = {"Authorization": f"Bearer {KEY}"}
    body = {"session_id": "order-1234", "user": "cust-7", "variables": {"total": 3}}
    answers = await asyncio.gather(
        *(service.ask("POST", "/api/session", body, opens) for _ in range(20))
    )
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.json["session_id"] for answer in answers}) == 1
    assert len({answer.json["token"] for answer in answers}) == 20
    tokens = [answer.json["token"] for answer in answers]
    for service.token in tokens:
        shown = (await service.ask("GET", "/api/session")).json
        assert shown["client_id"] == "order-1234"
    assert (await service.say("hello")).texts == ["hello"]
    assert [one["client_id"] for one in await listed(service, "cust-7")] == ["order-1234"]
    fresh = (await service.ask("POST", "/api/session/reset")).json
    again = await service.ask("POST", "/api/session", body, opens)
    assert (again.status, again.json["session_id"]) == (200, fresh["session_id"])
    other = await service.ask("POST", "/api/session", body | {"user": "cust-8"}, opens)
    assert other.status == 409
    service.token = fresh["token"]
    await service.ask("DELETE", "/api/session")
    anew = await service.ask("POST", "/api/session", body, opens)
    assert anew.status == 201
