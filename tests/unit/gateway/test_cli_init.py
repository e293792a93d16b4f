"""`gateway init`: what it writes is accepted, and holds no secret; what exists stays."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import beginning, main
from gateway.cli.drafting import Answers, draft, is_variable
from gateway.settings import USUAL

COMMAND = str(Path(sys.executable).parent / "gateway")


def run(
    folder: Path, *words: str, said: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """The real command, with nothing of the developer's in its environment."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [COMMAND, *words], cwd=folder, env={**kept, **environ}, input=said,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def written(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / USUAL).read_text())


VARIABLES = {
    "OPENAI_API_KEY": "sk-abcdefghijklmnop",
    "TELEGRAM_BOT_TOKEN": f"1:{'a' * 35}",
    "TELEGRAM_WEBHOOK_SECRET": "s" * 20,
    "DISCORD_BOT_TOKEN": f"MTIzNDU2Nzg5MDEyMzQ1Njc4.{'d' * 6}.{'e' * 38}",
    "SLACK_BOT_TOKEN": f"xoxb-{'b' * 20}",
    "SLACK_APP_TOKEN": f"xapp-{'a' * 20}",
    "SLACK_SIGNING_SECRET": "f" * 32,
    "TWILIO_ACCOUNT_SID": f"AC{'a' * 32}",
    "TWILIO_AUTH_TOKEN": "c" * 32,
}


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--port", "9000", "--telegram"),
        ("--agent", "python"),
        ("--agent", "model", "--model", "m"),
        ("--agent", "model", "--model", "m", "--key-env", "-", "--base-url", "http://[::1]:1/v1"),
        ("--no-web", "--telegram", "--mode", "webhook", "--public-url", "https://bots.example.org"),
        ("--no-web", "--discord", "--slack"),
        ("--slack", "--slack-mode", "events", "--public-url", "https://bots.example.org"),
        ("--no-web", "--whatsapp", "--public-url", "https://bots.example.org"),
        (
            "--whatsapp",
            "--whatsapp-number",
            "+15005550001",
            "--sms",
            "--sms-number",
            "+15005550002",
            "--public-url",
            "https://bots.example.org",
        ),
    ],
    ids=" ".join,
)
def test_what_is_written_is_accepted(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(tmp_path, "init", "--yes", *words, **VARIABLES)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Wrote config/gateway.toml" in done.stdout
    assert "no problem found" in done.stdout
    text = (tmp_path / USUAL).read_text()
    assert not [value for value in VARIABLES.values() if value in text + done.stdout]
    assert run(tmp_path, "check", **VARIABLES).returncode == 0


def test_numbers_at_twilio(tmp_path: Path) -> None:
    """The sandbox is the one that everybody has; what signs and opens the account is a variable."""
    words = ("--whatsapp", "--sms", "--sms-number", "+15005550002")
    done = run(tmp_path, "init", "--yes", *words, "--public-url", "https://bots.example.org")
    assert "\n  export TWILIO_ACCOUNT_SID=...\n  export TWILIO_AUTH_TOKEN=...\n" in done.stdout
    config = written(tmp_path)
    assert config["gateway"]["public_url"] == "https://bots.example.org"
    whatsapp, sms = config["channels"]["whatsapp"], config["channels"]["sms"]
    assert (whatsapp["from"], sms["from"]) == ("+14155238886", "+15005550002")
    assert whatsapp["auth_token"] == sms["auth_token"] == "${TWILIO_AUTH_TOKEN}"


def test_without_questions_it_is_the_demonstration(tmp_path: Path) -> None:
    done = run(tmp_path, "init", "--yes")
    assert "`gateway run` starts it, `gateway chat` talks to it here." in done.stdout
    config = written(tmp_path)
    assert config["agents"] == {"assistant": {"kind": "demo"}}
    assert config["channels"] == {"web": {"platform": "web", "agent": "assistant"}}


def test_missing_variables_are_named_and_nothing_is_tried(tmp_path: Path) -> None:
    done = run(
        tmp_path, "init", "mine.toml", "-y", "--agent", "model", "--model", "m", "--telegram"
    )
    assert done.returncode == 0
    assert "\n  export OPENAI_API_KEY=...\n  export TELEGRAM_BOT_TOKEN=...\n" in done.stdout
    assert "`gateway check --online --config mine.toml` tries them" in done.stdout
    text = (tmp_path / "mine.toml").read_text()
    assert 'api_key = "${OPENAI_API_KEY}"' in text
    assert 'token = "${TELEGRAM_BOT_TOKEN}"' in text


def test_a_file_that_exists_stays(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / USUAL).write_text("mine")
    done = run(tmp_path, "init", "--yes")
    assert done.returncode == 1
    assert done.stderr == (
        "gateway: config/gateway.toml exists, and stays as it is; --force replaces it\n"
    )
    assert (tmp_path / USUAL).read_text() == "mine"
    assert run(tmp_path, "init", "--yes", "--force").returncode == 0
    assert written(tmp_path)["agents"]


def test_a_function_to_begin_with_is_written_once(tmp_path: Path) -> None:
    first = run(tmp_path, "init", "--yes", "--agent", "python")
    bot = tmp_path / "config" / "bot.py"
    assert "Wrote config/bot.py" in first.stdout
    bot.write_text(bot.read_text().replace("You said", "I heard"))
    again = run(tmp_path, "init", "--yes", "--agent", "python", "--force")
    assert "config/bot.py exists, and stays as it is" in again.stdout
    said = run(tmp_path, "chat", "--plain", said="one\ntwo\n")
    assert said.stdout.splitlines() == [
        "I heard: one (that was message 1 of this conversation)",
        "I heard: two (that was message 2 of this conversation)",
    ]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--agent", "genius"), "--agent: should be one of demo, model, python"),
        (("--agent", "model"), "--model: is needed"),
        (("--agent", "model", "--base-url", "ftp://x"), "--base-url: should be an address"),
        (("--agent", "model", "--base-url", "https://a:b@x"), "--base-url: should be an address"),
        (("--port", "0"), "--port: should be a number from 1 to 65535"),
        (("--telegram", "--token-env", f"1:{'a' * 35}"), "--token-env: should be the name of a"),
        (("--telegram", "--mode", "webhook"), "--public-url: should be an address such as https"),
        (("--sms",), "--sms-number: should be a number in international form"),
        (("--sms", "--sms-number", "0151 1234567"), "--sms-number: should be a number in"),
        (("--whatsapp",), "--public-url: should be an address such as https"),
        (("--no-web",), "without any channel nobody could talk to the agent"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, words: tuple[str, ...], complaint: str) -> None:
    done = run(tmp_path, "init", "--yes", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"gateway: {complaint}")
    assert "aaaa" not in done.stderr
    assert not (tmp_path / "config").exists()


def test_questions_are_asked_until_they_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loop behind the questions, with a person's answers in the place of a terminal."""
    typed = iter(["python3", "model", "http://127.0.0.1:1/v1", "", "m", "sk-1234567890123", "KEY"])
    agreed = iter([False, True, False, True, False, False])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(
        "typer.prompt",
        lambda *_, **__: next(typed, "polling" if "messages" in str(_[0]) else "socket"),
    )
    monkeypatch.setattr("typer.confirm", lambda *_, **__: next(agreed))
    monkeypatch.setattr(sys, "argv", ["gateway", "init", "--token-env", "TOKEN"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = capsys.readouterr().out
    assert "  should be one of demo, model, python\n  is needed\n  should be the name of a" in said
    config = written(tmp_path)
    assert config["agents"]["assistant"]["api_key"] == "${KEY}"
    assert list(config["channels"]) == ["telegram", "slack"]
    assert config["channels"]["slack"]["app_token"] == "${SLACK_APP_TOKEN}"
    assert config["channels"]["telegram"]["token"] == "${TOKEN}"


def test_what_was_answered_is_data() -> None:
    answers = Answers(agent="model", base_url='http://x/"\n[limits]', model="${HOME}$$ \x7f")
    agent = tomllib.loads(draft(answers))["agents"]["assistant"]
    assert agent["base_url"] == 'http://x/"\n[limits]'
    assert agent["model"] == "$${HOME}$$$ \x7f"


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("KEY", True),
        ("_key2", True),
        ("2KEY", False),
        ("sk-123", False),
        ("", False),
        ("K" * 65, False),
    ],
)
def test_names_of_variables(name: str, fits: bool) -> None:
    assert is_variable(name) is fits


def test_the_answers_have_an_option_each() -> None:
    """Whatever is asked can be answered without a terminal."""
    source = Path(beginning.__file__).read_text()
    help_ = run(Path.cwd(), "init", "--help").stdout
    for name in re.findall(r"ask\.(?:text|choice|yes)\(\s*\"([a-z_]+)\"", source):
        assert f"--{name.replace('_', '-')}" in help_
