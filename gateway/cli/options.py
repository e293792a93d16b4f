"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The configuration file. [default: config/gateway.toml]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
