"""Whom a rate counts, and how it counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from adapters.web import visitors
from adapters.web.settings import WebSettings
from adapters.web.visitors import PerMinute, networks, visitor


def who(peer: str | None, *forwarded: str, proxies: tuple[str, ...] = ("127.0.0.1",)) -> str:
    headers = [(b"x-forwarded-for", one.encode("latin-1")) for one in forwarded]
    client = (peer, 1234) if peer else None
    request = Request({"type": "http", "headers": headers, "client": client})
    return visitor(request, networks(proxies))


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("192.0.2.7", (), "192.0.2.7"),
        ("192.0.2.7", ("198.51.100.1",), "192.0.2.7"),
        ("127.0.0.1", (), ""),
        ("::1", (), ""),
        (None, (), ""),
        ("127.0.0.1", ("192.0.2.7",), "192.0.2.7"),
        ("127.0.0.1", ("6.6.6.6, 192.0.2.7",), "192.0.2.7"),
        ("127.0.0.1", ("6.6.6.6", "192.0.2.7"), "192.0.2.7"),
        ("127.0.0.1", ("192.0.2.7, 127.0.0.1",), "192.0.2.7"),
        ("127.0.0.1", ("192.0.2.7, nonsense",), "127.0.0.1"),
        ("127.0.0.1", ("",), ""),
        ("::ffff:192.0.2.7", (), "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", (), "2001:db8:1:2::/64"),
    ],
)
def test_who_is_counted(peer: str | None, forwarded: tuple[str, ...], counted: str) -> None:
    assert who(peer, *forwarded) == counted


def test_only_a_proxy_of_ours_is_believed() -> None:
    chain = "6.6.6.6, 192.0.2.7, 172.18.0.9"
    assert who("172.18.0.2", chain, proxies=("172.16.0.0/12",)) == "192.0.2.7"
    assert who("172.18.0.2", chain) == "172.18.0.2"
    assert who("127.0.0.1", "192.0.2.7", proxies=()) == "127.0.0.1"


def test_so_many_a_minute_which_may_come_all_at_once() -> None:
    now = 100.0
    rate = PerMinute(30, clock=lambda: now)
    assert [rate.take("a") for _ in range(30)] == [0.0] * 30
    assert rate.take("a") == pytest.approx(2.0)
    assert rate.take("b") == 0.0
    now += 1.9
    assert rate.take("a") == pytest.approx(0.1)
    now += 0.1
    assert rate.take("a") == 0.0
    assert rate.take("a") > 0
    now += 60
    assert [rate.take("a") for _ in range(30)] == [0.0] * 30


def test_none_is_any_number() -> None:
    rate = PerMinute(0)
    assert {rate.take("a") for _ in range(1000)} == {0.0}


@given(st.integers(1, 50), st.lists(st.floats(0, 5), max_size=80))
def test_never_more_than_twice_as_many_in_a_minute(count: int, pauses: list[float]) -> None:
    """A minute's may come at its end, and the next as they come due."""
    now, taken = 0.0, []
    rate = PerMinute(count, clock=lambda: now)
    for pause in pauses:
        now += pause
        if not rate.take("a"):
            taken.append(now)
    for start in taken:
        assert len([at for at in taken if start <= at < start + 60]) <= 2 * count


def test_a_flood_of_addresses_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "_MOST", 10)
    now = 0.0
    rate = PerMinute(2, clock=lambda: now)
    for number in range(100):
        rate.take(str(number))
    assert len(rate._even) <= 10
    now += 61
    rate.take("next")
    assert list(rate._even) == ["next"]


def test_proxies_are_addresses_or_networks() -> None:
    assert WebSettings(trusted_proxies=("10.0.0.0/8",)).trusted_proxies == ("10.0.0.0/8",)
    for wrong in ("proxy.example", "10.0.0.1/8"):
        with pytest.raises(ValidationError):
            WebSettings(trusted_proxies=(wrong,))
