"""Users whom the embedding site vouches for, and services with a key."""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from hashlib import sha256, sha512
from typing import Any

import httpx
import jwt
import orjson
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette

from adapters.web import inbound
from adapters.web.identity import NOT_KNOWN, Identity
from adapters.web.problems import Refusal
from adapters.web.settings import WebSettings
from gateway import Inbound
from tests.unit.adapters.web.standin import StandIn

SECRET = "a secret that only the shop and the gateway know"
OTHER = "a secret that somebody else has, just as long as it"
KEY = "the key of a service, which is long enough"


def channel(**settings: Any) -> WebSettings:
    """The channel's settings, as a file has them."""
    return WebSettings.model_validate(settings)


def identity(**settings: Any) -> Identity:
    """What tells people of the channel ``page`` apart."""
    return Identity("page", channel(user_secret=SECRET, **settings))


def token(secret: str = SECRET, lasts: float = 600, **claims: Any) -> str:
    """What the shop signs; a claim that is None is left out."""
    said = {"sub": "ann", "exp": time.time() + lasts, **claims}
    return jwt.encode({name: value for name, value in said.items() if value is not None}, secret)


def raw(header: dict[str, Any], claims: bytes, digest: Any = sha256, secret: str = SECRET) -> str:
    """A token signed by hand, with whatever header."""
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (orjson.dumps(header), claims)]
    signed = hmac.new(secret.encode(), b".".join(parts), digest).digest() if digest else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signed).rstrip(b"=")]).decode()


def claims(**changes: Any) -> bytes:
    """A user's claims, as JSON."""
    return orjson.dumps({"sub": "ann", "exp": int(time.time()) + 600, **changes})


@pytest.mark.parametrize(
    ("said", "user_id", "name"),
    [
        ({}, "user:ann", ""),
        ({"name": "Ann Ames"}, "user:ann", "Ann Ames"),
        ({"name": " A\u0000n\nn\u202e "}, "user:ann", "Ann"),
        ({"name": "x" * 300}, "user:ann", "x" * 200),
        ({"name": 7}, "user:ann", ""),
        ({"sub": "x" * 200}, "user:" + "x" * 200, ""),
        ({"sub": "anon:7"}, "user:anon:7", ""),
        ({"aud": "page"}, "user:ann", ""),
        ({"aud": ["shop", "page"]}, "user:ann", ""),
        ({"lasts": -20}, "user:ann", ""),
        ({"lasts": 86_400.5}, "user:ann", ""),
    ],
)
def test_who_a_token_vouches_for(said: dict[str, Any], user_id: str, name: str) -> None:
    who = identity().user(token(**said))
    assert (who.id, who.name) == (user_id, name)


NONE = {"alg": "none", "typ": "JWT"}
HS256 = {"alg": "HS256", "typ": "JWT"}


WRONG: tuple[Callable[[], str], ...] = (
    lambda: "",
    lambda: "x",
    lambda: "a.b.c",
    lambda: "ä.ö.ü",
    lambda: token(secret=OTHER),
    lambda: token()[:-2],
    lambda: token(sub=None),
    lambda: token(exp=None),
    lambda: token(sub=""),
    lambda: token(sub="x" * 201),
    lambda: token(sub="a\nb"),
    lambda: raw(HS256, claims(sub=7)),
    lambda: raw(HS256, claims(sub=["ann"])),
    lambda: raw(HS256, b'{"sub": "\\ud800", "exp": %d}' % (time.time() + 60)),
    lambda: token(lasts=-40),
    lambda: token(lasts=86_500),
    lambda: raw(HS256, claims(exp=str(int(time.time()) + 60))),
    lambda: raw(HS256, b'{"sub": "ann", "exp": Infinity}'),
    lambda: raw(HS256, b'{"sub": "ann", "exp": NaN}'),
    lambda: raw(HS256, b'["ann"]'),
    lambda: token(nbf=int(time.time()) + 60),
    lambda: token(iat=int(time.time()) + 60),
    lambda: token(aud="shop"),
    lambda: token(aud=["shop"]),
    lambda: token(aud=7),
    lambda: raw(NONE, claims(), digest=None),
    lambda: raw(NONE, claims()),
    lambda: raw({"alg": "RS256"}, claims()),
    lambda: raw({"alg": "HS512"}, claims(), digest=sha512),
    lambda: raw({"alg": "hs256"}, claims()),
    lambda: raw({}, claims()),
    lambda: raw(HS256 | {"crit": ["x"], "x": 1}, claims()),
)


@pytest.mark.parametrize("wrong", WRONG, ids=[f"{place}" for place in range(len(WRONG))])
def test_every_other_token_is_refused_in_the_same_words(wrong: Callable[[], str]) -> None:
    with pytest.raises(Refusal) as refused:
        identity().user(wrong())
    assert (refused.value.status, refused.value.detail) == (401, NOT_KNOWN)
    assert refused.value.__context__ is None


def test_without_a_secret_nobody_is_known() -> None:
    with pytest.raises(Refusal) as refused:
        Identity("page", channel()).user(jwt.encode({"sub": "ann", "exp": 9e9}, "x" * 32))
    assert (refused.value.status, refused.value.detail) == (401, NOT_KNOWN)


def test_a_service_has_one_of_the_keys() -> None:
    several = identity(service_keys=(KEY, OTHER))
    assert several.serves(KEY)
    assert several.serves(OTHER)
    assert not several.serves("")
    assert not identity().serves("anything")
    for wrong in (KEY[:-1], KEY + " ", "ä", "\ud800"):
        with pytest.raises(Refusal) as refused:
            several.serves(wrong)
        assert refused.value.status == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_secret": "short"},
        {"service_keys": (KEY, "short")},
        {"origins": ("*",)},
        {"origins": ("https://shop.example/",)},
        {"origins": ("https://*.shop.example",)},
        {"origins": ("https://shop.example:443",)},
        {"origins": ("http://shop.example:80",)},
        {"origins": ("shop.example",)},
        {"origins": ("https://Shop.example",)},
        {"origins": ("https://shop.example; script-src *",)},
        {"origins": ("https://shop.example\nx",)},
        {"origins": ("null",)},
    ],
)
def test_settings_that_would_not_protect_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        channel(**wrong)
    assert "short" not in str(refused.value)


def test_no_secret_is_shown() -> None:
    settings = channel(user_secret=SECRET, service_keys=(KEY,))
    assert SECRET not in f"{settings!r}{settings}"
    assert KEY not in f"{settings!r}{settings}"


@pytest.fixture
async def gateway() -> AsyncIterator[StandIn]:
    standin = StandIn(speed=0, user_secret=SECRET, service_keys=(KEY,), sessions_per_minute=3)
    yield standin
    for task in standin.running.values():
        task.cancel()


@pytest.fixture
async def http(gateway: StandIn) -> AsyncIterator[httpx.AsyncClient]:
    """A visitor from elsewhere."""
    app = Starlette(routes=gateway.adapter.routes())
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 4000))
    running = asyncio.create_task(gateway.adapter.run(gateway.receive))
    await asyncio.sleep(0)
    async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
        yield client
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def bearer(value: str) -> dict[str, str]:
    """The header with what opens something."""
    return {"Authorization": f"Bearer {value}"}


def web_token(**said: Any) -> str:
    """A token for the stand-in's channel."""
    return token(**{"aud": "web", **said})


async def opened(http: httpx.AsyncClient, user: str, **body: Any) -> dict[str, Any]:
    answer = await http.post("/api/session", json={"user_token": web_token(sub=user), **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_user_finds_their_sessions_on_every_device(http: httpx.AsyncClient) -> None:
    first = await opened(http, "ann", name="Order")
    assert first["expires_at"] is None
    assert first["token_expires_at"]
    second = await opened(http, "ann", agent="sales")
    bobs = await opened(http, "bob")
    mine = bearer(web_token(sub="ann"))
    listed = (await http.get("/api/sessions", headers=mine)).json()["sessions"]
    assert [one["session_id"] for one in listed] == [second["session_id"], first["session_id"]]
    assert listed[1]["name"] == "Order"
    query: dict[str, str | int] = {"agent": "demo", "limit": 1}
    (only,) = (await http.get("/api/sessions", params=query, headers=mine)).json()["sessions"]
    assert only["session_id"] == first["session_id"]
    path = f"/api/sessions/{first['session_id']}/token"
    again = await http.post(path, headers=mine)
    assert (again.status_code, again.json()["session_id"]) == (201, first["session_id"])
    for one in (first["token"], again.json()["token"]):
        shown = await http.get("/api/session", headers=bearer(one))
        assert shown.json()["session_id"] == first["session_id"]
    refused = await http.post(f"/api/sessions/{bobs['session_id']}/token", headers=mine)
    assert refused.status_code == 404
    unknown = await http.post("/api/sessions/none/token", headers=mine)
    assert refused.content == unknown.content


async def test_only_a_user_token_opens_the_list(http: httpx.AsyncClient) -> None:
    session = await opened(http, "ann")
    for value in ("", session["token"], KEY, token(OTHER), web_token(aud="other")):
        for method, path in (("GET", "/api/sessions"), ("POST", "/api/sessions/x/token")):
            answer = await http.request(method, path, headers=bearer(value) if value else {})
            assert answer.status_code == 401
    asked = await http.get(f"/api/sessions?user_token={web_token()}", headers=bearer(web_token()))
    assert asked.status_code == 401
    nowhere = await http.get("/api/sessions?agent=nobody", headers=bearer(web_token()))
    assert nowhere.status_code == 404


async def test_users_are_counted_each_for_themselves(http: httpx.AsyncClient) -> None:
    anns, bobs = bearer(web_token(sub="ann")), bearer(web_token(sub="bob"))
    for _ in range(3):
        assert (await http.get("/api/sessions", headers=anns)).status_code == 200
        assert (await http.post("/api/sessions/x/token", headers=anns)).status_code == 404
    for method, path in (("GET", "/api/sessions"), ("POST", "/api/sessions/x/token")):
        late = await http.request(method, path, headers=anns)
        assert (late.status_code, late.headers["Retry-After"]) == (429, "20")
    assert (await http.get("/api/sessions", headers=bobs)).status_code == 200


async def test_a_service_calls_a_session_by_its_own_id(
    gateway: StandIn, http: httpx.AsyncClient
) -> None:
    body = {
        "session_id": "order-1234", "user": "cust-7", "name": "Order", "variables": {"total": 3},
        "overrides": {"model": "m", "tools": ["t"]},
    }  # fmt: skip
    made = await http.post("/api/session", json=body, headers=bearer(KEY))
    assert (made.status_code, made.json()["client_id"]) == (201, "order-1234")
    session = gateway.kept[made.json()["session_id"]].session
    assert (session.variables, session.overrides) == ({"total": 3}, {"model": "m", "tools": ("t",)})
    again = await http.post("/api/session", json={"session_id": "order-1234"}, headers=bearer(KEY))
    assert (again.status_code, again.json()["session_id"]) == (200, session.id)
    assert again.json()["token"] != made.json()["token"]
    shown = await http.get("/api/session", headers=bearer(again.json()["token"]))
    assert shown.json()["client_id"] == "order-1234"
    sales = await http.post(
        "/api/session", json={"session_id": "order-1234", "agent": "sales"}, headers=bearer(KEY)
    )
    assert sales.status_code == 201
    bobs = {"session_id": "order-1234", "user": "bob"}
    assert (await http.post("/api/session", json=bobs, headers=bearer(KEY))).status_code == 409
    mine = await http.get("/api/sessions", headers=bearer(web_token(sub="cust-7")))
    assert [one["session_id"] for one in mine.json()["sessions"]] == [session.id]


async def test_only_a_service_says_whose_a_session_is(http: httpx.AsyncClient) -> None:
    parts: list[dict[str, Any]] = [
        {"session_id": "s"}, {"user": "ann"}, {"variables": {"a": 1}}, {"overrides": {"model": "m"}}
    ]  # fmt: skip
    for part in parts[:3]:
        assert (await http.post("/api/session", json=part)).status_code == 401
    wrong = await http.post("/api/session", json=parts[3], headers=bearer(KEY[:-1]))
    assert wrong.status_code == 401
    assert KEY[:-1] not in wrong.text
    both = {"user_token": web_token(), "user": "ann"}
    assert (await http.post("/api/session", json=both, headers=bearer(KEY))).status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"session_id": ""}, 422),
        ({"session_id": "x" * 201}, 422),
        ({"session_id": "a\nb"}, 422),
        ({"user": "\u202e"}, 422),
        ({"variables": {"current_user_id": "bob"}}, 422),
        ({"variables": ["a"]}, 422),
        ({"variables": {"a": 2**64}}, 422),
        ({"variables": {"a": "x" * 2000}}, 413),
        ({"overrides": {"owner": "bob"}}, 422),
        ({"overrides": {"tools": "all"}}, 422),
        ({"agent": "nobody"}, 404),
    ],
)
async def test_what_a_service_cannot_ask_for(
    http: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    answer = await http.post("/api/session", json=body, headers=bearer(KEY))
    assert answer.status_code == status, answer.text


async def test_services_are_not_counted_and_others_are(http: httpx.AsyncClient) -> None:
    for n in range(5):
        made = await http.post("/api/session", json={"session_id": f"s{n}"}, headers=bearer(KEY))
        assert made.status_code == 201
    for _ in range(3):
        assert (await http.post("/api/session")).status_code == 201
    assert (await http.post("/api/session")).status_code == 429


async def test_a_session_with_an_open_question_waits(http: httpx.AsyncClient) -> None:
    session = await opened(http, "ann")
    mine = bearer(session["token"])
    assert (await http.get("/api/session", headers=mine)).json()["state"] == "active"
    await http.post("/api/chat", json={"text": "ask"}, headers=mine)
    assert (await http.get("/api/session", headers=mine)).json()["state"] == "waiting"
    listed = await http.get("/api/sessions", headers=bearer(web_token(sub="ann")))
    assert [one["state"] for one in listed.json()["sessions"]] == ["waiting"]


async def test_whoever_has_the_session_is_who_speaks(
    gateway: StandIn, http: httpx.AsyncClient
) -> None:
    ann = await http.post("/api/session", json={"user_token": web_token(sub="an/n é", name="Ann")})
    service = await http.post("/api/session", json={"session_id": "o:1"}, headers=bearer(KEY))
    visitor = await http.post("/api/session")
    found = []
    for answer in (ann, service, visitor):
        session = gateway.kept[answer.json()["session_id"]].session
        read = inbound.read(inbound.event(session, "hello"))
        assert isinstance(read, Inbound)
        found.append((read.participant.id, read.participant.name, read.conversation.title))
    place = gateway.kept[visitor.json()["session_id"]].session.conversation.id
    assert found == [
        # It stays with what was said, and is not what the conversation is called.
        ("user:an/n é", "Ann", None),
        ("client:demo:o:1", "", None),
        (f"anon:{place}", "", None),
    ]
