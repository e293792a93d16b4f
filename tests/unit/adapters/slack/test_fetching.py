"""Files that people send, as the simulated Slack hands them out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from adapters.slack import fetching
from adapters.slack.api import SlackApi
from adapters.slack.simulation.vocabulary import DEFAULT_SCOPES
from gateway import Attachment, GatewayError, LimitExceeded, Unavailable
from gateway.testing.simulator import Fault
from tests.unit.adapters.slack.sender import LOG, Sender, sender

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
async def slack() -> AsyncIterator[Sender]:
    async with sender() as everything:
        yield everything


async def sent(slack: Sender, media_type: str = "image/png", **fields: Any) -> Attachment:
    """A file of Ann's."""
    await slack.simulator.send_file(
        CONTENT, "tea.png", media_type, person=slack.ann, place=slack.direct, fields=fields
    )
    file = list(slack.simulator._world.files.values())[-1]
    ref = str(file.fields["url_private_download"])
    return Attachment(name="tea.png", media_type=media_type, size=len(CONTENT), ref=ref)


def by_id(slack: Sender) -> Attachment:
    """The same, when only its id was told."""
    return Attachment(
        name="tea.png", media_type="image/png", ref=list(slack.simulator._world.files)[-1]
    )


async def content(api: SlackApi, attachment: Attachment) -> bytes:
    return b"".join([chunk async for chunk in fetching.fetch(api, attachment)])


async def problem(api: SlackApi, attachment: Attachment) -> GatewayError:
    with pytest.raises((LimitExceeded, Unavailable)) as caught:
        await content(api, attachment)
    return caught.value


async def test_a_file_comes_whole(slack: Sender) -> None:
    assert await content(slack.api, await sent(slack)) == CONTENT


async def test_also_by_its_id(slack: Sender) -> None:
    await sent(slack)
    assert await content(slack.api, by_id(slack)) == CONTENT


@pytest.mark.parametrize("known", [True, False])
async def test_without_the_scope_it_says_which(known: bool) -> None:
    async with sender(scopes=DEFAULT_SCOPES - {"files:read"}) as slack:
        file = await sent(slack)
        failure = await problem(slack.api, file if known else by_id(slack))
        assert isinstance(failure, LimitExceeded)
        assert "files:read" in str(failure)


async def test_the_token_goes_to_slack_alone(slack: Sender) -> None:
    for ref in ("https://evil.example/tea.png", "http://files.slack.com/tea.png", "ftp://x"):
        failure = await problem(slack.api, Attachment(name="x", ref=ref))
        assert isinstance(failure, LimitExceeded)
    await sent(slack, url_private_download="https://evil.example/x", url_private="")
    assert isinstance(await problem(slack.api, by_id(slack)), LimitExceeded)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.RATE_LIMIT, Unavailable),
        (Fault.SERVER_ERROR, Unavailable),
        (Fault.RESET, Unavailable),
        (Fault.TRUNCATED_BODY, Unavailable),
        (Fault.MALFORMED, LimitExceeded),
    ],
)
async def test_a_download_that_fails(slack: Sender, fault: Fault, kind: type[GatewayError]) -> None:
    file = await sent(slack)
    # Twice: what breaks on a connection used before is tried on another one.
    slack.simulator.fail_next(fault, 2, method="download")
    assert isinstance(await problem(slack.api, file), kind)


async def test_an_id_that_leads_nowhere(slack: Sender) -> None:
    failure = await problem(slack.api, Attachment(name="x", ref="F0NONE"))
    assert isinstance(failure, LimitExceeded)
    await sent(slack, url_private_download="", url_private="")
    assert isinstance(await problem(slack.api, by_id(slack)), LimitExceeded)
    slack.simulator.fail_next(Fault.RATE_LIMIT, method="files.info", retry_after=0.5)
    failure = await problem(slack.api, by_id(slack))
    assert isinstance(failure, Unavailable)
    assert failure.retry_after == 0.5


@pytest.mark.parametrize(
    ("status", "media_type", "kind"),
    [
        (200, "text/html", LimitExceeded),
        (302, "text/html", LimitExceeded),
        (401, "text/plain", LimitExceeded),
        (403, "text/plain", LimitExceeded),
        (404, "text/plain", LimitExceeded),
        (410, "text/plain", LimitExceeded),
        (429, "text/plain", Unavailable),
        (500, "text/html", Unavailable),
    ],
)
async def test_what_comes_instead_of_a_file(
    slack: Sender, status: int, media_type: str, kind: type[GatewayError]
) -> None:
    arrived = []

    async def answer(request: web.BaseRequest) -> web.Response:
        arrived.append(request.path)
        headers = {"Content-Type": media_type, "Location": "/login"}
        return web.Response(status=status, body=b"<html>", headers=headers)

    server = RawTestServer(answer)
    await server.start_server()
    api = SlackApi("xoxb-1", str(server.make_url("/api/")), slack.host.http, LOG)
    file = Attachment(name="x", media_type="image/png", ref=str(server.make_url("/files/x")))
    assert isinstance(await problem(api, file), kind)
    assert arrived == ["/files/x"]
    await server.close()


async def test_a_page_that_was_sent_is_a_file(slack: Sender) -> None:
    assert await content(slack.api, await sent(slack, "text/html")) == CONTENT


async def test_whoever_stops_reading_leaves_nothing_open(slack: Sender) -> None:
    file = await sent(slack)
    chunks = fetching.fetch(slack.api, file)
    assert await anext(chunks)
    await chunks.aclose()  # type: ignore[attr-defined]
