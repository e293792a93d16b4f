"""Shows a session's watchers what happens in it. Cosmetic: the store holds the truth."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gateway.domain import Message, Question, Task
from gateway.ports.coordinator import Coordinator, LiveEvent
from gateway.ports.store import Effects


class Live:
    """Publishes to ``session/ID`` topics; costs a look-up where nobody watches."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    @staticmethod
    def topic(session_id: str) -> str:
        """Where a session's events appear."""
        return f"session/{session_id}"

    def delta(self, session_id: str, task_id: str, text: str) -> None:
        """A piece of an answer that is being written."""
        self._show(session_id, "delta", {"task_id": task_id, "text": text})

    def again(self, session_id: str, task_id: str) -> None:
        """The task's run starts over: what it had streamed is void."""
        self._show(session_id, "task", {"id": task_id, "state": "working", "steps": []})

    def step(self, session_id: str, task_id: str, title: str) -> None:
        """A visible step of a task."""
        self._show(session_id, "step", {"task_id": task_id, "title": title})

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
        topic = self.topic(session_id)
        if self._coordinator.watched(topic):
            self._coordinator.publish(topic, LiveEvent(kind=kind, data=data, number=number))
