"""Import from a folder, so that two folders may hold modules of one name and never mix.

Python keeps one module for one name. Here each folder keeps its own: while it imports, the other
folders' modules step aside, and its modules import through it, also later, from inside a function.
Beyond that the modules are ordinary: the first folder to use a name holds it in ``sys.modules``.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

_folders: dict[Path, _Folder] = {}
_lock = threading.RLock()  # what the import system shows is the whole process's


def load(name: str, path: Path) -> ModuleType:
    """The module ``name`` as code in the folder ``path`` would import it.

    Raises whatever the import raises, and ``ImportError`` when the folder has a module of that name
    but the process already uses another.
    """
    path = path.resolve()
    with _lock:
        folder = _folders.setdefault(path, _Folder(path))
        return folder.load(name)


class _Folder(importlib.abc.MetaPathFinder):
    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: frozenset[str] = frozenset()
        self._modules: dict[str, ModuleType] = {}
        self._found: set[str] = set()
        self._showing = False
        self._builtins = {**vars(builtins), "__import__": self._import}

    def load(self, name: str) -> ModuleType:
        self._names = frozenset(entry.name.partition(".")[0] for entry in self._path.iterdir())
        with self._shown():
            importlib.invalidate_caches()
            module = importlib.import_module(name)
            if _top(name) in self._names and name not in self._found:
                elsewhere = getattr(module, "__file__", None) or "Python itself"
                raise ImportError(f"the name {name!r} is already taken by {elsewhere}")
        return module

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find what stands in this folder, and nothing else."""
        parent = name.rpartition(".")[0]
        if parent not in self._found if parent else name not in self._names:
            return None
        spec = PathFinder.find_spec(name, path or [str(self._path)], target)
        if spec is not None:
            self._found.add(name)
            if type(spec.loader) is SourceFileLoader:
                spec.loader = _Loader(name, spec.loader.path, self._builtins)
        return spec

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if not level and _top(name) not in self._names:
            return builtins.__import__(name, globals, locals, fromlist, level)
        with self._shown():
            return builtins.__import__(name, globals, locals, fromlist, level)

    @contextmanager
    def _shown(self) -> Iterator[None]:
        with _lock:
            if self._showing:
                yield
                return
            for name in {name for folder in _folders.values() for name in folder._modules}:
                sys.modules.pop(name, None)
            sys.modules.update(self._modules)
            sys.meta_path.insert(0, self)
            self._showing = True
            try:
                yield
            finally:
                self._showing = False
                sys.meta_path.remove(self)
                self._found.intersection_update(sys.modules)
                self._modules = {name: sys.modules.pop(name) for name in self._found}
                for folder in _folders.values():
                    for name, module in folder._modules.items():
                        sys.modules.setdefault(name, module)


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, scope: dict[str, Any]) -> None:
        super().__init__(name, path)
        self._scope = scope

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = self._scope  # where the import statement looks __import__ up
        super().exec_module(module)


def _top(name: str) -> str:
    return name.partition(".")[0]
