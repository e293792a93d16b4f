"""How a conversation looks: on a terminal, and as plain lines for programs and pipes.

Everything that agents and people wrote passes ``safe`` on its way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Protocol

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.text import Text

from gateway.cli.chat.client import JSON
from gateway.cli.chat.safe import one_line, safe

_REFRESHES = 12
_TEASER = 30
_STEPS = 4


class Screen(Protocol):
    """Where a conversation is shown."""

    def note(self, text: str) -> None:
        """Something about the conversation, not of it."""
        ...

    def error(self, text: str) -> None:
        """What went wrong."""
        ...

    def message(self, message: JSON, files: Sequence[str] = ()) -> None:
        """A whole message, and a line for each file that came with it."""
        ...

    def begin(self) -> None:
        """An answer is waited for."""
        ...

    def delta(self, text: str) -> None:
        """A piece of it, as it is written."""
        ...

    def step(self, title: str) -> None:
        """What is done for it."""
        ...

    def void(self) -> None:
        """It is written again from its start."""
        ...

    def end(self) -> None:
        """Nothing more comes."""
        ...


class Plain:
    """Lines: what was said on standard output, everything else on standard error."""

    def note(self, text: str) -> None:
        print(one_line(text), file=sys.stderr, flush=True)

    error = note

    def message(self, message: JSON, files: Sequence[str] = ()) -> None:
        text = safe(message["text"])
        lines = [text] if text else []
        print(*lines, *options(message), *files, sep="\n", flush=True)

    def begin(self) -> None:
        """Nothing to show yet."""

    def delta(self, text: str) -> None:
        """Only whole messages are shown: a piece could not be taken back."""

    def step(self, title: str) -> None:
        self.note(f"… {title}")

    def void(self) -> None:
        """Nothing was shown."""

    def end(self) -> None:
        """Everything was shown as it came."""


class Terminal:
    """Markdown, redrawn while it is written."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._draft = ""
        self._steps: list[str] = []

    def note(self, text: str) -> None:
        self._print(Text(one_line(text), style="dim"))

    def error(self, text: str) -> None:
        self._print(Text(one_line(text, 1000), style="red"))

    def message(self, message: JSON, files: Sequence[str] = ()) -> None:
        text = safe(message["text"])
        if text.lstrip().startswith(self._draft.strip()[:_TEASER]):
            self._draft = ""
        self._print(_shown(message, text))
        for line in (*options(message), *files):
            self._print(Text(f"  {line}", style="cyan"))

    def begin(self) -> None:
        self._draft, self._steps = "", []
        self._live = Live(
            console=self._console,
            get_renderable=self._view,
            refresh_per_second=_REFRESHES,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def delta(self, text: str) -> None:
        self._draft += text

    def step(self, title: str) -> None:
        self._steps.append(one_line(title))

    def void(self) -> None:
        self._draft, self._steps = "", []

    def end(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _print(self, what: RenderableType) -> None:
        self._console.print(Harmless(what))

    def _view(self) -> RenderableType:
        steps = [Text(f"· {step}", style="dim") for step in self._steps[-_STEPS:]]
        waiting = Text("…", style="dim")
        draft = Markdown(safe(self._draft), hyperlinks=False) if self._draft else waiting
        return Last(Harmless(Group(*steps, draft)))


class Harmless:
    """Cleans what is printed once more: Markdown's character references are read only here."""

    def __init__(self, what: RenderableType) -> None:
        self._what = what

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._what, options):
            yield Segment(safe(segment.text), segment.style)


class Last:
    """As many of the last lines as the terminal shows at once."""

    def __init__(self, what: RenderableType) -> None:
        self._what = what

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._what, options, pad=False)
        for line in lines[-max(1, console.height - 2) :]:
            yield from line
            yield Segment.line()


def options(message: JSON) -> Iterator[str]:
    """The choices of a message that asks, each with the number that answers it."""
    question = message.get("question") or {}
    for number, label in enumerate(question.get("options", ()), 1):
        yield f"{number}. {one_line(label)}"


def _shown(message: JSON, text: str) -> RenderableType:
    if message["notice"]:
        return Text(text, style="yellow")
    if message["role"] == "user":
        return Text(f"› {text}", style="bold")
    return Markdown(text, hyperlinks=False)
