"""The command line. Exit codes: 0, 1 (failed), 2 (usage); no error prints a traceback, unless
``--debug`` asks for it.

Each command's work stands in a module of its own and is imported when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gateway.cli.commands import app
from gateway.errors import ConfigurationError, GatewayError
from gateway.observability.redaction import redact

__all__ = ["main"]

DEBUG = "--debug"


def main() -> None:
    """The command ``gateway``."""
    words = [word for word in sys.argv[1:] if word != DEBUG]
    debug = len(words) < len(sys.argv) - 1
    try:
        app(args=words, prog_name="gateway")
    except Exception as error:
        if debug:
            raise
        for line in explained(error):
            print(line, file=sys.stderr)
        sys.exit(1)


def explained(error: BaseException) -> Iterator[str]:
    """An error in lines for people, without anything secret."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from explained(inner)
    elif isinstance(error, ConfigurationError):
        yield from (redact(str(problem)) for problem in error.problems)
    elif isinstance(error, GatewayError):
        yield redact(f"gateway: {error}")
    else:
        what = redact(f"{type(error).__name__}: {error}")
        yield f"gateway: something unexpected happened: {what} ({DEBUG} shows where)"
