"""Where Chromium is, and how tests start it."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MISSING = "no Chromium on this machine"

# Without these it looks up its maker's hosts at every start, many at a time.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # /dev/shm is 64 MB in most containers.
    "--disable-dev-shm-usage",
)


def find() -> Path | None:
    """Return the executable that `CHROMIUM` names, or else the first on the path."""
    candidates = [os.environ["CHROMIUM"]] if os.environ.get("CHROMIUM") else NAMES
    found = next(filter(None, map(shutil.which, candidates)), None)
    return Path(found) if found else None


@asynccontextmanager
async def launched(executable: Path) -> AsyncIterator[Browser]:
    """Run a headless Chromium with an empty profile; it ends with the block."""
    async with async_playwright() as playwright:
        # Its sandbox needs rights that neither root nor a container has.
        browser = await playwright.chromium.launch(
            executable_path=executable, args=QUIET, chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            await browser.close()
