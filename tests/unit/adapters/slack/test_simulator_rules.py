"""What the simulated Slack refuses, and in which words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from tests.unit.adapters.slack.loopback import Loopback, loopback


@pytest.fixture
async def sl() -> AsyncIterator[Loopback]:
    async with loopback() as everything:
        yield everything


def section(text: str, kind: str = "mrkdwn") -> dict[str, Any]:
    return {"type": "section", "text": {"type": kind, "text": text}}


def actions(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(buttons)}


def button(label: str = "Go", **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": label}, **more}


@pytest.mark.parametrize(
    ("token", "error"),
    [("", "not_authed"), ("xoxb-unknown", "invalid_auth"), ("app", "not_allowed_token_type")],
)
async def test_whose_token_it_is(sl: Loopback, token: str, error: str) -> None:
    if token == "app":
        token = sl.simulator.settings()["app_token"]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with sl.http.post(f"{sl.simulator.url}/api/auth.test", headers=headers) as response:
        assert await response.json() == {"ok": False, "error": error}
    async with sl.http.post(f"{sl.simulator.url}/api/auth.fly", headers=headers) as response:
        assert (await response.json())["error"] == "unknown_method"


async def test_who_the_bot_is(sl: Loopback) -> None:
    me = await sl.call("auth.test")
    assert me["user_id"] == sl.simulator.bot_user()
    assert (await sl.call("users.info", user=me["user_id"]))["user"]["is_bot"] is True
    assert (await sl.call("bots.info", bot=me["bot_id"]))["bot"]["user_id"] == me["user_id"]
    assert await sl.refused("bots.info", bot="B1") == "bot_not_found"
    sl.simulator.refuse("account_inactive")
    assert await sl.refused("auth.test") == "account_inactive"
    sl.simulator.refuse("")
    assert await sl.call("views.publish", user_id=sl.ann.id, view={})


async def test_arguments_may_come_in_every_form(sl: Loopback) -> None:
    url = f"{sl.simulator.url}/api/chat.postMessage"
    token = sl.simulator.settings()["bot_token"]
    headers = {"Authorization": f"Bearer {token}"}
    blocks = '[{"type": "section", "text": {"type": "plain_text", "text": "a"}}]'
    given = {"channel": sl.here.id, "blocks": blocks, "mrkdwn": "0"}
    for more in (
        {"params": given, "headers": headers},
        {"data": given, "headers": headers},
        {"json": {**given, "mrkdwn": False}, "headers": headers},
        {"data": {**given, "token": token}},
    ):
        async with sl.http.post(url, **more) as response:
            assert (await response.json())["ok"] is True
    calls = sl.simulator.calls("chat.postMessage")
    assert [call.parameters for call in calls] == [{**given, "mrkdwn": False}] * 4
    assert [call.account for call in calls] == [sl.account] * 4
    assert [message.text for message in sl.simulator.sent()] == ["a"] * 4
    for body, error in ((b"[1]", "json_not_object"), (b"{", "invalid_json")):
        kind = {"Content-Type": "application/json"}
        async with sl.http.post(url, data=body, headers=headers | kind) as response:
            assert (await response.json())["error"] == error
    async with sl.http.post(url, data={"metadata": "{"}, headers=headers) as response:
        assert (await response.json())["error"] == "invalid_metadata_format"


@pytest.mark.parametrize(
    ("method", "given", "scope"),
    [
        ("chat.postMessage", {"text": "a"}, "chat:write"),
        ("conversations.history", {}, "im:history"),
        ("conversations.info", {}, "im:read"),
        ("files.getUploadURLExternal", {"filename": "a", "length": 1}, "files:write"),
        ("users.info", {"user": "U1"}, "users:read"),
        ("users.conversations", {"types": "im,mpim"}, "im:read"),
        ("conversations.open", {"users": "ann"}, "im:write"),
    ],
)
async def test_scopes(sl: Loopback, method: str, given: dict[str, Any], scope: str) -> None:
    account = sl.simulator.add_app("poor", scopes=["a:b", "a:a"])
    place = sl.simulator.place("direct", people=[sl.ann], account=account)
    if "users" in given:
        given = {"users": sl.ann.id}
    else:
        given = {"channel": place.id, **given}
    with pytest.raises(SlackApiError) as caught:
        await sl.call(method, account, **given)
    answer = caught.value.response
    assert (answer["error"], answer["needed"], answer["provided"]) == (
        "missing_scope",
        scope,
        "a:a,a:b",
    )


async def test_where_an_app_can_write(sl: Loopback) -> None:
    other = sl.simulator.add_app("other")
    theirs = sl.simulator.place("direct", people=[sl.ann], account=other)
    public = sl.simulator.channel("public", people=[sl.ann], member=False)
    private = sl.simulator.channel("private", private=True, people=[sl.ann], member=False)
    old = sl.simulator.place("channel", people=[sl.ann])
    sl.simulator.archive(old)
    for channel, error in (
        ("C1", "channel_not_found"),
        ("", "invalid_arguments"),
        (theirs.id, "channel_not_found"),
        (private.id, "channel_not_found"),
        (public.id, "not_in_channel"),
        (old.id, "is_archived"),
        (sl.here.id, ""),
        (sl.ann.id, ""),
    ):
        said = await sl.refused("chat.postMessage", channel=channel, text="a")
        assert (channel, said) == (channel, error)
    assert len(sl.simulator.sent(sl.here)) == 2, "a person's id means their direct messages"
    sl.simulator.archive(old, on=False)
    sl.simulator.join(private, sl.account)
    for place in (old, private):
        await sl.send("a", place.id)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"text": "a" * 40_000}, ""),
        ({"text": "a" * 40_001}, "msg_too_long"),
        ({"markdown_text": "a" * 12_000}, ""),
        ({"markdown_text": "a" * 12_001}, "msg_too_long"),
        ({"markdown_text": "a", "text": "a"}, "markdown_text_conflict"),
        ({"markdown_text": "a", "blocks": [section("a")]}, "markdown_text_conflict"),
        ({"blocks": "["}, "invalid_blocks_format"),
        ({"blocks": "{}"}, "invalid_blocks_format"),
        ({"blocks": [section("a")]}, ""),
        ({"blocks": [section("a")] * 50}, ""),
        ({"blocks": [section("a")] * 51}, "invalid_blocks"),
        ({"blocks": [section("a" * 3000)]}, ""),
        ({"blocks": [section("a" * 3001)]}, "invalid_blocks"),
        ({"blocks": [section("a" * 3000)] * 4}, "msg_blocks_too_long"),
        ({"blocks": [section("")]}, "invalid_blocks"),
        ({"blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": "a"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "poem"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "markdown", "text": "a" * 12_000}]}, ""),
        ({"blocks": [{"type": "markdown", "text": "a" * 7_000}] * 2}, "msg_blocks_too_long"),
        ({"blocks": [{**section("a"), "block_id": "b"}] * 2}, "invalid_blocks"),
        ({"blocks": [actions(*[button(action_id=f"{n}") for n in range(25)])]}, ""),
        ({"blocks": [actions(*[button(action_id=f"{n}") for n in range(26)])]}, "invalid_blocks"),
        ({"blocks": [actions()]}, "invalid_blocks"),
        ({"blocks": [actions(button(action_id="a"), button(action_id="a"))]}, "invalid_blocks"),
        ({"blocks": [actions(button(action_id="a"))] * 2}, ""),
        ({"blocks": [actions(button("a" * 75))]}, ""),
        ({"blocks": [actions(button("a" * 76))]}, "invalid_blocks"),
        ({"blocks": [actions(button(value="a" * 2000))]}, ""),
        ({"blocks": [actions(button(value="a" * 2001))]}, "invalid_blocks"),
        ({"blocks": [actions(button(style="loud"))]}, "invalid_blocks"),
        ({"blocks": [actions({"type": "button", "text": "Go"})]}, "invalid_blocks"),
        ({"text": "a", "metadata": {"event_type": "a", "event_payload": {}}}, ""),
        ({"text": "a", "metadata": {"event_type": "a"}}, "invalid_metadata_schema"),
        ({"text": "a", "metadata": [1]}, "invalid_metadata_format"),
        (
            {"text": "a", "metadata": {"event_type": "a", "event_payload": {"b": "c" * 16_000}}},
            "metadata_too_large",
        ),
        ({"text": "a", "thread_ts": "1.000001"}, "cannot_reply_to_message"),
    ],
)
async def test_what_a_message_may_be(sl: Loopback, given: dict[str, Any], error: str) -> None:
    assert await sl.refused("chat.postMessage", channel=sl.here.id, **given) == error
    assert len(sl.simulator.sent()) == (not error)
    assert sl.simulator.refusals == ([f"chat.postMessage: {error}"] if error else [])


async def test_a_reply_has_no_replies_of_its_own(sl: Loopback) -> None:
    root = await sl.send("root")
    reply = await sl.send("reply", thread_ts=root)
    assert (
        await sl.refused("chat.postMessage", channel=sl.here.id, text="a", thread_ts=reply)
        == "cannot_reply_to_message"
    )


async def test_changing_messages(sl: Loopback) -> None:
    other = sl.simulator.add_app("other")
    group = sl.simulator.join(sl.simulator.place("group", people=[sl.ann]), other)
    theirs = (await sl.call("chat.postMessage", other, channel=group.id, text="a"))["ts"]
    assert (
        await sl.refused("chat.update", channel=group.id, ts=theirs, text="b")
        == "cant_update_message"
    )
    assert await sl.refused("chat.delete", channel=group.id, ts=theirs) == "cant_delete_message"
    own = await sl.send("a", group.id, blocks=[section("b")])
    where = {"channel": group.id, "ts": own}
    assert await sl.refused("chat.update", **where | {"ts": "1.000001"}, text="b") == (
        "message_not_found"
    )
    assert await sl.refused("chat.update", **where) == "no_text"
    assert await sl.refused("chat.update", **where, text="a" * 40_001) == "msg_too_long"
    await sl.call("chat.update", **where, blocks=[section("c")], metadata={})
    await sl.call("chat.update", **where, markdown_text="*d*")
    assert sl.simulator.sent(group)[-1].text == "*d*", "blocks are gone where a text is given"
    sl.simulator.archive(group)
    assert await sl.refused("chat.update", **where, text="b") == "is_archived"


async def test_what_one_person_sees(sl: Loopback) -> None:
    bob = sl.simulator.person("Bob")
    group = sl.simulator.place("group", people=[sl.ann])
    root = await sl.send("root", group.id)
    where = {"channel": group.id, "text": "a"}
    assert await sl.refused("chat.postEphemeral", **where, user=bob.id) == "user_not_in_channel"
    await sl.call("chat.postEphemeral", **where, user=sl.ann.id, thread_ts=root)
    assert [message.text for message in sl.simulator.ephemerals(sl.ann, group)] == ["a"]
    assert sl.simulator.ephemerals(sl.ann, sl.here) == []
    assert len(sl.simulator.sent(group)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<!channel>",
        "<!here|here>",
        "`<!everyone>`",
        "<!subteam^S123>",
        "<@U123>",
        "a <@W123|ann>",
        "<https://evil.test|https://bank.test>",
        "<https://evil.test/x|bank.test/login>",
        "[https://bank.test](https://evil.test)",
        "[bank.test](<https://evil.test>)",
    ],
)
async def test_what_calls_people_or_hides_where_it_leads(sl: Loopback, text: str) -> None:
    for given in (
        {"text": text},
        {"markdown_text": text},
        {"blocks": [section(text)], "text": "a"},
        {"blocks": [{"type": "markdown", "text": text}]},
    ):
        await sl.call("chat.postMessage", channel=sl.here.id, **given)
    assert len(sl.simulator.pings()) == 4


@pytest.mark.parametrize(
    "text",
    [
        "&lt;!channel&gt;",
        "@channel @U123",
        "<#C1|garden>",
        "a < b > c",
        "<https://bank.test|here>",
        "<https://bank.test/x|bank.test>",
        "[a.b](https://a.b/c)",
        "x[1](2)",
    ],
)
async def test_what_calls_nobody(sl: Loopback, text: str) -> None:
    await sl.send(text)
    await sl.call("chat.postMessage", channel=sl.here.id, markdown_text=text)
    await sl.send("a", blocks=[section("<!here>", "plain_text")])
    assert sl.simulator.pings() == []


async def test_other_ways_to_call_people(sl: Loopback) -> None:
    await sl.send("@channel", link_names=True)
    await sl.send("@everyone", parse="full")
    user = {"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U1"}]}
    await sl.send("a", blocks=[{"type": "rich_text", "elements": [user]}])
    calm = await sl.send("calm")
    await sl.call("chat.update", channel=sl.here.id, ts=calm, text="<!here>")
    await sl.call("chat.update", channel=sl.here.id, ts=calm, text="calm")
    await sl.call("chat.postEphemeral", channel=sl.here.id, user=sl.ann.id, text="<!here>")
    assert len(sl.simulator.pings()) == 5
