"""The REST API as a whole: what a request calls, whether it may, and the answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from aiohttp import web

from adapters.twilio.simulation.access import Access, Method
from adapters.twilio.simulation.accounts import Accounts
from adapters.twilio.simulation.conversations import Conversations
from adapters.twilio.simulation.errors import ApiError
from adapters.twilio.simulation.faults import Answer, refusal
from adapters.twilio.simulation.journeys import Journeys
from adapters.twilio.simulation.messages import Messages
from adapters.twilio.simulation.model import JsonObject, StoredFile
from adapters.twilio.simulation.parameters import Call, credentials
from adapters.twilio.simulation.rates import RateLimits
from adapters.twilio.simulation.schema import Schema
from adapters.twilio.simulation.talking import Talking
from adapters.twilio.simulation.vocabulary import Route
from adapters.twilio.simulation.world import World


class Api:
    """Answers calls. `refused` is a code that every call gets for an answer, with its status."""

    def __init__(
        self,
        world: World,
        journeys: Journeys,
        limits: RateLimits,
        descriptions: Iterable[Mapping[str, Any]],
    ) -> None:
        access = Access(world=world)
        self._world = world
        self.messages = Messages(access, journeys, limits)
        self.conversations = Conversations(access)
        self.talking = Talking(access)
        self.accounts = Accounts(access)
        parts = (self.messages, self.conversations, self.talking, self.accounts)
        self._table: dict[str, Method] = {
            name: method for part in parts for name, method in part.table.items()
        }
        described = list(descriptions)
        self._schema = Schema(described) if described else None
        self.violations: list[str] = []
        self.refusals: deque[str] = deque(maxlen=world.keep)
        self.refused: ApiError | None = None

    def authorize(self, request: web.BaseRequest) -> None:
        """Only the account itself may call. Raises `ApiError`."""
        if credentials(request) != (self._world.account_sid, self._world.auth_token):
            raise ApiError(20003)
        if self.refused is not None:
            raise self.refused
        if self._world.suspended and request.method != "GET":
            raise ApiError(20005)

    def check(self, route: Route, call: Call) -> None:
        """Note what is not as the API's description has it."""
        if self._schema is not None:
            self.violations += self._schema.violations(route, call)

    def answer(self, route: Route, call: Call) -> Answer:
        """Carry a call out."""
        try:
            if route.name == "GetMedia":
                return self._redirect(self.messages.file(call))
            found = self._table[route.name](call)
        except ApiError as error:
            return self.no(route.name, error)
        if found is not None and self._schema is not None:
            self.violations += self._schema.mismatches(route, call.path, found)
        return _answer(route.status, found)

    def no(self, name: str, error: ApiError) -> Answer:
        """Refuse a call, and remember it."""
        self.refusals.append(f"{name}: {error.code}")
        return refusal(error)

    def file(self, path: str) -> Answer:
        """What the storage has: it asks for no credentials."""
        file = self._world.files.get(path.rpartition("/")[2])
        if file is None:
            return Answer(body=b"<Error><Code>NoSuchKey</Code></Error>", status=404)
        return Answer(body=file.content, media_type=file.media_type)

    def _redirect(self, file: StoredFile) -> Answer:
        """Where media is stored for good, which is elsewhere.

        https://www.twilio.com/docs/messaging/api/media-resource
        """
        return Answer(
            body=b"", status=307, headers={"Location": f"{self._world.base_url}/cdn/{file.sid}"}
        )


def _answer(status: int, found: JsonObject | None) -> Answer:
    return Answer(body=b"" if found is None else orjson.dumps(found), status=status)
