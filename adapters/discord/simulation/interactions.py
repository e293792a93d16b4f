"""Commands and pressed buttons: how a bot answers them, and what it registers.

https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from adapters.discord.simulation.calls import Call, Operation
from adapters.discord.simulation.errors import (
    ApiError,
    invalid,
    too_long,
    unknown,
    unknown_message,
)
from adapters.discord.simulation.messages import SETTABLE, Messages
from adapters.discord.simulation.model import Flags, Interaction, JsonObject, Message
from adapters.discord.simulation.world import World

ANSWER, PROMISE, PROMISE_UPDATE, UPDATE = 4, 5, 6, 7
COMMAND, COMPONENT = 2, 3
RESPONSE_TYPE = {COMMAND: 20, COMPONENT: 0}
PRIVATE = SETTABLE | Flags.EPHEMERAL
MOST_COMMANDS = 100
COMMAND_NAME = re.compile(r"^[-_'\w]{1,32}$")


class Interactions:
    """Answers within `patience` seconds; by the token for `lifetime`."""

    def __init__(
        self, world: World, messages: Messages, *, patience: float, lifetime: float
    ) -> None:
        self._world = world
        self._messages = messages
        self._patience = patience
        self._lifetime = lifetime
        self.table: Mapping[str, Operation] = {
            "create_interaction_response": self.respond,
            "execute_webhook": self.follow_up,
            "get_original_webhook_message": self.get,
            "update_original_webhook_message": self.update,
            "delete_original_webhook_message": self.delete,
            "get_webhook_message": self.get,
            "update_webhook_message": self.update,
            "delete_webhook_message": self.delete,
            "bulk_set_application_commands": self.register,
            "list_application_commands": self.registered,
        }

    def find(self, interaction_id: int, token: str) -> Interaction:
        """The one that is called back. Raises `ApiError`."""
        found = self._world.interactions.get(interaction_id)
        if found is None or found.token != token:
            raise unknown("interaction", 10062)
        return found

    def with_token(self, application_id: int, token: str) -> Interaction:
        """The one whose token stands for a webhook. Raises `ApiError`."""
        if application_id not in self._world.bots:
            raise unknown("Webhook", 10015)
        found = self._world.tokens.get(token)
        if found is None or found.bot.id != application_id or self._expired(found):
            raise ApiError(401, 50027, "Invalid Webhook Token")
        return found

    def unanswered(self) -> list[Interaction]:
        """Those that people were told failed, as nobody answered in time."""
        due = self._world.clock() - self._patience
        return [
            each
            for each in self._world.interactions.values()
            if each.answer is None and each.at < due
        ]

    def _expired(self, interaction: Interaction) -> bool:
        return self._world.clock() - interaction.at > self._lifetime

    # Operations

    def respond(self, call: Call) -> JsonObject | None:
        """The first answer."""
        interaction = _of(call)
        if interaction.answer is not None:
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        if self._world.clock() - interaction.at > self._patience:
            raise unknown("interaction", 10062)
        kind = call.fields.get("type")
        data: JsonObject = call.fields.get("data") or {}
        respond = self._responses(interaction).get(kind or 0)
        if respond is None:
            raise invalid("type", "BASE_TYPE_CHOICES", f"Value {kind!r} does not answer this.")
        respond(call, interaction, data)
        interaction.answer = kind
        if call.query.get("with_response") in {"1", "true"}:
            return self._response(call, interaction)
        return None

    def follow_up(self, call: Call) -> JsonObject | None:
        """Another message. The first after a promise keeps the promise."""
        interaction = self._answered(call)
        response = interaction.response
        if response is not None and response.flags & Flags.LOADING and not response.deleted:
            return self._messages.rewrite(call, response)
        message = self._compose(call, interaction, call.fields)
        self._world.post(message)
        return self._world.shown(call.bot, message)

    def get(self, call: Call) -> JsonObject:
        """Read an answer again."""
        return self._world.shown(call.bot, self._message(call))

    def update(self, call: Call) -> JsonObject:
        """Change an answer, or give the one that was promised."""
        return self._messages.rewrite(call, self._message(call))

    def delete(self, call: Call) -> None:
        """Take an answer back."""
        self._world.delete([self._message(call)], by_bot=True)

    def register(self, call: Call) -> list[JsonObject]:
        """Replace all commands of the bot."""
        if call.ids["application_id"] != call.bot.id:
            raise ApiError(403, 20012, "You are not authorized to perform this action")
        given: list[JsonObject] = call.body if isinstance(call.body, list) else []
        if len(given) > MOST_COMMANDS:
            raise ApiError(400, 30032, f"Maximum number of application commands ({MOST_COMMANDS})")
        for number, command in enumerate(given):
            _check_command(command, str(number))
        names = [(command["name"], command.get("type") or 1) for command in given]
        if len(set(names)) < len(names):
            words = "Application command names must be unique"
            raise invalid("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", words)
        former = {command["name"]: command["id"] for command in call.bot.commands}
        call.bot.commands = [
            self._command(call, command, former.get(command["name"])) for command in given
        ]
        return call.bot.commands

    @staticmethod
    def registered(call: Call) -> list[JsonObject]:
        """All commands of the bot."""
        return call.bot.commands

    # Parts

    def _responses(
        self, interaction: Interaction
    ) -> Mapping[int, Callable[[Call, Interaction, JsonObject], None]]:
        always = {ANSWER: self._answer, PROMISE: self._promise}
        if interaction.type != COMPONENT:
            return always
        return {**always, PROMISE_UPDATE: self._keep, UPDATE: self._change}

    def _answer(self, call: Call, interaction: Interaction, data: JsonObject) -> None:
        interaction.response = self._compose(call, interaction, data)
        self._world.post(interaction.response)

    def _promise(self, call: Call, interaction: Interaction, data: JsonObject) -> None:
        flags = int(data.get("flags") or 0) & Flags.EPHEMERAL | Flags.LOADING
        interaction.response = Message(
            id=self._world.new_id(),
            channel=interaction.channel,
            at=self._world.clock(),
            text="",
            bot=call.bot,
            type=RESPONSE_TYPE[interaction.type],
            flags=int(flags),
            interaction=interaction,
        )
        self._world.post(interaction.response)

    def _keep(self, call: Call, interaction: Interaction, data: JsonObject) -> None:
        interaction.response = interaction.source

    def _change(self, call: Call, interaction: Interaction, data: JsonObject) -> None:
        interaction.response = interaction.source
        if interaction.source is not None:
            self._messages.rewrite(call, interaction.source, data)

    def _compose(self, call: Call, interaction: Interaction, fields: JsonObject) -> Message:
        message = self._messages.compose(
            call, interaction.channel, PRIVATE, fields=fields, interaction=interaction
        )
        message.type = message.type or RESPONSE_TYPE[interaction.type]
        return message

    @staticmethod
    def _answered(call: Call) -> Interaction:
        interaction = _of(call)
        if interaction.answer is None:
            raise unknown("Webhook", 10015)
        return interaction

    def _message(self, call: Call) -> Message:
        interaction = self._answered(call)
        message = interaction.response
        if "message_id" in call.ids:
            message = interaction.channel.messages.get(call.ids["message_id"])
            if message is not None and message.interaction is not interaction:
                message = None
        if message is None or message.deleted:
            raise unknown_message()
        return message

    def _response(self, call: Call, interaction: Interaction) -> JsonObject:
        shown: JsonObject = {"id": str(interaction.id), "type": interaction.type}
        body: JsonObject = {"interaction": shown}
        message = interaction.response
        if message is not None:
            shown["response_message_id"] = str(message.id)
            shown["response_message_loading"] = bool(message.flags & Flags.LOADING)
            shown["response_message_ephemeral"] = bool(message.flags & Flags.EPHEMERAL)
            resource: JsonObject = {"type": interaction.answer}
            if interaction.answer in {ANSWER, UPDATE}:
                resource["message"] = self._world.shown(call.bot, message)
            body["resource"] = resource
        return body

    def _command(self, call: Call, command: JsonObject, known: str | None) -> JsonObject:
        return {
            "default_member_permissions": None,
            "nsfw": False,
            "contexts": None,
            "integration_types": [0],
            "type": 1,
            **command,
            "id": known or str(self._world.new_id()),
            "application_id": str(call.bot.id),
            "version": str(self._world.new_id()),
        }


def _of(call: Call) -> Interaction:
    if call.interaction is None:
        raise unknown("interaction", 10062)
    return call.interaction


def _check_command(command: JsonObject, where: str) -> None:
    """Names in small letters, descriptions short; those of its options too."""
    name = str(command.get("name", ""))
    if (command.get("type") or 1) == 1:
        if not COMMAND_NAME.match(name) or name != name.lower():
            words = "Command name is invalid"
            raise invalid(f"{where}.name", "APPLICATION_COMMAND_INVALID_NAME", words)
        if not 1 <= len(command.get("description") or "") <= 100:
            raise too_long(f"{where}.description", 100, 1)
    for each in (command.get("description_localizations") or {}).values():
        if not 1 <= len(each) <= 100:
            raise too_long(f"{where}.description_localizations", 100, 1)
    for number, option in enumerate(command.get("options") or ()):
        _check_command({**option, "type": 1}, f"{where}.options.{number}")
