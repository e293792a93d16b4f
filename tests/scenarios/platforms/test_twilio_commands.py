"""`gateway groups`, `check --online` and `explain` with WhatsApp and SMS, against the simulator."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.twilio.simulator import TwilioSimulator
from gateway.cli import main
from gateway.testing.simulator import running

URL = "https://bots.example.org"
VARIABLES = ("GATEWAY_", "DISCORD_", "SLACK_", "TELEGRAM_", "TWILIO_")
ANN, BOB = "+16660000001", "+16660000002"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Awaitable[Done]]


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioSimulator]:
    """WhatsApp, with a number and nobody who listens."""
    async with running(TwilioSimulator("whatsapp", rates=None)) as simulator:
        simulator.add_number()
        yield simulator


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process, beside the simulator and without anybody's variables."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith(VARIABLES)]:
        monkeypatch.delenv(name)

    def run(words: tuple[str, ...]) -> int:
        monkeypatch.setattr(sys, "argv", ["gateway", *words, "--config", "gateway.toml"])
        try:
            main()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 0
        return 0

    async def command(*words: str) -> Done:
        capsys.readouterr()
        code = await asyncio.to_thread(run, words)
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return command


def write(text: str) -> None:
    """Write a configuration whose agent is `echo`."""
    Path("gateway.toml").write_text(f'[agents.echo]\nkind = "echo"\n{text}')


def configure(simulator: TwilioSimulator, more: str = "", **keys: Any) -> None:
    """Write a configuration with a WhatsApp number in it, and a page."""
    number = {"platform": "whatsapp", **simulator.settings(), "conversations": True, **keys}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in number.items())
    page = '[channels.page]\nplatform = "web"\n'
    write(f'[gateway]\npublic_url = "{URL}"\n{page}{more}[channels.phone]\n{lines}')


@pytest.fixture(autouse=True)
def configured(cli: Run, twilio: TwilioSimulator) -> None:
    configure(twilio)


async def test_groups_from_the_first_to_the_last_command(cli: Run) -> None:
    assert (await cli("groups", "list", "phone")).out == "No groups.\n"
    made = await cli("groups", "create", "phone", "Garden", ANN)
    assert made.code == 0
    (group, *_) = [word for word in made.out.split() if word.startswith("CH")]
    assert made.out == f'Group {group} "Garden" is made.\nIn it: whatsapp:{ANN}\n'

    added = await cli("groups", "add", "phone", group, BOB)
    assert added.out.endswith(f"In it: whatsapp:{ANN}, whatsapp:{BOB}\n")
    listed = (await cli("groups", "list", "phone")).out.splitlines()
    assert listed[0].split() == ["id", "title", "members"]
    assert listed[1].split() == [group, "Garden", f"whatsapp:{ANN},", f"whatsapp:{BOB}"]

    removed = await cli("groups", "remove", "phone", group, ANN, BOB)
    assert removed.out.endswith("In it: nobody\n")


async def test_groups_for_programs(cli: Run) -> None:
    assert (await cli("groups", "list", "phone", "--json")).json == []
    made = (await cli("groups", "create", "phone", "Garden", ANN, "--json")).json
    assert made == {"id": made["id"], "title": "Garden", "members": [f"whatsapp:{ANN}"]}
    assert (await cli("groups", "list", "phone", "--json")).json == [made]
    changed = (await cli("groups", "add", "phone", made["id"], BOB, "--json")).json
    assert changed["members"] == [f"whatsapp:{ANN}", f"whatsapp:{BOB}"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("list", "fone"), 'gateway.toml: there is no channel "fone" (did you mean "phone"?)'),
        (
            ("list", "page"),
            "gateway.toml: channels.page (line 5): is on web, where people make groups",
        ),
        (
            ("create", "phone", "G", "12"),
            "gateway.toml: channels.phone (line 7): '12' is no number",
        ),
        (
            ("add", "phone", "CH1", ANN),
            "gateway.toml: channels.phone (line 7): there is no group 'CH1'",
        ),
    ],
)
async def test_what_cannot_be_is_said_in_one_line(
    cli: Run, words: tuple[str, ...], complaint: str
) -> None:
    done = await cli("groups", *words)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(complaint)
    assert len(done.err.splitlines()) == 1


async def test_groups_that_are_off(cli: Run, twilio: TwilioSimulator) -> None:
    configure(twilio, conversations=False)
    done = await cli("groups", "list", "phone")
    assert done.code == 1
    assert "channels.phone.conversations" in done.err
    assert "set conversations = true" in done.err


async def test_usage(cli: Run) -> None:
    for words in (("groups", "create", "phone", "Garden"), ("groups", "list"), ("groups", "x")):
        assert (await cli(*words)).code == 2


async def test_nobody_there(cli: Run, twilio: TwilioSimulator) -> None:
    configure(twilio, api_url="http://127.0.0.1:9")
    done = await cli("groups", "list", "phone")
    assert done.code == 1
    assert done.err.startswith("gateway: Twilio cannot be reached")


async def test_other_channels_need_no_variables(cli: Run, twilio: TwilioSimulator) -> None:
    configure(twilio, '[channels.bot]\nplatform = "telegram"\ntoken = "${UNSET}"\n')
    assert (await cli("groups", "list", "phone")).code == 0


async def test_a_channel_that_is_skipped(cli: Run, twilio: TwilioSimulator) -> None:
    configure(twilio, auth_token="${UNSET}", optional=True)
    done = await cli("groups", "list", "phone")
    assert done.code == 1
    assert done.err.startswith("gateway: channels.phone is skipped: ")


# check


async def test_check_says_who_it_is(cli: Run, twilio: TwilioSimulator) -> None:
    done = await cli("check", "--online", "--json")
    assert (done.code, done.json["problems"]) == (0, [])
    assert done.json["accounts"]["phone"].startswith("+15550100001 of Simulated account; ")


async def test_check_says_what_is_wrong_and_where(cli: Run, twilio: TwilioSimulator) -> None:
    configure(twilio, auth_token="f" * 32)
    done = await cli("check", "--online")
    assert done.code == 1
    assert "gateway.toml: channels.phone.auth_token (line " in done.out
    assert "f" * 32 not in done.out + done.err


# explain


@pytest.mark.reference_data
async def test_explain_needs_no_variables(cli: Run, reference_data: Path) -> None:
    write(
        '[channels.phone]\nplatform = "whatsapp"\n'
        'account_sid = "${TWILIO_ACCOUNT_SID}"\nauth_token = "${TWILIO_AUTH_TOKEN}"\n'
        'from = "${TWILIO_WHATSAPP_NUMBER}"\nconversations = true\n'
    )
    samples = reference_data / "payloads" / "twilio"
    done = await cli("explain", "phone", str(samples / "wa_text.json"), "--json")
    assert (done.code, done.json["outcome"], done.json["rule"]) == (0, "accepted", "per-user")
    assert done.json["conversation"]["kind"] == "direct"
    done = await cli("explain", "phone", str(samples / "conv_onMessageAdded_wa.json"), "--json")
    assert (done.json["outcome"], done.json["rule"]) == ("accepted", "per-group")


@pytest.mark.reference_data
@pytest.mark.parametrize("platform", ["whatsapp", "sms"])
async def test_explain_has_words_for_every_sample(
    cli: Run, reference_data: Path, platform: str
) -> None:
    number = "+14155238886" if platform == "whatsapp" else "+15005550001"
    write(
        f'[channels.phone]\nplatform = "{platform}"\n'
        f'account_sid = "AC{"0" * 31}1"\nauth_token = "{"0" * 32}"\nfrom = "{number}"\n'
        "conversations = true\n"
    )
    outcomes = {}
    for path in sorted((reference_data / "payloads" / "twilio").glob("*.json")):
        done = await cli("explain", "phone", str(path), "--json")
        assert done.code == 0, (path.name, done.err)
        outcomes[path.stem] = done.json["outcome"]
        assert done.json["reason"]
    accepted = {name for name, outcome in outcomes.items() if outcome == "accepted"}
    own = "wa_text" if platform == "whatsapp" else "sms_text"
    assert own in accepted
    assert "refused" not in outcomes.values()
    assert not {name for name in accepted if name.startswith(("status_", "voice_"))}
