"""What becomes of sessions, for logs and metrics: told here, and nowhere else.

Said once what it is about is durable. Active, dormant and waiting are derived from a session where
somebody asks; only that a dormant one speaks again is an event.
"""

from __future__ import annotations

from gateway import observability as obs
from gateway.domain import Session
from gateway.lane import Memory
from gateway.ports.records import Effects


def committed(memory: Memory | None, effects: Effects, idle_after: float) -> None:
    """What one commit made of sessions; ``memory`` is of the session that its turn was in, from
    before it, and None where there was none."""
    for session in effects.sessions:
        if session.ended_at is not None:
            ended(session)
        elif memory is None or memory.session.id != session.id:
            # One that is reopened, which is told apart, or what an erasure left of it.
            continue
        elif session.last_activity - memory.session.last_activity >= idle_after:
            _tell(obs.Event.SESSION_RESUMED, "resumed", session)
    for session in effects.new_sessions:
        created(session)
    for question in effects.questions:
        obs.SESSIONS.labels("waiting").inc()
        obs.log.info(obs.Event.SESSION_WAITING, session=question.session_id)


def created(session: Session) -> None:
    """It is new."""
    _tell(obs.Event.SESSION_CREATED, "created", session)


def reopened(session: Session) -> None:
    """It was over, and goes on."""
    _tell(obs.Event.SESSION_REOPENED, "reopened", session)


def ended(session: Session) -> None:
    """It is over, and kept."""
    _tell(obs.Event.SESSION_ENDED, "ended", session)


def deleted(session: Session) -> None:
    """It is gone, with everything in it."""
    _tell(obs.Event.SESSION_DELETED, "deleted", session)


def outlived(count: int) -> None:
    """So many are gone because their time was over."""
    if count:
        obs.SESSIONS.labels("expired").inc(count)
        obs.log.info(obs.Event.SESSIONS_EXPIRED, count=count)


def _tell(event: obs.Event, word: str, session: Session) -> None:
    obs.SESSIONS.labels(word).inc()
    obs.log.info(event, session=session.id, channel=session.channel, agent=session.agent)
