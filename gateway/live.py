"""Shows a session's watchers what happens in it. Cosmetic: the store holds the truth."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from gateway.domain import Message, Question, Task
from gateway.ports.coordinator import Coordinator, LiveEvent
from gateway.ports.records import Effects

GATHER = 0.03
"""Seconds for which pieces of an answer are gathered: nobody reads faster, and a watcher that is
shown every token of a fast agent lags behind and misses some."""


class Live:
    """Publishes to ``session/ID`` topics; costs a look-up where nobody watches."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self._gathered: dict[str, tuple[str, list[str]]] = {}

    @staticmethod
    def topic(session_id: str) -> str:
        """Where a session's events appear."""
        return f"session/{session_id}"

    def delta(self, session_id: str, task_id: str, text: str) -> None:
        """A piece of an answer that is being written."""
        if not text or not self._coordinator.watched(self.topic(session_id)):
            return
        gathered = self._gathered.get(session_id)
        if gathered is None:
            # The first word is shown at once, what follows closely goes together.
            self._gathered[session_id] = (task_id, [])
            asyncio.get_running_loop().call_later(GATHER, self._show_gathered, session_id)
            self._publish(session_id, "delta", {"task_id": task_id, "text": text})
            return
        if gathered[0] != task_id:
            self._flush(session_id)
            gathered = self._gathered[session_id] = (task_id, [])
        gathered[1].append(text)

    def _show_gathered(self, session_id: str) -> None:
        if self._flush(session_id):
            asyncio.get_running_loop().call_later(GATHER, self._show_gathered, session_id)
        else:
            self._gathered.pop(session_id, None)

    def _flush(self, session_id: str) -> bool:
        """Show what was gathered; whether there was anything."""
        task_id, pieces = self._gathered.get(session_id, ("", []))
        if not pieces:
            return False
        self._gathered[session_id] = (task_id, [])
        self._publish(session_id, "delta", {"task_id": task_id, "text": "".join(pieces)})
        return True

    def again(self, session_id: str, task_id: str) -> None:
        """The task's run starts over: what it had streamed is void."""
        self._show(session_id, "task", {"id": task_id, "state": "working", "steps": []})

    def step(self, session_id: str, task_id: str, title: str) -> None:
        """A visible step of a task."""
        self._show(session_id, "step", {"task_id": task_id, "title": title})

    def cleared(self, session_id: str) -> None:
        """What was said before was erased."""
        self._show(session_id, "cleared", {})

    def ended(self, session_id: str) -> None:
        """The session is over."""
        self._show(session_id, "ended", {})

    def committed(self, effects: Effects) -> None:
        """What a commit made durable: messages first, then where the tasks stand."""
        asked = {question.id: question for question in effects.questions}
        for entry in effects.entries:
            if self._coordinator.watched(self.topic(entry.session_id)):
                self._message(entry.session_id, entry.message, asked)
        for task in effects.tasks:
            self._task(task)
        for session in effects.sessions:
            if session.ended_at is not None:
                self.ended(session.id)

    def _message(self, session_id: str, message: Message, asked: dict[str, Question]) -> None:
        data: dict[str, Any] = {"message": asdict(message)}
        if message.question_id in asked:
            data["question"] = asdict(asked[message.question_id])
        self._show(session_id, "message", data, message.number)

    def _task(self, task: Task) -> None:
        data = {"id": task.id, "state": task.state.value, "steps": list(task.steps)}
        self._show(task.session_id, "task", data)

    def _show(self, session_id: str, kind: str, data: dict[str, Any], number: int = 0) -> None:
        self._flush(session_id)
        self._publish(session_id, kind, data, number)

    def _publish(self, session_id: str, kind: str, data: dict[str, Any], number: int = 0) -> None:
        topic = self.topic(session_id)
        if self._coordinator.watched(topic):
            self._coordinator.publish(topic, LiveEvent(kind=kind, data=data, number=number))
