"""What each of Twilio's codes means for what was to be sent."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from adapters.twilio import verdicts
from adapters.twilio.verdicts import TwilioRefused, by_code, verdict
from gateway import (
    Held,
    NotAccepted,
    OutcomeUnknown,
    RateLimited,
    RecipientGone,
    Rejected,
    SendError,
    Unavailable,
)

GONE = [
    21211, 21268, 21608, 21610, 21614, 21635, 30004, 30005, 30006, 50377, 63003, 63014, 63015,
    63024, 63033, 63036,
]  # fmt: skip
LIMITED = [14107, 20429, 21611, 30001, 30017, 30022, 30023, 30027, 63018, 63038]
ACCOUNT = [
    10001, 20003, 20005, 20006, 20008, 20403, 21212, 21266, 21601, 21606, 21659, 21660, 21661,
    30002, 30032, 30033, 30034, 30035, 30037, 63001, 63002, 63007, 63008, 63020, 63022, 63051,
    63112, 63114,
]  # fmt: skip
AGAIN = [11200, 20409, 30008, 30410, 63009, 63010, 63012, 63019, 63025]
REFUSED = [
    11751, 12300, 21408, 21609, 21612, 21617, 21620, 21621, 21622, 21623, 21655, 21656, 21910,
    30003, 30007, 30010, 30011, 30019, 30036, 63005, 63006, 63013, 63021, 63027, 63028, 63030,
    63032, 63040, 63041, 63042, 63049,
]  # fmt: skip


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (GONE, RecipientGone),
        ([63016], Held),
        (LIMITED, RateLimited),
        (ACCOUNT, Unavailable),
        (AGAIN, NotAccepted),
        (REFUSED, Rejected),
    ],
)
def test_a_code_of_a_call_has_its_verdict(codes: list[int], kind: type[Exception]) -> None:
    for code in codes:
        error = verdict(400, {"code": code, "message": "'To' +15005550006"}, {})
        assert isinstance(error, kind), code
        assert (error.code, error.status) == (code, 400)
        assert str(error).startswith(f"Twilio says {code}: ")
        assert f"https://www.twilio.com/docs/errors/{code}" in str(error)
        assert "+15005550006" not in str(error)
        assert "refuses (400)" not in str(error), code


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (GONE, RecipientGone),
        ([63016], Held),
        (LIMITED, RateLimited),
        (ACCOUNT, RateLimited),
        (AGAIN, NotAccepted),
        (REFUSED, Rejected),
        ([0, 99999], Rejected),
    ],
)
def test_a_code_told_later_has_its_verdict(codes: list[int], kind: type[Exception]) -> None:
    for code in codes:
        error = by_code(code, words="it is failed")
        assert isinstance(error, kind), code
        assert isinstance(error, SendError)
        assert isinstance(error, TwilioRefused)
        assert error.code == code


def test_what_the_account_lacks_is_not_lost_while_somebody_mends_it() -> None:
    assert {getattr(by_code(code), "retry_after", 0.0) for code in ACCOUNT} == {600.0}


def test_every_code_is_in_one_list_and_every_list_is_tested() -> None:
    lists: list[Iterable[int]] = [
        verdicts._GONE,
        verdicts._HELD,
        verdicts._LIMITED,
        verdicts._ACCOUNT,
        verdicts._AGAIN,
        verdicts._REFUSED,
    ]
    known = [code for codes in lists for code in codes]
    assert len(known) == len(set(known))
    tested = {*GONE, 20404, 63016, *LIMITED, *ACCOUNT, *AGAIN, *REFUSED}
    assert set(known) == tested


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, NotAccepted),
        (400, Rejected),
        (401, Unavailable),
        (403, Unavailable),
        (404, RecipientGone),
        (408, OutcomeUnknown),
        (409, NotAccepted),
        (410, RecipientGone),
        (422, Rejected),
        (429, RateLimited),
        (500, OutcomeUnknown),
        (503, OutcomeUnknown),
    ],
)
def test_a_code_that_is_not_known_means_what_its_status_does(
    status: int, kind: type[Exception]
) -> None:
    error = verdict(status, {"code": 99999, "message": "?"}, {})
    assert isinstance(error, kind)
    assert (error.code, error.status) == (99999, status)
    assert isinstance(verdict(status, {"message": "?"}, {}), kind)


def test_what_broke_is_in_doubt_whatever_the_code() -> None:
    assert isinstance(verdict(500, {"code": 20404}, {}), OutcomeUnknown)
    assert isinstance(verdict(503, {"code": 63010}, {}), OutcomeUnknown)


@pytest.mark.parametrize("code", ["21610", None, True, 2.5, [21610]])
def test_a_code_that_is_none_says_nothing(code: object) -> None:
    error = verdict(400, {"code": code, "message": "?"}, {})
    assert isinstance(error, Rejected)
    assert error.code == 0


@pytest.mark.parametrize(
    ("given", "wait"),
    [
        ("7", 7.0),
        ("0.25", 0.25),
        ("", 1.0),
        ("soon", 1.0),
        ("-3", 1.0),
        ("0", 1.0),
        ("nan", 1.0),
        ("inf", 3600.0),
        ("999999", 3600.0),
    ],
)
def test_it_is_left_alone_for_as_long_as_it_says(given: str, wait: float) -> None:
    error = verdict(429, {"code": 20429}, {"Retry-After": given})
    assert isinstance(error, RateLimited)
    assert error.retry_after == wait


def test_without_a_word_each_limit_has_its_own_time() -> None:
    waits = {code: verdict(429, {"code": code}, {}) for code in LIMITED}
    assert {code: getattr(error, "retry_after", None) for code, error in waits.items()} == {
        14107: 1.0,
        20429: 1.0,
        21611: 60.0,
        30001: 60.0,
        30017: 60.0,
        30022: 60.0,
        30023: 3600.0,
        30027: 3600.0,
        63018: 30.0,
        63038: 3600.0,
    }


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (20003, "https://console.twilio.com"),
        (63007, "senders/whatsapp-senders"),
        (63015, 'sending "join"'),
        (21408, "geo-permissions"),
        (21620, "gateway.public_url"),
        (63016, "24 hours"),
    ],
)
def test_it_says_what_to_do(code: int, words: str) -> None:
    assert words in str(verdict(400, {"code": code}, {}))
