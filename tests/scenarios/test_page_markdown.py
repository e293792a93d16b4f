"""What agents write, as the chat page shows it: good to read, and never more than words."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.support.page import Window, one_look

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

EVERYTHING = """\
# Bees

A **bold** and *soft* word, `code`, ~~gone~~. See (https://example.org/a?b=1&c="2"),
or http://example.com/x. It costs $5 to $7 [1], x = $y$.

1. one
2. two
   - inner

```python
def honey() -> None: ...
```

| a | b |
|---|---|
| 1 | [two](https://example.org/two) |

> quoted

- [x] done
- [ ] open

![a picture](https://example.org/p.png) [mail](mailto:a@example.org) [here](/relative)
"""

HACK = "window.hacked=1"
VECTORS = (
    f"<script>{HACK}</script>",
    f"<img src=x onerror={HACK}>",
    f"<svg onload={HACK}>",
    f"<svg><script>{HACK}</script></svg>",
    f"<iframe src='javascript:{HACK}'></iframe>",
    "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    f"<object data='javascript:{HACK}'></object>",
    f"<embed src='javascript:{HACK}'>",
    f"<a href='javascript:{HACK}'>press</a>",
    f"<details open ontoggle={HACK}>x</details>",
    f"<video><source onerror={HACK}></video>",
    f"<math><mi xlink:href='javascript:{HACK}'>press</mi></math>",
    f"<form><button formaction='javascript:{HACK}'>press</button></form>",
    f"<input autofocus onfocus={HACK}>",
    f"<body onload={HACK}>",
    "<style>@import 'https://evil.example/x'; * { background: url(//evil.example) }</style>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<img src=https://evil.example/pixel.png>",
    "![pixel](https://evil.example/pixel.png)",
    f"![x](javascript:{HACK})",
    f"[press](javascript:{HACK})",
    f"[press](JaVaScRiPt:{HACK})",
    f"[press](java\tscript:{HACK})",
    f"[press](\x01javascript:{HACK})",
    f"[press](&#106;avascript:{HACK})",
    f"[press](data:text/html,<script>{HACK}</script>)",
    f"[press](vbscript:{HACK})",
    "[press](blob:https://evil.example/1)",
    "[press](file:///etc/passwd)",
    f'[press](https://a.example" onmouseover="{HACK})',
    f"<javascript:{HACK}>",
    f'```"><img src=x onerror={HACK}>\ncode\n```',
    f"|<img src=x onerror={HACK}>|b|\n|---|---|\n|<svg onload={HACK}>|[press](javascript:{HACK})|",
    f"$$<img src=x onerror={HACK}>$$ \\(<svg onload={HACK}>\\)",
    f"<br><img src=x onerror={HACK}><br onclick={HACK}>",
    "<template><img src=https://evil.example/t.png></template>",
    f"<noscript><p title='</noscript><img src=x onerror={HACK}>'></noscript>",
    f"<!--<img src='--><img src=x onerror={HACK}>'>",
    "javascript:window.hacked=1",
)
TAGS = """a blockquote br button code div em h3 h4 h5 h6 hr input li ol p pre s span strong svg
table tbody td th thead tr ul use"""


async def test_markdown_reads_well(window: Window) -> None:
    await window.open("markup")
    await window.talk(EVERYTHING)
    answer = window.answers.first
    assert await answer.locator("h3, strong, em, s").all_text_contents() == [
        "Bees", "bold", "soft", "gone",
    ]  # fmt: skip
    assert await answer.locator("li").count() == 5
    assert await answer.locator("li input").evaluate_all("all => all.map(e => e.checked)") == [
        True,
        False,
    ]
    assert await answer.locator("blockquote").inner_text() == "quoted"
    assert await answer.locator("th, td").all_inner_texts() == ["a", "b", "1", "two"]
    await expect(answer).to_contain_text("It costs $5 to $7 [1], x = $y$.")
    await expect(answer.locator(".code .language")).to_have_text("python")
    await expect(answer.locator("pre code")).to_have_text("def honey() -> None: ...")
    # What was said by the visitor stays as it was.
    await expect(window.said).to_have_text([EVERYTHING.strip()])
    streamed = await answer.inner_html()
    await window.page.reload()
    await expect(answer).to_be_visible()
    assert await answer.inner_html() == streamed


async def test_links_lead_away_and_pictures_are_links(window: Window) -> None:
    await window.open("markup")
    await window.talk(EVERYTHING)
    links = window.answers.locator("a")
    assert await links.evaluate_all("all => all.map(e => [e.textContent, e.href])") == [
        ["https://example.org/a?b=1&c=", "https://example.org/a?b=1&c="],
        ["http://example.com/x", "http://example.com/x"],
        ["two", "https://example.org/two"],
        ["a picture", "https://example.org/p.png"],
        ["mail", "mailto:a@example.org"],
    ]
    assert set(await links.evaluate_all("all => all.map(e => e.rel + '|' + e.target)")) == {
        "noopener noreferrer nofollow|_blank"
    }
    await expect(window.answers).to_contain_text(["mail here"])


async def test_code_is_copied(window: Window) -> None:
    await window.open("markup")
    await window.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await window.talk("```js\nlet a = '<b>';\n\nlet c;\n```")
    await window.button("Copy").click()
    await expect(window.button("Copied")).to_be_visible()
    copied = await window.page.evaluate("navigator.clipboard.readText()")
    assert copied == "let a = '<b>';\n\nlet c;"


@one_look
@pytest.mark.parametrize("agent", ["markup", "echo"])
async def test_hostile_markup_does_nothing(window: Window, agent: str) -> None:
    await window.open(agent)
    # Streamed in pieces, at once, and read again from the history.
    await window.talk("\n\n".join(VECTORS))
    for vector in VECTORS if agent == "echo" else ():
        await window.api("POST", "/api/chat", {"text": vector, "wait": 0})
    if agent == "echo":
        await expect(window.answers).to_have_count(1 + len(VECTORS))
    await harmless(window)
    await window.page.reload()
    await expect(window.answers.first).to_be_visible()
    await harmless(window)


async def harmless(window: Window) -> None:
    """Everything in sight is pressed and hovered; nothing runs, nothing is fetched."""
    for link in await window.answers.get_by_text("press").all():
        await link.dispatch_event("mouseover")
        await link.dispatch_event("click")
    await window.page.wait_for_timeout(100)
    assert await window.page.evaluate("window.hacked") is None
    assert not window.elsewhere
    assert window.page.url.startswith(window.gateway.base_url)
    script = "all => [...new Set(all.map(e => e.tagName.toLowerCase()))]"
    tags = await window.answers.locator("*").evaluate_all(script)
    assert set(tags) <= set(TAGS.split())
    attributes = await window.answers.locator("*").evaluate_all(
        "all => [...new Set(all.flatMap(e => e.getAttributeNames()))]"
    )
    assert not [name for name in attributes if name.startswith("on") or name in {"src", "style"}]
    schemes = await window.answers.locator("[href]").evaluate_all(
        "all => [...new Set(all.map(e => e.protocol ?? e.getAttribute('href')[0]))]"
    )
    assert set(schemes) <= {"https:", "http:", "mailto:", "#"}


@one_look
async def test_the_first_fence_holds_without_the_second(window: Window) -> None:
    """Addresses, which DOMPurify would look at again."""
    bad = [
        *("javascript:x()", " JAVASCRIPT:x()", "java\nscript:x()", "\x01javascript:x()"),
        *("vbscript:x", "data:text/html,x", "blob:https://a.example/1", "file:///etc/passwd"),
        *("/relative", "//host/x", "https://", "", "ftp://a.example"),
    ]
    good = ["https://a.example/", "http://a.example/x?y#z", "mailto:a@b.example"]
    script = """async (all) => {
        const { safe } = await import("/static/markdown.js");
        return all.map(safe);
    }"""
    assert await window.page.evaluate(script, bad + good) == [""] * len(bad) + good


@one_look
async def test_the_second_fence_holds_without_the_first(window: Window) -> None:
    """DOMPurify by itself, given elements that the first fence would never have made."""
    await window.open("markup")
    await window.talk("hello")
    left = await window.page.evaluate("""async () => {
        const { Writer } = await import("/static/markdown.js");
        const root = document.createElement("div");
        const writer = new Writer(root);
        writer.write("hello");
        const bad = root.appendChild(document.createElement("a"));
        bad.setAttribute("href", "javascript:window.hacked=1");
        root.append(document.createElement("iframe"), document.createElement("style"));
        writer.end();
        return root.outerHTML;
    }""")
    assert left == '<div><p dir="auto">hello</p><a></a></div>'


@one_look
async def test_a_page_cannot_be_given_markup_as_text(window: Window) -> None:
    script = "document.body.innerHTML = '<p>x'"
    refused = await window.page.evaluate(
        f"() => {{ try {{ {script} }} catch (e) {{ return e.name }} }}"
    )
    assert refused == "TypeError"
    window.errors.clear()


@one_look
async def test_nesting_without_end_is_cut_short(window: Window) -> None:
    await window.open("markup")
    await window.talk("> " * 3000 + "deep")
    await expect(window.answers).to_contain_text(["deep"])
    script = (
        "e => { let n = 0; for (e = e.querySelector('p'); e; e = e.parentElement) n++; return n }"
    )
    assert await window.answers.first.evaluate(script) < 60


async def test_other_scripts_run_their_own_way(window: Window) -> None:
    await window.open("markup")
    await window.talk("مرحبا بالعالم\n\nhello")
    script = "all => all.map(e => getComputedStyle(e).direction)"
    assert await window.answers.locator("p").evaluate_all(script) == ["rtl", "ltr"]
    assert await window.said.evaluate_all(script) == ["rtl"]
