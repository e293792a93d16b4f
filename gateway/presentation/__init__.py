"""What every platform needs to show a text well: where to cut it, and what to do without."""

from gateway.presentation.addresses import misleading
from gateway.presentation.cutting import fits, last_start, ranges, units
from gateway.presentation.halves import closed, reopened
from gateway.presentation.markdown import (
    markdown_parts,
    markdown_tail,
    plain_parts,
    with_fences,
    with_plain_tables,
)
from gateway.presentation.options import numbered
from gateway.presentation.rendering import Style, is_plain, rendered
from gateway.presentation.spans import SHADES, Span, clipped, tidied
from gateway.presentation.tables import Table, width

__all__ = [
    "SHADES",
    "Span",
    "Style",
    "Table",
    "clipped",
    "closed",
    "fits",
    "is_plain",
    "last_start",
    "markdown_parts",
    "markdown_tail",
    "misleading",
    "numbered",
    "plain_parts",
    "ranges",
    "rendered",
    "reopened",
    "tidied",
    "units",
    "width",
    "with_fences",
    "with_plain_tables",
]
