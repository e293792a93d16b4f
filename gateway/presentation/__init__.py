"""What every platform needs to show a text well: where to cut it, and what to do without."""

from gateway.presentation.cutting import fits, last_start, ranges, units
from gateway.presentation.halves import closed, reopened
from gateway.presentation.markdown import (
    markdown_parts,
    markdown_tail,
    plain_parts,
    with_plain_tables,
)
from gateway.presentation.tables import Table, width

__all__ = [
    "Table",
    "closed",
    "fits",
    "last_start",
    "markdown_parts",
    "markdown_tail",
    "plain_parts",
    "ranges",
    "reopened",
    "units",
    "width",
    "with_plain_tables",
]
