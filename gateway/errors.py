"""Every error the gateway raises on purpose.

GatewayError
├── ConfigurationError      what a person configured; lists every problem at once
├── BoundaryError           an event without the id its rule needs: refused, never widened
├── UnreadableUpdate        a platform event that cannot be read; set aside
├── LimitExceeded           more than a limit allows; says what the limit is
├── Unavailable             an agent, platform or store that is away; burns no attempt
├── ModelFailed             a model that answered, but not in a way that can be used
├── SendError               what became of one attempt to send
│   ├── NotAccepted         known to have failed before the platform took it: tried again
│   ├── RateLimited         the platform said when to come back: tried again, burns no attempt
│   ├── OutcomeUnknown      it may or may not have arrived: the channel's policy decides
│   ├── Held                not now: it waits until its recipient may be written to again
│   ├── Rejected            the platform will never take this item
│   └── RecipientGone       the person blocked the bot, left, or was never there
└── StoreError
    ├── StoreLocked         another process holds this database; names it
    ├── StoreCorrupt        the integrity check failed; nothing is written
    ├── SchemaMismatch      the database is older or newer than this program
    └── Fenced              somebody else holds this lane now; this work is dropped
"""

from __future__ import annotations

from dataclasses import dataclass


class GatewayError(Exception):
    """Base of everything the gateway raises on purpose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing wrong in a configuration: where it stands, what is wrong, what to do."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class ConfigurationError(GatewayError):
    """A configuration that cannot be used. ``problems`` holds every finding, not just the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class BoundaryError(GatewayError):
    """The event lacks an id that its boundary rule needs."""


class UnreadableUpdate(GatewayError):
    """A raw platform event that ``parse`` cannot read; the text says which field is wrong."""


class LimitExceeded(GatewayError):
    """More than a limit allows; the text says how much there is, and what the limit is.

    ``limit`` is its name in ``[limits]``, from those who do not count it themselves.
    """

    def __init__(self, words: str = "", *, limit: str = "") -> None:
        super().__init__(words)
        self.limit = limit


class Unavailable(GatewayError):
    """Something the work needs is away; try again after ``retry_after`` seconds."""

    def __init__(self, reason: str = "unavailable", *, retry_after: float = 5.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ModelFailed(GatewayError):
    """A model's answer broke off, stalled, or cannot be used; ``str()`` says how, no secrets."""


class SendError(GatewayError):
    """What became of an attempt to send; ``str()`` is safe to log and to show an operator."""


class NotAccepted(SendError):
    """The platform certainly did not take the item; it is safe to send again."""


class RateLimited(SendError):
    """The platform asks to wait ``retry_after`` seconds before anything else goes this way."""

    def __init__(self, reason: str, *, retry_after: float) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class OutcomeUnknown(SendError):
    """The request left, the answer never came: the item may stand on the platform."""


class Held(SendError):
    """The platform does not let us write to its recipient now; the item waits until it does."""


class Rejected(SendError):
    """The platform refuses this very item, and always will."""


class RecipientGone(SendError):
    """Nobody is there to receive: blocked, left, deleted or never started."""


class StoreError(GatewayError):
    """The store refused."""


class StoreLocked(StoreError):
    """The database is in use; the text names the process that holds it."""


class StoreCorrupt(StoreError):
    """The database failed its integrity check; the gateway does not start on it."""


class SchemaMismatch(StoreError):
    """The database's schema is not the one this program knows; the text says what to run."""


class Fenced(StoreError):
    """The lane was claimed by another holder since; nothing of this commit was written."""
