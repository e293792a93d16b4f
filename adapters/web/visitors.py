"""Who asks, by address, and how often: what keeps one address from taking everybody's room."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

Network = IPv4Network | IPv6Network

_MOST = 10_000
"""Addresses that are remembered; beyond, whoever was away longest is forgotten."""


class PerMinute:
    """So many a minute for each key, which may come all at once; 0 is any number.

    The generic cell rate algorithm: a key's time to be remembered is when it is even again.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = 60.0 / count if count else 0.0
        self._clock = clock
        self._even: dict[str, float] = {}

    def take(self, key: str) -> float:
        """Count one; 0.0, or the seconds until there may be another, and then none was counted."""
        if not self._each:
            return 0.0
        now = self._clock()
        self._forget(now)
        even = max(self._even.pop(key, now), now)
        wait = even + self._each - now - 60.0
        # A clock's last digits must not cost anybody their last one.
        late = wait > 1e-6
        self._even[key] = even if late else even + self._each
        return wait if late else 0.0

    def _forget(self, now: float) -> None:
        while self._even:
            oldest = next(iter(self._even))
            if self._even[oldest] > now and len(self._even) < _MOST:
                return
            del self._even[oldest]


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and networks as they are configured. Raises ``ValueError``."""
    return tuple(ip_network(text) for text in texts)


def visitor(request: Request, proxies: Sequence[Network]) -> str:
    """Whom to count: the address asking, or the one for whom a proxy of ours asks.

    Of IPv6 the network of 64 bits, which is one customer's. Empty for a program on this machine
    that is no proxy: it needs no counting.
    """
    peer = _address(request.client.host) if request.client else None
    if peer is None:
        return ""
    named = ",".join(request.headers.getlist("x-forwarded-for"))
    if not named and peer.is_loopback:
        return ""
    for hop in reversed(named.split(",") if named else []):
        before = _address(hop.strip()) if _within(peer, proxies) else None
        if before is None:
            break
        peer = before
    return str(ip_network((int(peer), 64), strict=False)) if peer.version == 6 else str(peer)


def _within(address: IPv4Address | IPv6Address, known: Sequence[Network]) -> bool:
    return any(address in network for network in known)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.version == 6 and address.ipv4_mapped) or address
