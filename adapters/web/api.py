"""The HTTP API: what each route does. ``OPERATIONS`` is what is served, and what is described."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from adapters.web import models, outbound
from adapters.web.exchange import Line, exchange, restarts
from adapters.web.feed import Digest, post_frames, session_frames, with_questions
from adapters.web.problems import (
    NO_STORE,
    Refusal,
    invalid,
    too_many,
    unauthorized,
    unavailable,
)
from adapters.web.settings import WebSettings
from adapters.web.stream import EventStream
from adapters.web.upload import Upload
from adapters.web.visitors import PerMinute, networks, visitor
from gateway import Attachment, LimitExceeded, Session, Unavailable, failpoint

MAX_BODY = 1_048_576

AnyModel = TypeVar("AnyModel", bound=BaseModel)
Handler = Callable[["Api", Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one path; the docstring of ``handler`` is what people read about it."""

    method: str
    path: str
    handler: Handler
    answer: type[BaseModel] | None
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    errors: tuple[int, ...] = ()
    token: bool = True
    uploads: bool = False
    streams: bool = False
    resumes: bool = False


class Api:
    """Answers the API's requests for one channel.

    ``agent`` finds the agent that is meant by a name, the default for none, or "" for nobody.
    """

    def __init__(
        self, channel: str, settings: WebSettings, line: Line, agent: Callable[[str], str]
    ) -> None:
        self._channel = channel
        self._line = line
        self._sessions = line.host.sessions
        self._agent = agent
        self._anonymous = settings.anonymous
        self._proxies = networks(settings.trusted_proxies)
        self._openings = PerMinute(settings.sessions_per_minute)
        self._uploads = PerMinute(settings.files_per_minute)

    def routes(self) -> Sequence[Route]:
        """One route for each path; the busiest first."""
        paths = dict.fromkeys(operation.path for operation in OPERATIONS)
        return [Route(path, endpoint=Resource(self, path)) for path in paths]

    async def chat(self, request: Request) -> Response:
        """Say something and get the answer.

        As JSON; with 202 and what there is so far when it takes longer than `wait`; or, with
        `Accept: text/event-stream`, as events `task`, `step`, `delta`, `message`, after a reset
        `session`, and in the end `done`. The texts `/reset` and `/new` start a fresh session: the
        answer then holds its token.
        """
        session = await self._session(request)
        said = await _body(request, models.Said)
        if len(said.text) > models.MAX_TEXT:
            raise Refusal(413, f"The text is longer than {models.MAX_TEXT} characters.")
        files = await self._attached(session, said)
        if "text/event-stream" in request.headers.get("accept", ""):
            updates = exchange(self._line, session, said, wait=None, attachments=files)
            # The first one decides whether there is anything to stream, or an error to return.
            first = await anext(updates)
            return EventStream(post_frames(self._digest(session), first, updates))
        return await self._answer(session, said, files)

    async def events(self, request: Request) -> Response:
        """Everything that happens in the session, as it happens.

        Events are those of a streamed chat, without `session` and `done`, and with `ended` when
        the session is over. A message's event id is its number: send the last one you saw as
        `Last-Event-ID`, and the stream resumes behind it. A comment comes at least every 15 s.
        """
        session = await self._session(request)
        self._line.check()
        last = request.headers.get("last-event-id", "").strip()
        if last and not (last.isascii() and last.isdigit() and len(last) < 16):
            raise Refusal(400, "Last-Event-ID is not a message number.")
        after = int(last) if last else session.last_number
        return EventStream(session_frames(self._line, session, after))

    async def history(self, request: Request) -> Response:
        """What was said in the session, oldest first, in pages."""
        session = await self._session(request)
        page = _query(request, models.Page)
        found = await self._sessions.history(session, before=page.before, limit=page.limit)
        return _json({"messages": await with_questions(self._line, session, found)})

    async def search(self, request: Request) -> Response:
        """Messages of the session with a text in them, newest first."""
        session = await self._session(request)
        wanted = _query(request, models.Wanted)
        found = await self._sessions.search(session, wanted.q, limit=wanted.limit)
        return _json({"messages": await with_questions(self._line, session, found)})

    async def upload(self, request: Request) -> Response:
        """Send a file, to name in a message's `attachments`.

        As `multipart/form-data`, in one field called `file`. What it is, is read from its content.
        It belongs to this session, and is deleted with it.
        """
        session = await self._session(request)
        self._line.check()
        self._count(self._uploads, request, "files")
        files = self._line.host.files
        upload = Upload(request, files.limit)
        await upload.begin()
        async with aclosing(upload.content()) as content:
            try:
                kept = await files.keep(session, upload.name, content, media_type=upload.media_type)
            except LimitExceeded as error:
                raise Refusal(413, f"{error}.") from None
        return _json(outbound.attachment(kept, self._line.link), 201)

    async def task(self, request: Request) -> Response:
        """How a task stands, and what was said for it so far."""
        session = await self._session(request)
        progress = await self._sessions.progress(session, request.path_params["task_id"])
        if progress is None:
            raise Refusal(404, "There is no such task in this session.")
        return _json(self._digest(session).as_json(progress))

    async def open(self, request: Request) -> Response:
        """Open a session. Its token opens nothing else, and is not shown again."""
        self._line.check()
        self._count(self._openings, request, "sessions")
        asked = await _body(request, models.NewSession)
        if asked.user_token:
            raise unauthorized("The user_token is not known here.")
        if not self._anonymous:
            raise unauthorized("A session needs the user_token of a signed-in user here.")
        agent = self._agent(asked.agent)
        if not agent:
            raise Refusal(404, "There is no such agent here.")
        name = asked.name.replace("\0", "")
        ticket = await self._sessions.create(self._channel, agent=agent, name=name)
        return _json(outbound.ticket(ticket), 201)

    async def show(self, request: Request) -> Response:
        """How the session stands."""
        return _json(outbound.session(await self._session(request), time.time()))

    async def rename(self, request: Request) -> Response:
        """Call the session by another name."""
        session = await self._session(request)
        renamed = await _body(request, models.Renamed)
        try:
            session = await self._sessions.rename(session, renamed.name.replace("\0", ""))
        except LookupError:
            raise unauthorized("The session has ended.") from None
        return _json(outbound.session(session, time.time()))

    async def reset(self, request: Request) -> Response:
        """End the session and open the next; the token changes."""
        session = await self._session(request)
        return _json(outbound.ticket(await self._sessions.reset(session)))

    async def close(self, request: Request) -> Response:
        """End the session and delete everything in it."""
        await self._sessions.end(await self._session(request))
        return Response(status_code=204, headers=NO_STORE)

    async def _session(self, request: Request) -> Session:
        if b"token=" in request.scope["query_string"]:
            raise unauthorized("A token in an address is refused; send it in the header.")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized("A token is needed: send it as Authorization: Bearer.")
        session = await self._sessions.authenticate(self._channel, token.strip())
        if session is None:
            raise unauthorized("The token is unknown, has expired, or its session has ended.")
        return session

    async def _attached(self, session: Session, said: models.Said) -> list[Attachment]:
        if said.attachments and restarts(said.text)[0]:
            raise Refusal(
                422, "Files belong to one session; send them after it was started afresh."
            )
        files = []
        for file_id in dict.fromkeys(said.attachments):
            found = await self._line.host.files.find(session, file_id)
            if found is None:
                raise Refusal(404, "There is no such file.")
            files.append(found)
        return files

    def _count(self, rate: PerMinute, request: Request, what: str) -> None:
        who = visitor(request, self._proxies)
        if who and (wait := rate.take(who)):
            raise too_many(what, wait)

    def _digest(self, session: Session) -> Digest:
        return Digest(session, self._line.link)

    async def _answer(
        self, session: Session, said: models.Said, files: Sequence[Attachment]
    ) -> Response:
        digest = self._digest(session)
        updates = exchange(self._line, session, said, wait=said.wait, attachments=files)
        async with aclosing(updates):
            async for update in updates:
                digest.add(update)
        progress = digest.progress
        if progress is None:
            raise unavailable()
        if progress.settled:
            return _json(digest.as_json(progress))
        location = {"Location": f"/api/chat/tasks/{progress.task.id}"}
        return _json(digest.as_json(progress), 202, location)


class Resource:
    """One path of the API: finds the method's handler, and makes problems of its errors."""

    def __init__(self, api: Api, path: str) -> None:
        self._api = api
        self._handlers = {one.method: one.handler for one in OPERATIONS if one.path == path}
        self._posts = path == "/api/chat"
        self._allow = {"Allow": ", ".join(sorted(self._handlers))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        response = await self._respond(Request(scope, receive))
        if self._posts and scope["method"] == "POST":
            # The answer is committed, and its browser has not heard it yet.
            failpoint("during-send")
        await response(scope, receive, send)
        if self._posts and scope["method"] == "POST":
            failpoint("after-send")

    async def _respond(self, request: Request) -> Response:
        handler = self._handlers.get(request.method)
        try:
            if handler is None:
                raise Refusal(405, f"{request.method} means nothing here.", headers=self._allow)
            return await handler(self._api, request)
        except Refusal as refusal:
            return refusal.response()
        except ValidationError as error:
            return invalid(error).response()
        except Unavailable as error:
            return unavailable(error).response()


async def _body(request: Request, model: type[AnyModel]) -> AnyModel:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise _too_large()
    return model.model_validate_json(bytes(body) or b"{}")


def _too_large() -> Refusal:
    return Refusal(413, f"The body is larger than {MAX_BODY} bytes.")


def _query(request: Request, model: type[AnyModel]) -> AnyModel:
    return model.model_validate_strings(dict(request.query_params))


def _json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(content), status, {**NO_STORE, **(headers or {})}, "application/json"
    )


OPERATIONS = (
    Operation(
        method="POST", path="/api/chat", handler=Api.chat, answer=models.Chat,
        body=models.Said, errors=(400, 401, 403, 404, 409, 413, 422, 429, 503), streams=True,
    ),
    Operation(
        method="GET", path="/api/chat/events", handler=Api.events, answer=None,
        errors=(400, 401, 503), streams=True, resumes=True,
    ),
    Operation(
        method="GET", path="/api/chat/history", handler=Api.history, answer=models.History,
        query=models.Page, errors=(401, 422, 503),
    ),
    Operation(
        method="GET", path="/api/chat/search", handler=Api.search, answer=models.Found,
        query=models.Wanted, errors=(401, 422, 503),
    ),
    Operation(
        method="POST", path="/api/files", handler=Api.upload, answer=models.File, status=201,
        errors=(400, 401, 408, 413, 422, 429, 503), uploads=True,
    ),
    Operation(
        method="GET", path="/api/chat/tasks/{task_id}", handler=Api.task, answer=models.Chat,
        errors=(401, 404, 503),
    ),
    Operation(
        method="POST", path="/api/session", handler=Api.open, answer=models.Ticket, status=201,
        body=models.NewSession, errors=(400, 401, 404, 413, 422, 429, 503), token=False,
    ),
    Operation(
        method="GET", path="/api/session", handler=Api.show, answer=models.Session,
        errors=(401, 503),
    ),
    Operation(
        method="PATCH", path="/api/session", handler=Api.rename, answer=models.Session,
        body=models.Renamed, errors=(400, 401, 413, 422, 503),
    ),
    Operation(
        method="DELETE", path="/api/session", handler=Api.close, answer=None, status=204,
        errors=(401, 503),
    ),
    Operation(
        method="POST", path="/api/session/reset", handler=Api.reset, answer=models.Ticket,
        errors=(401, 503),
    ),
)  # fmt: skip
