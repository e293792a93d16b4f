"""The ``demo`` kind: a tour that keeps its word."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.agents.demo import KIND, DemoAgent, DemoSettings
from gateway.agents.demo.memory import MOST_FACTS
from gateway.agents.demo.visit import HINTS
from gateway.domain import Answer, Attachment, ConversationKind, QuestionKind
from gateway.ports.agent import Ask, File, Output, Publish, Step, Text, Turn
from gateway.testing.agent import SEEDED, answer_text, make_answer, make_turn, run_turn

NOW = 1_800_000_000.0
DAY = 86_400.0


def agent(pace: float = 0.0) -> DemoAgent:
    return DemoAgent("demo", DemoSettings(pace=pace), clock=lambda: NOW, roll=lambda: 4)


class Talk:
    """A session with the demo: keeps history, variables and data, as the gateway would."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.history: list[tuple[str, str]] = []
        self.variables: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.asked: Ask | None = None

    async def say(self, text: str, **options: Any) -> str:
        """What is answered; a question's text belongs to it."""
        return " ".join(
            output.text
            for output in await self.outputs(text, **options)
            if isinstance(output, Text | Publish | Ask)
        )

    def question(self) -> Ask:
        """The question that is open."""
        assert self.asked
        return self.asked

    async def answer(self, text: str) -> str:
        """Answer the question that is open."""
        return await self.say(text, answer=make_answer(self.question(), text))

    async def outputs(self, text: str, **options: Any) -> list[Output]:
        options = self.options | options
        turn = make_turn(text, messages=self.history, variables=self.variables, **options)
        turn.data.update(self.data)
        outputs = await run_turn(agent(), turn)
        self.data = turn.data
        self.variables = {k: v for k, v in turn.variables.items() if k not in SEEDED}
        self.asked = next((output for output in outputs if isinstance(output, Ask)), None)
        self.history += [("user", text), ("assistant", answer_text(outputs))]
        return outputs


@pytest.mark.parametrize("text", ["hello", "Hi!", "good morning", "something else entirely"])
async def test_the_first_words_say_what_to_try(text: str) -> None:
    said = await Talk().say(text)
    assert said.startswith("Hello!")
    assert sum(hint in said for hint in HINTS) >= 3


async def test_greets_shortly_the_second_time() -> None:
    talk = Talk()
    await talk.say("hello")
    assert (await talk.say("hello")).startswith("Hello again! Try: ")


@pytest.mark.parametrize("hint", HINTS)
async def test_every_hint_is_understood(hint: str) -> None:
    talk = Talk()
    await talk.say("hello")
    for text in (hint, hint.upper(), f"Please {hint}!"):
        said = await talk.say(text)
        assert said
        assert "Try: " not in said.partition("\n")[0] or "yet" in said
        assert "“" not in said.partition(" ")[0]


async def test_what_can_you_do_lists_everything() -> None:
    said = await Talk().say("What can you do?")
    assert all(hint in said for hint in HINTS)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ("remember my cat is called Ada", "your cat is called Ada"),
        ("Remember that I am allergic to nuts.", "you are allergic to nuts"),
        ("remember: I was in Rome", "you were in Rome"),
        ("please remember you owe me a coffee", "“you owe me a coffee”"),
    ],
)
async def test_remembers_facts(told: str, known: str) -> None:
    talk = Talk()
    assert known in await talk.say(told)
    assert f"- {known}" in await talk.say("what do you remember?")


async def test_remembers_so_much_and_no_more() -> None:
    talk = Talk()
    for number in range(MOST_FACTS + 10):
        await talk.say(f"remember number {number} {'x' * 1000}")
    assert len(talk.variables["facts"]) == MOST_FACTS
    assert "number 59" in talk.variables["facts"][-1]
    assert len(repr(talk.variables)) < 20_000


async def test_a_fact_told_twice_is_known_once() -> None:
    talk = Talk()
    await talk.say("remember tea")
    await talk.say("remember tea")
    assert talk.variables["facts"] == ["tea"]


@pytest.mark.parametrize(
    "text", ["note: water the roses", "Please take a note that water the roses."]
)
async def test_notes_outlive_the_session(text: str) -> None:
    talk = Talk()
    assert "No notes yet" in await talk.say("show my notes")
    await talk.say(text)
    await talk.say(text)
    assert talk.variables == {}
    later = Talk()
    later.data = talk.data
    assert await later.say("my notes") == "You had me note:\n\n- water the roses"
    assert "for everybody here" in await later.say("our notes", shared=True)
    await later.say("forget everything")
    await later.answer("Yes")
    assert later.data == {}


async def test_notes_so_many_and_no_more() -> None:
    talk = Talk()
    for number in range(MOST_FACTS + 10):
        await talk.say(f"note: number {number} {'x' * 1000}")
    assert len(talk.data["notes"]) == MOST_FACTS
    assert len(repr(talk.data)) < 20_000


@pytest.mark.parametrize("text", ["my name is Grace", "Call me Grace!", "Hello, I'm called Grace."])
async def test_remembers_the_name(text: str) -> None:
    talk = Talk()
    assert "You have not told me" in await talk.say("who am i?")
    assert await talk.say(text) == "Nice to meet you, Grace! I will know you until you say /reset."
    assert talk.variables["name"] == "Grace"
    assert await talk.say("what is my name?") == "You are Grace."
    assert "Hello again, Grace!" in await talk.say("hello")


async def test_quotes_the_history() -> None:
    talk = Talk()
    assert "first thing said here" in await talk.say("what did I say first?")
    await talk.say("I like trains")
    assert "“what did I say first?”" in await talk.say("what did I say first?")
    await talk.say("and boats")
    assert "“and boats”" in await talk.say("what did I just say?")


async def test_asks_with_choices() -> None:
    talk = Talk()
    await talk.say("my name is Grace")
    await talk.say("ask me something")
    assert talk.question() == Ask(
        text="What may I bring you?",
        kind=QuestionKind.CHOICE,
        options=("Tea", "Coffee", "Water"),
    )
    assert (await talk.answer("Coffee")).startswith("Coffee, Grace.")


@pytest.mark.parametrize("told", ["remember my cat", "my name is Grace"])
async def test_asks_before_it_forgets(told: str) -> None:
    talk = Talk()
    assert "nothing to forget" in await talk.say("delete everything")
    await talk.say(told)
    before = talk.variables
    await talk.say("delete everything")
    assert talk.question().kind is QuestionKind.APPROVAL
    assert await talk.answer("No") == "Good, I keep it."
    assert talk.variables == before
    await talk.say("delete everything")
    assert (await talk.answer("Yes")).startswith("Done.")
    assert talk.variables == {}


async def test_interviews() -> None:
    talk = Talk()
    await talk.say("interview me")
    assert talk.question().kind is QuestionKind.TEXT
    await talk.answer("reading maps")
    said = await talk.answer("walk them")
    assert "“reading maps”" in said
    assert "“walk them”" in said
    assert talk.asked is None
    assert talk.variables == {}


async def test_two_interviews_in_a_group_stay_apart() -> None:
    talk = Talk(shared=True, kind=ConversationKind.GROUP)
    await talk.say("interview me", sender="Ada")
    first = talk.question()
    await talk.say("interview me", sender="Bob")
    await talk.say("chess", sender="Ada", answer=make_answer(first, "chess"))
    second = talk.question()
    await talk.say("boxing", sender="Bob", answer=make_answer(first, "boxing"))
    said = await talk.say("play", sender="Ada", answer=make_answer(second, "play"))
    assert "chess" in said
    assert "boxing" not in said


async def test_streams_piece_by_piece() -> None:
    pieces = await Talk().outputs("count to ten")
    assert len(pieces) == 11
    assert answer_text(pieces).startswith("One, two, three, ")
    assert answer_text(pieces).endswith(", ten.")
    assert answer_text(await Talk().outputs("count to 3")) == "One, two, three."
    assert "only learnt" in await Talk().say("count to 99")
    assert len(await Talk().outputs("tell me a story")) > 5


async def test_takes_its_time() -> None:
    begun = time.monotonic()
    await run_turn(agent(pace=0.02), make_turn("count to four"))
    assert time.monotonic() - begun >= 0.06


async def test_publishes_before_the_end_and_not_twice() -> None:
    outputs = await Talk().outputs("work for a while")
    kinds = [type(output) for output in outputs]
    assert kinds == [Step, Publish, Step, Step, Text]
    published = tuple(output.text for output in outputs if isinstance(output, Publish))
    again = await Talk().outputs("work for a while", published=published)
    assert [type(output) for output in again] == [Step, Step, Step, Text]


async def test_counts_messages() -> None:
    talk = Talk()
    await talk.say("hello")
    await talk.say("hello")
    assert "4 messages" in await talk.say("how many messages?")
    assert "6 messages" in await talk.say("Count my messages")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "A direct conversation: it is yours alone"),
        (
            {"kind": ConversationKind.GROUP, "shared": True},
            "All of this group “Somewhere” share it",
        ),
        ({"kind": ConversationKind.THREAD, "shared": True}, "All of this thread “Somewhere” share"),
        ({"kind": ConversationKind.GROUP}, "It is yours alone within this group “Somewhere”"),
    ],
)
async def test_explains_which_session_this_is(options: dict[str, Any], words: str) -> None:
    turn = make_turn("which session is this?", last_visit=NOW - 7200, **options)
    turn = replace(turn, session=replace(turn.session, created_at=NOW - 2 * DAY))
    said = answer_text(await run_turn(agent(), turn))
    assert turn.session.id in said
    assert words in said
    assert "Begun 2 days ago" in said
    assert "Last visit: 2 hours ago" in said


@pytest.mark.parametrize(
    ("options", "welcome"),
    [
        ({"last_visit": NOW - 3 * DAY}, "Welcome back! You were here 3 days ago.\n\n"),
        ({"last_visit": NOW - DAY / 2}, ""),
        ({"last_visit": None}, ""),
        ({"last_visit": NOW - 3 * DAY, "shared": True}, ""),
    ],
)
async def test_welcomes_back_after_a_long_absence(options: dict[str, Any], welcome: str) -> None:
    turn = make_turn("roll a die", **options)
    name = ", Ada" if options.get("shared") else ""
    assert answer_text(await run_turn(agent(), turn)) == f"{welcome}🎲 Four{name}."


async def test_in_a_group_everybody_has_their_own_name() -> None:
    talk = Talk(shared=True, kind=ConversationKind.GROUP)
    await talk.say("remember my dog is called Rex", sender="Ada")
    assert "you are Bob" in await talk.say("my name is Robert", sender="Bob")
    assert "- Ada: my dog is called Rex" in await talk.say("what do you remember?", sender="Bob")
    assert await talk.say("thanks", sender="Bob") == "With pleasure, Bob."


async def test_a_die_shows_one_to_six() -> None:
    seen = {DemoAgent("demo", DemoSettings())._roll() for _ in range(500)}
    assert seen == set(range(1, 7))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I like trains", "“I like trains” – I see."),
        ("why is the sky blue?", "“why is the sky blue?” A good question"),
        ("", "I heard nothing."),
        ("y" * 500, f"“{'y' * 79}…” – I see."),
        ("{name}", "“{name}” – I see."),
    ],
)
async def test_anything_else_is_reflected_with_a_hint(text: str, said: str) -> None:
    talk = Talk()
    await talk.say("hello")
    answer = await talk.say(text)
    assert answer.startswith(said)
    assert "Try: " in answer


async def test_hints_take_turns() -> None:
    talk = Talk()
    said = [await talk.say("hmm") for _ in range(len(HINTS) + 1)]
    assert {answer.partition("Try: ")[2] for answer in said[1:]} == set(HINTS)


async def test_an_answer_to_nothing_is_taken_kindly() -> None:
    ask = Ask(text="Some question of an older version?")
    answer: Answer = make_answer(ask, "blue")
    assert "“blue”" in await Talk().say("blue", answer=answer)


@pytest.mark.parametrize(
    "variables",
    [
        {"facts": "not a list", "name": 3, "last_visit": "yesterday"},
        {"facts": [1, None, {}], "name": None},
    ],
    ids=["strings", "lists"],
)
async def test_strange_variables_do_no_harm(variables: dict[str, Any]) -> None:
    turns: Sequence[Turn] = [make_turn(hint, variables=variables) for hint in HINTS]
    for turn in turns:
        turn.variables.update(variables)
        turn.data["notes"] = variables["facts"]
        assert await run_turn(agent(), turn)


def test_the_kind_makes_one() -> None:
    assert isinstance(KIND.create("demo", KIND.settings()), DemoAgent)


async def test_sends_the_conversation_as_a_file() -> None:
    talk = Talk()
    await talk.say("remember my cat is called Ada")
    outputs = await talk.outputs("send me a file")
    (file,) = [output for output in outputs if isinstance(output, File)]
    assert file.name == "conversation.txt"
    assert "user: remember my cat is called Ada" in file.data.decode()


async def test_says_which_files_it_got_whatever_was_written_with_them() -> None:
    photo = Attachment(name="sun.png", media_type="image/png", size=12_345, id="f")
    turn = replace(make_turn("count to ten"), attachments=(photo,))
    said = answer_text(await run_turn(agent(), turn))
    assert "sun.png, image/png, 12,345 bytes" in said
