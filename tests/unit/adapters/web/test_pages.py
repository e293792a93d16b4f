"""The page as it is shipped: small, self-contained, and strict about markup."""

from __future__ import annotations

import gzip
import re
from hashlib import sha256
from pathlib import Path

import httpx
import orjson
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette

import adapters.web
from adapters.web.pages import POLICY, TYPES
from adapters.web.settings import WebSettings
from tests.unit.adapters.web.standin import StandIn

STATIC = Path(adapters.web.__file__).parent / "static"
VENDORED = STATIC / "vendor"
SHIPPED = sorted(file for file in STATIC.rglob("*") if file.is_file())
FILES = [file for file in SHIPPED if file.parent != VENDORED]
OWN = {"http://www.w3.org/2000/svg"}


def packed(file: Path) -> int:
    """How many bytes of it travel."""
    return len(gzip.compress(file.read_bytes()))


def test_the_whole_page_is_small() -> None:
    apart = {".txt", ".json"}
    loaded = [file for file in SHIPPED if file.suffix not in apart and file.name != "widget.js"]
    assert sum(map(packed, loaded)) < 62_000


def test_the_widget_is_small_and_asks_nothing_of_the_page_around() -> None:
    widget = STATIC / "widget.js"
    assert packed(widget) < 6_000
    # What a strict policy would refuse: styles and scripts in markup, and text made into code.
    assert not re.search(
        r"\.style\b|cssText|<style|setAttribute\(\"on|Function\(", widget.read_text()
    )


async def test_only_the_sites_named_may_show_the_chat() -> None:
    for origins in ((), ("https://shop.example", "https://help.example:8443")):
        gateway = StandIn(origins=origins)
        transport = httpx.ASGITransport(Starlette(routes=gateway.adapter.routes()))
        allowed = " ".join(origins) or "'none'"
        async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
            for path in ("/", "/chat/sales", "/chat/sales?embed=1"):
                page = await client.get(path)
                assert f"frame-ancestors {allowed};" in page.headers["content-security-policy"]
                assert f'data-origins="{" ".join(origins)}"' in page.text
            for path in ("/docs", "/chat/nobody", "/static/page.js"):
                policy = (await client.get(path)).headers["content-security-policy"]
                assert "frame-ancestors 'none';" in policy
            widget = await client.get("/widget.js")
            assert widget.headers["access-control-allow-origin"] == "*"
            assert widget.headers["cross-origin-resource-policy"] == "cross-origin"
            assert "access-control-allow-origin" not in (await client.get("/")).headers


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_file_reaches_elsewhere(file: Path) -> None:
    text = file.read_text()
    assert file.suffix[1:] in TYPES
    assert set(re.findall(r"https?://[\w./]+", text)) <= OWN
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", text)


def test_what_others_wrote_is_as_they_released_it() -> None:
    released = {
        name: entry["sha256"]
        for package in orjson.loads((VENDORED / "VENDORED.json").read_bytes())
        for name, entry in package["files"].items()
    }
    there = {
        file.name: sha256(file.read_bytes()).hexdigest()
        for file in VENDORED.iterdir()
        if file.name != "VENDORED.json"
    }
    assert there == released


async def test_folders_of_static_files_are_served() -> None:
    transport = httpx.ASGITransport(Starlette(routes=StandIn().adapter.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
        for file in (*VENDORED.iterdir(), STATIC / "chat.js"):
            answer = await client.get(f"/static/{file.relative_to(STATIC)}")
            assert answer.content == file.read_bytes()
            assert answer.headers["Content-Type"] == TYPES[file.suffix[1:]]
        for nothing in ("vendor", "vendor/", "vendor/../settings.py", "vendor/none.js"):
            assert (await client.get(f"/static/{nothing}")).status_code == 404


@pytest.mark.parametrize("file", sorted(STATIC.glob("*.html")), ids=lambda file: file.name)
def test_no_page_needs_what_its_policy_forbids(file: Path) -> None:
    text = file.read_text()
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", text)
    assert "unsafe" not in POLICY


async def test_titles_and_names_are_text() -> None:
    title = '<script>alert(1)</script>" onload="x'
    gateway = StandIn(title=title, theme="dark")
    transport = httpx.ASGITransport(Starlette(routes=gateway.adapter.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
        for path in ("/", "/chat/sales", "/docs", "/chat/%3Cscript%3E"):
            page = await client.get(path)
            assert "<script>alert" not in page.text
            assert 'data-theme="dark"' in page.text
        assert (await client.get("/openapi.json")).json()["info"]["title"] == title
        assert (await client.get("/static/index.html")).status_code == 404
        assert (await client.get("/static/..%2Fadapter.py")).status_code == 404
        assert (await client.get("/static/vendor")).status_code == 404
        licence = await client.get("/static/vendor/smd.LICENSE.txt")
        assert licence.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_theme_is_one_of_three() -> None:
    assert WebSettings().theme == "auto"
    with pytest.raises(ValidationError):
        WebSettings(theme="pink")  # type: ignore[arg-type]
