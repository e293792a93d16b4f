"""The project's own source, parsed once: what the checks in this folder measure."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """One Python file: its path below the root, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.text.count("\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Handler:
    """One `except` (or `suppress`) for any error at all, and the function it stands in."""

    path: str
    function: str
    line: int
    silent: bool


@cache
def modules() -> tuple[Module, ...]:
    """Return every module that is shipped."""
    files = sorted(
        file for folder in ("gateway", "adapters") for file in (ROOT / folder).rglob("*.py")
    )
    return tuple(parse(str(file.relative_to(ROOT)), file.read_text()) for file in files)


def parse(path: str, text: str) -> Module:
    """Return the module of this text; a file with a syntax error fails its caller."""
    return Module(path=path, text=text, tree=ast.parse(text, path))


@cache
def committed() -> tuple[Path, ...]:
    """Return every file that is or would be committed; all of a copy without git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        ignored = re.compile(r"(^|/)(\.[^/]+|__pycache__|dist|data)/")
        files = (file for file in ROOT.rglob("*") if file.is_file())
        return tuple(file for file in files if not ignored.search(str(file.relative_to(ROOT))))
    return tuple(file for name in names.split("\0") if name and (file := ROOT / name).is_file())


def function_length(function: FunctionNode) -> int:
    """Return a function's lines, decorators and docstring not counted."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def functions(module: Module) -> Iterator[FunctionNode]:
    """Yield every function and method of a module, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, FunctionNode):
            yield node


def broad_handlers(module: Module) -> Iterator[Handler]:
    """Yield what catches any error and keeps it; cleaning up and raising on is not catching."""
    yield from _broad_handlers(module.path, module.tree, "")


def _broad_handlers(path: str, node: ast.AST, function: str) -> Iterator[Handler]:
    if isinstance(node, FunctionNode):
        function = node.name
    if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises_on(node):
        silent = all(isinstance(statement, ast.Pass) for statement in node.body)
        yield Handler(path=path, function=function, line=node.lineno, silent=silent)
    if isinstance(node, ast.Call) and _suppresses_anything(node):
        yield Handler(path=path, function=function, line=node.lineno, silent=True)
    for child in ast.iter_child_nodes(node):
        yield from _broad_handlers(path, child, function)


def _suppresses_anything(call: ast.Call) -> bool:
    return _name(call.func) == "suppress" and any(map(_is_broad, call.args))


def _is_broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(one) for one in caught.elts)
    return caught is None or _name(caught) in {
        "Exception",
        "BaseException",
        "ExceptionGroup",
        "BaseExceptionGroup",
    }


def _raises_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
