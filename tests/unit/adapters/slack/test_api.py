"""The Web API's answers as verdicts, and what nobody gets to see of a call."""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from adapters.slack import api as module
from adapters.slack.api import METHODS, REFUSED_TOKENS, SlackApi, SlackRefused
from adapters.slack.verdicts import TOKEN_REFUSED
from gateway import (
    GatewayError,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    SendError,
    Unavailable,
)
from gateway.testing.simulator import Fault
from tests.unit.adapters.slack.sender import LOG, Sender, sender

TOKEN = "xoxb-s3cr3t-of-the-bot"


@dataclass(kw_only=True, slots=True)
class Slack:
    """A server that answers as it is told, and what arrived there."""

    api: SlackApi
    url: str
    http: aiohttp.ClientSession
    status: int = 200
    body: bytes = b'{"ok": true}'
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    arrived: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer."""
        self.arrived.append((request.path, request.headers.copy(), await request.read()))
        headers = {"Content-Type": self.media_type, **self.headers}
        return web.Response(status=self.status, body=self.body, headers=headers)

    def says(self, error: str, *, status: int = 200, **more: Any) -> None:
        """Refuse what comes."""
        self.status, self.body = status, orjson.dumps({"ok": False, "error": error, **more})

    async def failure(self, method: str = "chat.postMessage", **arguments: Any) -> GatewayError:
        """The error of a call."""
        with pytest.raises((SendError, Unavailable)) as caught:
            await self.api.call(method, **arguments)
        return caught.value


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async def handle(request: web.BaseRequest) -> web.Response:
        return await found.handle(request)

    server = RawTestServer(handle)
    await server.start_server()
    async with aiohttp.ClientSession() as http:
        url = str(server.make_url("/api/"))
        found = Slack(api=SlackApi(TOKEN, url, http, LOG), url=url, http=http)
        yield found
    await server.close()


@pytest.fixture
async def simulated() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


# Calls


async def test_a_call_is_json_or_a_form(slack: Slack) -> None:
    assert await slack.api.call("chat.update", channel="C1", blocks=[{"a": 1}], ts=None) == {
        "ok": True
    }
    await slack.api.call(
        "conversations.history", channel="C1", limit=5, inclusive=True, latest=None
    )
    await slack.api.call("files.completeUploadExternal", files=[{"id": "F1"}])
    (first, headers, body), (_, _, form), (_, _, files) = slack.arrived
    assert (first, orjson.loads(body)) == (
        "/api/chat.update",
        {"channel": "C1", "blocks": [{"a": 1}]},
    )
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"].startswith("application/json")
    assert form == b"channel=C1&limit=5&inclusive=true"
    assert files == b"files=%5B%7B%22id%22%3A%22F1%22%7D%5D"


@pytest.mark.reference_data
def test_the_methods_are_known_to_slack(reference_data: Path) -> None:
    known = orjson.loads(
        (reference_data / "specs" / "slack" / "slack_web_methods_2026-05.json").read_bytes()
    )
    assert set(known) >= METHODS


async def test_what_cannot_be_encoded_is_refused_here(slack: Slack) -> None:
    failure = await slack.failure(text="half \ud83d")
    assert isinstance(failure, Rejected)
    assert slack.arrived == []


async def test_it_knows_what_the_token_may_do(slack: Slack) -> None:
    slack.headers = {"X-OAuth-Scopes": "chat:write,im:history"}
    await slack.api.call("auth.test")
    slack.headers = {}
    await slack.api.call("auth.test")
    assert slack.api.granted == "chat:write,im:history"


# Refusals


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ratelimited", RateLimited),
        ("rate_limited", RateLimited),
        ("message_limit_exceeded", RateLimited),
        ("channel_not_found", RecipientGone),
        ("is_archived", RecipientGone),
        ("not_in_channel", RecipientGone),
        ("user_not_found", RecipientGone),
        ("messages_tab_disabled", RecipientGone),
        ("restricted_action_read_only_channel", RecipientGone),
        ("team_added_to_org", Unavailable),
        ("request_timeout", NotAccepted),
        ("fatal_error", OutcomeUnknown),
        ("internal_error", OutcomeUnknown),
        ("service_unavailable", OutcomeUnknown),
        ("msg_too_long", Rejected),
        ("invalid_blocks", Rejected),
        ("something_new", Rejected),
        *((code, Unavailable) for code in sorted(REFUSED_TOKENS)),
    ],
)
async def test_refusals(slack: Slack, code: str, kind: type[GatewayError]) -> None:
    slack.says(code)
    failure = await slack.failure()
    assert isinstance(failure, kind)
    assert isinstance(failure, SlackRefused)
    assert failure.code == code
    assert code in str(failure)


async def test_a_refused_token_says_where_there_is_another(slack: Slack) -> None:
    slack.says("invalid_auth")
    failure = await slack.failure()
    assert isinstance(failure, Unavailable)
    assert failure.retry_after == TOKEN_REFUSED
    assert "https://api.slack.com/apps" in str(failure)


async def test_a_missing_scope_is_named(slack: Slack) -> None:
    slack.says("missing_scope", needed="files:write", provided="chat:write")
    failure = await slack.failure()
    assert isinstance(failure, Unavailable)
    assert "files:write" in str(failure)
    slack.says("missing_scope", needed="<b>\n")
    assert "<b>" not in str(await slack.failure())


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0.2", 0.2), ("-1", 0.0), ("9e9", 3600.0), ("soon", 5.0)]
)
async def test_slack_says_how_long_to_wait(slack: Slack, header: str, seconds: float) -> None:
    slack.says("ratelimited", status=429)
    slack.headers = {"Retry-After": header}
    failure = await slack.failure()
    assert isinstance(failure, RateLimited)
    assert failure.retry_after == seconds
    slack.body, slack.media_type = b"<html>slow down</html>", "text/html"
    again = await slack.failure()
    assert isinstance(again, RateLimited)
    assert again.retry_after == seconds


@pytest.mark.parametrize("error", [7, None, "", "x" * 81, "<script>", "a\nb"])
async def test_a_reason_that_cannot_be_read_is_not_repeated(slack: Slack, error: object) -> None:
    slack.body = orjson.dumps({"ok": False, "error": error})
    failure = await slack.failure()
    assert isinstance(failure, Rejected)
    assert str(failure) == "Slack says no readable reason to chat.postMessage"


@pytest.mark.parametrize(
    ("status", "media_type", "body", "kind"),
    [
        (200, "text/html", b"<html>Sign in</html>", OutcomeUnknown),
        (200, "text/plain", b"ok", OutcomeUnknown),
        (200, "application/json", b'{"ok": tr', OutcomeUnknown),
        (200, "application/json", b"[1]", OutcomeUnknown),
        (200, "application/json", b'{"ok": "yes"}', OutcomeUnknown),
        (302, "text/html", b"", NotAccepted),
        (403, "text/html", b"no", NotAccepted),
        (500, "text/html", b"oh", OutcomeUnknown),
        (503, "application/json", b"{}", OutcomeUnknown),
        (500, "application/json", b'{"ok":false,"error":"whatever"}', OutcomeUnknown),
        (500, "application/json", b'{"ok":true}', OutcomeUnknown),
    ],
)
async def test_answers_of_others(
    slack: Slack, status: int, media_type: str, body: bytes, kind: type[GatewayError]
) -> None:
    slack.status, slack.media_type, slack.body = status, media_type, body
    slack.headers = {"Location": "/elsewhere"} if status == 302 else {}
    assert isinstance(await slack.failure(), kind)
    assert len(slack.arrived) == 1


async def test_an_answer_without_end_is_not_read_to_it(
    slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_ANSWER", 1000)
    slack.body = b'{"ok": true, "x": "' + b"x" * 5000 + b'"}'
    assert isinstance(await slack.failure(), OutcomeUnknown)


async def test_no_connection_is_no_attempt(slack: Slack) -> None:
    nowhere = SlackApi(TOKEN, "http://127.0.0.1:1/api/", slack.http, LOG)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await nowhere.call("chat.postMessage")
    await slack.http.close()
    assert isinstance(await slack.failure(), Unavailable)


@pytest.mark.parametrize(
    "fault",
    [Fault.RESET, Fault.RESET_AFTER_ACCEPT, Fault.TRUNCATED_BODY, Fault.TIMEOUT_AFTER_ACCEPT],
)
async def test_a_broken_connection(
    simulated: Sender, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", aiohttp.ClientTimeout(0.1))
    simulated.simulator.fail_next(fault, method="auth.test")
    with pytest.raises(OutcomeUnknown):
        await simulated.api.call("auth.test")


# Secrets


@pytest.mark.parametrize("status", [200, 302, 401, 500])
async def test_nothing_that_is_said_or_opens_something_is_told(
    slack: Slack, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    for body in (b'{"ok": true}', b'{"ok": false, "error": "invalid_auth"}', b"<html>"):
        slack.status, slack.body = status, body
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                await slack.api.call(
                    "chat.postMessage", channel="C1", blocks=[{"private": "words"}]
                )
            except (SendError, Unavailable) as error:
                told = "".join(traceback.format_exception(error))
                assert TOKEN not in told
                assert "private" not in told
    said = "".join(record.getMessage() for record in caplog.records if record.name != "asyncio")
    assert TOKEN not in said
    assert "private" not in said
    assert TOKEN not in repr(slack.api)
    assert TOKEN not in repr(vars(slack.api)["_client"])


# Files


@pytest.mark.parametrize(
    ("url", "is_slack"),
    [
        ("https://files.slack.com/files-pri/T1-F1/x", True),
        ("https://slack.com/files-pri/T1-F1/x", True),
        ("http://files.slack.com/x", False),
        ("https://files.slack.com:444/x", False),
        ("https://files.slack.com.evil.example/x", False),
        ("https://files.slack.com@evil.example/x", False),
        ("https://evil.example/files.slack.com", False),
        ("https://[", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
async def test_whom_the_token_is_shown(slack: Slack, url: str, is_slack: bool) -> None:
    assert slack.api.is_slack(url) is is_slack


async def test_the_api_has_files_of_its_own(slack: Slack) -> None:
    assert slack.api.is_slack(f"{slack.url}files-pri/x")
    gov = SlackApi(TOKEN, "https://slack-gov.com/api/", slack.http, LOG)
    assert gov.is_slack("https://files.slack-gov.com/x")
    assert gov.is_slack("https://slack-gov.com/x")


async def test_an_upload_carries_no_token(slack: Slack) -> None:
    await slack.api.upload(f"{slack.url}upload", b"bytes")
    ((_, headers, body),) = slack.arrived
    assert body == b"bytes"
    assert "Authorization" not in headers
    slack.status = 400
    with pytest.raises(NotAccepted, match="400"):
        await slack.api.upload(f"{slack.url}upload", b"bytes")
    with pytest.raises(Unavailable):
        await slack.api.upload("http://127.0.0.1:1/s3cr3t", b"bytes")
