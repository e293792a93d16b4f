"""A person and an agent talk: what is typed is said or done, what happens is shown."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path

from gateway.cli.chat.client import JSON, Away, Happened, Refused, SessionOver
from gateway.cli.chat.conversation import Conversation
from gateway.cli.chat.lines import Lines
from gateway.cli.chat.safe import file_name, one_line
from gateway.cli.chat.screen import Screen
from gateway.errors import GatewayError

HELP = (
    "Here: /history [N], /file PATH [TEXT], /save N [PATH], /quit or Ctrl-D;"
    " Ctrl-C stops an answer, Alt+Enter breaks the line. The gateway's own commands:"
)
_LEAVE = frozenset({"/quit", "/exit"})
_WATCH_AGAIN_AFTER = 2.0
_SHOWN = 20
_MOST_SHOWN = 200
_FAILED = frozenset({"failed", "rejected"})


class Talk:
    """One visit. ``failed`` says that something said found no answer."""

    def __init__(self, conversation: Conversation, screen: Screen, lines: Lines) -> None:
        self._conversation = conversation
        self._screen = screen
        self._lines = lines
        self._files: list[JSON] = []
        self._stopping: asyncio.Task[None] | None = None
        self.failed = False

    async def run(self) -> None:
        """Talk until the end of what is typed."""
        while (line := await self._lines.next()) is not None:
            text = line.strip()
            if text.casefold() in _LEAVE:
                return
            if not text:
                continue
            try:
                await self._do(text)
            except GatewayError as error:
                self.failed = True
                self._screen.error(str(error))

    async def listen(self) -> None:
        """Show what is said without having been asked for, until cancelled."""
        while True:
            with suppress(Away, Refused, SessionOver):
                async with aclosing(self._conversation.unasked()) as messages:
                    async for message in messages:
                        self._show(message)
            await asyncio.sleep(_WATCH_AGAIN_AFTER)

    async def history(self, count: int) -> None:
        """Show the newest messages."""
        for message in await self._conversation.recent(count):
            self._show(message)

    async def _do(self, text: str) -> None:
        command, _, rest = text.partition(" ")
        own: dict[str, Callable[[str], Awaitable[None]]] = {
            "/history": self._history,
            "/file": self._file,
            "/save": self._save,
            "/help": self._help,
        }
        if (act := own.get(command.casefold())) is not None:
            await act(rest.strip())
        else:
            await self._say(text)

    async def _history(self, rest: str) -> None:
        await self.history(min(int(rest), _MOST_SHOWN) if rest.isdecimal() else _SHOWN)

    async def _help(self, _: str) -> None:
        self._screen.note(HELP)
        await self._say("/help")

    async def _file(self, rest: str) -> None:
        name, text = _first_word(rest)
        path, content = await asyncio.to_thread(_read, name)
        kept = await self._conversation.client.upload(path.name, content)
        await self._say(text, [str(kept["id"])])

    async def _save(self, rest: str) -> None:
        number, _, to = rest.partition(" ")
        if not number.isdecimal() or not 1 <= int(number) <= len(self._files):
            raise GatewayError("/save takes the number of a file that was shown here")
        file = self._files[int(number) - 1]
        content = await self._conversation.client.download(file["url"])
        written = await asyncio.to_thread(_write_new, to.strip(), file["name"], content)
        self._screen.note(f"saved as {written}")

    async def _say(self, text: str, attachments: Sequence[str] = ()) -> None:
        talking = asyncio.ensure_future(self._follow(text, attachments))
        with _interrupts(lambda: self._interrupted(talking)):
            try:
                await asyncio.wait((talking,))
            finally:
                talking.cancel()
                await self._stopped()
        if not talking.cancelled():
            talking.result()

    async def _follow(self, text: str, attachments: Sequence[str]) -> None:
        self._screen.begin()
        try:
            said = self._conversation.say(text, attachments)
            async with aclosing(said) as events:
                async for event in events:
                    self._happened(event)
        finally:
            self._screen.end()

    def _happened(self, event: Happened) -> None:
        if event.kind == "message":
            self._show(event.data)
        elif event.kind == "delta":
            self._screen.delta(str(event.data["text"]))
        elif event.kind == "step":
            self._screen.step(str(event.data["title"]))
        elif event.kind == "task":
            self._screen.void()
        elif event.kind == "away":
            self._screen.void()
            self._screen.note(f"{event.data['reason']}; trying again …")
        elif event.kind == "over":
            self._screen.note("The conversation had ended; this is a new one.")
        elif event.kind == "done":
            self.failed |= event.data["task"]["state"] in _FAILED

    def _show(self, message: JSON) -> None:
        self._screen.message(message, list(self._listed(message)))

    def _listed(self, message: JSON) -> Iterator[str]:
        """A line for each file, with the number that saves it."""
        for file in message.get("attachments", ()):
            self._files.append(file)
            what = f"{one_line(file['name'])} ({one_line(file['media_type'])}, {_size(file)})"
            yield f"[{len(self._files)}] {what}: /save {len(self._files)}"

    def _interrupted(self, talking: asyncio.Future[None]) -> None:
        """Ctrl-C stops the answer; again, it is no longer waited for."""
        if self._stopping is None:
            self._screen.step("stopping …")
            self._stopping = asyncio.ensure_future(self._conversation.stop())
        else:
            talking.cancel()

    async def _stopped(self) -> None:
        stopping, self._stopping = self._stopping, None
        if stopping is not None:
            with suppress(GatewayError):
                await stopping


@contextmanager
def _interrupts(act: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, act)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _first_word(text: str) -> tuple[str, str]:
    """A path, quoted where it has spaces, and what follows it."""
    if text[:1] in {'"', "'"} and (end := text.find(text[0], 1)) > 0:
        return text[1:end], text[end + 1 :].strip()
    word, _, rest = text.partition(" ")
    if not word:
        raise GatewayError("/file takes the path of a file, and what to say with it")
    return word, rest.strip()


def _size(file: JSON) -> str:
    size = float(file["size"])
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _read(name: str) -> tuple[Path, bytes]:
    path = Path(name).expanduser()
    try:
        return path, path.read_bytes()
    except OSError as error:
        raise GatewayError(f"{path} cannot be read: {error.strerror}") from None


def _write_new(to: str, name: str, content: bytes) -> Path:
    """Write a file that does not exist yet, in a folder or under a name, or one like it."""
    wanted = Path(to or ".").expanduser()
    wanted = wanted / file_name(name) if wanted.is_dir() else wanted
    path, number = wanted, 1
    while True:
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            path, number = wanted.with_stem(f"{wanted.stem}-{number}"), number + 1
        except OSError as error:
            raise GatewayError(f"{path} cannot be written: {error.strerror}") from None
        else:
            return path
