"""The HTTP API: what each route does. ``OPERATIONS`` is what is served, and what is described."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from adapters.web import models, outbound
from adapters.web.bodies import as_json, bearer, body, id_in_path, query
from adapters.web.exchange import Line, exchange, restarts
from adapters.web.feed import Digest, post_frames, session_frames, with_questions
from adapters.web.opening import Opening, count
from adapters.web.problems import (
    NO_STORE,
    Refusal,
    invalid,
    unauthorized,
    unavailable,
)
from adapters.web.settings import WebSettings
from adapters.web.stream import EventStream
from adapters.web.upload import Upload
from adapters.web.visitors import PerMinute, networks, visitor
from gateway import Attachment, LimitExceeded, Session, Unavailable, failpoint

Handler = Callable[["Api", Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One method of one path; the docstring of ``handler`` is what people read about it.

    ``opens`` names what it asks for in the header, any of them; "": nothing.
    """

    method: str
    path: str
    handler: Handler
    answer: type[BaseModel] | None
    status: int = 200
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    errors: tuple[int, ...] = ()
    opens: tuple[str, ...] = ("token",)
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
        self._opening = Opening(channel, settings, line, agent)
        self._proxies = networks(settings.trusted_proxies)
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
        said = await body(request, models.Said)
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
        the session is over. After `cleared` what was said before is erased, and to be shown no
        longer: read the history again. A message's event id is its number: send the last one you
        saw as `Last-Event-ID`, and the stream resumes behind it. A comment comes at least every
        15 s.
        """
        session = await self._session(request)
        self._line.check()
        last = request.headers.get("last-event-id", "").strip()
        digits = last.isascii() and last.isdigit() and len(last) < 16
        if last and not (digits and int(last) <= models.MAX_NUMBER):
            raise Refusal(400, "Last-Event-ID is not a message number.")
        return EventStream(session_frames(self._line, session, int(last) if last else None))

    async def history(self, request: Request) -> Response:
        """What was said in the session, oldest first, in pages."""
        session = await self._session(request)
        page = query(request, models.Page)
        found = await self._sessions.history(session, before=page.before, limit=page.limit)
        return as_json({"messages": await with_questions(self._line, session, found)})

    async def search(self, request: Request) -> Response:
        """Messages of the session with a text in them, newest first."""
        session = await self._session(request)
        wanted = query(request, models.Wanted)
        found = await self._sessions.search(session, wanted.q, limit=wanted.limit)
        return as_json({"messages": await with_questions(self._line, session, found)})

    async def upload(self, request: Request) -> Response:
        """Send a file, to name in a message's `attachments`.

        As `multipart/form-data`, in one field called `file`. What it is, is read from its content.
        It belongs to this session, and is deleted with it.
        """
        session = await self._session(request)
        self._line.check()
        count(self._uploads, visitor(request, self._proxies), "files")
        files = self._line.host.files
        upload = Upload(request, files.limit)
        await upload.begin()
        async with aclosing(upload.content()) as content:
            try:
                kept = await files.keep(session, upload.name, content, media_type=upload.media_type)
            except LimitExceeded as error:
                raise Refusal(413, f"{error}.") from None
        return as_json(outbound.attachment(kept, self._line.link), 201)

    async def task(self, request: Request) -> Response:
        """How a task stands, and what was said for it so far."""
        session = await self._session(request)
        progress = await self._sessions.progress(session, id_in_path(request, "task_id"))
        if progress is None:
            raise Refusal(404, "There is no such task in this session.")
        return as_json(self._digest(session).as_json(progress))

    async def open(self, request: Request) -> Response:
        """Open a session. Its token opens nothing else, and is not shown again.

        Anybody may, where the channel allows it; with a `user_token` it is that user's. A service
        sends its key as `Authorization: Bearer`, and may call the session by an id of its own:
        where one is called so already, it is opened as it stands, with 200 and one more token.
        """
        self._line.check()
        service = self._opening.admit(request)
        ticket = await self._opening.new(await body(request, models.NewSession), service=service)
        return as_json(outbound.ticket(ticket), 201 if ticket.created else 200)

    async def sessions(self, request: Request) -> Response:
        """A user's sessions, on whatever device they began; the newest activity first, in pages."""
        self._line.check()
        who = self._opening.user(request)
        found = await self._opening.of_user(who, query(request, models.Listing))
        now = time.time()
        return as_json({"sessions": [outbound.owned(one, now) for one in found]})

    async def again(self, request: Request) -> Response:
        """Open one of a user's sessions on one more device. Its other tokens stay good."""
        self._line.check()
        who = self._opening.user(request)
        ticket = await self._opening.again(who, id_in_path(request, "session_id"))
        return as_json(outbound.ticket(ticket), 201)

    async def show(self, request: Request) -> Response:
        """How the session stands."""
        session = await self._session(request)
        now, asked = time.time(), await self._sessions.questions(session)
        waiting = any(one.expires_at is None or one.expires_at > now for one in asked)
        return as_json(outbound.session(session, now, waiting=waiting))

    async def rename(self, request: Request) -> Response:
        """Call the session by another name."""
        session = await self._session(request)
        renamed = await body(request, models.Renamed)
        try:
            session = await self._sessions.rename(session, renamed.name.replace("\0", ""))
        except LookupError:
            raise unauthorized("The session has ended.") from None
        return as_json(outbound.session(session, time.time()))

    async def reset(self, request: Request) -> Response:
        """End the session and open the next; the token changes."""
        session = await self._session(request)
        return as_json(outbound.ticket(await self._sessions.reset(session)))

    async def close(self, request: Request) -> Response:
        """End the session and delete everything in it."""
        await self._sessions.end(await self._session(request))
        return Response(status_code=204, headers=NO_STORE)

    async def _session(self, request: Request) -> Session:
        token = bearer(request)
        if not token:
            raise unauthorized("A token is needed: send it as Authorization: Bearer.")
        session = await self._sessions.authenticate(self._channel, token)
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
            return as_json(digest.as_json(progress))
        location = {"Location": f"/api/chat/tasks/{progress.task.id}"}
        return as_json(digest.as_json(progress), 202, location)


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
        body=models.NewSession, errors=(400, 401, 404, 409, 413, 422, 429, 503),
        opens=("", "service"),
    ),
    Operation(
        method="GET", path="/api/sessions", handler=Api.sessions, answer=models.Sessions,
        query=models.Listing, errors=(401, 404, 422, 429, 503), opens=("user",),
    ),
    Operation(
        method="POST", path="/api/sessions/{session_id}/token", handler=Api.again,
        answer=models.Ticket, status=201, errors=(401, 404, 429, 503), opens=("user",),
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
