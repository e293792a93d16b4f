"""Markdown as plain text, as an SMS shows it, in parts that fit a message. Pure.

What the gateway adds is of the letters that fit an SMS by the hundred and sixty: any other halves
its length. https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
"""

from __future__ import annotations

from gateway import Part
from gateway.presentation import Style, Table, is_plain, plain_parts, rendered

MAX_PART = 1600
"""UTF-16 units of one message. https://www.twilio.com/docs/api/errors/21617"""


def parts(text: str, limit: int = MAX_PART) -> list[Part]:
    """A Markdown text without its marks, as parts of at most `limit` units."""
    return literal_parts(text if is_plain(text) else rendered(text, _STYLE)[0], limit)


def literal_parts(text: str, limit: int = MAX_PART) -> list[Part]:
    """The same of a text that is shown as it stands."""
    return [Part(text=part) for part in plain_parts(text, limit)]


def _in_columns(table: Table) -> bool:
    return table.is_ragged()


_STYLE = Style(bullet="- ", ticks=("[ ] ", "[x] "), rule="---", quotes=True, columns=_in_columns)
