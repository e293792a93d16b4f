"""The direction of imports: import-linter's contracts hold, and would notice if they did not."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.architecture.source import ROOT


def test_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A house with the project's contracts, and in it nothing but what they allow."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for name, text in {
        "gateway/__init__.py": "from gateway.domain import Message",
        "gateway/app.py": "import gateway.router, gateway.store.sql",
        "gateway/router.py": "import gateway.ports.store, gateway.lanes",
        "gateway/runner.py": "",
        "gateway/lanes.py": "import gateway.domain",
        "gateway/store/__init__.py": "",
        "gateway/store/sql.py": "import gateway.ports.store",
        "gateway/ports/__init__.py": "",
        "gateway/ports/store.py": "import gateway.domain",
        "gateway/domain.py": "class Message: ...",
        "gateway/testing/__init__.py": "",
        "gateway/testing/http.py": "",
        "adapters/__init__.py": "",
        "adapters/one/__init__.py": "",
        "adapters/one/adapter.py": "import adapters.one.inbound\nfrom gateway import Message",
        "adapters/one/inbound.py": "",
        "adapters/one/simulator.py": "import gateway.testing.http, adapters.one.inbound",
        "adapters/two/__init__.py": "",
        "adapters/two/adapter.py": "import gateway",
        "adapters/two/simulator.py": "from gateway import testing",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()",
         "--no-cache"],
        cwd=house, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_the_house_allows_is_kept(house: Path) -> None:
    done = lint(house)
    assert not done.returncode, done.stdout + done.stderr
    assert "6 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("gateway/domain.py", "import gateway.router", "Imports point down"),
        ("gateway/router.py", "import gateway.app", "Imports point down"),
        ("gateway/router.py", "import gateway.runner", "Imports point down"),
        ("gateway/store/sql.py", "import gateway.lanes", "Imports point down"),
        ("gateway/unheard_of.py", "", "Imports point down"),
        ("gateway/app.py", "import adapters.one", "never imports an adapter"),
        ("gateway/app.py", "def f():\n  import adapters.one", "never imports an adapter"),
        ("adapters/one/adapter.py", "import gateway.domain", "only the public surface"),
        ("adapters/one/adapter.py", "import gateway.testing", "only the public surface"),
        ("adapters/one/simulator.py", "import gateway.store.sql", "only the public surface"),
        ("adapters/one/inbound.py", "import adapters.two.adapter", "never import each other"),
        ("adapters/one/adapter.py", "import adapters.one.simulator", "imports a simulator"),
        ("gateway/testing/http.py", "import adapters.one.simulator", "imports a simulator"),
    ],
)
def test_what_it_forbids_is_noticed(house: Path, file: str, line: str, contract: str) -> None:
    with (house / file).open("a") as text:
        text.write(f"\n{line}\n")
    done = lint(house)
    broken = [words for words in done.stdout.splitlines() if " BROKEN" in words]
    assert done.returncode == 1, done.stderr
    assert any(contract in words for words in broken), done.stdout
