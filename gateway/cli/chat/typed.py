"""What a person types on a terminal, with editing and a history."""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

from gateway.cli.chat.remembered import private

_PROMPT = FormattedText([("bold", "› ")])
_TWICE_WITHIN = 3.0
_LOCAL_FLAGS = 3  # in what tcgetattr returns


class Typed:
    """A prompt. Alt+Enter breaks the line, and what is pasted keeps its lines; Ctrl-C empties it,
    and on an empty line, twice, ends the conversation as Ctrl-D does."""

    def __init__(self, history: Path) -> None:
        self._early = False
        keys = KeyBindings()
        for enter in ("enter", "c-j"):
            keys.add("escape", enter)(_break_line)
        self._session: PromptSession[str] = PromptSession(
            _PROMPT, history=FileHistory(str(private(history))), key_bindings=keys
        )

    async def next(self) -> str | None:
        loop = asyncio.get_running_loop()
        interrupted = -_TWICE_WITHIN
        # A prompt reads Ctrl-C as a key; what comes between two of them is a signal, which it must
        # not take over: it would leave nobody listening when it ends.
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        while True:
            try:
                # What comes meanwhile appears above the line being typed.
                with patch_stdout(raw=True):
                    return await self._session.prompt_async(
                        pre_run=self._interrupt_late, handle_sigint=False
                    )
            except KeyboardInterrupt:
                if loop.time() - interrupted < _TWICE_WITHIN:
                    return None
                # The buffer is still that of the line that was given up.
                buffer = self._session.default_buffer
                empty = not buffer.text
                buffer.reset()
                interrupted = loop.time() if empty else -_TWICE_WITHIN
                if empty:
                    print("Ctrl-C again, or Ctrl-D, leaves.")
            except EOFError:
                return None

    def _interrupt(self) -> None:
        """Ctrl-C came before the prompt was there to read it as a key."""
        self._early = True
        if self._session.app.is_running and not self._session.app.is_done:
            self._interrupt_late()

    def _interrupt_late(self) -> None:
        early, self._early = self._early, False
        if early:
            self._session.app.exit(exception=KeyboardInterrupt())


@contextmanager
def unechoed() -> Iterator[None]:
    """Keys typed while an answer is written are kept for the prompt, and not shown twice."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    silent = termios.tcgetattr(fd)
    silent[_LOCAL_FLAGS] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _break_line(event: KeyPressEvent) -> None:
    event.current_buffer.insert_text("\n")
