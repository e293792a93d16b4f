"""``gateway data``, ``gateway facts``, ``gateway drive`` and ``gateway sessions override``."""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import orjson

from gateway.belongings import Fact, Item
from gateway.cli.acting import Body, through
from gateway.cli.explaining import STAND_IN
from gateway.cli.output import local, print_json, print_table, printable
from gateway.cli.reading import configuration, gateway_section, read
from gateway.custody import Custody, Scope, entry
from gateway.errors import GatewayError
from gateway.files import FileRoom
from gateway.ports.records import AgentScope, OwnerScope
from gateway.ports.store import Store
from gateway.settings import LimitsSection

T = TypeVar("T")

_LISTS = frozenset({"tools", "knowledge"})


def whose(agent: str, channel: str, owner: str) -> Scope:
    """What the options mean: an agent's own, or what is a person's or a conversation's with it."""
    if not channel and not owner:
        return AgentScope(agent=agent)
    if not (channel and owner):
        raise GatewayError("--channel and --owner belong together; without both it is the agent's")
    return OwnerScope(channel=channel, agent=agent, owner=owner)


def owners(config: Path | None, limit: int, *, as_json: bool) -> None:
    """Print who has anything."""
    found = _look(config, lambda custody: custody.owners(limit))
    if as_json:
        print_json([asdict(scope) for scope in found])
        return
    rows = [(scope.channel, scope.agent, scope.owner) for scope in found]
    print_table(("channel", "agent", "owner"), rows, empty="Nobody has anything yet.")


# data


def show_data(config: Path | None, scope: Scope) -> None:
    """Print the data."""
    print_json(_look(config, lambda custody: custody.data(scope)))


def set_data(config: Path | None, scope: Scope, pairs: Sequence[str]) -> None:
    """Put some keys, each as ``KEY=VALUE``; what looks like JSON is JSON, anything else a text."""
    put = {key: _value(value) for key, value in _pairs(pairs)}
    if None in put.values():
        raise GatewayError("a key cannot be null: remove it with `gateway data unset`")
    _change(config, scope, put, ())


def unset_data(config: Path | None, scope: Scope, keys: Sequence[str]) -> None:
    """Remove some keys."""
    _change(config, scope, {}, keys)


def _change(
    config: Path | None, scope: Scope, put: Mapping[str, Any], unset: Sequence[str]
) -> None:
    body = Body(content=orjson.dumps({**put, **dict.fromkeys(unset)}))
    print_json(
        _act(
            config,
            ("PATCH", "data"),
            lambda custody: custody.change(scope, put, unset),
            scope=scope,
            body=body,
        )
    )


# facts


def show_facts(config: Path | None, scope: Scope, words: str, limit: int, *, as_json: bool) -> None:
    """Print what is remembered, the newest first."""
    owner = _somebody(scope)
    found = _look(config, lambda custody: custody.facts(owner, words, limit))
    if as_json:
        print_json([asdict(fact) for fact in found])
        return
    rows = [(fact.id, local(fact.created_at), fact.text) for fact in found]
    print_table(("id", "since", "fact"), rows, empty="Nothing is remembered.")


def add_fact(config: Path | None, scope: Scope, text: str, *, as_json: bool) -> None:
    """Remember something."""
    owner = _somebody(scope)
    fact = _act(
        config,
        ("POST", "facts"),
        lambda custody: _told(custody.add_fact(owner, text)),
        scope=scope,
        body=Body(content=orjson.dumps({"text": text})),
    )
    _say(fact, f"Remembered, as {fact['id']}.", as_json=as_json)


def drop_fact(config: Path | None, scope: Scope, fact_id: str, *, as_json: bool) -> None:
    """Remember it no more."""
    owner = _somebody(scope)
    path = ("DELETE", "facts", fact_id)
    _act(config, path, lambda custody: custody.drop_fact(owner, fact_id), scope=scope)
    _say({"id": fact_id}, "Forgotten.", as_json=as_json)


# Drive


def show_items(config: Path | None, scope: Scope, words: str, limit: int, *, as_json: bool) -> None:
    """Print what is on a shelf, the newest first."""
    found = _look(config, lambda custody: custody.items(scope, words, limit))
    if as_json:
        print_json([entry(item) for item in found])
        return
    rows = [
        (item.name, item.media_type, f"{item.size:,}", local(item.created_at)) for item in found
    ]
    print_table(("name", "type", "bytes", "since"), rows, empty="The shelf is empty.")


def get_item(config: Path | None, scope: Scope, name: str, into: Path | None) -> None:
    """Write a thing's content into a file, or to standard output."""
    item, content = _look(config, lambda custody: custody.content(scope, name))
    if into is not None:
        try:
            into.write_bytes(content)
        except OSError as error:
            raise GatewayError(f"{into} cannot be written: {error.strerror}") from None
        return
    if sys.stdout.isatty():
        if not item.media_type.startswith("text/"):
            raise GatewayError(f"{item.name} is no text: name a file for it with --output")
        print("\n".join(map(printable, content.decode(errors="replace").splitlines())))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def put_item(config: Path | None, scope: Scope, file: Path, name: str, *, as_json: bool) -> None:
    """Put a file on a shelf."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise GatewayError(f"{file} cannot be read: {error.strerror}") from None
    name = name or file.name
    media_type = mimetypes.guess_type(name)[0] or ""
    item = _act(
        config,
        ("PUT", "drive", name),
        lambda custody: _listed(custody.put(scope, name, content, media_type)),
        scope=scope,
        body=Body(content=content, media_type=media_type),
    )
    _say(item, f"{item['name']} is on the shelf.", as_json=as_json)


def delete_item(config: Path | None, scope: Scope, name: str, *, as_json: bool) -> None:
    """Take a thing off a shelf."""
    path = ("DELETE", "drive", name)
    _act(config, path, lambda custody: custody.remove(scope, name), scope=scope)
    _say({"name": name}, f"{name} is off the shelf.", as_json=as_json)


# overrides


def override(config: Path | None, session_id: str, pairs: Sequence[str], *, clear: bool) -> None:
    """Turn something on for one session: ``KEY=VALUE``; ``KEY=`` takes the agent's own again."""
    overrides = {} if clear else _look(config, lambda c: c.overrides(session_id))
    for key, value in _pairs(pairs):
        overrides[key] = _chosen(key, value)
    kept = {key: value for key, value in overrides.items() if value is not None}

    async def directly(custody: Custody) -> dict[str, Any]:
        session = await custody.override(session_id, kept)
        return {"id": session.id, "overrides": dict(session.overrides)}

    path = ("PUT", "sessions", session_id, "overrides")
    print_json(_act(config, path, directly, body=Body(content=orjson.dumps(kept))))


def _chosen(key: str, value: str) -> Any:
    if not value:
        return None
    if key not in _LISTS:
        return value
    names = _value(value)
    if not isinstance(names, list):
        names = value.split(",")
    return [str(name).strip() for name in names if str(name).strip()]


def _pairs(pairs: Iterable[str]) -> Iterable[tuple[str, str]]:
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise GatewayError(f'"{pair}" should be KEY=VALUE')
        yield key, value


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def _somebody(scope: Scope) -> OwnerScope:
    if not isinstance(scope, OwnerScope):
        raise GatewayError("facts are a person's or a conversation's: give --channel and --owner")
    return scope


async def _told(made: Awaitable[Fact]) -> dict[str, Any]:
    return asdict(await made)


async def _listed(made: Awaitable[Item]) -> dict[str, Any]:
    return entry(await made)


def _look(config: Path | None, work: Callable[[Custody], Awaitable[T]]) -> T:
    """Read from the database, beside a gateway that may be running."""
    folder = Path(gateway_section(config).data_dir)
    try:
        return read(config, lambda store: work(_custody(store, folder, LimitsSection())))
    except (LookupError, ValueError) as error:
        raise GatewayError(str(error.args[0] if error.args else error)) from None


def _act(
    config: Path | None,
    path: tuple[str, ...],
    work: Callable[[Custody], Awaitable[object]],
    *,
    scope: Scope | None = None,
    body: Body | None = None,
) -> Any:
    """Do it through the running gateway, by method and path, or with the lock."""

    async def directly(store: Store) -> object:
        # Only now: what the limits are costs reading the whole configuration.
        settings = configuration(config, stand_in=STAND_IN)
        folder, bases = Path(settings.gateway.data_dir), tuple(settings.knowledge)
        return await work(_custody(store, folder, settings.limits, bases))

    query = asdict(scope) if scope else None
    try:
        return through(config, path[0], path[1:], directly, query=query, body=body)
    except ValueError as error:
        raise GatewayError(str(error)) from None


def _custody(
    store: Store, data_dir: Path, limits: LimitsSection, bases: Sequence[str] = ()
) -> Custody:
    files = FileRoom(folder=data_dir / "files", store=store, limit=limits.file_bytes)
    return Custody(store=store, keeps=store, files=files, limits=limits, bases=bases)


def _say(record: Mapping[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(record)
    else:
        print(words)
