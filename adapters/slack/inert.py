"""What agents and notices say, so that it pings nobody and hides no address. Pure.

Slack reads its own marks in Markdown too, in code as well: `<!here>`, `<@U…>`, `<#C…>`, and
`<https://a|b>`, which shows `b` and leads to `a`. A space of no width behind the `<` makes words of
them; what only looks similar stays as it is. Doing it twice changes nothing.

https://docs.slack.dev/messaging/formatting-message-text#advanced,
https://github.com/PostHog/posthog/pull/95054 (what a real workspace made of such marks)
"""

from __future__ import annotations

import re

from adapters.slack.links import GAP, honest, parted

_MARK = re.compile(
    r"(?P<open><|&(?:lt|\#0*60|\#x0*3c);)"
    r"(?=\\*(?:[@#]\\*[A-Z0-9]"
    r"|!\\*(?:channel|here|everyone|group|subteam|date)"
    r"|(?:[a-z][a-z0-9+.-]*:|//|www\.)[^\s<>|]*\|))",
    re.IGNORECASE,
)
_EVERYBODY = re.compile(r"(?<![^\W_])@(?=\\*(?:channel|here|everyone)(?![^\W_]))", re.IGNORECASE)
_HALF_PAIRS = re.compile("[\ud800-\udfff]")

# What is still being written at the end of a text, and may become something else.
_HALF_WORD = re.compile(r"[<@&\[\]()`\\!|:].*\Z", re.DOTALL)
_HALF_LINK = re.compile(
    r"!?\[(?:[^\[\]\n]|\[[^\[\]\n]{0,200}\]){0,500}"
    r"(?:\](?:\((?:[^()\n]|\([^()\n]{0,200}\)){0,500})?)?\Z"
)


def literal(text: str) -> str:
    """A text that is shown as it stands: nothing in it is a mention or a link of Slack's."""
    return _without_marks(parted(text))


def escaped(text: str) -> str:
    """The same for fields whose `&`, `<` and `>` mean something."""
    whole = _EVERYBODY.sub(f"@{GAP}", _HALF_PAIRS.sub("\ufffd", parted(text)))
    return whole.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(text: str) -> str:
    """A Markdown text; a link in it says where it leads if it seems to say so."""
    return _without_marks(honest(text))


def _without_marks(text: str) -> str:
    whole = _HALF_PAIRS.sub("\ufffd", text)
    return _EVERYBODY.sub(f"@{GAP}", _MARK.sub(rf"\g<open>{GAP}", whole))


def settled(text: str) -> str:
    """The beginning of a text that is being written, up to where more words may change it."""
    start = len(text)
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    half = _HALF_WORD.search(text, start)
    done = text[: half.start()] if half else text
    link = _HALF_LINK.search(done, max(0, len(done) - 1200))
    return done[: link.start()] if link else done
