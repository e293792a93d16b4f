"""Each kind of document comes apart into what it says, under what, and in pieces of a good size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.knowledge import markup, passages, reading, texts
from gateway.knowledge.shelfmark import Block, Unreadable


def blocks(name: str, content: str) -> list[tuple[str, str]]:
    return [(b.heading, b.text) for b in reading.read(name, content.encode()).blocks]


def test_markdown() -> None:
    text = (
        "---\nlayout: page\n---\n# The *Handbook* #\n\nOne\ntwo.\n\nLeave\n-----\n"
        "```python\n# no heading\n\nx = 1\n```\n- item\n---\n### [Sick](x.html) leave\nTell us."
    )
    assert reading.read("h.md", text.encode()).title == "The Handbook"
    assert blocks("h.md", text) == [
        ("The Handbook", "One\ntwo."),
        ("Leave", "```python\n# no heading\n\nx = 1\n```\n- item\n---"),
        ("Sick leave", "Tell us."),
    ]


def test_settings_at_the_beginning_are_no_text() -> None:
    kept = [("", "Text.")]
    assert blocks("h.md", "---\r\na: 1\r\n---\r\nText.") == kept
    assert blocks("h.md", "--- \na: 1\n--- \n\nText.") == kept
    assert ("", "Between rules.") in blocks("h.md", "---\n\nBetween rules.\n\n---\nText.")


@pytest.mark.parametrize(
    "text",
    [
        "---\r\n" + "a line\r\n" * 400,
        "# " + "[" * 300_000 + "\nx",
        "[" * 300_000 + "\n---\nx",
        "# a" + " " * 300_000 + "b\nx",
    ],
    ids=["settings", "heading", "underlined", "spaces"],
)
def test_no_markdown_takes_for_ever(text: str) -> None:
    assert blocks("h.md", text)


def test_markdown_code_that_never_ends() -> None:
    assert blocks("h.md", "````\n```\n# no heading") == [("", "````\n```\n# no heading")]


def test_html() -> None:
    text = (
        "<!doctype html><title>Leave &amp; more</title><style>p{color:red}</style>"
        "<script>if (a < b) document.write('<p>evil</p>')</script>"
        "<h1>Days <b>off</b></h1><p>Every\n   employee<br>has <i>25</i>.</p>"
        "<svg><title>icon</title><text>drawn</text></svg><template><p>later</p></template>"
        "<h2>Table</h2><table><tr><td>a</td><td>b</td></tr></table><pre>x\n  y</pre><!-- no -->"
    )
    assert reading.read("a.html", text.encode()).title == "Leave & more"
    assert blocks("a.html", text) == [
        ("Days off", "Every employee\nhas 25."),
        ("Table", "a | b"),
        ("Table", "x\n  y"),
    ]


@pytest.mark.parametrize(
    "text", ["<p", "<h1>x", "</p></p>y", "<script>z", "<title>", "&#x110000; <![CDATA["]
)
def test_html_that_is_broken_is_read_as_far_as_it_goes(text: str) -> None:
    assert isinstance(markup.html(text.encode()).blocks, tuple)


def test_html_that_python_takes_for_sgml() -> None:
    text = "<p>One<![if !mso]><![foo[ <i>two</i> ]]><![endif]>.<!--[if IE]><p>old<![endif]-->"
    assert blocks("a.html", text) == [("", "Onetwo ]]>.")]


@pytest.mark.parametrize("open", ["<!--", "<a ", "<a b='", "</a", "<?"])
def test_html_that_keeps_its_reader_busy_is_given_up(open: str) -> None:
    raw = open.encode() * 200_000
    with pytest.raises(Unreadable, match="too long"):
        markup.html(raw, within=0.05)
    with pytest.raises(InterruptedError):
        markup.html(raw, lambda: True)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Größe".encode(), "a.txt"),
        ("Größe".encode("utf-8-sig"), "a.txt"),
        ("Größe".encode("utf-16"), "a.txt"),
        ("Größe".encode("cp1252"), "a.txt"),
        ("<meta charset='iso-8859-2'><p>Größe".encode("iso-8859-2"), "a.html"),
        ("<meta charset='no-such'><p>Größe".encode(), "a.html"),
        *[
            (f"<meta charset='{name}'><p>Größe".encode(), "a.html")
            for name in ("utf-16", "u32", "utf-7", "undefined", "punycode", "unicode_escape", "hex")
        ],
    ],
)
def test_encodings(raw: bytes, name: str) -> None:
    assert reading.read(name, raw).blocks[0].text == "Größe"


@pytest.mark.parametrize(
    ("name", "raw", "why"),
    [
        ("a.txt", b"\x7fELF\0\0\0", "is not text"),
        ("a.txt", b" \n\n ", "has no text"),
        ("a.md", b"# Only a heading\n", "has no text"),
        ("a.html", b"<script>x</script>", "has no text"),
        ("a.txt", b"x" * (reading.LONGEST + 1), "has more than"),
    ],
)
def test_what_is_no_document_says_why(name: str, raw: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        reading.read(name, raw)


def test_what_is_too_much_is_refused_before_it_is_taken_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(markup, "MOST", 3)
    with pytest.raises(Unreadable, match="3 paragraphs"):
        markup.html(b"<p>x" * 5)
    monkeypatch.setattr(reading, "LONGEST", 10)
    for name in ("a.txt", "a.md"):
        with pytest.raises(Unreadable, match="10 characters"):
            reading.read(name, b"x" + b" " * 20)


def test_a_document_without_a_title_is_called_as_its_file() -> None:
    assert reading.read("sub/leave rules.txt", b"x").title == "leave rules"
    assert len(reading.read("a.md", b"# " + b"long " * 100 + b"\nx").title) == reading.LONGEST_NAME


def test_plain_text_has_paragraphs() -> None:
    document = texts.plain("one\r\nmore\r\n \r\ntwo\n\n\n\nthree")
    assert [block.text for block in document.blocks] == ["one\nmore", "two", "three"]


def test_short_neighbours_are_one_passage() -> None:
    same = [Block(text="a" * 400, heading="h") for _ in range(4)]
    cut = list(passages.cut([*same, Block(text="b", heading="i"), Block(text="c", page=2)]))
    assert [(len(p.text), p.heading, p.page) for p in cut] == [
        (1204, "h", 0), (400, "h", 0), (1, "i", 0), (1, "", 2),
    ]  # fmt: skip


def test_neighbours_that_would_be_too_long_are_two() -> None:
    cut = list(passages.cut([Block(text="a" * 900), Block(text="b" * 900)]))
    assert [len(passage.text) for passage in cut] == [900, 900]


def test_a_long_paragraph_ends_at_a_sentence() -> None:
    sentence = "This is a sentence of some length, which ends here. "
    cut = list(passages.cut([Block(text=sentence * 60)]))
    assert all(p.text.startswith("This") and p.text.endswith("here.") for p in cut)
    assert all(passages.FULL // 2 < len(p.text) <= passages.LONGEST for p in cut[:-1])


@given(st.lists(st.text(alphabet="ab .\n。", max_size=4000), max_size=4))
def test_nothing_is_lost_and_nothing_is_too_long(paragraphs: list[str]) -> None:
    cut = list(passages.cut(Block(text=text) for text in paragraphs))
    assert all(0 < len(p.text) <= passages.LONGEST for p in cut)
    letters = "".join("".join(paragraphs).split())
    assert "".join("".join(p.text for p in cut).split()) == letters
