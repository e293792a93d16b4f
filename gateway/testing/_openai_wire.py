"""The chat-completions API as bytes: what a request may look like, how answers and faults read.

Shapes are those of https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson
from aiohttp import web

TOO_LONG = "This model's maximum context length is 1000 characters. Please reduce the messages."
PIECES = 50
"""Into how many pieces an answer is streamed, at most."""

_ROLES = {"system", "developer", "user", "assistant", "tool"}
_KEYS = {
    "model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens",
    "max_completion_tokens", "tools", "tool_choice", "stop", "user", "seed", "n",
    "parallel_tool_calls", "response_format", "reasoning_effort",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IMAGE = re.compile(r"data:image/(png|jpeg|webp|gif);base64,(.+)", re.DOTALL)


# requests


def parsed(raw: bytes, *, alternate: bool) -> tuple[dict[str, Any], str]:
    """The request, and what is wrong with it."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}, "We could not parse the JSON body of your request."
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        return {}, "you must provide a model parameter"
    return body, _wrong(body, alternate)


def _wrong(body: Mapping[str, Any], alternate: bool) -> str:
    if unknown := body.keys() - _KEYS:
        return f"Unrecognized request argument supplied: {min(unknown)}"
    for key, least, most in (("temperature", 0, 2), ("max_tokens", 1, 10**6)):
        value = body.get(key, least)
        if not isinstance(value, int | float) or not least <= value <= most:
            return f"Invalid value for '{key}'"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "Invalid 'messages': empty array."
    wrong = next((w for n, m in enumerate(messages) if (w := _wrong_message(m, n))), "")
    wrong = wrong or _wrong_tools(body.get("tools", [])) or _wrong_calls(messages)
    return wrong or (_wrong_order(messages) if alternate else "")


def _wrong_message(message: object, number: int) -> str:
    if not isinstance(message, dict) or message.get("role") not in _ROLES:
        return f"Invalid value for 'messages[{number}].role'"
    content = message.get("content")
    if isinstance(content, str) or (content is None and message.get("tool_calls")):
        return ""
    if not isinstance(content, list) or not content:
        return f"Invalid type for 'messages[{number}].content'"
    for part in content:
        if not _good_part(part, message["role"]):
            return f"Invalid part in 'messages[{number}].content'"
    return ""


def _good_part(part: Any, role: str) -> bool:
    match part:
        case {"type": "text", "text": str(text)}:
            return bool(text)
        case {"type": "image_url", "image_url": {"url": str(url)}} if role == "user":
            found = _IMAGE.fullmatch(url)
            return bool(found and b64decode(found[2], validate=True)) or url.startswith("https://")
    return False


def _wrong_order(messages: list[dict[str, Any]]) -> str:
    """As the chat templates of Gemma and Mistral refuse it."""
    # Calls and their results stand between a user's message and its answer.
    spoken = [
        m["role"]
        for m in messages
        if m["role"] not in {"system", "developer", "tool"} and not m.get("tool_calls")
    ]
    wanted = [("user", "assistant")[number % 2] for number in range(len(spoken))]
    if spoken != wanted or spoken[-1:] != ["user"]:
        return "Conversation roles must alternate user/assistant/user/assistant/..."
    return ""


def _wrong_tools(tools: object) -> str:
    if not isinstance(tools, list):
        return "Invalid type for 'tools'"
    for number, tool in enumerate(tools):
        match tool:
            case {"type": "function", "function": {"name": str(name), "parameters": dict(takes)}}:
                if _NAME.fullmatch(name) and takes.get("type") == "object":
                    continue
        return f"Invalid 'tools[{number}]'"
    return ""


def _wrong_calls(messages: list[dict[str, Any]]) -> str:
    """Each call has its result right behind it, and each result its call."""
    waiting: set[str] = set()
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                return f"'messages[{number}]' with role 'tool' must follow its 'tool_calls'."
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            return f"'tool_calls' before 'messages[{number}]' must be followed by tool messages."
        for call in message.get("tool_calls") or ():
            match call:
                case {"id": str(key), "function": {"name": str(), "arguments": str(given)}}:
                    if not _is_json(given):
                        return f"Invalid 'arguments' in 'messages[{number}]'"
                    waiting.add(key)
                case _:
                    return f"Invalid 'tool_calls' in 'messages[{number}]'"
    return "'tool_calls' without their tool messages." if waiting else ""


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def results(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What the tools said that were called, oldest first."""
    return tuple(_text(m["content"]) for m in body["messages"] if m["role"] == "tool")


def user_texts(body: Mapping[str, Any]) -> tuple[str, ...]:
    """What the user's messages say, oldest first; images as `[image]`."""
    return tuple(_text(m["content"]) for m in body["messages"] if m["role"] == "user")


def characters(body: Mapping[str, Any]) -> int:
    """How long the conversation is."""
    return sum(len(_text(message["content"])) for message in body["messages"])


def _text(content: str | list[dict[str, Any]] | None) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "[image]") for part in content)
    return content or ""


# answers


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that the model asks for. Arguments may also be a text, right or wrong."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"call_{uuid4().hex[:12]}")

    def spelt(self) -> str:
        """The arguments as they are sent."""
        given = self.arguments
        return given if isinstance(given, str) else orjson.dumps(given).decode()


def pieces(text: str) -> list[str]:
    """The text in pieces, as tokens would come."""
    size = max(4, -(-len(text) // PIECES))
    return [text[start : start + size] for start in range(0, len(text), size)]


def whole(body: Mapping[str, Any], text: str) -> web.Response:
    """The answer to a request that does not stream."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return _json(200, {**_head(body, "chat.completion"), "choices": [choice], **_usage(body, text)})


def error(status: int, code: str, message: str) -> web.Response:
    """An error as OpenAI words it."""
    kind = "invalid_request_error" if status < 429 else "server_error"
    inner = {"message": message, "type": kind, "param": None, "code": code}
    return _json(status, {"error": inner})


def refusal(fault: str, retry_after: float | None) -> web.Response | None:
    """The whole answer of a fault that needs no stream."""
    if fault == "rate-limit":
        response = error(429, "rate_limit_exceeded", "Rate limit reached for requests.")
        if retry_after is not None:
            response.headers["Retry-After"] = f"{retry_after:g}"
        return response
    if fault == "server-error":
        return error(500, "server_error", "The server had an error while processing your request.")
    if fault == "no-tools":
        return error(400, "api_error", "test-model does not support tools")
    if fault == "too-long":
        return error(400, "context_length_exceeded", TOO_LONG)
    if fault == "html":
        page = "<html><head><title>Sign in</title></head><body>Welcome</body></html>"
        return web.Response(text=page, content_type="text/html")
    return None


def cut(request: web.BaseRequest, *, reset: bool = False) -> None:
    """Close the connection in the middle, or reset it."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()


class EventStream:
    """One streamed answer."""

    def __init__(self, request: web.BaseRequest, body: Mapping[str, Any]) -> None:
        self.request = request
        self.body = body
        self.response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        self._said = ""

    async def open(self) -> None:
        """Send the headers, and the first chunk: who speaks."""
        await self.response.prepare(self.request)
        await self.delta({"role": "assistant", "content": "", "refusal": None})

    async def say(self, text: str) -> None:
        """One more piece of text."""
        self._said += text
        await self.delta({"content": text})

    async def call(self, *calls: Call) -> None:
        """Ask for these tools, as models do: the arguments in pieces, one call after the other."""
        for index, call in enumerate(calls):
            named = {"name": call.name, "arguments": ""}
            first = {"index": index, "id": call.id, "type": "function", "function": named}
            await self.delta({"tool_calls": [first]})
            for piece in pieces(call.spelt()):
                more = {"index": index, "function": {"arguments": piece}}
                await self.delta({"tool_calls": [more]})

    async def delta(self, delta: Mapping[str, Any], finish: str | None = None) -> None:
        """One chunk."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        await self.event({**_head(self.body, "chat.completion.chunk"), "choices": [choice]})

    async def event(self, value: Mapping[str, Any]) -> None:
        """One event of any content."""
        await self.raw(b"data: " + orjson.dumps(value) + b"\n\n")

    async def raw(self, data: bytes) -> None:
        """Bytes of any kind."""
        await self.response.write(data)

    async def finish(self, reason: str) -> None:
        """The last chunks: why it ends, what it used if that was asked for, and the end mark."""
        await self.delta({}, reason)
        if (self.body.get("stream_options") or {}).get("include_usage"):
            used = _usage(self.body, self._said)
            await self.event({**_head(self.body, "chat.completion.chunk"), "choices": [], **used})
        await self.raw(b"data: [DONE]\n\n")


# faults in the stream


async def think(stream: EventStream) -> None:
    """Reasoning, as DeepSeek sends it and as an unparsed Qwen does."""
    await stream.delta({"reasoning_content": "SECRET THOUGHT"})
    for piece in ("<thi", "nk>\nSECRET ", "THOUGHT\n</thi", "nk>", "\n\n"):
        await stream.say(piece)


async def _silence(_: EventStream) -> None:
    await asyncio.get_running_loop().create_future()


async def _cut_off(stream: EventStream) -> None:
    cut(stream.request)


async def _error_midway(stream: EventStream) -> None:
    inner = {"message": "The server is overloaded.", "type": "server_error", "code": "overloaded"}
    await stream.event({"error": inner})


async def _broken_json(stream: EventStream) -> None:
    await stream.raw(b'data: {"choices": [{"delta": {"content": "\n\n')
    await stream.finish("stop")


async def _no_events(stream: EventStream) -> None:
    await stream.raw(b"<p>Bad gateway</p>\n" * 3)


async def _endless(stream: EventStream) -> None:
    while True:
        await stream.say("nonsense without end, ")
        await asyncio.sleep(0)


async def _empty(stream: EventStream) -> None:
    await stream.finish("stop")


async def _tool_call(stream: EventStream) -> None:
    await stream.call(Call("weather", {"city": "Paris"}))
    await stream.finish("tool_calls")


async def _refuse(stream: EventStream) -> None:
    for piece in ("I cannot ", "help with that."):
        await stream.delta({"refusal": piece})
    await stream.finish("stop")


async def _filter(stream: EventStream) -> None:
    await stream.finish("content_filter")


async def _length(stream: EventStream) -> None:
    await stream.finish("length")


Act = Callable[[EventStream], Awaitable[None]]

INSTEAD: Mapping[str, Act] = {
    "no-events": _no_events,
    "endless": _endless,
    "empty": _empty,
    "tool-call": _tool_call,
    "refusal": _refuse,
}
"""What is streamed instead of the answer."""

MIDWAY: Mapping[str, Act] = {
    "stall-midway": _silence,
    "cut-off": _cut_off,
    "error-midway": _error_midway,
    "broken-json": _broken_json,
    "filtered": _filter,
    "length": _length,
}
"""What happens after some pieces of it."""


def _head(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": body["model"]}


def _usage(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Four characters are a token here."""
    prompt, completion = characters(body) // 4, len(text) // 4
    total = prompt + completion
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return {"usage": counts}


def _json(status: int, value: Mapping[str, Any]) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
