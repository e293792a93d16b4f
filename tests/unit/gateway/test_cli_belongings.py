"""``gateway data|facts|drive`` and ``sessions override``, on the database itself."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.domain import new_id
from gateway.store import connect
from gateway.testing._talk import CHANNEL, credential, session

CONFIG = """
[agents.support]
kind = "echo"
[agents.sales]
kind = "echo"
[channels.shop]
platform = "web"
agent = "support"
[limits]
data_bytes = 100
facts = 1
"""
AGENT = ("--agent", "support")
ADA = (*AGENT, "--channel", "shop", "--owner", "participant:ada")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, in a folder with a configuration and a new database."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "gateway.toml").write_text(CONFIG)

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["gateway", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, said.out, said.err)

    return run


def test_data_is_a_person_s_or_an_agent_s(cli: Run) -> None:
    assert cli("data", "set", "plan=gold", 'seats={"n": 2}', "code=[x", *ADA).json == {
        "plan": "gold",
        "seats": {"n": 2},
        "code": "[x",
    }
    assert cli("data", "set", "open=true", *AGENT).json == {"open": True}
    assert cli("data", "unset", "seats", "code", "other", *ADA).json == {"plan": "gold"}
    assert cli("data", "show", *ADA).json == {"plan": "gold"}
    assert cli("data", "show", *AGENT).json == {"open": True}
    assert cli("data", "show", "--agent", "sales").json == {}
    (owner,) = cli("data", "owners", "--json").json
    assert owner == {"channel": "shop", "agent": "support", "owner": "participant:ada"}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("data", "set", "plan", *ADA), "KEY=VALUE"),
        (("data", "set", "=x", *ADA), "KEY=VALUE"),
        (("data", "set", "plan=null", *ADA), "data unset"),
        (("data", "set", f"plan={'x' * 200}", *ADA), "limits.data_bytes"),
        (("data", "show", *AGENT, "--channel", "shop"), "belong together"),
        (("facts", "add", "x", *AGENT, "--channel", "", "--owner", ""), "--owner"),
        (("facts", "forget", "x", *ADA), "no fact x"),
        (("drive", "put", "none.txt", *AGENT), "cannot be read"),
        (("drive", "get", "none.txt", *AGENT), "nothing called"),
        (("drive", "delete", "none.txt", *AGENT), "nothing called"),
        (("sessions", "override", "x", "model=y"), "no session x"),
    ],
)
def test_what_cannot_be_done_is_said(cli: Run, words: tuple[str, ...], part: str) -> None:
    cli("data", "set", "open=true", *AGENT)
    done = cli(*words)
    assert (done.code, done.out) == (1, "")
    assert part in done.err


def test_facts_within_their_limit(cli: Run) -> None:
    fact = cli("facts", "add", "likes tea", *ADA, "--json").json
    assert "limits.facts" in cli("facts", "add", "is tall", *ADA).err
    assert "likes tea" in cli("facts", "list", "TEA", *ADA).out
    assert cli("facts", "forget", fact["id"], *ADA).out == "Forgotten.\n"
    assert cli("facts", "list", *ADA).out == "Nothing is remembered.\n"


def test_a_shelf(cli: Run, tmp_path: Path) -> None:
    picture = b"\x89PNG\r\n\x1a\n\0"
    (tmp_path / "map.png").write_bytes(picture)
    (tmp_path / "hours.txt").write_text("9 to 5\n")
    cli("drive", "put", "map.png", *AGENT)
    cli("drive", "put", "hours.txt", "--name", "open", *AGENT)
    listed = cli("drive", "list", *AGENT, "--json").json
    assert [(item["name"], item["size"]) for item in listed] == [("open", 7), ("map.png", 9)]
    assert cli("drive", "get", "open", *AGENT).out == "9 to 5\n"
    cli("drive", "get", "map.png", *AGENT, "--output", "copy.png")
    assert (tmp_path / "copy.png").read_bytes() == picture
    nowhere = cli("drive", "get", "map.png", *AGENT, "--output", "none/copy.png")
    assert (nowhere.code, "cannot be written" in nowhere.err) == (1, True)
    assert cli("drive", "delete", "map.png", *AGENT).out == "map.png is off the shelf.\n"
    assert cli("drive", "list", *ADA).out == "The shelf is empty.\n"


def test_nothing_on_a_shelf_steers_the_terminal(
    cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hours.txt").write_bytes(b"9 to 5\n\x1b]0;mine\x07 \xc2\x9b2J\n")
    cli("drive", "put", "hours.txt", *AGENT)
    assert "\x1b" in cli("drive", "get", "hours.txt", *AGENT).out
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)
    assert cli("drive", "get", "hours.txt", *AGENT).out == "9 to 5\n ]0;mine   2J\n"


def test_a_session_turns_on_something_else(cli: Run) -> None:
    async def fill() -> str:
        store = connect("sqlite:///data/gateway.db")
        await store.open()
        made = await store.create_session(session("", "a"), "a", credential(new_id()))
        await store.close()
        return made.id

    cli("data", "set", "open=true", *AGENT)
    made = asyncio.run(fill())
    cli("sessions", "override", made, "model=big", "tools=recall, remember")
    shown = cli("sessions", "show", made, "--json").json
    assert shown["overrides"] == {"model": "big", "tools": ["recall", "remember"]}
    assert cli("sessions", "override", made, "model=").json["overrides"] == {
        "tools": ["recall", "remember"]
    }
    assert cli("sessions", "override", made, 'tools=["a,b"]').json["overrides"]["tools"] == ["a,b"]
    assert cli("sessions", "override", made, "tools=[a").json["overrides"]["tools"] == ["[a"]
    assert "'colour'" in cli("sessions", "override", made, "colour=red").err
    assert cli("sessions", "override", made, "--clear").json["overrides"] == {}
    assert cli("sessions", "list", "--agent", "echo", "--json").json[0]["channel"] == CHANNEL
    assert cli("sessions", "list", "--owner", "participant:b", "--json").json == []
