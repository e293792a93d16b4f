"""Operators' acts: through the running gateway's API, or on the database itself when none runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from gateway import operations
from gateway.cli.output import print_json
from gateway.cli.reading import gateway_section, reading
from gateway.domain import new_id
from gateway.errors import GatewayError, StoreLocked
from gateway.ports.records import OperatorScope, SessionScope
from gateway.ports.store import Store
from gateway.sessions import SESSION_ENDED
from gateway.settings import GatewaySection

Directly = Callable[[Store], Awaitable[object]]

TIMEOUT = 30.0
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask such a listener
_SCOPE = OperatorScope(why="an operator's command")
_CLOSED = (
    "{locked}\nWhile a gateway runs, changes go through it, and that takes an operator token:"
    " set gateway.operator_token, or GATEWAY_OPERATOR_TOKEN, for the gateway and for this command;"
    " or stop the gateway first."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """What a request brings along; without a media type it is whatever it looks like."""

    content: bytes
    media_type: str = "application/json"


def reset(config: Path | None, session_id: str, *, as_json: bool) -> None:
    """End a session and keep it."""

    async def directly(store: Store) -> None:
        session = await operations.session(store, session_id)
        await store.end_session(SessionScope(session_id=session.id), SESSION_ENDED)

    through(config, "POST", ("sessions", session_id, "reset"), directly)
    _say(session_id, f"Session {session_id} has ended; the next message starts another.", as_json)


def delete(config: Path | None, session_id: str, *, as_json: bool) -> None:
    """Delete a session with everything in it."""

    async def directly(store: Store) -> None:
        session = await operations.session(store, session_id)
        await store.delete_session(SessionScope(session_id=session.id))

    through(config, "DELETE", ("sessions", session_id), directly)
    _say(session_id, f"Session {session_id} is deleted.", as_json)


def retry(config: Path | None, item_id: str, *, as_json: bool) -> None:
    """Send a delivery, or run a dead-lettered message, again."""
    if _is_delivery(config, item_id):
        act = _on_store(operations.retry_delivery, item_id)
        through(config, "POST", ("deliveries", item_id, "retry"), act)
        _say(item_id, f"Delivery {item_id} is sent again.", as_json)
    else:
        act = _on_store(lambda store, row: store.retry_row(_SCOPE, row), item_id)
        through(config, "POST", ("inbox", item_id, "retry"), act)
        _say(item_id, f"Message {item_id} is answered again.", as_json)


def discard(config: Path | None, item_id: str, *, as_json: bool) -> None:
    """Give up a delivery or a dead-lettered message."""
    if _is_delivery(config, item_id):
        act = _on_store(operations.discard_delivery, item_id)
        through(config, "POST", ("deliveries", item_id, "discard"), act)
        _say(item_id, f"Delivery {item_id} is given up.", as_json)
    else:
        act = _on_store(lambda store, row: store.discard_row(_SCOPE, row), item_id)
        through(config, "POST", ("inbox", item_id, "discard"), act)
        _say(item_id, f"Message {item_id} is given up, its content erased.", as_json)


def _on_store(act: Callable[[Store, str], Awaitable[object]], item_id: str) -> Directly:
    async def directly(store: Store) -> object:
        return await act(store, item_id)

    return directly


def _is_delivery(config: Path | None, item_id: str) -> bool:
    async def work() -> bool:
        async with reading(gateway_section(config).database) as store:
            return await store.delivery(_SCOPE, item_id) is not None

    return asyncio.run(work())


def through(
    config: Path | None,
    method: str,
    path: tuple[str, ...],
    directly: Directly,
    *,
    query: Mapping[str, str] | None = None,
    body: Body | None = None,
) -> Any:
    """Do it on the database, or have the gateway do it that runs; what either of them answers."""
    gateway = gateway_section(config)
    try:
        return asyncio.run(_with_the_lock(gateway.database, directly))
    except StoreLocked as locked:
        if gateway.operator_token is None:
            raise GatewayError(_CLOSED.format(locked=locked)) from None
        address = "/operator/" + "/".join(quote(part, safe="") for part in path)
        if query:
            address += f"?{urlencode(query)}"
        return _ask(gateway, gateway.operator_token.get_secret_value(), method, address, body)
    except LookupError as error:
        raise GatewayError(_words(error)) from None


async def _with_the_lock(database: str, directly: Directly) -> object:
    from gateway.store import connect

    store = connect(database, replica=new_id())
    await store.open()
    try:
        return await directly(store)
    finally:
        await store.close()


def _ask(
    gateway: GatewaySection, token: str, method: str, path: str, brought: Body | None = None
) -> Any:
    """Have the running gateway do it."""
    if not gateway.port:
        raise GatewayError(
            "a gateway runs, but on a port that it chose itself: set a fixed one in gateway.listen"
        )
    host = ANYWHERE.get(gateway.host, gateway.host)
    headers = {"Authorization": f"Bearer {token}"}
    if brought and brought.media_type:
        headers["Content-Type"] = brought.media_type
    with closing(HTTPConnection(host, gateway.port, timeout=TIMEOUT)) as connection:
        try:
            connection.request(method, path, brought.content if brought else None, headers)
            response = connection.getresponse()
            body = response.read()
        except TimeoutError:
            raise GatewayError(
                f"the gateway at {gateway.listen} is still at it after {TIMEOUT:.0f} s, and goes on"
                " by itself: look later what became of it"
            ) from None
        except (OSError, HTTPException) as error:
            raise GatewayError(
                f"a gateway holds the database, but none answers at {gateway.listen}: {error}"
            ) from None
    if response.status >= 400:
        raise GatewayError(_refusal(gateway, response.status, body))
    return orjson.loads(body)


def _refusal(gateway: GatewaySection, status: int, body: bytes) -> str:
    if status == 401:
        return f"the gateway at {gateway.listen} was started with another operator token, or none"
    try:
        problem = orjson.loads(body)
        return str(problem.get("detail") or problem["title"])
    except (ValueError, KeyError, AttributeError):
        return f"the gateway at {gateway.listen} answers with status {status}"


def _words(error: LookupError) -> str:
    return str(error.args[0]) if error.args else "there is no such thing"


def _say(item_id: str, words: str, as_json: bool) -> None:
    if as_json:
        print_json({"id": item_id})
    else:
        print(words)
