"""All that Telegram brings, through the real process: files, albums, replies, deletions,
business accounts and groups that move."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from adapters.telegram.simulator import TelegramSimulator
from gateway.testing.simulator import Fault, SentFile
from tests.scenarios.town import Town, in_town
from tests.support.people import Home, at_home, in_group, new_key
from tests.support.telegram import telegram_gateway

IHDR = struct.pack(">4sIIBBBBB", b"IHDR", 640, 480, 8, 2, 0, 0, 0)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\r" + IHDR + struct.pack(">I", zlib.crc32(IHDR))
VOICE = b"OggS" + b"\0" * 24 + b"OpusHead" + b"\1" * 40


def photo(number: int) -> SentFile:
    """A picture, or the beginning of one, unlike the others."""
    name = f"rose{number}.png"
    return SentFile(name=name, media_type="image/png", content=PNG + f"picture {number}".encode())


def read(file: SentFile, name: str = "photo.jpg") -> str:
    """What `witness` says of a file; its type is what its content says."""
    content = file.content
    return f"with {name} {file.media_type} {len(content)} {content[-9:].hex()}"


async def settled(telegram: TelegramSimulator) -> None:
    """Wait until the gateway has taken over all that was said."""
    await telegram.wait_until(lambda: not telegram.unacknowledged())


# Files


@in_town
async def test_a_photo_and_a_voice_message_reach_the_agent(town: Town) -> None:
    telegram = town["witness"]
    ada = at_home(telegram, "Ada")
    rose = photo(1)
    await telegram.send_file(
        rose.content, rose.name, rose.media_type, person=ada.person, place=ada.place
    )
    (answer,) = await ada.heard(1)
    assert answer == f"[photo] / {read(rose)} / after nothing"
    voice = SentFile(name="voice.ogg", media_type="audio/ogg", content=VOICE)
    await telegram.send_file(
        VOICE, "voice.ogg", "audio/ogg", kind="voice", person=ada.person, place=ada.place
    )
    answer = (await ada.heard(2))[-1]
    said, heard, after = answer.split(" / ")
    assert said.startswith("[voice message")
    assert (heard, after) == (read(voice, "voice.ogg"), "after [photo]")


@in_town
async def test_an_album_is_one_turn_with_all_its_pictures(town: Town) -> None:
    telegram = town["witness"]
    ada = at_home(telegram, "Ada")
    pictures = [photo(number) for number in range(3)]
    await telegram.send_album(
        pictures, person=ada.person, place=ada.place, caption="which is a rose?"
    )
    (answer,) = await ada.heard(1)
    assert answer.startswith("which is a rose?")
    assert answer.split(" / ")[1:4] == [read(picture) for picture in pictures]
    after = await ada.ask("and then?")
    assert after.count("which is a rose?") == 1
    assert len(ada.texts()) == 2


@in_town
async def test_an_album_in_a_group_is_whole_though_only_its_caption_calls_the_bot(
    town: Town,
) -> None:
    telegram = town["attentive"]
    ada, _ = in_group(telegram, "Ada", "Bob")
    pictures = [photo(number) for number in range(3)]
    await telegram.send_album(
        pictures, person=ada.person, place=ada.place, caption="compare", mention=True
    )
    (sent,) = await telegram.wait_sent(1, ada.place)
    assert sent.text.split(" / ")[1:4] == [read(picture) for picture in pictures]


# Replies


@in_town
async def test_a_reply_brings_what_it_replies_to(town: Town) -> None:
    telegram = town["witness"]
    ada, bob = in_group(telegram, "Ada", "Bob")
    await ada.ask("one", mention=True)
    (answer,) = telegram.sent(ada.place)
    await telegram.say(
        "really?",
        person=bob.person,
        place=bob.place,
        reply_to=answer.message_id,
        quote="after nothing",
    )
    heard = await ada.heard(2)
    assert heard[-1] == "really? / quoting me: after nothing / after one"
    event = await ada.say("roses want shade", mention=True)
    await ada.heard(3)
    await telegram.say(
        "is she right?",
        person=bob.person,
        place=bob.place,
        mention=True,
        reply_to=telegram.message_id(event),
    )
    said = (await ada.heard(4))[-1]
    assert said.startswith("is she right? / quoting Ada: ")
    assert "roses want shade / after" in said


# Business accounts


def at_business(telegram: TelegramSimulator, home: Home, connection: str = "bc-1") -> Home:
    """The same person, in their chat with a business account that the bot answers for."""
    return Home(telegram, home.person, telegram.business(home.person, connection))


async def test_what_is_said_to_a_business_stays_there(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = at_home(telegram, "Ada")
    channel = {"allow": [ada.person.id]}
    async with telegram_gateway(telegram, tmp_path, channel=channel) as process:
        shop, bank = at_business(telegram, ada, "bc-1"), at_business(telegram, ada, "bc-2")
        assert await ada.ask("alone") == "alone after nothing"
        assert await shop.ask("shop") == "shop after nothing"
        assert await bank.ask("bank") == "bank after nothing"
        await process.restart()
        assert await ada.ask("alone again") == "alone again after alone"
        assert await shop.ask("shop again") == "shop again after shop"
        assert await bank.ask("bank again") == "bank again after bank"
        assert [len(home.texts()) for home in (ada, shop, bank)] == [2, 2, 2]


@in_town
async def test_what_a_business_s_owner_writes_is_not_answered(town: Town) -> None:
    telegram = town["recall"]
    ada, owner = at_home(telegram, "Ada"), telegram.person("Olga")
    place = telegram.business(ada.person, "bc-1", owner=owner)
    shop = Home(telegram, ada.person, place)
    assert await shop.ask("one") == "one after nothing"
    await telegram.say("I answer myself", person=owner, place=place)
    await settled(telegram)
    assert await shop.ask("two") == "two after one"
    assert len(shop.texts()) == 2


async def test_what_is_deleted_is_forgotten(telegram: TelegramSimulator, tmp_path: Path) -> None:
    ada = at_home(telegram, "Ada")
    async with telegram_gateway(telegram, tmp_path) as process:
        shop = at_business(telegram, ada)
        event = await shop.say("my number is 4711")
        await shop.heard(1)
        await telegram.delete(telegram.message_id(event), place=shop.place)
        await settled(telegram)
        assert await shop.ask("two") == "two after nothing"
        await process.restart()
        assert await shop.ask("three") == "three after two"


@in_town
async def test_a_waiting_message_that_is_deleted_is_not_answered(town: Town) -> None:
    telegram = town["slow"]
    ada = at_home(telegram, "Ada")
    shop, key = at_business(telegram, ada), new_key()
    await shop.say(f"hold {key}")
    event = await shop.say("sleep 0")
    await shop.say("nap 0")
    await settled(telegram)
    await telegram.delete(telegram.message_id(event), place=shop.place)
    await settled(telegram)
    await at_home(telegram, "Zoe").ask(f"free {key}")
    assert await shop.heard(2) == [f"done hold {key}", "done nap 0"]


# Groups that move


async def test_a_group_that_becomes_a_supergroup_keeps_its_session(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = telegram.person("Ada")
    moved = []
    async with telegram_gateway(telegram, tmp_path) as process:
        for told_twice in (False, True):
            old = Home(telegram, ada, telegram.group("Gardeners", basic=True, people=[ada]))
            assert await old.ask("one", mention=True) == "one after nothing"
            new = Home(telegram, ada, telegram.migrate(old.place))
            await settled(telegram)
            if told_twice:
                telegram.inject(_told(old, migrate_to_chat_id=int(new.place.id)))
                telegram.inject(_told(new, migrate_from_chat_id=int(old.place.id)))
                await settled(telegram)
            assert await new.ask("two", mention=True) == "two after one"
            moved.append(new)
        await process.restart()
        for new in moved:
            assert await new.ask("three", mention=True) == "three after one|two"


async def test_a_refused_answer_is_the_first_to_tell_of_a_move(
    telegram: TelegramSimulator, tmp_path: Path
) -> None:
    ada = telegram.person("Ada")
    group = telegram.group("Gardeners", basic=True, people=[ada])
    async with telegram_gateway(telegram, tmp_path) as process:
        old = Home(telegram, ada, group)
        telegram.fail_next(Fault.RATE_LIMIT, retry_after=4.0)
        await old.say("one", mention=True)
        await settled(telegram)
        # From here on it hears nothing, and still sends.
        telegram.fail_next(Fault.SERVER_ERROR, 1000, method="getUpdates")
        await telegram.disconnect()
        new = Home(telegram, ada, telegram.migrate(group))
        assert await new.heard(1) == ["one after nothing"]
        await process.until_logged("group_moved")
        assert process.output.count("group_moved") == 1
        assert len(telegram.unacknowledged()) == 2, "both service messages come later"
        assert ["upgraded to a supergroup" in said for said in telegram.refusals] == [True]
        telegram.refusals.clear()
        telegram.clear_faults()
        assert await new.ask("two", mention=True, timeout=30) == "two after one"
        await settled(telegram)
        await process.restart()
        assert await new.ask("three", mention=True) == "three after one|two"
        assert not telegram.duplicates()


@in_town
async def test_what_waits_under_the_new_id_already_is_answered_with_the_older_session(
    town: Town,
) -> None:
    telegram = town["slow"]
    (old,), (new,) = in_group(telegram, "Ada"), in_group(telegram, "Ada")
    assert await old.ask("sleep 0", mention=True) == "done sleep 0"
    # The sign of the move comes after what was said there: webhooks keep no order.
    key = new_key()
    await new.say(f"hold {key}", mention=True)
    await new.say("sleep 0.1", mention=True)
    await settled(telegram)
    telegram.inject(_told(old, migrate_to_chat_id=int(new.place.id)))
    await settled(telegram)
    await at_home(telegram, "Zoe").ask(f"free {key}")
    assert await new.heard(2, timeout=20) == [f"done hold {key}", "done sleep 0.1"]
    status = await new.ask("/status", mention=True)
    assert "6 messages" in status
    assert not telegram.duplicates(new.place)


def _told(home: Home, **fields: int) -> dict[str, object]:
    """The service message that tells of a move, once more, under an update id of its own."""
    chat = {"id": int(home.place.id), "type": "group", "title": "Gardeners"}
    person = {"id": int(home.person.id), "is_bot": False, "first_name": home.person.name}
    message = {"message_id": 9000, "date": 1, "chat": chat, "from": person, **fields}
    return {"message": message}
