"""A call to the Web API, from its path to its answer; https://docs.slack.dev/apis/web-api."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from adapters.slack.simulation.access import Access, Method
from adapters.slack.simulation.chatting import Chatting
from adapters.slack.simulation.errors import ApiError, rate_limited
from adapters.slack.simulation.faults import Answer, refusal
from adapters.slack.simulation.files import Files
from adapters.slack.simulation.model import App, JsonObject
from adapters.slack.simulation.parameters import typed
from adapters.slack.simulation.rates import RateLimits, Rates
from adapters.slack.simulation.reading import Reading
from adapters.slack.simulation.schema import Schema
from adapters.slack.simulation.streaming import Streaming
from adapters.slack.simulation.threads import Threads
from adapters.slack.simulation.vocabulary import IGNORED, SCOPES
from adapters.slack.simulation.world import World

CONNECT = "apps.connections.open"


class WebApi:
    """Finds app and method, checks the arguments, and puts the result into the answer's form."""

    def __init__(
        self,
        world: World,
        *,
        rates: Rates | None,
        schema: Mapping[str, Any] | None,
        stream_idle: float,
        connect: Callable[[App], str],
    ) -> None:
        """`connect` makes the address at which an app's next WebSocket is taken."""
        self.violations: list[str] = []
        self.refusals: list[str] = []
        self._world = world
        self._access = access = Access(world)
        self._connect = connect
        self._schema = Schema(schema) if schema is not None else None
        self._limits = RateLimits(rates=rates, clock=world.clock) if rates is not None else None
        restricted = rates is not None and rates.history_per_minute is not None
        self.files = Files(access)
        self.streaming = Streaming(access, stream_idle)
        self._table: dict[str, Method] = {
            "auth.test": self._auth_test,
            **Chatting(access).table,
            **self.files.table,
            **Reading(access, restricted=restricted).table,
            **self.streaming.table,
            **Threads(access).table,
        }

    def bot(self, token: str) -> App | None:
        """The app whose bot has this token."""
        return next((app for app in self._world.apps.values() if app.bot_token == token), None)

    def read(self, method: str, raw: JsonObject) -> JsonObject:
        """The arguments with their types, checked against the schema, if there is one."""
        given = typed(raw)
        if self._schema is not None:
            self.violations.extend(self._schema.violations(method, given))
        return given

    def account(self, token: str) -> str:
        """Whose token this is; or ""."""
        for app in self._world.apps.values():
            if token in {app.bot_token, app.app_token}:
                return app.id
        return ""

    def answer(self, method: str, token: str, given: JsonObject) -> Answer:
        """Carry out a call."""
        try:
            result = self._result(method, token, given)
        except ApiError as error:
            self.refusals.append(f"{method}: {error.error}")
            return refusal(error)
        return Answer(body=orjson.dumps({"ok": True, **result}), headers=self._granted(token))

    def _granted(self, token: str) -> Mapping[str, str]:
        """Every answer says what the token may do."""
        app = self.bot(token)
        return {} if app is None else {"X-OAuth-Scopes": ",".join(sorted(app.scopes))}

    def _result(self, method: str, token: str, given: JsonObject) -> JsonObject:
        if method == CONNECT:
            return self._connections_open(token)
        if method not in self._table and method not in IGNORED:
            raise ApiError("unknown_method", req_method=method)
        app = self._authorised(token)
        self._spend(method, app, given)
        if method in IGNORED:
            return {}
        if method in SCOPES:
            self._access.require(app, SCOPES[method])
        return self._table[method](app, given)

    def _authorised(self, token: str) -> App:
        if not token:
            raise ApiError("not_authed")
        if any(app.app_token == token for app in self._world.apps.values()):
            raise ApiError("not_allowed_token_type")
        app = self.bot(token)
        if app is None:
            raise ApiError("invalid_auth")
        if app.refused:
            raise ApiError(app.refused)
        return app

    def _spend(self, method: str, app: App, given: JsonObject) -> None:
        channel = str(given.get("channel", ""))
        wait = self._limits.wait(method, app.id, channel) if self._limits is not None else 0.0
        if wait > 0:
            raise rate_limited(wait)

    def _connections_open(self, token: str) -> JsonObject:
        if not token:
            raise ApiError("not_authed")
        if self.bot(token) is not None:
            raise ApiError("not_allowed_token_type")
        for app in self._world.apps.values():
            if app.app_token == token:
                self._spend(CONNECT, app, {})
                if app.refused:
                    raise ApiError(app.refused)
                return {"url": self._connect(app)}
        raise ApiError("invalid_auth")

    def _auth_test(self, app: App, _given: JsonObject) -> JsonObject:
        organisation = {"enterprise_id": app.enterprise} if app.enterprise else {}
        return {
            "url": "https://simulated.slack.com/",
            "team": "Simulated",
            "user": app.name,
            "team_id": app.enterprise if app.org_install else app.team,
            "user_id": app.user_id,
            "bot_id": app.bot_id,
            "is_enterprise_install": app.org_install,
            **organisation,
        }
