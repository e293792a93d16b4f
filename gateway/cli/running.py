"""``gateway run`` and ``gateway migrate``."""

from __future__ import annotations

from pathlib import Path

from gateway import observability as obs
from gateway.cli.reading import configuration, gateway_section
from gateway.errors import ConfigurationError


def run(config: Path | None) -> int:
    """Run the gateway until it is told to stop."""
    settings = configuration(config)
    obs.configure(settings.gateway.log_format, settings.gateway.log_level)
    from gateway import app

    obs.log.info(
        obs.Event.GATEWAY_STARTING, source=settings.source, channels=list(settings.channels)
    )
    try:
        return app.run(settings)
    except* ConfigurationError as group:
        found = [problem for error in _leaves(group) for problem in error.problems]
        problems = [settings.locate(problem) for problem in found]
    raise ConfigurationError(problems)


def migrate(config: Path | None) -> None:
    """Bring the database to this version's schema."""
    from gateway.store import migrate as migrate_store

    applied = migrate_store(gateway_section(config).database)
    print(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")


def _leaves(group: BaseExceptionGroup[ConfigurationError]) -> list[ConfigurationError]:
    found: list[ConfigurationError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
