"""Messages in conversations, and their files.

https://www.twilio.com/docs/conversations-classic/api/conversation-message-resource,
https://www.twilio.com/docs/conversations-classic/api/media-resource
"""

from __future__ import annotations

from adapters.twilio.simulation.access import Access, Method
from adapters.twilio.simulation.contents import fill, read_variables
from adapters.twilio.simulation.conversations import attributes_of
from adapters.twilio.simulation.errors import ApiError
from adapters.twilio.simulation.forms import added_form, delivery_form, removed_form, updated_form
from adapters.twilio.simulation.model import (
    Conversation,
    JsonObject,
    Participant,
    Shown,
    Spoken,
    StoredFile,
)
from adapters.twilio.simulation.parameters import Call

BODY_LIMIT = 1600
SYSTEM = "system"


class Talking:
    """Says things in conversations, and tells what was said."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._world = access.world
        self._shapes = access.shapes
        self.table: dict[str, Method] = {
            "CreateConversationMessage": self._create,
            "DeleteConversationMessage": self._delete,
            "FetchConversationMessage": self._fetch,
            "FetchServiceMedia": self._fetch_file,
            "ListConversationMessage": self._list,
            "UpdateConversationMessage": self._update,
            "UploadMedia": self._upload,
        }

    def _create(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        body, media = call.get("Body"), call.get("MediaSid")
        files = [self._file(media)] if media else []
        if content := call.get("ContentSid"):
            known = self._world.contents.get(content)
            if known is None:
                raise ApiError(21655)
            body = fill(known, read_variables(call.get("ContentVariables"))).body
        if not body.strip() and not files:
            raise ApiError(50507)
        if len(body) > BODY_LIMIT:
            raise ApiError(50504)
        if talk.state == "closed":
            raise ApiError(50377)
        if not talk.can_send:
            raise ApiError(50435)
        author = call.get("Author") or SYSTEM
        spoken = self._world.speak(
            talk,
            author,
            body,
            participant=self._speaker(talk, author),
            files=files,
            attributes=attributes_of(call),
        )
        self._bring(talk, spoken)
        self._tell(talk, spoken, f"{talk.sid}:{spoken.sid}", call)
        return self._shapes.spoken(talk, spoken)

    def _speaker(self, talk: Conversation, author: str) -> str | None:
        for one in talk.participants.values():
            if author in {one.identity, one.address, one.projected}:
                return one.sid
        return None

    def _tell(self, talk: Conversation, spoken: Spoken, key: str, call: Call) -> None:
        """What the API does, its caller hears of only if that is asked for."""
        if call.hears_itself:
            form = added_form(self._world.account_sid, talk, spoken)
            self._world.announce(talk, key, form, watched=False)

    def _bring(self, talk: Conversation, spoken: Spoken) -> None:
        """Let the members see it, each as their own channel allows."""
        number = next(
            (
                one.proxy or one.projected or ""
                for one in talk.participants.values()
                if one.proxy or one.projected
            ),
            "",
        )
        shown = Shown(
            key=("", talk.sid), place=talk.sid, account=number, message=spoken, visible=False
        )
        self._world.show(shown)
        codes = [self._problem(talk, one) for one in talk.people]
        # Whoever is told of one of them may look at all.
        spoken.receipts = codes
        for one, code in zip(talk.people, codes, strict=True):
            self._receipt(talk, spoken, one, code)
        failed = [code for code in codes if code is not None]
        shown.visible = len(failed) < len(codes)
        if failed and not shown.visible:
            self._world.fail(shown, spoken.sid, failed[0])
        self._world.news.tell()

    def _receipt(
        self, talk: Conversation, spoken: Spoken, one: Participant, code: int | None
    ) -> None:
        """What became of a message for one member."""
        number = self._world.numbers.get(one.proxy or talk.projected or "")
        sid = self._world.new_id("SM")
        if number is not None:
            sid = self._world.record(
                number, one, talk, spoken.body, spoken.files, inbound=False, code=code
            ).sid
        sids = self._world.new_id("DY"), sid
        form = delivery_form(self._world.account_sid, talk, spoken, one, sids, code)
        self._world.announce(talk, f"delivery:{sids[0]}", form, watched=False)

    def _problem(self, talk: Conversation, one: Participant) -> int | None:
        """Why a member does not get it."""
        if one.person is None or not one.person.reachable:
            return 63024 if self._world.whatsapp else 30003
        number = self._world.numbers.get(one.proxy or talk.projected or "")
        if number is None:
            return 30008
        return None if self._world.window_open(number, one.person) else 63016

    def _list(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        found = list(talk.messages.values())
        order = call.query.get("Order", "asc")
        if order not in {"asc", "desc"}:
            raise ApiError(20001, "no such Order")
        if order == "desc":
            found.reverse()
        page = self._access.page(
            call, "messages", found, lambda one: self._shapes.spoken(talk, one)
        )
        for shown in page["messages"]:
            self._world.ledger.listed(f"{talk.sid}:{shown['sid']}")
        return page

    def _fetch(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        return self._shapes.spoken(talk, self._spoken(talk, call))

    def _update(self, call: Call) -> JsonObject:
        talk = self._access.conversation(call)
        spoken = self._spoken(talk, call)
        spoken.attributes = attributes_of(call, spoken.attributes)
        if call.hears_itself:
            self.edit(talk, spoken, call.get("Body") or spoken.body, "api", watched=False)
        else:
            spoken.body = call.get("Body") or spoken.body
            spoken.updated = self._world.clock()
        return self._shapes.spoken(talk, spoken)

    def edit(
        self, talk: Conversation, spoken: Spoken, body: str, by: str, *, watched: bool = True
    ) -> str:
        """Give a message another text, and tell; return the event's key."""
        spoken.body, spoken.updated = body, max(self._world.clock(), spoken.updated + 0.001)
        form = updated_form(self._world.account_sid, talk, spoken, by)
        key = f"edit:{talk.sid}:{spoken.sid}:{form['DateUpdated']}"
        return key if self._world.announce(talk, key, form, watched=watched) else ""

    def _delete(self, call: Call) -> None:
        talk = self._access.conversation(call)
        spoken = self._spoken(talk, call)
        if call.hears_itself:
            self.remove(talk, spoken, watched=False)
        else:
            del talk.messages[spoken.sid]

    def remove(self, talk: Conversation, spoken: Spoken, *, watched: bool = True) -> str:
        """Remove a message, and tell; return the event's key."""
        del talk.messages[spoken.sid]
        form = removed_form(self._world.account_sid, talk, spoken, self._world.clock())
        key = f"delete:{talk.sid}:{spoken.sid}"
        return key if self._world.announce(talk, key, form, watched=watched) else ""

    def _spoken(self, talk: Conversation, call: Call) -> Spoken:
        spoken = talk.messages.get(call.names["Sid"])
        if spoken is None:
            raise ApiError(20404)
        return spoken

    # Files

    def _upload(self, call: Call) -> JsonObject:
        service = self._access.check_service(call)
        if not call.content:
            raise ApiError(20001, "there is no content")
        file = self._world.keep_file(
            call.file_name or call.query.get("Filename", ""), call.media_type, call.content
        )
        return self._shapes.stored(service, file)

    def _fetch_file(self, call: Call) -> JsonObject:
        return self._shapes.stored(self._access.check_service(call), self._file(call.names["Sid"]))

    def _file(self, sid: str) -> StoredFile:
        file = self._world.files.get(sid)
        if file is None:
            raise ApiError(50505)
        return file
