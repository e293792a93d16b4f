"""A configuration is read whole, or refused with everything that is wrong in it."""

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, field_validator

from gateway.errors import ConfigurationError, Problem
from gateway.observability import redact
from gateway.ports.agent import AgentKind
from gateway.settings import (
    USUAL,
    ChannelSettings,
    GatewaySection,
    LimitsSection,
    Model,
    Settings,
    descriptions,
    embedded,
    find,
    load,
    load_gateway,
    schema,
)
from gateway.settings.lines import KeyPath, line_of, locate
from tests.architecture.source import ROOT

SECRET = "very-secret-indeed"


class Pigeon(ChannelSettings):
    """A platform for tests."""

    platform: Literal["pigeon"] = "pigeon"
    token: SecretStr = SecretStr("")
    """What the pigeon knows."""
    mode: Literal["polling", "webhook"] = "polling"
    weight: int = 1
    agents: tuple[str, ...] = ()

    @field_validator("token")
    @classmethod
    def _token(cls, token: SecretStr) -> SecretStr:
        if token.get_secret_value().startswith("bad"):
            raise ValueError(f"the token {token.get_secret_value()} is bad")
        return token


class Inner(Model):
    """A table within a table."""

    size: int = 1


class Oracle(Model):
    """A kind of agent for tests."""

    path: Path | None = None
    api_key: SecretStr | None = None
    inner: Inner = Inner()
    words: tuple[str, ...] = ()


class Factory:
    def __init__(self, platform: str, model: type[ChannelSettings] = Pigeon, **more: Any) -> None:
        self.platform = platform
        self.Settings = model
        self.boundary: Mapping[Any, Any] = {}
        vars(self).update(more)


ADAPTERS: Any = {"pigeon": Factory("pigeon")}
KINDS: Any = {
    "echo": AgentKind(settings=Inner, create=lambda name, settings: None),  # type: ignore[arg-type, return-value]
    "oracle": AgentKind(settings=Oracle, create=lambda name, settings: None),  # type: ignore[arg-type, return-value]
}
BASE = '[agents.one]\nkind = "echo"\n'
PIGEON = BASE + '[channels.p]\nplatform = "pigeon"\n'

Read = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Load a text as ``gateway.toml``, with the given variables as the environment."""

    def read(text: str, adapters: Any = ADAPTERS, only: str = "", **environ: str) -> Settings:
        path = tmp_path / "gateway.toml"
        path.write_text(text)
        return load(path, environ, adapters, KINDS, only=only)

    return read


Complaints = Callable[..., list[str]]


@pytest.fixture
def complaints(read: Read, tmp_path: Path) -> Complaints:
    """The problems of a text, each without the name of the file."""

    def complaints(text: str, *args: Any, **environ: Any) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            read(text, *args, **environ)
        return [
            str(p).removeprefix(f"{tmp_path}/gateway.toml").removeprefix(": ")
            for p in caught.value.problems
        ]

    return complaints


def test_a_small_configuration_has_every_default(read: Read) -> None:
    settings = read(PIGEON)
    assert settings.gateway == GatewaySection()
    assert (settings.gateway.host, settings.gateway.port) == ("127.0.0.1", 8080)
    assert settings.gateway.database == "sqlite:///data/gateway.db"
    assert settings.gateway.shutdown_grace == 20.0
    assert settings.limits == LimitsSection()
    assert settings.agents["one"].kind == "echo"
    channel = settings.channels["p"]
    assert (channel.name, channel.platform, channel.settings.agent) == ("p", "pigeon", "one")
    assert channel.factory is ADAPTERS["pigeon"]
    assert settings.skipped == {}


def test_values_are_read(read: Read) -> None:
    settings = read(
        PIGEON + 'boundary.group = "per-user-in-group"\nweight = 7\nallow = ["a", 1]\n'
        '[gateway]\nlisten = "[::1]:0"\npublic_url = "https://bots.example.org/"\n'
        'idle_after = "1.5h"\nshutdown_grace = 3\n[limits]\nfile_bytes = 1_000\n'
    )
    assert settings.gateway.public_url == "https://bots.example.org"
    assert (settings.gateway.host, settings.gateway.port) == ("::1", 0)
    assert (settings.gateway.idle_after, settings.gateway.shutdown_grace) == (5400.0, 3.0)
    assert settings.limits.file_bytes == 1000
    channel: Any = settings.channels["p"].settings
    assert channel.weight == 7
    assert channel.allow == ("a", "1")
    assert channel.boundary == {"group": "per-user-in-group"}


# variables


def test_references_are_filled_in_every_text(read: Read, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "key").write_text("from a file\n")
    settings = read(
        '[agents.one]\nkind = "oracle"\napi_key = "${file:deep/key}"\n'
        'words = ["a ${NAME} b", "$$HOME $5 $${NAME}"]\n[channels.p]\nplatform = "${WHERE}"\n',
        NAME="x",
        WHERE="pigeon",
    )
    oracle: Oracle = settings.agents["one"].settings
    assert oracle.api_key is not None
    assert oracle.api_key.get_secret_value() == "from a file"
    assert oracle.words == ("a x b", "$HOME $5 ${NAME}")


@pytest.mark.parametrize(
    ("text", "environ", "said"),
    [
        ("${NOPE}", {}, "the environment variable NOPE is not set (set NOPE, or remove the key)"),
        ("${NOPE}", {"NOPE": ""}, "the environment variable NOPE is empty"),
        ("${file:nope}", {}, "cannot read the file nope: No such file or directory"),
        ("${not a name}", {}, "is no valid reference"),
        ("${}", {}, "is no valid reference"),
    ],
)
def test_a_reference_that_cannot_be_filled_names_its_key(
    complaints: Complaints, text: str, environ: dict[str, str], said: str
) -> None:
    (complaint,) = complaints(PIGEON + f'token = "{text}"', **environ)
    assert complaint.startswith("channels.p.token (line 5): ")
    assert said in complaint


def test_an_optional_channel_without_its_variable_is_skipped(read: Read) -> None:
    text = PIGEON + 'optional = true\ntoken = "${PIGEON}"\n[channels.q]\nplatform = "pigeon"\n'
    settings = read(text)
    assert list(settings.channels) == ["q"]
    assert settings.skipped == {"p": "the environment variable PIGEON is not set"}
    assert list(read(text, PIGEON="x").channels) == ["p", "q"]


def test_a_skipped_channels_adapter_is_not_loaded(read: Read) -> None:
    class Broken(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            raise AssertionError(name)

    text = PIGEON + 'optional = true\ntoken = "${PIGEON}"'
    assert not read(text, Broken(pigeon=None)).channels


def test_the_operator_token_comes_from_the_environment(read: Read) -> None:
    def token(text: str, **environ: str) -> str | None:
        found = read(PIGEON + text, **environ).gateway.operator_token
        return found.get_secret_value() if found else None

    assert token("") is None
    assert token("", GATEWAY_OPERATOR_TOKEN="from-env") == "from-env"
    assert token('[gateway]\noperator_token = "mine"', GATEWAY_OPERATOR_TOKEN="other") == "mine"


def test_operators_commands_need_no_tokens(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(
        '[gateway]\nlisten = "127.0.0.1:1"\noperator_token = "${UNSET}"\n'
        '[channels.p]\nplatform = "nope"\ntoken = "${UNSET}"'
    )
    section = load_gateway(path, {})
    assert section.port == 1
    assert section.operator_token is None
    path.write_text('[gateway]\nlisten = "nope"')
    with pytest.raises(ConfigurationError, match="an address and a port"):
        load_gateway(path, {})


def test_paths_are_relative_to_the_file(read: Read, tmp_path: Path) -> None:
    text = '[agents.one]\nkind = "oracle"\npath = "{}"\n[channels.p]\nplatform = "pigeon"'
    assert read(text.format("mine")).agents["one"].settings.path == tmp_path / "mine"
    assert read(text.format("/abs")).agents["one"].settings.path == Path("/abs")


# what is wrong


def test_every_problem_is_told_at_once_with_its_line(complaints: Complaints) -> None:
    text = """\
[gateway]
lsten = "127.0.0.1:8080"
redis = "redis://localhost"
shutdown_grace = "5 parsecs"

[agents.a]
kind = "ecko"
[agents.b]
kind = "oracle"
inner.sise = 1
[limits]
file_bytes = -1
[channels.support]
platform = "pigeon"
agent = "c"
boundary = { group = "per-user" }
respond = "mention"
tokne = "x"
[channels."A b"]
platform = "pidgeon"
[chanels.x]
"""
    assert "\n".join(complaints(text)) == EVERYTHING.rstrip()


EVERYTHING = """\
gateway.lsten (line 2): unknown key (did you mean "listen"?)
gateway.redis (line 3): more than one process is not supported by this version yet
gateway.shutdown_grace (line 4): a duration is a number and a unit, as in "20s", "15m" or "2h"
agents.a.kind (line 7): there is no agent kind "ecko" (did you mean "echo"?)
agents.b.inner.sise (line 10): unknown key (did you mean "size"?)
limits.file_bytes (line 12): should be greater than or equal to 0
channels.support.agent (line 15): there is no agent "c" (known: a, b)
channels.support.boundary (line 16): boundary.group cannot be per-user; it can be \
per-channel, per-group, per-user-in-group
channels.support.respond (line 17): should be 'mentions' or 'all' (did you mean "mentions"?)
channels.support.tokne (line 18): unknown key (did you mean "token"?)
channels."A b" (line 19): is no valid name (use a to z, digits, - and _)
channels."A b".agent (line 19): is missing, and there are several agents (choose one of a, b)
channels."A b".platform (line 20): there is no platform "pidgeon" (did you mean "pigeon"?)
chanels (line 21): unknown section (did you mean "channels"?)
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "channels: no channel is configured (add a table [channels.NAME])"),
        ('[channels.p]\nplatform = "pigeon"', "channels.p.agent (line 1): no agent is configured"),
        (BASE + "[channels.p]", "channels.p.platform (line 3): is missing (installed: pigeon)"),
        (BASE + "channels.p = 1", "agents.one.channels (line 3): unknown key"),
        ("channels = 1", "channels (line 1): should be a table (write [channels])"),
        ("[channels]\np = 1", "channels.p (line 2): should be a table (write [channels.p])"),
        (BASE + "[channels.p]\nplatform = 3", "channels.p.platform (line 4): should be a text"),
        (PIGEON + 'weight = "x"', "channels.p.weight (line 5): should be a valid integer"),
        (
            PIGEON + 'agents = ["one", "to"]',
            'channels.p.agents[1] (line 5): there is no agent "to"',
        ),
    ],
)
def test_what_is_said_of(complaints: Complaints, text: str, said: str) -> None:
    assert any(complaint.startswith(said) for complaint in complaints(text)), complaints(text)


@pytest.mark.parametrize(
    "value",
    [
        'listen = "8080"', 'listen = ":8080"', 'listen = "::1:8080"', 'listen = "localhost:70000"',
        'public_url = "bots.example.org"', 'public_url = "https://x/?a"',
        'database = "sqlite://gateway.db"', 'database = "sqlite:///"',
        'database = "postgres://h/n"', 'database = "postgresql://h"', 'database = "gateway.db"',
        'log_level = "loud"', 'idle_after = -1', 'shutdown_grace = "20"',
    ],
)  # fmt: skip
def test_the_gateways_own_values_are_checked(complaints: Complaints, value: str) -> None:
    key = value.partition(" ")[0]
    (complaint,) = complaints(PIGEON + f"[gateway]\n{value}")
    assert complaint.startswith(f"gateway.{key} (line 6): ")


@pytest.mark.parametrize(
    "database",
    ["sqlite:///data/x.db", "sqlite:////var/x.db", "postgresql://u:p@h:5432/n", "postgresql:///n"],
)
def test_databases_that_are_fine(read: Read, database: str) -> None:
    text = PIGEON + f'[gateway]\ndatabase = "{database}"'
    assert read(text).gateway.database == database


def test_bad_toml_is_told_with_its_line(complaints: Complaints) -> None:
    (said,) = complaints("[gateway]\nlisten = x")
    assert said == " (line 2, column 10): is no valid TOML: Invalid value"
    (said,) = complaints("a = 1\na = 2\n")
    assert said.startswith(" (line 2, column ")
    (said,) = complaints("a = [1,")
    assert said.startswith(" (end of document): is no valid TOML: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nope\.toml: cannot be read: No such file"):
        load(tmp_path / "nope.toml", {}, ADAPTERS, KINDS)
    (tmp_path / "latin.toml").write_bytes(b"a = '\xe9'")
    with pytest.raises(ConfigurationError, match="is not a UTF-8 text"):
        load(tmp_path / "latin.toml", {}, ADAPTERS, KINDS)


def test_a_broken_plugin_is_named_where_it_is_used(complaints: Complaints) -> None:
    class Plugins(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            what = "cannot be imported: ImportError: no"
            raise ConfigurationError([Problem(where=f"platform {name}", what=what)])

    (said,) = complaints(PIGEON, Plugins(pigeon=None))
    expected = "channels.p.platform (line 4): platform pigeon: cannot be imported: ImportError: no"
    assert said == expected


# what fits together


def test_two_channels_of_one_account_are_refused(complaints: Complaints, read: Read) -> None:
    text = PIGEON + 'token = "{}"\n[channels.q]\nplatform = "pigeon"\ntoken = "one-token"\n'
    (said,) = complaints(text.format("one-token"))
    assert said.startswith("channels.q (line 6): is the same account as channels.p")
    assert len(read(text.format("another")).channels) == 2


def test_a_factory_may_say_what_an_account_is(complaints: Complaints) -> None:
    adapters = {"pigeon": Factory("pigeon", identity=lambda settings: str(settings.weight))}
    text = PIGEON + 'token = "a"\n[channels.q]\nplatform = "pigeon"\ntoken = "b"\n'
    assert "is the same account as channels.p" in complaints(text, adapters)[0]


def test_a_platform_with_fixed_routes_runs_once(complaints: Complaints) -> None:
    adapters = {"pigeon": Factory("pigeon", single=True)}
    (said,) = complaints(PIGEON + '[channels.q]\nplatform = "pigeon"\n', adapters)
    assert said.startswith("channels.q (line 5): channels.p already serves the routes of a pigeon")


def test_one_channel_can_be_read_alone(read: Read) -> None:
    text = PIGEON + '[channels.broken]\nplatform = "nope"\n'
    assert list(read(text, only="p").channels) == ["p"]
    assert read(text, only="unheard-of").channels == {}


def test_what_cannot_be_had_may_have_a_stand_in(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(
        PIGEON + 'optional = true\ntoken = "${UNSET}"\nmode = "${SET}"\n'
        '[gateway]\noperator_token = "${file:nowhere}"'
    )
    settings = load(path, {"SET": "polling"}, ADAPTERS, KINDS, stand_in="someone")
    channel: Any = settings.channels["p"].settings
    assert (channel.token.get_secret_value(), channel.mode) == ("someone", "polling")
    assert settings.gateway.operator_token == SecretStr("someone")


# secrets


def test_no_problem_shows_a_secret(complaints: Complaints) -> None:
    text = (
        PIGEON.replace('"echo"', '"oracle"') + f'token = "bad-{SECRET}"\nsecret = "{SECRET}"\n'
        f'api_key = "{SECRET}"\nmode = "{SECRET}"\n[gateway]\noperator_token = ["{SECRET}"]\n'
        f'database = "{SECRET}"\n'
    )
    said = complaints(text)
    assert len(said) == 6
    assert SECRET not in "\n".join(said)
    assert any("the token [hidden] is bad" in one for one in said)


def test_every_secret_is_registered(read: Read) -> None:
    text = (
        '[agents.one]\nkind = "oracle"\napi_key = "${KEY}"\n'
        '[channels.p]\nplatform = "pigeon"\ntoken = "literal-pigeon-token"\n'
        '[gateway]\noperator_token = "operators-own-token"'
    )
    settings = read(text, KEY="key-from-the-environment")
    for secret in ("key-from-the-environment", "literal-pigeon-token", "operators-own-token"):
        assert redact(f"<{secret}>") == "<[hidden]>"
        assert secret not in repr(settings)


# lines


LINES = '''\
# [not.a.table]
top = 1   # a comment = 2
[a]
x = """
[b]
y = 1
""" # done
"quoted.key" = 'literal # no comment'
list = [
  "[c]",  # ]
  { d = 1 },
]
dotted.deep . "er" = { inline = "}", other = [1, 2] }
  [ a . b ]
z = '\'\'
k = 1
\'\'\'
[[many]]
one = 1
[[many]]
two = "\\"#"
[many.inner]
three = 3
last = 1'''


def test_lines_are_found() -> None:
    tomllib.loads(LINES)
    assert locate(LINES) == {
        ("top",): 2, ("a",): 3, ("a", "x"): 4, ("a", "quoted.key"): 8, ("a", "list"): 9,
        ("a", "dotted"): 13, ("a", "dotted", "deep"): 13, ("a", "dotted", "deep", "er"): 13,
        ("a", "b"): 14, ("a", "b", "z"): 15,
        ("many",): 18, ("many", 0): 18, ("many", 0, "one"): 19,
        ("many", 1): 20, ("many", 1, "two"): 21,
        ("many", 1, "inner"): 22, ("many", 1, "inner", "three"): 23,
        ("many", 1, "inner", "last"): 24,
    }  # fmt: skip
    assert line_of(locate(LINES), ("a", "dotted", "deep", "er", "other", 1)) == 13
    assert line_of(locate(LINES), ("nowhere",)) is None


NAMES = st.text("abcXYZ019-_", min_size=1, max_size=5)
VALUES = st.sampled_from(
    ["1", '"a # b [x]"', "'it = \"'", '"""\n[t]\na = 1\n"""', "'''\n'\n'''", "[1, [2, '[']]",
     "[ # [\n 1,\n]", "{ a = 1, b = '}' }", "2024-01-01T00:00:00Z", "true"]
)  # fmt: skip
TABLES = st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), max_size=4)


@given(TABLES, st.sampled_from(["", "\n", "  # note = [\n"]))
def test_lines_are_those_of_the_text(tables: dict[str, dict[str, str]], between: str) -> None:
    text, expected = "", dict[KeyPath, int]()
    for table, keys in tables.items():
        expected[table,] = text.count("\n") + 1
        text += f"[{table}]{between or chr(10)}"
        text += "" if text.endswith("\n") else "\n"
        for key, value in keys.items():
            expected[table, key] = text.count("\n") + 1
            text += f'"{key}" = {value}\n{between}'
    tomllib.loads(text)
    assert locate(text) == expected


def test_a_later_problem_gets_its_line(read: Read) -> None:
    settings = read(PIGEON)
    found = settings.locate(Problem(where="agents.one.kind", what="x"))
    assert found.where.endswith("gateway.toml: agents.one.kind (line 2)")
    elsewhere = Problem(where="the database", what="x")
    assert settings.locate(elsewhere) is elsewhere


# the default


def test_the_configuration_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    option, named = Path("option.toml"), {"GATEWAY_CONFIG": "named.toml"}
    assert find(None, {}) is None
    USUAL.parent.mkdir()
    USUAL.write_text("")
    assert find(None, {}) == USUAL
    assert find(None, named) == Path("named.toml")
    assert find(option, named) == option


TOKENS = {
    "TELEGRAM_BOT_TOKEN": "1:" + "a" * 35,
    "DISCORD_BOT_TOKEN": f"MTIzNDU2Nzg5MDEyMzQ1Njc4.{'d' * 6}.{'e' * 38}",
    "SLACK_BOT_TOKEN": f"xoxb-{'b' * 20}",
    "SLACK_APP_TOKEN": f"xapp-{'a' * 20}",
    "TWILIO_ACCOUNT_SID": f"AC{'0' * 32}",
    "TWILIO_AUTH_TOKEN": "f" * 32,
    "TWILIO_WHATSAPP_NUMBER": "+14155238886",
    "TWILIO_SMS_NUMBER": "+15005550001",
    "GATEWAY_PUBLIC_URL": "https://bots.example.org/",
}


@pytest.mark.parametrize("environ", [{}, TOKENS])
def test_the_file_and_the_embedded_default_do_the_same(environ: dict[str, str]) -> None:
    from gateway import plugins

    adapters, kinds = plugins.adapters(), plugins.agent_kinds()
    default = load(None, environ, adapters, kinds)
    file = load(ROOT / USUAL, environ, adapters, kinds)
    for section in ("gateway", "limits", "agents", "channels", "skipped"):
        assert getattr(default, section) == getattr(file, section)
    everywhere = ["telegram", "discord", "slack", "whatsapp", "sms"]
    assert set(default.channels) == {"web", *(everywhere if environ else [])}
    assert default.gateway.public_url == ("https://bots.example.org" if environ else "")
    assert {c.settings.agent for c in default.channels.values()} == {"demo"}
    assert default.source == "the embedded default"
    assert tomllib.loads(embedded()) == tomllib.loads((ROOT / USUAL).read_text())


def test_the_file_shows_defaults_that_are_true() -> None:
    text = (ROOT / USUAL).read_text()
    shown = [line.lstrip("# ") for line in text.splitlines() if " = " in line]
    known = {**GatewaySection().model_dump(), **LimitsSection().model_dump()}
    checked = 0
    for line in shown:
        (key, value), *_ = tomllib.loads(line).items()
        if key in known and key != "operator_token":
            assert getattr(GatewaySection(), key, getattr(LimitsSection(), key, None)) in (
                value,
                getattr(_section_with(key, value), key),
            )
            checked += 1
    assert checked >= 12


def _section_with(key: str, value: Any) -> Model:
    model = GatewaySection if key in GatewaySection.model_fields else LimitsSection
    return model.model_validate({key: value})


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "examples").glob("*.toml")), ids=str)
def test_examples_are_valid(path: Path, tmp_path: Path) -> None:
    from gateway import plugins

    class Environ(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            known = {
                "GATEWAY_PUBLIC_URL": "https://bots.example.org",
                "TWILIO_ACCOUNT_SID": f"AC{'a' * 32}",
                "TWILIO_WHATSAPP_NUMBER": "+15005550001",
                "TWILIO_SMS_NUMBER": "+15005550002",
            }
            return known.get(name, f"1:{name}-{'a' * 30}")

    copy = tmp_path / "gateway.toml"
    copy.write_text(path.read_text())
    (tmp_path / "secrets").mkdir()
    for secret in ("operator-token", "telegram-token", "telegram-webhook-secret"):
        value = "1:" + "a" * 35 if secret == "telegram-token" else "a-secret"
        (tmp_path / "secrets" / secret).write_text(value + "\n")
    assert load(copy, Environ(), plugins.adapters(), plugins.agent_kinds()).channels


# editors


def test_the_schema_takes_what_the_gateway_takes() -> None:
    made = schema(ADAPTERS, KINDS)
    jsonschema.Draft202012Validator.check_schema(made)
    check = jsonschema.Draft202012Validator(made).validate
    check(tomllib.loads(PIGEON + 'token = "${PIGEON}"\nboundary.group = "per-group"'))
    check({"gateway": {"idle_after": "30m", "shutdown_grace": 3}})
    wrongs: list[dict[str, Any]] = [
        {"gatway": {}},
        {"gateway": {"lsten": "x"}},
        {"channels": {"p": {"platform": "nope"}}},
        {"channels": {"p": {"platform": "pigeon", "nope": 1}}},
        {"channels": {"p": {}}},
        {"agents": {"a": {"kind": "echo", "prefix": 1}}},
    ]
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            check(wrong)


def test_the_schema_of_everything_installed_takes_the_examples() -> None:
    from gateway import plugins

    check = jsonschema.Draft202012Validator(
        schema(plugins.adapters(), plugins.agent_kinds())
    ).validate
    for path in (ROOT / USUAL, *(ROOT / "config" / "examples").glob("*.toml")):
        check(tomllib.loads(path.read_text()))


def test_the_schema_carries_the_docstrings() -> None:
    properties = schema(ADAPTERS, KINDS)["properties"]
    described = properties["gateway"]["properties"]["listen"]["description"]
    assert described == "Address and port of the HTTP server; port 0 takes a free one."
    (pigeon,) = properties["channels"]["additionalProperties"]["oneOf"]
    assert pigeon["properties"]["token"]["description"] == "What the pigeon knows."
    assert pigeon["properties"]["allow"]["description"].startswith("Participant ids")
    assert pigeon["properties"]["platform"]["const"] == "pigeon"
    assert pigeon["required"][0] == "platform"


def test_every_setting_of_the_core_is_described() -> None:
    for model in (GatewaySection, LimitsSection, ChannelSettings):
        assert descriptions(model).keys() == model.model_fields.keys()


def test_the_real_environment_is_not_touched() -> None:
    before = dict(os.environ)
    load_gateway(None, os.environ)
    assert dict(os.environ) == before
