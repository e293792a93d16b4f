"""What the simulated Slack makes of streams, threads of the agent view, and too many calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from adapters.slack.simulator import Rates
from tests.unit.adapters.slack.loopback import Clock, Loopback, loopback


class TestStreams:
    @pytest.fixture
    async def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    async def sl(self, clock: Clock) -> AsyncIterator[Loopback]:
        async with loopback(stream_idle=60.0, clock=clock) as everything:
            yield everything

    async def start(self, sl: Loopback, **given: Any) -> dict[str, str]:
        said = await sl.simulator.say("hi", person=sl.ann, place=sl.here)
        thread_ts = said.partition(":")[2]
        answer = await sl.call("chat.startStream", channel=sl.here.id, thread_ts=thread_ts, **given)
        return {"channel": answer["channel"], "ts": answer["ts"]}

    async def test_a_message_grows_until_it_is_stopped(self, sl: Loopback) -> None:
        stream = await self.start(sl, markdown_text="Roses")
        await sl.call("chat.appendStream", **stream, markdown_text=" are")
        (seen,) = sl.simulator.streaming(sl.here)
        assert seen.text == "Roses are"
        assert await sl.refused("chat.update", **stream, text="else") == "streaming_state_conflict"
        chunks = [{"type": "markdown_text", "text": " red"}]
        metadata = {"event_type": "a", "event_payload": {"id": "b"}}
        await sl.call("chat.stopStream", **stream, chunks=chunks, metadata=metadata)
        assert sl.simulator.streaming(sl.here) == []
        assert [message.text for message in sl.simulator.sent(sl.here)] == ["Roses are red"]
        for method in ("chat.appendStream", "chat.stopStream"):
            assert (
                await sl.refused(method, **stream, markdown_text="!")
                == "message_not_in_streaming_state"
            )
        await sl.call("chat.update", **stream, text="else")

    async def test_it_needs_a_thread_and_in_channels_a_reader(self, sl: Loopback) -> None:
        start = "chat.startStream"
        assert await sl.refused(start, channel=sl.here.id) == "invalid_arguments"
        assert await sl.refused(start, channel=sl.here.id, thread_ts="1.000001") == (
            "cannot_reply_to_message"
        )
        channel = sl.simulator.place("channel", people=[sl.ann])
        thread = sl.simulator.place("thread", people=[sl.ann], parent=channel)
        given = {"channel": channel.id, "thread_ts": thread.id}
        assert await sl.refused(start, **given) == "missing_recipient_user_id"
        given["recipient_user_id"] = "U1"
        assert await sl.refused(start, **given) == "missing_recipient_team_id"
        given["recipient_team_id"] = (await sl.call("auth.test"))["team_id"]
        assert await sl.refused(start, **given) == "user_not_found"
        given["recipient_user_id"] = sl.ann.id
        assert await sl.refused(start, **given | {"recipient_team_id": "T1"}) == "team_not_found"
        await sl.call(start, **given)
        assert len(sl.simulator.sent(thread)) == 1

    async def test_one_that_nothing_came_for_is_over(self, sl: Loopback, clock: Clock) -> None:
        stream = await self.start(sl)
        for text in ("a", "b"):
            clock.now += 60
            await sl.call("chat.appendStream", **stream, markdown_text=text)
        clock.now += 61
        assert (
            await sl.refused("chat.appendStream", **stream, markdown_text="c")
            == "message_not_in_streaming_state"
        )
        await sl.call("chat.update", **stream, markdown_text="abc")
        stream = await self.start(sl)
        sl.simulator.end_streams()
        assert await sl.refused("chat.stopStream", **stream) == "message_not_in_streaming_state"

    async def test_people_stop_it(self, sl: Loopback) -> None:
        with pytest.raises(LookupError, match="nothing is being written"):
            await sl.simulator.stop_stream(person=sl.ann, place=sl.here)
        stream = await self.start(sl, markdown_text="Roses")
        bob = sl.simulator.person("Bob")
        with pytest.raises(LookupError, match="Bob is not there"):
            await sl.simulator.stop_stream(person=bob, place=sl.here)
        stopped = await sl.simulator.stop_stream(person=sl.ann, place=sl.here)
        assert stopped == stream["ts"]
        assert await sl.refused("chat.appendStream", **stream, markdown_text="b") == (
            "stopped_by_user"
        )
        assert await sl.refused("chat.stopStream", **stream) == "message_not_in_streaming_state"
        assert [message.text for message in sl.simulator.sent(sl.here)] == ["Roses"]

    async def test_what_is_no_piece(self, sl: Loopback) -> None:
        stream = await self.start(sl)
        for given, error in (
            ({}, "no_text"),
            ({"markdown_text": "a" * 12_001}, "msg_too_long"),
            ({"chunks": [{"type": "poem"}]}, "invalid_chunks"),
            ({"chunks": "a"}, "invalid_arguments"),
            ({"chunks": [{"type": "markdown_text"}]}, "invalid_chunks"),
            ({"chunks": [{"type": "task_update", "id": "1"}]}, ""),
            ({"markdown_text": "<!here>"}, ""),
        ):
            assert await sl.refused("chat.appendStream", **stream, **given) == error
        assert len(sl.simulator.pings()) == 1
        await sl.send("mine")
        plain = sl.simulator.sent(sl.here)[-1].message_id
        assert (
            await sl.refused("chat.appendStream", channel=sl.here.id, ts=plain, markdown_text="a")
            == "message_not_in_streaming_state"
        )

    async def test_equal_answers_are_compared_when_they_are_whole(self, sl: Loopback) -> None:
        streams = [await self.start(sl, markdown_text="Roses are") for _ in range(3)]
        assert sl.simulator.duplicates() == []
        for stream, ending in zip(streams, (" red", " blue", " blue"), strict=True):
            await sl.call("chat.stopStream", **stream, markdown_text=ending)
        assert len(sl.simulator.duplicates(sl.here)) == 1


class TestThreads:
    async def test_statuses(self) -> None:
        clock = Clock()
        async with loopback(clock=clock) as sl:
            said = await sl.simulator.say("hi", person=sl.ann, place=sl.here)
            where = {"channel_id": sl.here.id, "thread_ts": said.partition(":")[2]}
            set_status = "assistant.threads.setStatus"
            await sl.call(set_status, **where, status="is thinking…")
            assert sl.simulator.status(sl.here) == "is thinking…"
            clock.now += 121
            assert sl.simulator.status(sl.here) == ""
            await sl.call(set_status, **where, status="is back")
            await sl.call(set_status, **where, status="")
            assert sl.simulator.status(sl.here) == ""
            assert await sl.refused(set_status, **where) == "invalid_arguments"
            where["thread_ts"] = "1.000001"
            assert await sl.refused(set_status, **where, status="a") == "invalid_thread_ts"

    async def test_titles_and_prompts_are_for_the_agent_view(self) -> None:
        async with loopback() as sl:
            thread = sl.simulator.open_assistant(sl.ann)
            where = {"channel_id": sl.here.id, "thread_ts": thread.id}
            set_prompts = "assistant.threads.setSuggestedPrompts"
            prompt = {"title": "a", "message": "b"}
            assert await sl.refused(set_prompts, **where, prompts=[prompt] * 5) == (
                "invalid_arguments"
            )
            assert await sl.refused(set_prompts, **where, prompts=[{"title": "a"}]) == (
                "invalid_arguments"
            )
            root = await sl.send("root")
            where["thread_ts"] = root
            assert await sl.refused(set_prompts, **where, prompts=[prompt]) == "invalid_thread_ts"
            assert await sl.refused("assistant.threads.setTitle", **where, title="a") == (
                "invalid_thread_ts"
            )
            assert (sl.simulator.title(thread), sl.simulator.prompts(thread)) == ("", [])


LIMITED = (429, "ratelimited")


class TestRates:
    async def wait_of(self, sl: Loopback, method: str, **given: Any) -> str:
        """How many seconds Slack makes it wait; "" when it takes the call."""
        try:
            await sl.call(method, **given)
        except SlackApiError as error:
            found = (error.response.status_code, error.response["error"])
            return str(error.response.headers["Retry-After"]) if found == LIMITED else str(error)
        return ""

    async def test_a_channel_takes_a_burst_and_then_one_each_second(self) -> None:
        clock = Clock()
        async with loopback(clock=clock, rates=Rates(post_burst=2)) as sl:
            group = sl.simulator.place("group", people=[sl.ann])
            post = {"channel": sl.here.id, "text": "a"}
            waits = [await self.wait_of(sl, "chat.postMessage", **post) for _ in range(3)]
            assert waits == ["", "", "1"]
            assert await self.wait_of(sl, "chat.postMessage", channel=group.id, text="a") == ""
            clock.now += 1
            waits = [await self.wait_of(sl, "chat.postMessage", **post) for _ in range(2)]
            assert waits == ["", "1"]
            assert len(sl.simulator.sent(sl.here)) == 3

    async def test_a_method_takes_as_many_calls_a_minute_as_its_tier(self) -> None:
        clock = Clock()
        async with loopback(clock=clock, rates=Rates(tiers=(1, 2, 3, 4))) as sl:
            other = sl.simulator.add_app("other")
            for method, times in (
                ("chat.startStream", 2),
                ("conversations.history", 3),
                ("users.info", 4),
            ):
                given = {"channel": sl.here.id, "thread_ts": "1.000001", "user": sl.ann.id}
                for _ in range(times):
                    await sl.refused(method, **given)
                clock.now += 10
                assert await self.wait_of(sl, method, **given) == "50"
                clock.now += 50
                for _ in range(times):
                    assert await sl.refused(method, **given) != "ratelimited"
                assert await self.wait_of(sl, method, **given) == "60"
            await sl.call("auth.test", other)

    async def test_apps_sold_outside_the_marketplace(self) -> None:
        async with loopback(rates=Rates(history_per_minute=1)) as sl:
            for number in range(20):
                await sl.simulator.say(str(number), person=sl.ann, place=sl.here)
            history = await sl.call("conversations.history", channel=sl.here.id, limit=100)
            assert (len(history["messages"]), history["has_more"]) == (15, True)
            assert await sl.refused("conversations.history", channel=sl.here.id) == "ratelimited"
