"""What is configured of a model. Light: read wherever an agent might be one."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from gateway.settings import Model, Seconds

OPENAI = "https://api.openai.com/v1"

ToolName = Literal[
    "remember",
    "recall",
    "forget_fact",
    "search_earlier",
    "read_earlier",
    "search_knowledge",
    "use_knowledge",
    "drive_save",
    "drive_list",
    "drive_read",
    "drive_send",
    "drive_delete",
    "shelf_list",
    "shelf_read",
    "get_variables",
    "set_variable",
]


class LlmSettings(Model):
    """The keys of an ``llm`` agent."""

    model: str
    """The model's name on its server; "openai:" before it may be left out."""
    base_url: str = OPENAI
    """The server's address, for any that speaks OpenAI's chat-completions API."""
    api_key: SecretStr | None = None
    """The key for the server; most local servers need none."""
    instructions: str = ""
    """What the model is told first; {name} is filled in from the session's variables."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """How freely the model chooses its words, from 0 to 2; unset: as the server does."""
    max_tokens: int | None = Field(default=None, ge=1)
    """How long an answer may become, in tokens; unset: as the server does."""
    first_token: Seconds = Field(default=30.0, gt=0)
    """How long the model may take to begin; then it counts as away, and is asked again."""
    stall: Seconds = Field(default=30.0, gt=0)
    """How long the model may fall silent amid an answer, before that is a failed attempt."""
    timeout: Seconds = Field(default=300.0, gt=0)
    """How long a whole answer may take, before that is a failed attempt."""
    images: bool = True
    """Whether the model sees the pictures people send, or only reads what they are called."""
    summary_model: str = ""
    """A model on the same server, which condenses what a session's older messages come to. Empty:
    that is done without a model."""
    max_characters: int = Field(default=100_000, ge=1)
    """Where an answer is cut off, however much more would come."""

    tools: tuple[ToolName, ...] | None = None
    """What the model may call. Unset: search_knowledge, where there is knowledge to search and the
    model's server takes tools."""
    max_tool_calls: int = Field(default=20, ge=1)
    """How many calls the model may make for one answer."""
    knowledge_passages: int = Field(default=5, ge=0, le=50)
    """How many passages of its knowledge bases the model is shown unasked; 0: none."""
    knowledge_offered: tuple[str, ...] = ()
    """Knowledge bases that a session may turn on and off for itself with the tool use_knowledge."""
    shows_facts: bool = True
    """Whether the model is shown the person's (or the shared conversation's) data and newest facts
    unasked."""

    @field_validator("summary_model")
    @classmethod
    def _plain_too(cls, model: str) -> str:
        return model.removeprefix("openai:").strip()

    @field_validator("model")
    @classmethod
    def _plain(cls, model: str) -> str:
        name = model.removeprefix("openai:")
        if not name.strip():
            raise ValueError("should name a model")
        return name

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not re.fullmatch(r"[!-~]+", key.get_secret_value()):
            raise ValueError("should consist of letters, digits and signs, without spaces")
        return key

    @field_validator("base_url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError('should be an address such as "http://127.0.0.1:11434/v1"')
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("should have neither a query nor a password; the key is api_key")
        return url.rstrip("/")
