"""Who may write to Slack's webhook, over real HTTP: whoever signs with the secret, just now."""

from __future__ import annotations

import time
from collections.abc import Mapping

import aiohttp
import orjson
import pytest

from adapters.slack.simulator import SlackSimulator
from tests.support.stage import Theatre

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = "slack-events"
SIGNATURE, TIMESTAMP = "X-Slack-Signature", "X-Slack-Request-Timestamp"
CHALLENGE = orjson.dumps({"type": "url_verification", "challenge": "c1", "token": "x"})
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def slack_of(house: Theatre) -> SlackSimulator:
    simulator = house.stages[NAME].simulator
    assert isinstance(simulator, SlackSimulator)
    return simulator


async def posted(
    house: Theatre, headers: Mapping[str, str], body: bytes = CHALLENGE
) -> tuple[int, bytes]:
    """What the running gateway answers."""
    url = f"{house.gateway.base_url}/webhooks/{NAME}"
    headers = {"Content-Type": "application/json", **headers}
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, data=body, headers=headers) as response,
    ):
        return response.status, await response.read()


async def test_whoever_is_not_slack_is_turned_away(house: Theatre) -> None:
    simulator = slack_of(house)
    now = time.time()
    good = simulator.signed(CHALLENGE)
    other = simulator.signed(CHALLENGE + b" ")
    refused: dict[str, Mapping[str, str]] = {
        "unsigned": {},
        "without a signature": {TIMESTAMP: good[TIMESTAMP]},
        "without a time": {SIGNATURE: good[SIGNATURE]},
        "wrongly signed": {**good, SIGNATURE: f"v0={'0' * 64}"},
        "signed for another body": other,
        "of another version": {**good, SIGNATURE: good[SIGNATURE].replace("v0", "v1")},
        "old": simulator.signed(CHALLENGE, at=now - 400),
        "of the future": simulator.signed(CHALLENGE, at=now + 400),
        "a signature that is not ASCII": {**good, SIGNATURE: "v0=schlüssel"},
        "a time that is not ASCII": {**good, TIMESTAMP: good[TIMESTAMP].translate(ARABIC)},
        "no time": {**good, TIMESTAMP: "now"},
        "a time below zero": {**good, TIMESTAMP: f"-{good[TIMESTAMP]}"},
    }
    answers = {why: await posted(house, headers) for why, headers in refused.items()}
    assert answers == dict.fromkeys(refused, (401, b""))


async def test_what_somebody_else_says_is_not_heard(house: Theatre) -> None:
    """A real event, and signed with another secret; afterwards Slack is heard as before."""
    simulator = slack_of(house)
    ada = house.stages[NAME].at_home()
    said = {"type": "message", "channel_type": "im", "channel": ada.place.id, "text": "forged"}
    event = {**said, "user": ada.person.id, "ts": f"{time.time():.6f}"}
    body = orjson.dumps({"type": "event_callback", "event_id": "Ev1", "event": event})
    with_another = SlackSimulator("events", rates=None)
    with_another.add_app("first")
    thief = with_another.add_app("thief")
    status, _ = await posted(house, with_another.signed(body, account=thief), body)
    assert status == 401
    assert await ada.ask("one") == "one after nothing"
    assert len(simulator.sent(ada.place)) == 1


async def test_slack_may_verify_the_address(house: Theatre) -> None:
    simulator = slack_of(house)
    status, answer = await posted(house, simulator.signed(CHALLENGE))
    assert (status, orjson.loads(answer)) == (200, {"challenge": "c1"})
    assert await simulator.verify()
    assert await house.stages[NAME].at_home().ask("one") == "one after nothing"
