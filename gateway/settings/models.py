"""What a configuration may say: the core's own sections, and the base of everybody else's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from gateway.boundary import ALLOWED, Rule
from gateway.domain import ConversationKind
from gateway.errors import Problem
from gateway.ports.adapter import AdapterFactory
from gateway.ports.agent import Agent
from gateway.settings.durations import Seconds
from gateway.settings.lines import KeyPath, line_of
from gateway.settings.resets import Reset, ResetText, read_reset


def _id(value: object) -> object:
    """Ids of most platforms are numbers, and are written as such."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


ParticipantId = Annotated[str, BeforeValidator(_id, json_schema_input_type=str | int)]

Respond = Literal["mentions", "all"]
Limit = Annotated[int, Field(ge=0)]


class Model(BaseModel):
    """Base of every settings model: unknown keys are errors, values never change.

    Document each field by a string below it: it becomes the key's description in editors. A field
    of type ``Path`` may be given relative to the configuration file's folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ChannelSettings(Model):
    """What every channel has; adapters derive their own from it."""

    platform: str
    """The platform the channel is on: the name under which its adapter is installed."""
    agent: str = ""
    """The agent that answers; may be left out when only one is configured."""
    agents: tuple[str, ...] = ()
    """The agents offered: people change with /agent NAME, or on a page by its address, /chat/NAME.
    Empty: only the channel's own, with which everybody begins."""
    optional: bool = False
    """Skip this channel, with a log line, when a variable it names is unset."""
    boundary: Mapping[ConversationKind, Rule] = Field(default_factory=dict)
    """Who shares a session, by kind of conversation; overrides the platform's defaults."""
    respond: Respond | None = None
    """Answer in groups and channels when mentioned, or always. Default: the platform's own."""
    allow: tuple[ParticipantId, ...] = ()
    """Participant ids that may talk to the bot; empty: everyone."""
    admins: tuple[ParticipantId, ...] = ()
    """Participant ids that may reset a shared session, go on in another, or change to another
    agent; empty: every member."""
    on_unknown: Literal["resend", "hold"] = "resend"
    """What to do with a delivery whose outcome a crash left unknown."""
    reset: ResetText | Mapping[ConversationKind, ResetText] = "never"
    """When a session is over by itself, for all kinds of conversation or by kind: "never", after a
    pause ("idle:2h"), or each day at a time ("daily:04:00"). People are told."""

    @field_validator("boundary")
    @classmethod
    def _sensible(
        cls, boundary: Mapping[ConversationKind, Rule]
    ) -> Mapping[ConversationKind, Rule]:
        for kind, rule in boundary.items():
            if rule not in ALLOWED[kind]:
                options = ", ".join(sorted(ALLOWED[kind]))
                raise ValueError(f"boundary.{kind} cannot be {rule}; it can be {options}")
        return boundary

    def resets(self) -> Mapping[ConversationKind, Reset]:
        """When sessions are over by themselves, by kind of conversation."""
        if isinstance(self.reset, str):
            return dict.fromkeys(ConversationKind, read_reset(self.reset))
        return {kind: read_reset(self.reset.get(kind, "never")) for kind in ConversationKind}


SECTIONS = ("gateway", "agents", "channels", "knowledge", "limits", "retention")
"""The tables of a configuration."""


class GatewaySection(Model):
    """``[gateway]``: the process itself."""

    listen: str = "127.0.0.1:8080"
    """Address and port of the HTTP server; port 0 takes a free one."""
    public_url: str = ""
    """The server's address as platforms reach it; webhook signatures are computed on it. Default:
    the variable GATEWAY_PUBLIC_URL."""
    database: str = "sqlite:///data/gateway.db"
    """Where everything is kept: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME."""
    redis: str = ""
    """For more than one process; this version runs one, and takes only the empty text."""
    data_dir: str = "data"
    """The folder for files the gateway keeps beside its database."""
    operator_token: SecretStr | None = None
    """Opens the operators' API; default: the variable GATEWAY_OPERATOR_TOKEN. Unset: closed."""
    shutdown_grace: Seconds = 20.0
    """How long running turns may take to finish when the process is asked to stop."""
    tell_after: Seconds = 30.0
    """How long a message waits for an agent that is away, before its sender is told so."""
    give_up_after: Seconds = 900.0
    """How long a message waits for an agent that is away, before it fails with a notice."""
    idle_after: Seconds = 1800.0
    """A session without activity for this long is shown as dormant; nothing is lost by it."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """Log lines as JSON or for people; auto: for people on a terminal."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least urgent log lines to write."""

    @property
    def host(self) -> str:
        """The host part of ``listen``."""
        return _split(self.listen)[0]

    @property
    def port(self) -> int:
        """The port of ``listen``."""
        return _split(self.listen)[1]

    @field_validator("listen")
    @classmethod
    def _listens(cls, listen: str) -> str:
        _split(listen)
        return listen

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError('should be an address such as "https://bots.example.org"')
        if parts.query or parts.fragment:
            raise ValueError("should have neither a query nor a fragment")
        return url.rstrip("/")

    @field_validator("database")
    @classmethod
    def _known(cls, url: str) -> str:
        scheme, separator, rest = url.partition("://")
        if scheme == "sqlite" and separator and rest.startswith("/") and rest.strip("/"):
            return url
        if scheme == "postgresql" and urlsplit(url).path.strip("/"):
            return url
        raise ValueError(
            'should be "sqlite:///PATH" (a fourth slash for an absolute path) '
            'or "postgresql://USER:PASSWORD@HOST/NAME"'
        )

    @field_validator("redis")
    @classmethod
    def _alone(cls, url: str) -> str:
        if url:
            raise ValueError("more than one process is not supported by this version yet")
        return url


class LimitsSection(Model):
    """``[limits]``; 0 means none."""

    history_messages: Limit = 50
    """How many of a session's newest messages an agent sees."""
    history_tokens: Limit = 0
    """How long these may be together, in tokens, of which there is one for every four bytes or so;
    older ones are left to the summary."""
    variables_bytes: Limit = 1_048_576
    """How large a session's variables may be, as JSON."""
    file_bytes: Limit = 10_485_760
    """How large one file may be."""
    messages_per_minute: Limit = 60
    """How many messages a minute one session takes."""
    running_sessions: Limit = 1000
    """How many sessions may run their agent at once; the next wait, and are told when it takes
    long."""
    data_bytes: Limit = 1_048_576
    """How large the data of one person, shared conversation or agent may be, as JSON."""
    facts: Limit = 1000
    """How many facts an agent may remember of one person or shared conversation."""
    drive_bytes: Limit = 104_857_600
    """How much one person, one shared conversation or one agent may have on the Drive."""


class RetentionSection(Model):
    """``[retention]``: when what nobody asked to delete is deleted nevertheless; 0 means never."""

    dormant_sessions: Seconds = 0.0
    """A session in which nothing was said for this long is deleted, with everything in it."""
    ended_sessions: Seconds = 0.0
    """A session that was reset or ended so long ago is deleted, with everything in it."""
    long_term: Seconds = 0.0
    """Data, facts and what is on the Drive are deleted when nobody changed them for this long."""


class KnowledgeSection(Model):
    """``[knowledge.NAME]``: a knowledge base, which agents name in their ``knowledge``."""

    path: Path
    """A folder of texts, Markdown, HTML and PDF, read with all that is in it."""


class AgentBasics(Model):
    """What ``[agents.NAME]`` may say whatever its kind."""

    knowledge: tuple[str, ...] = ()
    """The knowledge bases that the agent consults."""
    num_history_sessions: Limit = 2
    """How many of a person's earlier sessions the agent may look into; 0: none."""
    writes_agent_data: bool = False
    """Whether the agent may change its own data, which all its sessions share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSection:
    """``[agents.NAME]``: ``create(name, settings)`` makes it."""

    name: str
    kind: str
    settings: Any
    create: Callable[[str, Any], Agent]
    basics: AgentBasics = field(default_factory=AgentBasics)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelSection:
    """``[channels.NAME]``: ``factory(name, settings, host)`` makes its adapter.

    ``settings.agent`` always names a configured agent, also where the file leaves it out.
    """

    name: str
    platform: str
    settings: ChannelSettings
    factory: AdapterFactory


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """A whole configuration, checked. ``source`` says where it comes from, for people.

    ``skipped`` maps each optional channel that was left out to the reason.
    """

    source: str
    gateway: GatewaySection
    limits: LimitsSection
    retention: RetentionSection = field(default_factory=RetentionSection)
    knowledge: Mapping[str, KnowledgeSection] = field(default_factory=dict)
    agents: Mapping[str, AgentSection] = field(default_factory=dict)
    channels: Mapping[str, ChannelSection] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False, compare=False)

    def locate(self, problem: Problem) -> Problem:
        """A problem found later, with the file and line of its key.

        Its ``where`` is a key such as ``agents.demo.entry``; with any other it stays as it is.
        """
        path = problem.where.split(".")
        if path[0] not in SECTIONS:
            return problem
        line = line_of(self.lines, path)
        suffix = f" (line {line})" if line else ""
        return replace(problem, where=f"{self.source}: {problem.where}{suffix}")


def _split(listen: str) -> tuple[str, int]:
    """Host and port of ``listen``; an IPv6 address stands in brackets."""
    host, _, port = listen.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    bad_host = not bare or (":" in bare and bare == host)
    if bad_host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError('should be an address and a port, as in "127.0.0.1:8080"')
    return bare, int(port)
