"""What calls stand on: the world, and the checks that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.twilio.simulation.errors import ApiError
from adapters.twilio.simulation.model import Conversation, JsonObject
from adapters.twilio.simulation.paging import paged
from adapters.twilio.simulation.parameters import Call
from adapters.twilio.simulation.shapes import Shapes
from adapters.twilio.simulation.world import World

Method = Callable[[Call], JsonObject | None]
"""Carries a call out; `None` where the answer is empty. Raises `ApiError`."""


@dataclass(kw_only=True)
class Access:
    """The world as the API's methods see it."""

    world: World
    shapes: Shapes = field(init=False)

    def __post_init__(self) -> None:
        self.shapes = Shapes(self.world)

    def check_account(self, call: Call) -> None:
        """The account in the path is the one that calls."""
        if call.names.get("Account", self.world.account_sid) != self.world.account_sid:
            raise ApiError(20404)

    def check_service(self, call: Call) -> str:
        """The conversation service in the path; the default one if there is none."""
        service = call.names.get("Service", self.world.service)
        if service != self.world.service:
            raise ApiError(50050)
        return service

    def conversation(self, call: Call) -> Conversation:
        """The conversation in the path, by its sid or its unique name."""
        self.check_service(call)
        wanted = call.names["Conversation"]
        for talk in self.world.conversations.values():
            if wanted in {talk.sid, talk.unique_name}:
                return talk
        raise ApiError(20404)

    def page(
        self,
        call: Call,
        key: str,
        found: Sequence[Any],
        shape: Callable[[Any], JsonObject],
        most: int = 100,
    ) -> JsonObject:
        """A page of a list."""
        return paged(f"{self.world.base_url}{call.path}", call.query, key, found, shape, most)
