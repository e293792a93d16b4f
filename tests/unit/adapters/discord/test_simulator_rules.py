"""What the simulated Discord takes and what it refuses, in its own words and codes."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from adapters.discord.simulator import Rates
from tests.unit.adapters.discord.loopback import (
    AGENT,
    BOT,
    TOKEN,
    Clock,
    Loopback,
    loopback,
)

QUIET = {"parse": [], "replied_user": False}
NOBODY = "99"


@pytest.fixture
async def dc() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


def row(*labels: str, **more: Any) -> dict[str, Any]:
    """A row of buttons."""
    return {
        "type": 1,
        "components": [
            {"type": 2, "style": 1, "label": label, "custom_id": label, **more} for label in labels
        ],
    }


def embed(**fields: Any) -> dict[str, Any]:
    return {"embeds": [fields]}


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"content": "x" * 2001}, "content: Must be 2000 or fewer in length."),
        ({"content": "😀" * 1001}, "content: Must be 2000 or fewer in length."),
        ({"content": ["x"]}, "content: Could not interpret as string."),
        ({"content": " \n "}, "400 50006 Cannot send an empty message"),
        ({}, "400 50006 Cannot send an empty message"),
        ({"components": [row("a")]}, "400 50006 Cannot send an empty message"),
        ({"content": "x", "nonce": "n" * 26}, "nonce: Must be 25 or fewer in length."),
        ({"content": "x", "flags": 64}, "flags: Flags 64 are not simulated."),
        ({"content": "x", "components": [row("a")] * 6}, "components: Must be between 1 and 5"),
        ({"content": "x", "components": [row(*"abcdef")]}, "0.components: Must be between 1 and 5"),
        ({"content": "x", "components": [row()]}, "0.components: Must be between 1 and 5"),
        ({"content": "x", "components": [row("a", "a")]}, "cannot be duplicated"),
        ({"content": "x", "components": [row("a" * 81, custom_id="a")]}, "Must be 80 or fewer"),
        ({"content": "x", "components": [row("a", custom_id="a" * 101)]}, "between 1 and 100"),
        ({"content": "x", "components": [row("a", custom_id="")]}, "between 1 and 100"),
        ({"content": "x", "components": [row("a", label="")]}, "must have a label or emoji"),
        ({"content": "x", "components": [row("a", style=9)]}, "style: Value must be one of"),
        ({"content": "x", "components": [row("a", style=5)]}, "A url is what a link button has"),
        ({"content": "x", "components": [row("a", type=4)]}, "type: No such component."),
        ({"content": "x", "components": [{"type": 2}]}, 'Value of field "type"'),
        ({"embeds": [{"title": "x"}] * 11}, "embeds: Must be 10 or fewer"),
        (embed(title="x" * 257), "embeds.0.title: Must be 256 or fewer"),
        (embed(description="x" * 4097), "embeds.0.description: Must be 4096 or fewer"),
        (
            {"embeds": [{"description": "x" * 3000}] * 2 + [{"footer": {"text": "x"}}]},
            "Embed size exceeds maximum size of 6000",
        ),
        ({"content": "x", "message_reference": {"message_id": NOBODY}}, "Unknown message"),
        (
            {"content": "x", "message_reference": {"message_id": "1", "channel_id": "2"}},
            "Cannot reply to a message in a different channel",
        ),
        (
            {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
            "mutually exclusive",
        ),
        ({"content": "x", "allowed_mentions": {"parse": ["all"]}}, "Value must be one of"),
    ],
)
async def test_messages_that_are_refused(dc: Loopback, body: Any, refusal: str) -> None:
    answer = await dc.call("POST", f"/channels/{dc.here.id}/messages", body)
    assert answer.status == 400
    assert answer.body["code"] in {50006, 50035}
    (said,) = dc.simulator.refusals
    assert said.startswith("create_message: 400 5")
    assert refusal in said
    assert dc.simulator.sent() == []


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2000},
        {"content": "😀" * 1000},
        {"content": "x", "components": [row(*"abcde", type=2)] + [row(f"{n}") for n in range(4)]},
        {"content": "x", "components": [row("a" * 80, custom_id="i" * 100)]},
        {"content": "x", "nonce": "n" * 25, "flags": 4},
        {"embeds": [{"description": "x" * 3000}] * 2},
        {"content": "x", "message_reference": {"message_id": NOBODY, "fail_if_not_exists": False}},
    ],
)
async def test_messages_at_the_limits_are_taken(dc: Loopback, body: Any) -> None:
    answer = await dc.call("POST", f"/channels/{dc.here.id}/messages", body)
    assert answer.status == 200, answer
    assert len(dc.simulator.sent(dc.here)) == 1
    assert dc.simulator.sent()[0].reply_to is None


async def test_space_around_a_text_goes_away(dc: Loopback) -> None:
    sent = await dc.send("  two\n\nlines \n")
    assert sent["content"] == dc.simulator.sent()[0].text == "two\n\nlines"


async def test_a_nonce_that_is_enforced_sends_once(dc: Loopback) -> None:
    sent = [await dc.send(text, nonce="key", enforce_nonce=True) for text in ("a", "b")]
    assert sent[0] == sent[1]
    assert sent[0]["nonce"] == "key"
    assert [message.text for message in dc.simulator.sent()] == ["a"]
    await dc.send("c", nonce="key")
    await dc.send("d", nonce="other", enforce_nonce=True)
    assert [message.text for message in dc.simulator.sent()] == ["a", "c", "d"]
    dc.simulator.age_nonces()
    await dc.send("e", nonce="other", enforce_nonce=True)
    assert len(dc.simulator.sent()) == 4
    history = await dc.call("GET", f"/channels/{dc.here.id}/messages")
    assert all("nonce" not in message for message in history.body)


async def test_a_nonce_is_forgotten_after_some_minutes() -> None:
    clock = Clock()
    async with loopback(clock=clock, nonce_lifetime=120) as dc:
        for wait in (0, 119, 2):
            clock.now += wait
            await dc.send("same", nonce="key", enforce_nonce=True)
        assert len(dc.simulator.sent()) == 2
        assert [m.text for m in dc.simulator.duplicates(dc.here)] == ["same"]


async def test_editing_and_deleting(dc: Loopback) -> None:
    first, second = await dc.send("one", components=[row("a")]), await dc.send("two")
    path = f"/channels/{dc.here.id}/messages/"
    edited = await dc.call("PATCH", path + first["id"], {"content": "uno"})
    assert edited.body["edited_timestamp"]
    (button,) = edited.body["components"][0]["components"]
    assert button["label"] == "a", "what is not named stays"
    assert (await dc.call("PATCH", path + first["id"], {"components": []})).body["components"] == []
    assert (await dc.call("DELETE", path + second["id"])).status == 204
    (seen,) = dc.simulator.sent(dc.here)
    assert (seen.text, seen.edited, seen.buttons, seen.message_id) == ("uno", True, (), first["id"])
    assert dc.simulator.unacknowledged() == [], "what bots do is nothing to take over"


async def test_whose_message_it_is(dc: Loopback) -> None:
    said = await dc.simulator.say("hi", person=dc.ann, place=dc.here)
    sent = await dc.send()
    other = dc.simulator.add_bot(username="other")
    dc.simulator.join(dc.there, other)
    mine = await dc.send("mine", dc.there)
    token = dc.simulator.settings(other)["token"]
    path = f"/channels/{dc.here.id}/messages/"
    shared = f"/channels/{dc.there.id}/messages/"
    edit = {"content": "x"}
    for method, where, body, whose, refusal in (
        ("PATCH", path + said, edit, TOKEN, "403 50005 Cannot edit a message authored by"),
        ("PATCH", shared + mine["id"], edit, token, "403 50005 Cannot edit a message authored by"),
        ("PATCH", path + sent["id"], edit, token, "403 50001 Missing Access"),
        ("PATCH", path + NOBODY, edit, TOKEN, "404 10008 Unknown Message"),
        ("PATCH", path + sent["id"], {"content": ""}, TOKEN, "400 50006 Cannot send an empty"),
        ("DELETE", path + said, None, TOKEN, "403 50003 Cannot execute action on a DM"),
        ("GET", path + NOBODY, None, TOKEN, "404 10008 Unknown Message"),
        ("GET", shared + sent["id"], None, TOKEN, "404 10008 Unknown Message"),
    ):
        said_no = await dc.refused(method, where, body, token=whose)
        assert said_no.startswith(refusal)


async def test_where_a_bot_can_write(dc: Loopback) -> None:
    forum = dc.simulator.forum()
    gone, private = dc.simulator.place("channel"), dc.simulator.place("channel")
    dc.simulator.remove(gone)
    dc.simulator.leave(private)
    dc.simulator.block(dc.ann)
    for place_id, refusal in (
        (NOBODY, "404 10003 Unknown Channel"),
        (gone.id, "404 10003 Unknown Channel"),
        (private.id, "403 50001 Missing Access"),
        (dc.here.id, "403 50007 Cannot send messages to this user"),
        (forum.id, "400 50008 Cannot send messages in a non-text channel"),
        ("abc", "400 50035 Invalid Form Body"),
        ("9" * 30, "400 50035 Invalid Form Body"),
    ):
        path = f"/channels/{place_id}/messages"
        assert await dc.refused("POST", path, {"content": "x"}) == refusal
    dc.simulator.block(dc.ann, on=False)
    await dc.send()


async def test_who_calls_and_what(dc: Loopback) -> None:
    for method, path, token, refusal in (
        ("GET", "/users/@me", None, "401 0 401: Unauthorized"),
        ("GET", "/users/@me", "wrong", "401 0 401: Unauthorized"),
        ("GET", "/nothing", TOKEN, "404 0 404: Not Found"),
        ("DELETE", "/users/@me", TOKEN, "405 0 405: Method Not Allowed"),
        ("GET", "/guilds/5", TOKEN, "403 50001 Missing Access"),
        ("GET", "/users/5", TOKEN, "404 10013 Unknown User"),
    ):
        assert await dc.refused(method, path, token=token) == refusal
    async with dc.http.get(f"{dc.simulator.url}/api/v9/users/@me") as response:
        assert response.status == 404
    me = (await dc.call("GET", "/users/@me")).body
    assert (me["id"], me["bot"]) == (str(BOT), True)
    for path in ("/oauth2/applications/@me", "/applications/@me"):
        assert (await dc.call("GET", path)).body["id"] == me["id"]
    assert (await dc.call("GET", "/gateway/bot")).body["url"].startswith("ws://")
    dm = (await dc.call("POST", "/users/@me/channels", {"recipient_id": dc.ann.id})).body
    assert (dm["id"], dm["type"], dm["recipients"][0]["id"]) == (dc.here.id, 1, dc.ann.id)
    assert "50033" in await dc.refused("POST", "/users/@me/channels", {"recipient_id": "5"})


async def test_the_server_over_rest(dc: Loopback) -> None:
    thread = dc.simulator.place("thread", parent=dc.there)
    (server,) = (await dc.call("GET", "/users/@me/guilds")).body
    path = f"/guilds/{server['id']}"
    assert (await dc.call("GET", path)).body["name"] == server["name"]
    assert [c["id"] for c in (await dc.call("GET", f"{path}/channels")).body] == [dc.there.id]
    threads = (await dc.call("GET", f"{path}/threads/active")).body["threads"]
    assert [each["id"] for each in threads] == [thread.id]
    assert len((await dc.call("GET", f"{path}/roles")).body) == 2
    member = (await dc.call("GET", f"{path}/members/{BOT}")).body
    assert member["roles"] == [dc.simulator.role()]
    assert (await dc.call("GET", f"/channels/{thread.id}")).body["parent_id"] == dc.there.id


async def test_a_client_says_who_it_is_and_what_it_sends(dc: Loopback) -> None:
    url = f"{dc.simulator.settings()['api_url']}/channels/{dc.here.id}/messages"
    headers = {"Authorization": f"Bot {TOKEN}"}
    async with dc.http.post(url, json={"content": "x"}, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json"
    (violation,) = dc.simulator.violations
    assert violation.startswith("create_message: User-Agent 'Python")
    headers["User-Agent"] = AGENT
    for kind, content, code in (
        ("text/plain", b"{}", 50035),
        ("application/json", b"{", 50109),
    ):
        headers["Content-Type"] = kind
        async with dc.http.post(url, data=content, headers=headers) as response:
            assert (response.status, (await response.json())["code"]) == (400, code)


async def test_history_comes_newest_first_in_pages(dc: Loopback) -> None:
    ids = [await dc.simulator.say(f"{n}", person=dc.ann, place=dc.here) for n in range(5)]
    deleted = await dc.send("gone")
    await dc.call("DELETE", f"/channels/{dc.here.id}/messages/{deleted['id']}")

    async def history(query: str) -> list[str]:
        answer = await dc.call("GET", f"/channels/{dc.here.id}/messages?{query}")
        return [message["content"] for message in answer.body]

    assert await history("") == ["4", "3", "2", "1", "0"]
    assert await history(f"after={ids[0]}&limit=2") == ["2", "1"]
    assert await history("after=0&limit=2") == ["1", "0"]
    assert await history(f"before={ids[3]}&limit=2") == ["2", "1"]
    assert await history(f"around={ids[2]}&limit=3") == ["3", "2", "1"]
    assert await history(f"after={ids[4]}") == []
    path = f"/channels/{dc.here.id}/messages"
    for query in ("limit=0", "limit=101", "limit=x", "after=x"):
        assert (await dc.refused("GET", f"{path}?{query}")).startswith("400 50035")
    assert (await dc.call("GET", f"{path}/{ids[1]}")).body["content"] == "1"


@pytest.mark.parametrize(
    ("allowed", "pings"),
    [
        (None, ["@everyone", "@here", "<@&7>", "<@{ann}>", "<@{bob}>"]),
        ({"parse": ["everyone"]}, ["@everyone", "@here"]),
        ({"parse": ["users"], "replied_user": True}, ["<@{ann}>", "<@{bob}>"]),
        ({"parse": ["roles"]}, ["<@&7>"]),
        ({"roles": ["7"], "users": ["{ann}"]}, ["<@&7>", "<@{ann}>"]),
        ({"replied_user": True}, ["<@{bob}>"]),
        (QUIET, []),
        ({}, []),
    ],
)
async def test_whom_a_message_notifies(dc: Loopback, allowed: Any, pings: list[str]) -> None:
    ann, bob = dc.ann.id, dc.simulator.person("Bob")
    if allowed and "users" in allowed:
        allowed = {**allowed, "users": [ann]}
    event = await dc.simulator.say("hi", person=bob, place=dc.there)
    more: dict[str, Any] = {"message_reference": {"message_id": event}}
    if allowed is not None:
        more["allowed_mentions"] = allowed
    text = f"@everyone `@here` <@{ann}> <@!{ann}> <@&7> me@everyoneelse.org"
    sent = await dc.send(text, dc.there, **more)
    expected = [each.format(ann=ann, bob=bob.id) for each in pings]
    assert dc.simulator.pings() == dc.simulator.pings(dc.there) == expected
    assert dc.simulator.pings(dc.here) == []
    assert [f"<@{user['id']}>" for user in sent["mentions"]] == [
        each for each in expected if each.startswith("<@") and "&" not in each
    ]
    assert sent["mention_everyone"] is ("@everyone" in expected)
    assert (sent["type"], sent["message_reference"]["message_id"]) == (19, event)
    assert sent["referenced_message"]["content"] == "hi"
    assert dc.simulator.sent(dc.there)[0].reply_to == event


async def test_an_edit_can_notify_too(dc: Loopback) -> None:
    sent = await dc.send("hello", dc.there, allowed_mentions=QUIET)
    await dc.call("PATCH", f"/channels/{dc.there.id}/messages/{sent['id']}", {"content": "@here"})
    assert dc.simulator.pings() == ["@here"]


async def test_typing_is_seen_until_something_is_sent() -> None:
    clock = Clock()
    async with loopback(clock=clock) as dc:
        path = f"/channels/{dc.here.id}/typing"
        assert (await dc.call("POST", path)).status == 204
        assert dc.simulator.typing(dc.here)
        clock.now += 10
        assert not dc.simulator.typing(dc.here)
        await dc.call("POST", path)
        await dc.send()
        assert not dc.simulator.typing(dc.here)


async def test_a_channel_takes_five_in_five_seconds() -> None:
    clock = Clock()
    async with loopback(clock=clock, rates=Rates()) as dc:
        path = f"/channels/{dc.here.id}/messages"
        answers = [await dc.call("POST", path, {"content": "x"}) for _ in range(6)]
        left = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
        assert left == ["4", "3", "2", "1", "0", "0"]
        assert answers[0].headers["X-RateLimit-Limit"] == "5"
        assert float(answers[4].headers["X-RateLimit-Reset-After"]) == 5
        limited = answers[5]
        assert (limited.status, limited.headers["Retry-After"]) == (429, "5")
        assert limited.headers["Via"]
        assert limited.body["retry_after"] == 5
        assert limited.body["global"] is False
        assert (await dc.call("POST", f"/channels/{dc.there.id}/messages", {"content": "x"})).body
        clock.now += 5
        await dc.send()
        assert len(dc.simulator.sent(dc.here)) == 6
        assert dc.simulator.refusals == ["create_message: 429 0 You are being rate limited."]


async def test_a_bot_makes_fifty_calls_a_second() -> None:
    clock = Clock()
    async with loopback(clock=clock, rates=Rates(per_channel={})) as dc:
        answers = await asyncio.gather(*(dc.call("GET", "/users/@me") for _ in range(51)))
        (limited,) = [answer for answer in answers if answer.status == 429]
        assert limited.body["global"] is True
        assert limited.headers["X-RateLimit-Global"] == "true"
        assert limited.headers["X-RateLimit-Scope"] == "global"
        clock.now += 1
        assert (await dc.call("GET", "/users/@me")).status == 200


def form(body: str, *files: tuple[str, bytes]) -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    data.add_field("payload_json", body, content_type="application/json")
    for number, (name, content) in enumerate(files):
        data.add_field(f"files[{number}]", io.BytesIO(content), filename=name)
    return data


async def upload(dc: Loopback, data: aiohttp.FormData, path: str = "") -> tuple[int, Any]:
    url = f"{dc.simulator.settings()['api_url']}/channels/{dc.here.id}/messages{path}"
    headers = {"Authorization": f"Bot {TOKEN}", "User-Agent": AGENT}
    method = "PATCH" if path else "POST"
    async with dc.http.request(method, url, data=data, headers=headers) as response:
        return response.status, await response.json()


async def test_files_come_in_and_can_be_fetched(dc: Loopback) -> None:
    body = '{"content":"c","attachments":[{"id":0,"filename":"n.txt","description":"d"}]}'
    status, sent = await upload(dc, form(body, ("a b.txt", b"abc"), ("ä?.png", b"p")))
    assert status == 200
    (seen,) = dc.simulator.sent()
    assert [(f.name, f.media_type, f.content) for f in seen.files] == [
        ("n.txt", "text/plain", b"abc"),
        ("ä_.png", "image/png", b"p"),
    ]
    first, second = sent["attachments"]
    assert (first["description"], first["size"], first["content_type"]) == ("d", 3, "text/plain")
    for attachment, content in ((first, b"abc"), (second, b"p")):
        async with dc.http.get(attachment["url"]) as response:
            assert (response.status, await response.read()) == (200, content)
    (call,) = dc.simulator.calls("create_message")
    assert call.parameters["files"] == [
        {"name": "a b.txt", "size": 3},
        {"name": "ä?.png", "size": 1},
    ]
    kept = f'{{"attachments":[{{"id":"{second["id"]}"}}]}}'
    status, edited = await upload(dc, form(kept, ("new.txt", b"n")), f"/{sent['id']}")
    assert [each["filename"] for each in edited["attachments"]] == ["ä_.png", "new.txt"]
    assert len(dc.simulator.calls("download")) == 2


async def test_links_to_files_end() -> None:
    clock = Clock()
    async with loopback(clock=clock, link_lifetime=60) as dc:
        event = await dc.simulator.send_file(b"x", "x.txt", person=dc.ann, place=dc.here)
        path = f"/channels/{dc.here.id}/messages/{event}"
        (old,) = (await dc.call("GET", path)).body["attachments"]
        clock.now += 61
        (fresh,) = (await dc.call("GET", path)).body["attachments"]
        for url, status in (
            (old["url"], 404),
            (fresh["url"], 200),
            (fresh["url"].partition("?")[0], 404),
            (fresh["url"].replace("x.txt", "y.txt"), 404),
        ):
            async with dc.http.get(url) as response:
                assert response.status == status


MEBI = 1024 * 1024


@pytest.mark.parametrize(
    ("sizes", "status", "code"),
    [
        ([10 * MEBI], 200, None),
        ([10 * MEBI + 1], 413, 40005),
        ([9 * MEBI] * 3, 413, 40005),
        ([1] * 11, 400, 50035),
    ],
)
async def test_how_large_files_may_be(
    dc: Loopback, sizes: list[int], status: int, code: int | None
) -> None:
    data = form("{}", *((f"{n}.bin", bytes(size)) for n, size in enumerate(sizes)))
    got, body = await upload(dc, data)
    assert (got, body.get("code")) == (status, code)
