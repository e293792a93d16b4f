"""``gateway knowledge``, and what ``gateway check`` says of the folders."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main

CONFIG = """
[gateway]
data_dir = "data"

[knowledge.open]
path = "open"

[knowledge.closed]
path = "closed"

[agents.helper]
kind = "echo"
knowledge = ["open"]

[channels.bot]
platform = "telegram"
token = "${A_TOKEN_NOBODY_SET}"
"""
PAGE = '[channels.page]\nplatform = "web"\n'

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in a folder with a configuration and two folders of documents."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "gateway.toml").write_text(CONFIG)
    for name in ("open", "closed"):
        folder = tmp_path / "config" / name
        folder.mkdir()
        (folder / "a.md").write_text(f"# The {name} paper\n\nApples are {name} \x1b[31mnow.\n")
    (tmp_path / "config" / "open" / "b.pdf").write_bytes(b"no")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gateway", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def parsed(done: tuple[int, str, str]) -> Any:
    code, out, err = done
    assert code == 0, err
    return json.loads(out)


def test_before_anything_is_read(cli: Run) -> None:
    code, out, _ = cli("knowledge", "list")
    assert code == 0
    assert "Nothing is indexed yet" in out
    assert cli("knowledge", "search", "apples")[:2] == (0, "Nothing found.\n")


def test_bases_are_listed_with_what_was_left_out(cli: Run) -> None:
    assert parsed(cli("knowledge", "update", "--json")) == {"changed": 3}
    assert cli("knowledge", "update")[1] == "0 documents read or dropped.\n"
    _, out, _ = cli("knowledge", "list")
    assert "open/b.pdf is left out: is not a PDF" in out
    first, second = parsed(cli("knowledge", "list", "--json"))
    assert first["indexed_at"].endswith("Z")
    assert (first["base"], first["documents"], first["passages"]) == ("open", 1, 1)
    assert first["left_out"] == [{"document": "b.pdf", "reason": "is not a PDF"}]
    assert second["left_out"] == []


def test_passages_are_found_in_all_bases_or_one(cli: Run) -> None:
    cli("knowledge", "update")
    code, out, _ = cli("knowledge", "search", "which", "apples")
    assert code == 0
    assert "open/a.md: The open paper" in out
    assert "closed/a.md: The closed paper" in out
    assert "\x1b" not in out
    (found,) = parsed(cli("knowledge", "search", "apples", "--base", "open", "--json"))
    assert (found["base"], found["document"], found["page"]) == ("open", "a.md", None)
    assert len(parsed(cli("knowledge", "search", "apples", "--limit", "1", "--json"))) == 1


def test_a_base_that_is_not_there_is_named(cli: Run) -> None:
    code, out, err = cli("knowledge", "search", "apples", "--base", "opne")
    assert (code, out) == (1, "")
    assert err == '--base: there is no knowledge base "opne" (did you mean "open"?)\n'


def test_without_any_base(cli: Run) -> None:
    Path("config/gateway.toml").write_text(PAGE)
    for words in (("list",), ("update",), ("search", "x")):
        code, out, _ = cli("knowledge", *words)
        assert code == 0
        assert "add a table [knowledge.NAME]" in out
    assert not list(Path().glob("data/knowledge*")) or cli("knowledge", "list")


def test_check_names_folders_that_are_missing_or_empty(cli: Run) -> None:
    text = CONFIG.partition("[channels")[0] + PAGE
    Path("config/gateway.toml").write_text(text)
    assert cli("check")[0] == 0
    Path("config/closed/a.md").unlink()
    code, out, _ = cli("check")
    assert code == 0
    assert "knowledge.closed: the folder has no document yet (.htm, .html" in out
    Path("config/closed").rmdir()
    code, out, _ = cli("check")
    assert code == 1
    assert "knowledge.closed.path (line 9): there is no such folder (make it" in out
    Path("config/closed").write_text("")
    report = json.loads(cli("check", "--json")[1])
    assert [problem["what"] for problem in report["problems"]] == ["is not a folder"]
    assert report["notes"] == []


def test_an_index_that_cannot_be_read_says_what_to_do(cli: Run, tmp_path: Path) -> None:
    cli("knowledge", "update")
    (index,) = tmp_path.glob("**/knowledge.db")
    index.write_bytes(b"something else " * 1000)
    code, _, err = cli("knowledge", "list")
    assert code == 1
    assert "knowledge.db cannot be read: file is not a database; `gateway knowledge update`" in err
    assert cli("knowledge", "update")[0] == 0
    assert cli("knowledge", "list")[0] == 0
    for path in tmp_path.glob("**/knowledge.db*"):
        path.unlink()
    index.mkdir()
    code, _, err = cli("knowledge", "update")
    assert code == 1
    assert "the index cannot be made: " in err
    assert "unexpected" not in err
