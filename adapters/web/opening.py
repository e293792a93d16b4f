"""How sessions are opened: by anybody, by a known user on each device, or by a service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request

from adapters.web import models
from adapters.web.bodies import bearer
from adapters.web.exchange import Line
from adapters.web.identity import Identity, user
from adapters.web.inbound import place_of
from adapters.web.problems import Refusal, too_many, unauthorized
from adapters.web.settings import WebSettings
from adapters.web.visitors import PerMinute, networks, visitor
from gateway import LimitExceeded, Owned, Participant, Ticket


class Opening:
    """Opens the sessions of one channel. ``agent`` finds who is meant by a name, or "" for nobody.

    Everything raises a ``Refusal`` for what is not allowed.
    """

    def __init__(
        self, channel: str, settings: WebSettings, line: Line, agent: Callable[[str], str]
    ) -> None:
        self._channel = channel
        self._line = line
        self._sessions = line.host.sessions
        self._agent = agent
        self._anonymous = settings.anonymous
        self._identity = Identity(channel, settings)
        self._proxies = networks(settings.trusted_proxies)
        self._openings = PerMinute(settings.sessions_per_minute)
        self._lists = PerMinute(settings.sessions_per_minute)
        self._again = PerMinute(settings.sessions_per_minute)

    def admit(self, request: Request) -> bool:
        """Whether it is a service that wants to open a session; anybody else is counted."""
        if self._identity.serves(bearer(request)):
            return True
        count(self._openings, visitor(request, self._proxies), "sessions")
        return False

    async def new(self, asked: models.NewSession, *, service: bool) -> Ticket:
        """A session of whoever asks; for a service maybe one that is there already."""
        who = None if service else self._asking(asked)
        agent = self._offered(asked.agent)
        name = asked.name.replace("\0", "")
        if service:
            return await self._for_service(asked, agent, name)
        return await self._sessions.create(self._channel, agent=agent, name=name, who=who)

    def user(self, request: Request) -> Participant:
        """The user who asks."""
        token = bearer(request)
        if not token:
            raise unauthorized("A user token is needed: send it as Authorization: Bearer.")
        return self._identity.user(token)

    async def of_user(self, who: Participant, asked: models.Listing) -> Sequence[Owned]:
        """The sessions of a user."""
        agent = self._offered(asked.agent) if asked.agent else ""
        count(self._lists, who.id, "requests")
        return await self._sessions.of(
            self._channel, who, agent=agent, after=asked.after or "", limit=asked.limit
        )

    async def again(self, who: Participant, session_id: str) -> Ticket:
        """One more token for a session of a user's."""
        count(self._again, who.id, "requests")
        try:
            return await self._sessions.open(self._channel, who, session_id)
        except LookupError:
            raise Refusal(404, "There is no such session of yours.") from None

    def _asking(self, asked: models.NewSession) -> Participant | None:
        if asked.session_id or asked.user or asked.variables or asked.overrides:
            raise unauthorized(
                "session_id, user, variables and overrides are for services: send a service key as"
                " Authorization: Bearer."
            )
        if asked.user_token:
            return self._identity.user(asked.user_token)
        if not self._anonymous:
            raise unauthorized("A session needs the user_token of a signed-in user here.")
        return None

    async def _for_service(self, asked: models.NewSession, agent: str, name: str) -> Ticket:
        if asked.user_token:
            raise Refusal(422, "A service says who it is for by user, not by user_token.")
        overrides: dict[str, Any] = {}
        if asked.overrides:
            overrides = asked.overrides.model_dump(exclude_none=True)
        try:
            return await self._sessions.create(
                self._channel,
                agent=agent,
                name=name,
                who=user(asked.user) if asked.user else None,
                place=place_of(agent, asked.session_id) if asked.session_id else "",
                variables=asked.variables,
                overrides=overrides,
            )
        except LimitExceeded as error:
            raise Refusal(413, f"{error}.") from None
        except LookupError:
            raise Refusal(409, "This session_id stands for somebody else's session.") from None

    def _offered(self, name: str) -> str:
        agent = self._agent(name)
        if not agent:
            raise Refusal(404, "There is no such agent here.")
        return agent


def count(limit: PerMinute, key: str, what: str) -> None:
    """Count one for this key, if it is anybody. Raises a ``Refusal``: too many."""
    wait = limit.take(key) if key else 0.0
    if wait:
        raise too_many(what, wait)
