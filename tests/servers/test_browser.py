"""The Chromium that browser tests stand on."""

from pathlib import Path

import pytest
from playwright.async_api import Page

from tests import browser


@pytest.mark.browser
async def test_runs_scripts_and_draws(page: Page) -> None:
    await page.set_content("<button onclick=\"this.textContent = 'pressed'\">press</button>")
    await page.get_by_role("button").click()
    assert await page.get_by_role("button").text_content() == "pressed"
    assert (await page.screenshot()).startswith(b"\x89PNG")


def test_the_environment_names_another_executable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "my-chromium"
    other.touch(mode=0o755)
    monkeypatch.setenv("CHROMIUM", str(other))
    assert browser.find() == other


def test_a_named_executable_that_is_missing_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "away"))
    assert browser.find() is None


def test_without_any_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.find() is None
