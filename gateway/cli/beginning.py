"""``gateway init``: asks a few questions, and writes a configuration to begin with."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import typer

from gateway.cli import checking, drafting
from gateway.cli.drafting import Answers, draft, is_variable
from gateway.errors import GatewayError
from gateway.settings import USUAL

T = TypeVar("T")

Given = Mapping[str, Any]
"""Answers that were given as options; None: not given."""

_FUNCTION = "bot.py"


def init(path: Path | None, given: Given, *, yes: bool, force: bool, online: bool | None) -> int:
    """Write a configuration; what no option answers is asked, or with ``yes`` is the default."""
    path = path or USUAL
    asking = not yes and sys.stdin.isatty()
    if path.exists() and not force and not (asking and _confirm(f"{path} exists. Replace it?")):
        raise GatewayError(f"{path} exists, and stays as it is; --force replaces it")
    answers = _answered(_Questions(given, asking=asking))
    _write(path, draft(answers))
    print(f"\nWrote {path}.")
    if answers.agent == "python":
        _add_function(path.parent / _FUNCTION)
    missing = [name for name in answers.variables if not os.environ.get(name)]
    _tell(path, missing)
    if missing:
        return 0
    if online is None:
        online = asking and _confirm("Try it now? This calls what you named.", default=True)
    return checking.check(path, online=online, as_json=False)


class _Questions:
    """Takes an option's value, else asks, else takes the default; refuses what cannot be."""

    def __init__(self, given: Given, *, asking: bool) -> None:
        self._given = given
        self._asking = asking

    def text(self, name: str, question: str, default: str, wrong: Callable[[str], str]) -> str:
        """A text that ``wrong`` finds nothing wrong with; it says what, in words."""
        value = self._given.get(name)
        asked = value is None and self._asking
        value = default if value is None else value
        while True:
            answer = str(self._ask(question, default) if asked else value).strip()
            if not (what := wrong(answer)):
                return answer
            if not asked:
                raise GatewayError(f"--{name.replace('_', '-')}: {what}")
            print(f"  {what}")

    def choice(self, name: str, question: str, options: tuple[str, ...]) -> str:
        """One of the options; the first is the default."""

        def wrong(answer: str) -> str:
            return "" if answer in options else f"should be one of {', '.join(options)}"

        return self.text(name, f"{question} ({', '.join(options)})", options[0], wrong)

    def yes(self, name: str, question: str, *, default: bool) -> bool:
        """Yes or no."""
        value = self._given.get(name)
        if value is None:
            return _confirm(question, default=default) if self._asking else default
        return bool(value)

    def _ask(self, question: str, default: str) -> str:
        return str(typer.prompt(question, default=default, show_default=bool(default)))


def _answered(ask: _Questions) -> Answers:
    answers = Answers(agent=ask.choice("agent", "Which agent answers?", drafting.KINDS))
    if answers.agent == "model":
        answers = replace(
            answers,
            base_url=ask.text(
                "base_url", "The model server's address", "https://api.openai.com/v1", _bad_url
            ),
            model=ask.text("model", "The model's name", "", _missing),
            key_env=ask.text(
                "key_env", "The variable with its key (- for none)", drafting.KEY, _bad_key
            ).strip("-"),
        )
    answers = replace(answers, web=ask.yes("web", "A chat page?", default=True))
    if answers.web:
        port = ask.text("port", "On which port?", str(drafting.PORT), _bad_port)
        answers = replace(answers, port=int(port))
    if ask.yes("telegram", "Telegram?", default=False):
        answers = _on_telegram(answers, ask)
    answers = replace(answers, discord=ask.yes("discord", "Discord?", default=False))
    if ask.yes("slack", "Slack?", default=False):
        question = "How do Slack's events come?"
        answers = replace(answers, slack=ask.choice("slack_mode", question, drafting.SLACK_MODES))
    answers = _at_twilio(answers, ask)
    if not answers.channels:
        raise GatewayError("without any channel nobody could talk to the agent")
    if not answers.called:
        return answers
    url = ask.text("public_url", "This server's address as platforms reach it", "", _bad_https)
    return replace(answers, public_url=url)


def _on_telegram(answers: Answers, ask: _Questions) -> Answers:
    question = "The variable with the bot's token"
    token_env = ask.text("token_env", question, drafting.TOKEN, _bad_variable)
    mode = ask.choice("mode", "How do messages come?", drafting.MODES)
    return replace(answers, telegram=mode, token_env=token_env)


def _at_twilio(answers: Answers, ask: _Questions) -> Answers:
    if ask.yes("whatsapp", "WhatsApp, by Twilio?", default=False):
        question = "The WhatsApp number, or Twilio's sandbox"
        number = ask.text("whatsapp_number", question, drafting.SANDBOX, _bad_number)
        answers = replace(answers, whatsapp=number)
    if ask.yes("sms", "SMS, by Twilio?", default=False):
        question = "The number for SMS"
        answers = replace(answers, sms=ask.text("sms_number", question, "", _bad_number))
    return answers


def _missing(answer: str) -> str:
    return "" if answer else "is needed"


def _bad_variable(answer: str) -> str:
    return "" if is_variable(answer) else "should be the name of a variable, not the secret itself"


def _bad_key(answer: str) -> str:
    return "" if answer == "-" else _bad_variable(answer)


def _bad_port(answer: str) -> str:
    fits = answer.isascii() and answer.isdigit() and 0 < int(answer) < 65536
    return "" if fits else "should be a number from 1 to 65535"


def _bad_number(answer: str) -> str:
    fits = re.fullmatch(r"\+[1-9][0-9]{6,14}", answer)
    return "" if fits else 'should be a number in international form, as in "+15005550001"'


def _bad_url(answer: str, schemes: tuple[str, ...] = ("http", "https")) -> str:
    try:
        parts = urlsplit(answer)
        host = parts.hostname
    except ValueError:
        return "is no address"
    if parts.scheme not in schemes or not host or parts.password is not None:
        return f"should be an address such as {schemes[-1]}://example.org, without a password"
    return ""


def _bad_https(answer: str) -> str:
    return _bad_url(answer, ("https",))


def _confirm(question: str, *, default: bool = False) -> bool:
    return bool(typer.confirm(question, default=default))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GatewayError(f"{path} cannot be written: {error.strerror}") from None


def _add_function(path: Path) -> None:
    if path.exists():
        print(f"{path} exists, and stays as it is: it should have a function `answer(turn)`.")
    else:
        _write(path, drafting.BOT)
        print(f"Wrote {path}, a function to begin with.")


def _tell(path: Path, missing: list[str]) -> None:
    """What is left to do."""
    named = "" if path == USUAL else f" --config {shlex.quote(str(path))}"
    if missing:
        print("Secrets stay in the environment:\n")
        for name in missing:
            print(f"  export {name}=...")
        print(f"\nThen `gateway check --online{named}` tries them.")
    print(f"`gateway run{named}` starts it, `gateway chat{named}` talks to it here.\n")
