"""Entry points become factories when they are asked for, and one bad plugin harms nobody else."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from gateway import plugins
from gateway.errors import ConfigurationError
from tests.architecture.source import ROOT

GOOD = """
from gateway import ChannelSettings, ConversationKind, Rule
class Settings(ChannelSettings):
    token: str = ""
class Adapter:
    platform = "matrix"
    Settings = Settings
    boundary = {kind: Rule.PER_CHANNEL for kind in ConversationKind}
    def __init__(self, name, settings, host): ...
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution with one module that offers one adapter or agent kind."""

    def install(
        distribution: str,
        module: str,
        source: str,
        name: str = "matrix",
        group: str = "gateway.adapters",
        attribute: str = "Adapter",
    ) -> None:
        folder = tmp_path / distribution
        info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:{attribute}\n")
        (folder / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def complaint(name: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        plugins.adapters()[name]
    (problem,) = caught.value.problems
    return str(problem)


def test_built_in_platforms_and_kinds_are_known() -> None:
    assert {"telegram", "web"} <= set(plugins.adapters())
    assert {"demo", "echo", "python"} <= set(plugins.agent_kinds())


def test_a_third_partys_adapter_is_found_and_loaded(install: Install) -> None:
    install("acme-matrix", "acme_matrix_good", GOOD)
    found = plugins.adapters()
    assert found["matrix"].platform == "matrix"
    assert found["matrix"] is found["matrix"]
    assert len(found) == len(list(found))


def test_a_third_partys_agent_kind_is_found_and_loaded(install: Install) -> None:
    source = (
        "from gateway import AgentKind, Model\nclass Keys(Model): ...\n"
        "KIND = AgentKind(settings=Keys, create=lambda name, settings: None)"
    )
    install("acme-oracle", "acme_oracle", source, "oracle", "gateway.agents", "KIND")
    assert plugins.agent_kinds()["oracle"].settings.__name__ == "Keys"


def test_nothing_is_imported_before_it_is_asked_for(install: Install) -> None:
    install("acme-matrix", "acme_matrix_lazy", GOOD)
    found = plugins.adapters()
    assert "matrix" in found
    assert "acme_matrix_lazy" not in sys.modules
    found["matrix"]
    assert "acme_matrix_lazy" in sys.modules


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        plugins.adapters()["carrier-pigeon"]


def test_a_broken_plugin_is_named_and_harms_nobody_else(install: Install) -> None:
    install("acme-matrix", "acme_matrix_broken", "raise RuntimeError('no nio')")
    said = complaint("matrix")
    assert "platform 'matrix' of acme-matrix 1.0" in said
    assert "cannot be imported: RuntimeError: no nio" in said
    assert plugins.agent_kinds()["echo"].settings.__name__ == "EchoSettings"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (GOOD.replace('"matrix"', '"metrix"'), "its platform must be 'matrix'"),
        (GOOD.replace("(ChannelSettings)", ""), "needs Settings"),
        (GOOD.replace("    boundary =", "    table ="), "boundary table"),
        ("Adapter = None", "needs Settings"),
        ("", "cannot be imported: AttributeError"),
    ],
)
def test_what_is_no_adapter_is_told_so(install: Install, source: str, said: str) -> None:
    install("acme-matrix", "acme_matrix_odd", source)
    assert said in complaint("matrix")


def test_what_is_no_agent_kind_is_told_so(install: Install) -> None:
    install("acme-oracle", "acme_odd", "def create(): ...", "oracle", "gateway.agents", "create")
    with pytest.raises(ConfigurationError, match="an instance of"):
        plugins.agent_kinds()["oracle"]


def test_two_distributions_that_offer_one_name_are_both_named(install: Install) -> None:
    install("acme-matrix", "acme_matrix_one", GOOD)
    install("other-matrix", "other_matrix", GOOD)
    said = complaint("matrix")
    assert "acme-matrix 1.0 and other-matrix 1.0" in said
    assert "acme_matrix_one" not in sys.modules


def python(program: str, *path: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT.parent,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return done.stdout


def test_a_strangers_adapters_package_is_named_and_not_imported(tmp_path: Path) -> None:
    info = tmp_path / "adapters-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: adapters\nVersion: 1.0\n")
    (info / "top_level.txt").write_text("adapters\n")
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "__init__.py").write_text("raise SystemExit('imported')")
    program = (
        "from gateway import plugins\n"
        "from gateway.errors import ConfigurationError\n"
        "print(plugins.clash())\n"
        "try: plugins.adapters()['web']\n"
        "except ConfigurationError as error: print(error)\n"
        "print(plugins.agent_kinds()['echo'].settings.__name__)"
    )
    both, loaded, kind = python(program, tmp_path, ROOT).splitlines()
    for said in (both, loaded):
        assert "chat-gateway and adapters both bring a top-level package of this name" in said
        assert str(tmp_path) in said
    assert kind == "EchoSettings"


def test_there_is_no_clash_here() -> None:
    assert plugins.clash() is None
    assert plugins.adapters()["web"].platform == "web"


def test_an_overwritten_package_is_noticed(tmp_path: Path) -> None:
    init = tmp_path / "adapters" / "__init__.py"
    init.parent.mkdir()
    init.write_text("")
    info = tmp_path / "chat_gateway-1.0.dist-info"
    info.mkdir()
    empty = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    (info / "RECORD").write_text(f"adapters/__init__.py,sha256={empty},0\n")
    ours = Distribution.at(info)
    assert not plugins._replaced(ours, init)
    init.write_text("import torch")
    assert plugins._replaced(ours, init)
