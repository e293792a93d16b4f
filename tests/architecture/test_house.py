"""The house rules: sizes, where errors may end, what a folder holds, what a file may say."""

import ast
import re
import statistics
import subprocess
import sys
import textwrap

import pytest

from tests.architecture import source

MODULE_LINES = 400
FUNCTION_MEDIAN = 10
FUNCTION_P90 = 30

# Modules that may be longer, each with the reason. Empty is how it should stay.
LONGER: dict[str, str] = {}

# Where a failure domain ends: in this function, or anywhere in the file.
ENDS_HERE = {
    ("gateway/agents/python.py", "_module"),  # a person's module may raise anything on import
    ("gateway/cli/__init__.py", "main"),
    ("gateway/outbox.py", "*"),
    ("gateway/plugins.py", "_import"),  # and so may a stranger's plug-in
    ("gateway/runner.py", "*"),
    ("gateway/store/batches.py", "perform"),  # one item's failure is that item's alone
    ("gateway/store/worker.py", "_work"),  # a thread hands every error to who waits for it
    ("gateway/supervision.py", "*"),
}

ADAPTER_FILES = {"adapter.py", "inbound.py", "outbound.py", "settings.py", "simulator.py"}

MAY_PRINT = re.compile(r"gateway/(cli(\.py|/.*)|__main__\.py)")

# What a running gateway never imports, or only Alembic does.
NOT_RUN = re.compile(r"/simulator\.py|/simulation/|gateway/testing/|__main__|/migrations/")

# Nothing may tie a checkout to one registry or one machine.
TIED = re.compile(
    r"""
      \bpypi\.org | pythonhosted\.org | registry\.npmjs | \bnpmjs\.org | registry\.yarnpkg
    | deb\.debian\.org | proxy\.golang | (?:extra-)?index-url\s*=
    | (?<![\w.~-])/(?:work\b|root/|home/\w|Users/\w)
    """,
    re.VERBOSE,
)


def test_there_is_a_house_to_check() -> None:
    folders = {module.path.split("/")[0] for module in source.modules()}
    assert folders == {"gateway", "adapters"}


def test_modules_are_short() -> None:
    long = {m.path: m.lines for m in source.modules() if m.lines > MODULE_LINES}
    assert long.keys() == LONGER.keys(), f"longer than {MODULE_LINES} lines: {long}"


def test_functions_are_short() -> None:
    lengths = {
        f"{module.path}:{function.lineno} {function.name}": source.function_length(function)
        for module in source.modules()
        for function in source.functions(module)
    }
    longest = sorted(lengths.items(), key=lambda item: -item[1])[: len(lengths) // 10]
    assert statistics.median(lengths.values()) <= FUNCTION_MEDIAN
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= FUNCTION_P90, longest


def test_any_error_is_caught_only_where_a_failure_domain_ends() -> None:
    misplaced = [
        handler
        for module in source.modules()
        for handler in source.broad_handlers(module)
        if not {(handler.path, handler.function), (handler.path, "*")} & ENDS_HERE
    ]
    assert not misplaced


def test_no_error_is_swallowed_in_silence() -> None:
    handlers = [h for module in source.modules() for h in source.broad_handlers(module)]
    assert not [handler for handler in handlers if handler.silent]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("try: f()\nexcept Exception: pass", [True]),
        ("try: f()\nexcept: g()", [False]),
        ("try: f()\nexcept (ValueError, BaseException) as e: g(e)", [False]),
        ("try: f()\nexcept* builtins.Exception: g()", [False]),
        ("with contextlib.suppress(Exception): f()", [True]),
        ("try: f()\nexcept BaseException:\n  g()\n  raise", []),
        ("try: f()\nexcept ValueError: pass", []),
        ("with suppress(KeyError): f()", []),
    ],
)
def test_broad_handlers_are_recognised(text: str, found: list[bool]) -> None:
    module = source.parse("x.py", f"def around():\n{textwrap.indent(text, '  ')}\n")
    handlers = list(source.broad_handlers(module))
    assert [handler.silent for handler in handlers] == found
    assert {handler.function for handler in handlers} <= {"around"}


def test_function_length_leaves_out_decorators_and_docstring() -> None:
    module = source.parse("x.py", '@one\n@two\ndef f():\n  """A\n\n  B."""\n  g()\n  return 1\n')
    assert [source.function_length(function) for function in source.functions(module)] == [3]


def test_every_adapter_folder_has_the_same_files() -> None:
    folders = [
        folder
        for folder in sorted((source.ROOT / "adapters").iterdir())
        if (folder / "__init__.py").exists()
    ]
    missing = {
        folder.name: sorted(ADAPTER_FILES - {file.name for file in folder.iterdir()})
        for folder in folders
    }
    assert folders
    assert not {name: files for name, files in missing.items() if files}


def test_running_imports_no_simulator_and_no_test_support() -> None:
    names = [
        module.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for module in source.modules()
        if not NOT_RUN.search(module.path)
    ]
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *names],
        cwd=source.ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    imported = done.stdout.split()
    assert "gateway" in imported
    unwanted = re.compile(r"(gateway\.testing|adapters\.\w+\.simulat(or|ion))\b|pytest$|psutil$")
    assert not [name for name in imported if unwanted.match(name)]


def test_only_the_command_line_prints() -> None:
    prints = [
        f"{module.path}:{node.lineno}"
        for module in source.modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not MAY_PRINT.fullmatch(module.path)
    ]
    assert not prints


def test_files_name_no_registry_and_no_machine() -> None:
    files = source.committed()
    assert source.ROOT / "pyproject.toml" in files
    found = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(source.ROOT)}: {hit[0]}" for hit in TIED.finditer(text)]
    assert not found


@pytest.mark.parametrize(
    ("text", "tied"),
    [
        ("https://files.pythonhosted" + ".org/packages/1", True),
        ("https://pypi" + ".org/simple", True),
        ("see /" + "home/anna/notes", True),
        ("cd /" + "work/main", True),
        ("https://example.org/home/page", False),
        ("/var/lib/gateway", False),
        ("rework/main", False),
    ],
)
def test_ties_are_recognised(text: str, tied: bool) -> None:
    assert bool(TIED.search(text)) is tied
