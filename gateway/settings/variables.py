"""``${NAME}``, ``${file:PATH}`` and ``$$`` in the configuration's texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.settings.lines import KeyPath

_REFERENCE = re.compile(r"\$(?:(\$)|\{([^{}]*)\})")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A reference that could not be filled. ``unset`` when its variable is unset or empty."""

    path: KeyPath
    what: str
    hint: str
    unset: bool = False


@dataclass(kw_only=True, slots=True)
class Expander:
    """Fills the references of one configuration; what fails is collected in ``failures``.

    With a ``stand_in``, that is the value of every variable and file that cannot be had.
    """

    environ: Mapping[str, str]
    folder: Path
    stand_in: str = ""
    failures: list[Failure] = field(default_factory=list)

    def expand(self, value: Any, path: KeyPath = ()) -> Any:
        """The same value with every reference in every text of it filled."""
        if isinstance(value, str):
            return _REFERENCE.sub(lambda match: self._fill(match, path), value)
        if isinstance(value, dict):
            return {key: self.expand(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.expand(item, (*path, place)) for place, item in enumerate(value)]
        return value

    def _fill(self, match: re.Match[str], path: KeyPath) -> str:
        if match[1]:
            return "$"
        reference = match[2]
        if reference.startswith("file:"):
            return self._file(reference.removeprefix("file:").strip(), path)
        if not _NAME.fullmatch(reference):
            hint = 'write "${NAME}", "${file:PATH}", or "$$" for a dollar sign'
            self.failures.append(Failure(path=path, what="is no valid reference", hint=hint))
            return ""
        return self._variable(reference, path)

    def _variable(self, name: str, path: KeyPath) -> str:
        value = self.environ.get(name, "") or self.stand_in
        if not value:
            state = "empty" if name in self.environ else "not set"
            what = f"the environment variable {name} is {state}"
            hint = f"set {name}, or remove the key"
            self.failures.append(Failure(path=path, what=what, hint=hint, unset=True))
        return value

    def _file(self, name: str, path: KeyPath) -> str:
        try:
            text = (self.folder / name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            if self.stand_in:
                return self.stand_in
            reason = error.strerror if isinstance(error, OSError) else "is not a UTF-8 text"
            what = f"cannot read the file {name}: {reason}"
            hint = f"paths are relative to {self.folder}"
            self.failures.append(Failure(path=path, what=what, hint=hint))
            return ""
        return text.rstrip("\r\n")


def texts(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Every text inside ``value`` with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from texts(item, (*path, place))
