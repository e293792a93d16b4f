"""PDF, read by another process: whatever a file does to it, it ends in time and within bounds.

The library is written in Python and has limits of its own
(https://pypdf.readthedocs.io/en/stable/user/security.html), but a file can still keep it busy for
hours, which a thread could not be stopped from.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from gateway.knowledge.shelfmark import Block, Document, Unreadable

SECONDS = 60.0
"""How long one file may take."""
PATIENCE = 0.5

_PROGRAM = Path(__file__).with_name("pdf_pages.py")
# It needs none of the gateway's secrets.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HOME")


def read(
    content: bytes, stopped: Callable[[], bool] = lambda: False, *, within: float = SECONDS
) -> Document:
    """A PDF's pages. Raises ``Unreadable``, also when it takes longer than ``within`` seconds."""
    if not content[:1024].lstrip().startswith(b"%PDF-"):
        raise Unreadable("is not a PDF")
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        answer = _answer(file, stopped, within)
    if problem := answer.get("problem"):
        raise Unreadable(str(problem))
    blocks = [
        Block(text=_joined(text), page=number)
        for number, text in enumerate(answer["pages"], 1)
        if text.strip()
    ]
    if not blocks:
        raise Unreadable("has no text: its pages may be pictures")
    return Document(title=answer["title"], blocks=tuple(blocks))


def _answer(file: Any, stopped: Callable[[], bool], within: float) -> Mapping[str, Any]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    command = [sys.executable, "-P", "-X", "utf8", str(_PROGRAM), str(int(within) + 1)]
    with subprocess.Popen(
        command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            said = _said(process, stopped, time.monotonic() + within)
        finally:
            process.kill()
    try:
        answer: Mapping[str, Any] = orjson.loads(said)
    except orjson.JSONDecodeError:
        raise Unreadable("asks for more memory or time than a document may") from None
    return answer


def _said(process: subprocess.Popen[bytes], stopped: Callable[[], bool], until: float) -> bytes:
    while True:
        try:
            return process.communicate(timeout=min(PATIENCE, max(0.0, until - time.monotonic())))[0]
        except subprocess.TimeoutExpired:
            if time.monotonic() >= until:
                raise Unreadable("takes too long to read") from None
            if stopped():
                raise InterruptedError("the gateway is shutting down") from None


def _joined(text: str) -> str:
    """Words that were parted at the end of a line, whole again."""
    parts = [""]
    for line in map(str.strip, text.splitlines()):
        last = parts[-1]
        if last.endswith("-") and last[-2:-1].isalpha() and line[:1].islower():
            parts[-1] = last[:-1]
            parts.append(line)
        else:
            parts += ["\n", line]
    return "".join(parts).strip()
