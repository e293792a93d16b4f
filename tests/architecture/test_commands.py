"""The commands people are told to type exist, say what they do, and fail in one clear line."""

import os
import re
import subprocess
import tomllib

from tests.architecture.source import ROOT

GUIDES = ("README.md", "CONTRIBUTING.md")
CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|[`$;&|]|\bexec) *make +((?:[a-z]+ *)+)", re.MULTILINE)
TARGET = re.compile(r"^([a-z]+):(?!=)(.*)$", re.MULTILINE)


def targets() -> dict[str, str]:
    """Every target of the Makefile that a person may name, with the rest of its line."""
    found = dict(TARGET.findall((ROOT / "Makefile").read_text()))
    return {name: rest for name, rest in found.items() if name != "python"}


def commands(text: str) -> set[str]:
    """Every target of a `make` command in a text's code."""
    code = "\n".join(CODE.findall(text))
    return {word for words in COMMAND.findall(code) for word in words.split()}


def make(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_commands_in_the_guides_exist() -> None:
    guides = [ROOT / name for name in GUIDES if (ROOT / name).exists()]
    unknown = {guide.name: commands(guide.read_text()) - targets().keys() for guide in guides}
    assert not any(unknown.values()), unknown


def test_commands_are_found_in_code_and_nowhere_else() -> None:
    text = (
        "Make sure, or make tea. `make run ARGS=x` and\n```sh\n$ make lint test\nmake soak\n```\n"
    )
    assert commands(text) == {"run", "lint", "test", "soak"}


def test_every_target_says_what_it_does() -> None:
    assert {name for name, rest in targets().items() if "##" not in rest} == set()
    bare = make()
    assert not bare.returncode
    assert set(re.findall(r"^  make ([a-z]+) +\S", bare.stdout, re.MULTILINE)) == targets().keys()


def test_an_old_python_is_refused_in_one_clear_line() -> None:
    done = make("PYTHON=false", "python")
    assert done.returncode == 2
    complaint, *rest = done.stderr.splitlines()
    assert complaint.startswith("chat-gateway needs Python 3.11 or newer")
    assert [line for line in rest if not line.startswith("make: ***")] == []


def test_the_developers_lock_holds_all_of_the_run_lock() -> None:
    run, dev = (locked(f"requirements/{name}.txt") for name in ("run", "dev"))
    assert "sqlalchemy" in run
    assert run.items() <= dev.items()
    assert all("--hash=sha256:" in entry for entry in dev.values())


def test_the_build_uses_the_locked_backend() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (backend,) = project["build-system"]["requires"]
    assert backend in project["dependency-groups"]["build"]
    assert backend in locked("requirements/run.txt")["hatchling"]


def locked(file: str) -> dict[str, str]:
    """Every distribution of a lock file, with its version and hashes."""
    entries = re.split(r"\n(?=\S)", (ROOT / file).read_text())
    return {entry.split("==")[0]: entry for entry in entries if "==" in entry}
