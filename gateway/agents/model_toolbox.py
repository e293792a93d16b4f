"""Calls a model's tools: what it may call, how often, and what it is told when it may not."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache

from pydantic import ValidationError
from pydantic_ai.messages import ToolCallPart, ToolReturnPart
from pydantic_ai.tools import ToolDefinition

from gateway.agents.phrases import short
from gateway.agents.tools import TOOLS, Desk
from gateway.errors import LimitExceeded
from gateway.ports.agent import Output, Step

NO_MORE = "This was not done: you have made as many calls as you may. Answer with what you know."
_PROBLEMS = 5


class Toolbox:
    """The tools of one turn. ``left`` is how many calls may still be made; ``over``: the model has
    asked for more, and was told so."""

    def __init__(self, desk: Desk, names: Sequence[str], most: int) -> None:
        self._desk = desk
        self._tools = {name: TOOLS[name] for name in dict.fromkeys(names)}
        self.left = most
        self.over = False

    def __bool__(self) -> bool:
        return bool(self._tools)

    def definitions(self) -> list[ToolDefinition]:
        """What the model is told of them."""
        return [_definition(name) for name in self._tools]

    async def call(self, call: ToolCallPart) -> tuple[ToolReturnPart, list[Output]]:
        """Make a call: what the model reads of it, and what people see.

        Whatever is wrong with it is told to the model. Raises ``Unavailable``, as what the tools
        reach does.
        """
        seen: list[Output] = []
        if self.left <= 0:
            self.over, told = True, NO_MORE
        else:
            self.left -= 1
            told = await self._told(call, seen)
        return ToolReturnPart(call.tool_name, told, call.tool_call_id), seen

    async def _told(self, call: ToolCallPart, seen: list[Output]) -> str:
        kind = self._tools.get(call.tool_name)
        if kind is None:
            return f"Error: there is no tool {short(call.tool_name)!r}.{self._meant(call)}"
        files = len(self._desk.files)
        try:
            tool = kind.model_validate(call.args_as_dict(raise_if_invalid=True))
        except ValidationError as error:
            return f"Error in the arguments: {_problems(error)}."
        except (AssertionError, ValueError):
            return "Error in the arguments: they are no JSON object."
        try:
            said = await tool.use(self._desk)
        except (KeyError, IndexError):
            # A mistake of ours; nothing that is asked for is missing in this way.
            raise
        except (LimitExceeded, LookupError, ValueError) as error:
            return f"Error: {error}"
        seen += [Step(kind.done), *self._desk.files[files:]]
        return said

    def _meant(self, call: ToolCallPart) -> str:
        close = get_close_matches(call.tool_name, self._tools, n=1)
        names = close or sorted(self._tools)
        return f" Is {names[0]} meant?" if close else f" There are: {', '.join(names)}."


@cache
def _definition(name: str) -> ToolDefinition:
    schema = TOOLS[name].model_json_schema()
    about = " ".join(str(schema.pop("description")).split())
    schema.pop("title")
    for argument in schema["properties"].values():
        argument.pop("title", None)
    return ToolDefinition(name=name, description=about, parameters_json_schema=schema, strict=False)


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(_problem(each["loc"], each["msg"]) for each in found[:_PROBLEMS])


def _problem(place: tuple[int | str, ...], what: str) -> str:
    return f"{short(str(place[0]))}: {what}" if place else what
