"""Business accounts: people whose customers a bot answers in their place."""

from __future__ import annotations

from adapters.telegram.simulation.model import Chat, Connection, Message, Person
from adapters.telegram.simulation.vocabulary import BUSINESS_RIGHTS
from adapters.telegram.simulation.world import Bot, World


def connect(world: World, bot: Bot, connection_id: str, owner: Person) -> Connection:
    """Let somebody have a bot answer for them; tells the bot, also of a change."""
    bot.takes_business = True
    connection = bot.connections.get(connection_id)
    if connection is None:
        connection = bot.connections[connection_id] = Connection(
            id=connection_id, owner=owner, since=world.clock(), rights=BUSINESS_RIGHTS
        )
    announce(bot, connection)
    return connection


def announce(bot: Bot, connection: Connection) -> str:
    """Tell the bot how a connection is now; return the update's id."""
    return str(bot.updates.add("business_connection", connection.shown()) or "")


def chat_with(bot: Bot, connection: Connection, customer: Person) -> Chat:
    """The chat of the account with one of its customers."""
    if customer.id not in connection.chats:
        connection.chats[customer.id] = Chat(
            id=customer.id,
            type="private",
            title=customer.name,
            started=False,
            bots={bot.id},
            people={customer.id: customer},
            connection=connection,
        )
    return connection.chats[customer.id]


def forget(world: World, messages: list[Message]) -> list[str]:
    """Delete messages of one chat; return the updates' ids, which only business accounts have."""
    for message in messages:
        world.delete(message)
    chat = messages[0].chat
    if chat.connection is None or not chat.connection.enabled:
        return []
    content = {
        "business_connection_id": chat.connection.id,
        "chat": chat.shown,
        "message_ids": [message.id for message in messages],
    }
    found = (
        world.bots[each].updates.add("deleted_business_messages", content) for each in chat.bots
    )
    return [str(update_id) for update_id in found if update_id is not None]
