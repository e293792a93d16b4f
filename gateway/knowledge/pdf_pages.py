"""A program of its own: reads the PDF on its standard input, and writes its text as JSON.

It imports nothing of the gateway, and bounds itself before it looks at the file.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import suppress
from typing import Any

MEMORY = 1_500 * 2**20
PAGES = 5_000
CHARACTERS = 10_000_000


def main(seconds: int) -> None:
    """Read within so many seconds of CPU; what becomes of it is written as one JSON object."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):  # not every system can
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    json.dump(_read(), sys.stdout)


def _read() -> dict[str, Any]:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    try:
        reader = PdfReader(sys.stdin.buffer)
        if reader.is_encrypted and not reader.decrypt(""):
            return {"problem": "is encrypted"}
        pages, room = list[str](), CHARACTERS
        for number in range(min(len(reader.pages), PAGES)):
            pages.append(_whole(reader.pages[number].extract_text()[:room]))
            room -= len(pages[-1])
        title = _whole(str(reader.metadata.title or "")) if reader.metadata else ""
    except DependencyError:
        return {"problem": "is encrypted"}
    except MemoryError:
        return {"problem": "asks for more memory than a document may"}
    # A broken file can break the library anywhere: these are what it was seen to raise.
    except (PyPdfError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
            AssertionError, OSError, RecursionError, NotImplementedError) as error:  # fmt: skip
        return {"problem": f"is not a PDF that can be read ({type(error).__name__})"}
    return {"title": title, "pages": pages}


def _whole(text: str) -> str:
    """Without halves of characters, which fonts may spell and JSON has no words for."""
    return text.encode("utf-8", "replace").decode()


if __name__ == "__main__":
    main(int(sys.argv[1]))
