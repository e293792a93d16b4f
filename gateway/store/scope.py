"""Every read takes a scope; this is where a wrong one is turned away."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from gateway.ports.records import OperatorScope

P = ParamSpec("P")
S = TypeVar("S")
R = TypeVar("R")
Read = Callable[Concatenate[Connection, S, P], R]


def is_operators(args: tuple[object, ...]) -> bool:
    """Whether a read is asked for with an operator's scope."""
    return bool(args) and type(args[0]) is OperatorScope


def scoped(*allowed: type) -> Callable[[Read[S, P, R]], Read[S, P, R]]:
    """Let a function be called only with a scope of one of these types; else ``TypeError``."""
    names = " or ".join(kind.__name__ for kind in allowed)

    def decorate(function: Read[S, P, R]) -> Read[S, P, R]:
        @wraps(function)
        def checked(connection: Connection, scope: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if type(scope) not in allowed:
                raise TypeError(f"{function.__name__} needs a {names}, not {scope!r:.80}")
            return function(connection, scope, *args, **kwargs)

        return checked

    return decorate
