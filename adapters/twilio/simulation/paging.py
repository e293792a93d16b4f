"""Lists, a page at a time: the old product's way, and the newer ones'.

https://www.twilio.com/docs/usage/twilios-response
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from adapters.twilio.simulation.errors import ApiError
from adapters.twilio.simulation.model import JsonObject

PAGE = ("Page", "PageSize", "PageToken")


def _page(
    found: Sequence[Any], query: Mapping[str, str], most: int, sid: Callable[[Any], str]
) -> tuple[list[Any], int, int, str]:
    """What stands on the page that is asked for, its size and number, and the next one's token.

    A token names what came last, so that what is new shifts nothing.
    """
    size, number = _whole(query, "PageSize", 50), _whole(query, "Page", 0)
    size = max(1, min(size, most))
    start = number * size
    token = query.get("PageToken", "")
    if token:
        sids = [sid(each) for each in found]
        last = token.removeprefix("PA")
        start = sids.index(last) + 1 if last in sids else start
    page = list(found[start : start + size])
    following = f"PA{sid(page[-1])}" if page and len(found) > start + size else ""
    return page, size, number, following


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not (value.isascii() and value.isdigit()):
        raise ApiError(20001, f"{name} is no number")
    return int(value)


def _kept(query: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in query.items() if key not in PAGE}


def listed(
    path: str,
    query: Mapping[str, str],
    key: str,
    found: Sequence[Any],
    shape: Callable[[Any], JsonObject],
) -> JsonObject:
    """A list of the old product's: at most 1000 to a page, its addresses without a host."""
    page, size, number, following = _page(found, query, 1000, lambda one: str(one.sid))

    def uri(index: int, token: str = "") -> str:
        more = {"PageToken": token} if token else {}
        wanted = {**_kept(query), "PageSize": str(size), "Page": str(index), **more}
        return f"{path}?{urlencode(wanted)}"

    return {
        key: [shape(each) for each in page],
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + max(0, len(page) - 1),
        "uri": uri(number, query.get("PageToken", "")),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, following) if following else None,
        "previous_page_uri": uri(number - 1) if number else None,
    }


def paged(
    url: str,
    query: Mapping[str, str],
    key: str,
    found: Sequence[Any],
    shape: Callable[[Any], JsonObject],
    most: int = 100,
) -> JsonObject:
    """A list of a newer product's; `url` is where it is."""
    page, size, number, following = _page(found, query, most, lambda one: str(one.sid))

    def address(index: int, token: str = "") -> str:
        more = {"PageToken": token} if token else {}
        wanted = {**_kept(query), "PageSize": str(size), "Page": str(index), **more}
        return f"{url}?{urlencode(wanted)}"

    return {
        key: [shape(each) for each in page],
        "meta": {
            "key": key,
            "page": number,
            "page_size": size,
            "url": address(number, query.get("PageToken", "")),
            "first_page_url": address(0),
            "next_page_url": address(number + 1, following) if following else None,
            "previous_page_url": address(number - 1) if number else None,
        },
    }
