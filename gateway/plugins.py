"""Entry points -> factories, loaded only when asked for by name.

``adapters()`` and ``agent_kinds()`` are mappings that know every installed name at once and import
a plugin at its first look-up: what the configuration does not name costs neither time nor memory,
and a broken plugin harms only who asks for it. A look-up raises ``KeyError`` for a name nobody
offers, and ``ConfigurationError`` for one that cannot be used: its text names the distribution.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from hashlib import sha256
from importlib.metadata import Distribution, EntryPoint, entry_points, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, TypeVar

import gateway
from gateway.errors import ConfigurationError, Problem
from gateway.imports import hidden
from gateway.ports.adapter import AdapterFactory
from gateway.ports.agent import AgentKind
from gateway.settings import ChannelSettings

ADAPTERS = "gateway.adapters"
AGENTS = "gateway.agents"
OURS = "chat-gateway"

T = TypeVar("T")


class Plugins(Mapping[str, T], Generic[T]):
    """One entry-point group as a mapping from name to what the entry point names."""

    def __init__(self, group: str, noun: str, check: Callable[[str, object], T]) -> None:
        self._noun = noun
        self._check = check
        self._loaded: dict[str, T] = {}
        self._points: dict[str, list[EntryPoint]] = defaultdict(list)
        for point in entry_points(group=group):
            self._points[point.name].append(point)

    def __getitem__(self, name: str) -> T:
        if name not in self._points:
            raise KeyError(name)
        if name not in self._loaded:
            self._loaded[name] = self._load(name, self._points[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._points))

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, name: object) -> bool:
        return name in self._points

    def _load(self, name: str, points: list[EntryPoint]) -> T:
        title = f"{self._noun} {name!r}"
        if len(points) > 1:
            offers = " and ".join(sorted(_origin(point) for point in points))
            raise _failure(title, f"is offered by {offers}", "uninstall all but one of them")
        point = points[0]
        if (clash := _clash(point)) is not None:
            raise ConfigurationError([clash])
        where = f"{title} of {_origin(point)}"
        loaded = _import(where, point)
        try:
            return self._check(name, loaded)
        except TypeError as error:
            raise _failure(where, str(error), f"{point.value} is not one") from error


def _import(where: str, point: EntryPoint) -> object:
    ours = point.dist is not None and point.dist.name == OURS
    try:
        with hidden("rich") if ours else nullcontext():
            return point.load()
    except Exception as error:  # a stranger's module may raise anything
        what = f"cannot be imported: {type(error).__name__}: {error}"
        raise _failure(where, what, "reinstall it, or report this to its author") from error


def adapters() -> Plugins[AdapterFactory]:
    """Every installed platform."""
    return Plugins(ADAPTERS, "platform", _adapter)


def agent_kinds() -> Plugins[AgentKind]:
    """Every installed kind of agent."""
    return Plugins(AGENTS, "agent kind", _agent_kind)


def clash() -> Problem | None:
    """Whether another distribution brings the top-level import name ``adapters`` too.

    Reads every installed distribution; loading a built-in adapter does the quick half by itself.
    """
    owners = [o for o in packages_distributions().get("adapters", ()) if not _is_ours(o)]
    return _clash_problem(_adapters_folder(), owners) if owners else None


def _adapter(name: str, loaded: object) -> AdapterFactory:
    settings = getattr(loaded, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, ChannelSettings)):
        raise TypeError("an adapter needs Settings, a model derived from gateway.ChannelSettings")
    if not isinstance(getattr(loaded, "boundary", None), Mapping) or not callable(loaded):
        raise TypeError("an adapter needs its boundary table, and is made by calling it")
    if getattr(loaded, "platform", None) != name:
        raise TypeError(f"its platform must be {name!r}, the name of its entry point")
    return loaded  # type: ignore[return-value]  # what a Protocol with class variables asks for


def _agent_kind(_: str, loaded: object) -> AgentKind:
    if not isinstance(loaded, AgentKind):
        raise TypeError("an agent kind is an instance of gateway.AgentKind")
    return loaded


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _failure(where: str, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Problem(where=where, what=what, hint=hint)])


def _is_ours(distribution: str) -> bool:
    return distribution.lower().replace("_", "-") == OURS


def _clash(point: EntryPoint) -> Problem | None:
    """Look before importing: a stranger's ``adapters`` may be slow to import, or do worse."""
    ours = point.dist is not None and _is_ours(point.dist.name)
    if not ours or point.module.partition(".")[0] != "adapters":
        return None
    folder = _adapters_folder()
    beside = Path(gateway.__file__).parent.parent / "adapters"
    if folder == beside and not _replaced(point.dist, folder / "__init__.py"):
        return None
    owners = [o for o in packages_distributions().get("adapters", ()) if not _is_ours(o)]
    return _clash_problem(folder, owners)


def _adapters_folder() -> Path | None:
    spec = find_spec("adapters")
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _replaced(dist: Distribution | None, init: Path) -> bool:
    """Whether another installation has overwritten the file that ours recorded."""
    for file in (dist.files if dist else None) or ():
        if file.as_posix() == "adapters/__init__.py" and file.hash is not None:
            digest = urlsafe_b64encode(sha256(init.read_bytes()).digest()).rstrip(b"=").decode()
            return digest != file.hash.value
    return False


def _clash_problem(folder: Path | None, owners: list[str]) -> Problem:
    who = " and ".join(sorted(owners)) or "something that is no installed distribution"
    return Problem(
        where=f"the import name 'adapters' ({folder or 'not found'})",
        what=f"{OURS} and {who} both bring a top-level package of this name",
        hint=f"install {OURS} into an environment of its own",
    )
