"""Sessions as something to read: whatever people wrote, it is shown and does nothing."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gateway.cli.transcripts import WRITERS
from gateway.domain import (
    Attachment,
    Conversation,
    ConversationKind,
    Message,
    Role,
    Session,
    Summary,
)

SESSION = Session(
    id="s1",
    lane_id="l",
    channel="web",
    agent="helper",
    owner="o",
    conversation=Conversation(kind=ConversationKind.DIRECT, id="1"),
    created_at=0.0,
    last_activity=0.0,
    name="Trip *to* <b>Oslo</b>",
    message_count=2,
)
SUMMARY = Summary(text="Ada: <script>x</script> & so on", topics=("boats", "<i>"), upto=4)
HOSTILE = [
    "# Not a heading",
    "<script>alert(1)</script>",
    "```\nnever closed",
    "~~~\n# in code",
    '<img src=x onerror="x">',
    "</p></article><h1>free</h1>",
    "\x1b[31mred\x1b[0m",
    "- a\n- b\n\n## c",
    "\\<script>alert(1)</script>",
    "`<i>` and ![a picture](http://example.org/seen.png)",
    "- ```\n<script>alert(1)</script>",
    "  ```\n<script>alert(1)</script>",
    "- a\n  ~~~\n<script>alert(1)</script>",
    "````\n```\n````\n<script>alert(1)</script>",
    "```a`b\n<script>alert(1)</script>",
    "~~~ a\n~~~  \n<script>alert(1)</script>",
    "\t```\n<script>alert(1)</script>",
]
MARKS = st.text(alphabet="`~<>![]()ab-/ \n\t\\&1.", max_size=60)


def said(text: str, role: Role = Role.USER) -> Message:
    return Message(number=1, role=role, text=text, created_at=0.0, sender="Ada **x** <u>")


def written(form: str, *messages: Message) -> str:
    writer = WRITERS[form]
    told = [writer.message(SESSION, message) for message in messages]
    return "\n".join([writer.begin(SESSION, SUMMARY), *told, writer.end])


class Tags(HTMLParser):
    """Which elements there are, and what is read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


PLAIN = Tags(written("html", said("hello"))).tags


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=200)))
def test_nothing_in_a_page_is_anybodys_element(text: str) -> None:
    page = Tags(written("html", said(text)))
    assert page.tags == PLAIN
    shown = "".join(c if c.isprintable() else " " for c in text)
    assert "".join(shown.split()) in "".join(page.words.split())


@given(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=200), MARKS))
def test_nothing_in_a_quotation_leaves_it_or_is_anybodys_element(text: str) -> None:
    after = said("the next", Role.ASSISTANT)
    tokens = MarkdownIt("commonmark").parse(written("markdown", said(text), after))
    inline = [child for token in tokens for child in token.children or ()]
    assert not {token.type for token in (*tokens, *inline)} & {"html_block", "html_inline", "image"}
    outside = [token for token in tokens if token.level == 0]
    headings = [token for token in outside if token.type == "heading_open"]
    assert [token.tag for token in headings] == ["h1", "h2", "h2"]
    assert [token.type for token in outside].count("blockquote_open") == 3
    assert not [token for token in outside if token.type in {"fence", "html_block", "hr"}]


def test_a_transcript_says_who_said_what_and_which_files_came() -> None:
    file = Attachment(name="map.png", size=1234)
    messages = [replace(said("look"), attachments=(file,)), said("nice", Role.ASSISTANT)]
    for form in WRITERS:
        text = written(form, *messages)
        for words in ("look", "map.png, 1,234 bytes", "helper", "nice", "boats", "so on"):
            assert words in text, (form, words)


def test_code_stays_as_it_was_written() -> None:
    assert "> ```html\n> <b>\n> ```\n> &lt;b>" in written(
        "markdown", said("```html\n<b>\n```\n<b>")
    )


def test_nothing_can_be_loaded_by_a_page() -> None:
    page = written("html", said("x"))
    assert "default-src 'none'" in page
    assert "script" not in Tags(page).tags
