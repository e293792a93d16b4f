"""Who signs with the secret is Slack, and nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.events import TOLERANCE, is_genuine, is_recent, sign

# Slack's own worked example: https://docs.slack.dev/authentication/verifying-requests-from-slack
SECRET = b"8f742231b10e8888abcd99yyyzzz85a5"
TIMESTAMP = b"1531420618"
NOW = 1531420618.0
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
    b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
    b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
    b".803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def genuine(
    secret: bytes = SECRET,
    timestamp: bytes = TIMESTAMP,
    signature: bytes = SIGNATURE,
    body: bytes = BODY,
    now: float = NOW,
) -> bool:
    return is_genuine(secret, timestamp=timestamp, signature=signature, body=body, now=now)


def test_slack_s_own_example_is_genuine() -> None:
    assert genuine()
    assert sign(SECRET, TIMESTAMP, BODY) == SIGNATURE


@pytest.mark.parametrize("wait", [-TOLERANCE, -1.0, 1.0, TOLERANCE])
def test_it_is_genuine_for_five_minutes(wait: float) -> None:
    assert genuine(now=NOW + wait)


@pytest.mark.parametrize("wait", [-1e9, -TOLERANCE - 1, TOLERANCE + 1, 1e9])
def test_replayed_later_or_dated_ahead_it_is_not(wait: float) -> None:
    assert not genuine(now=NOW + wait)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"v0=",
        SIGNATURE[:-1],
        SIGNATURE + b"0",
        SIGNATURE.upper(),
        SIGNATURE[3:],
        b"v1" + SIGNATURE[2:],
        b" " + SIGNATURE,
        "v0=ü".encode(),
        b"\xff\xfe",
    ],
)
def test_any_other_signature_is_refused(signature: bytes) -> None:
    assert not genuine(signature=signature)


@pytest.mark.parametrize(
    "timestamp",
    [
        b"",
        b"-1531420618",
        b"+1531420618",
        b"1531420618.0",
        b" 1531420618",
        b"1_531_420_618",
        b"0x5b47",
        b"9" * 5000,
        "١٥٣١٤٢٠٦١٨".encode(),
        b"\xb2",
        b"nan",
        b"inf",
    ],
)
def test_any_other_timestamp_is_refused(timestamp: bytes) -> None:
    assert not is_recent(timestamp, NOW)
    # Even one that somebody who has the secret signed.
    assert not genuine(timestamp=timestamp, signature=sign(SECRET, timestamp, BODY))


def test_a_body_that_was_written_anew_is_refused() -> None:
    assert not genuine(body=BODY.replace(b"%2F", b"/"))
    assert not genuine(body=BODY + b" ")
    assert not genuine(body=b"")


def test_without_a_secret_nobody_is_slack() -> None:
    assert not genuine(secret=b"", signature=sign(b"", TIMESTAMP, BODY))


@given(timestamp=st.binary(max_size=40), signature=st.binary(max_size=80), body=st.binary())
def test_whatever_the_headers_hold_it_is_refused(
    timestamp: bytes, signature: bytes, body: bytes
) -> None:
    assert not genuine(timestamp=timestamp, signature=signature, body=body)
    assert not genuine(signature=signature)
