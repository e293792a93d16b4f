"""A first configuration, from a few answers. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

PORT = 8080
KEY = "OPENAI_API_KEY"
TOKEN = "TELEGRAM_BOT_TOKEN"  # noqa: S105 - the name of a variable
SECRET = "TELEGRAM_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
DISCORD = "DISCORD_BOT_TOKEN"
SLACK = "SLACK_BOT_TOKEN"
SLACK_APP = "SLACK_APP_TOKEN"
SLACK_SECRET = "SLACK_SIGNING_SECRET"  # noqa: S105 - the name of a variable
TWILIO = "TWILIO_ACCOUNT_SID"
TWILIO_TOKEN = "TWILIO_AUTH_TOKEN"  # noqa: S105 - the name of a variable
SANDBOX = "+14155238886"
KINDS = ("demo", "model", "python")
MODES = ("polling", "webhook")
SLACK_MODES = ("socket", "events")

BOT = '''\
"""An agent: a function that is awaited with each turn. See docs/agents.md."""


async def answer(turn):
    """Answer what was said (turn.text), knowing what was said before (turn.messages)."""
    count = turn.variables["visits"] = turn.variables.get("visits", 0) + 1
    return f"You said: {turn.text} (that was message {count} of this conversation)"
'''

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOLLAR = re.compile(r"\$(?=[{$])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What was asked. Secrets are never among it: ``key_env`` and ``token_env`` name variables,
    an empty ``key_env`` is a server that wants none. ``telegram`` and ``slack`` are a mode,
    ``whatsapp`` and ``sms`` a number; or empty."""

    agent: str = "demo"
    base_url: str = ""
    model: str = ""
    key_env: str = ""
    web: bool = True
    port: int = PORT
    telegram: str = ""
    token_env: str = TOKEN
    discord: bool = False
    slack: str = ""
    whatsapp: str = ""
    sms: str = ""
    public_url: str = ""

    @property
    def channels(self) -> bool:
        """Whether there is any way to talk to the agent."""
        ways = (self.telegram, self.discord, self.slack, self.whatsapp, self.sms)
        return self.web or any(ways)

    @property
    def called(self) -> bool:
        """Whether a platform calls this server, and so needs its address."""
        webhooks = self.telegram == "webhook" or self.slack == "events"
        return webhooks or bool(self.whatsapp or self.sms)

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that the configuration asks for."""
        key = self.key_env if self.agent == "model" else ""
        token = self.token_env if self.telegram else ""
        secret = SECRET if self.telegram == "webhook" else ""
        discord = DISCORD if self.discord else ""
        slack = (SLACK, SLACK_SECRET if self.slack == "events" else SLACK_APP) if self.slack else ()
        twilio = (TWILIO, TWILIO_TOKEN) if self.whatsapp or self.sms else ()
        return tuple(filter(None, (key, token, secret, discord, *slack, *twilio)))


def is_variable(name: str) -> bool:
    """Whether this can be the name of an environment variable, and is not a secret itself."""
    return bool(_VARIABLE.fullmatch(name)) and len(name) <= 64


def draft(answers: Answers) -> str:
    """The configuration as commented TOML."""
    return "\n".join(
        (
            '# Written by `gateway init`. Lines that begin with "#" and a key show its default;',
            "# docs/configuration.md has every key, and `gateway check` finds what is wrong.",
            "# ${NAME} is an environment variable: no secret has to stand in this file.",
            "",
            *_gateway(answers),
            "",
            *_agent(answers),
            *_channels(answers),
            "",
        )
    )


def _gateway(answers: Answers) -> Iterator[str]:
    yield "[gateway]"
    yield f'listen = "127.0.0.1:{answers.port}"'
    if answers.public_url:
        yield f"public_url = {_text(answers.public_url)}"
    yield 'database = "sqlite:///data/gateway.db"   # relative to where the gateway is started'
    yield 'data_dir = "data"'
    yield '# log_level = "info"                      # debug | info | warning | error'


def _agent(answers: Answers) -> Iterator[str]:
    if answers.agent == "model":
        yield "[agents.assistant]"
        yield 'kind = "llm"                              # any OpenAI-compatible server'
        yield f"base_url = {_text(answers.base_url)}"
        yield f"model = {_text(answers.model)}"
        if answers.key_env:
            yield f'api_key = "${{{answers.key_env}}}"'
        yield 'instructions = "You are a helpful assistant."'
    elif answers.agent == "python":
        yield "[agents.assistant]"
        yield 'kind = "python"'
        yield 'entry = "bot:answer"                      # module:function'
        yield 'path = "."                                # where bot.py is: beside this file'
    else:
        yield "[agents.assistant]"
        yield 'kind = "demo"                             # answers without any model'


def _channels(answers: Answers) -> Iterator[str]:
    if answers.web:
        yield from ("", "[channels.web]", 'platform = "web"', 'agent = "assistant"')
        yield '# title = "Chat"'
    if answers.telegram:
        yield from ("", "[channels.telegram]", 'platform = "telegram"', 'agent = "assistant"')
        yield f'token = "${{{answers.token_env}}}"         # from @BotFather'
        yield f'mode = "{answers.telegram}"'
        if answers.telegram == "webhook":
            yield f'secret = "${{{SECRET}}}"    # any 1 to 256 of A-Z a-z 0-9 _ -'
        yield '# respond = "mentions"                    # in groups; or "all"'
        yield "# allow = []                              # participant ids; empty: everyone"
    if answers.discord:
        yield from ("", "[channels.discord]", 'platform = "discord"', 'agent = "assistant"')
        yield f'token = "${{{DISCORD}}}"           # discord.com/developers/applications, Bot'
        yield "# message_content = true                  # the intent that the page must allow"
        yield '# respond = "mentions"                    # in servers; or "all"'
    if answers.slack:
        yield from ("", "[channels.slack]", 'platform = "slack"', 'agent = "assistant"')
        yield f'bot_token = "${{{SLACK}}}"         # `gateway slack-manifest` makes the app'
        if answers.slack == "events":
            yield f'signing_secret = "${{{SLACK_SECRET}}}"'
        else:
            yield f'app_token = "${{{SLACK_APP}}}"         # Socket Mode'
        yield '# respond = "mentions"                    # in channels; or "all"'
    for platform, number in (("whatsapp", answers.whatsapp), ("sms", answers.sms)):
        if number:
            yield from _number(platform, number)


def _number(platform: str, number: str) -> Iterator[str]:
    yield from ("", f"[channels.{platform}]", f'platform = "{platform}"', 'agent = "assistant"')
    yield f'account_sid = "${{{TWILIO}}}"     # console.twilio.com, Account Info'
    yield f'auth_token = "${{{TWILIO_TOKEN}}}"'
    what = "Twilio's sandbox: people join first" if number == SANDBOX else "what people write to"
    yield f"{f'from = {_text(number)}':<42}# {what}"
    yield "# conversations = false                   # groups: `gateway groups` makes them"
    yield "# allow = []                              # participant ids; empty: everyone"


def _text(value: str) -> str:
    """A TOML string in which nothing is looked up."""
    plain = _DOLLAR.sub("$$", value)
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
