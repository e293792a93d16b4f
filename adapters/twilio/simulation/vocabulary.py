"""Twilio's words: its calls, its keywords, and what it takes for media."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

POSTING = frozenset({"CreateMessage", "CreateConversationMessage"})
SANDBOX = "+14155238886"
# https://help.twilio.com/articles/223134027: what ends and begins messages to a number.
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})

MB = 1024 * 1024
# https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages
WHATSAPP_TYPES = re.compile(
    r"image/(jpeg|png|webp)|audio/(ogg|amr|3gpp|aac|mpeg|mp4)|video/(mp4|3gpp)|text/(x-)?vcard"
    r"|application/(pdf|msword|vnd\.ms-\w+|vnd\.openxmlformats-officedocument\.[\w.]+)|text/plain"
)
# https://www.twilio.com/docs/messaging/guides/accepted-mime-types
MMS_TYPES = re.compile(
    r"(image|audio|video)/[\w.+-]+|text/(vcard|x-vcard|csv|rtf|richtext|calendar|directory|plain)"
    r"|application/(pdf|vcard|vnd\.apple\.pkpass)"
)
WHATSAPP_IMAGE_LIMIT = 5 * MB
WHATSAPP_LIMIT = 16 * MB
MMS_LIMIT = 5 * MB
MMS_FILES = 10
CONVERSATION_EVENTS = frozenset(
    {
        "onConversationAdded",
        "onConversationRemoved",
        "onConversationStateUpdated",
        "onConversationUpdated",
        "onDeliveryUpdated",
        "onMessageAdded",
        "onMessageRemoved",
        "onMessageUpdated",
        "onParticipantAdded",
        "onParticipantRemoved",
        "onParticipantUpdated",
    }
)


@dataclass(frozen=True, slots=True)
class Route:
    """A call: its name in the API's description, how it looks, and the status of success."""

    name: str
    verb: str
    pattern: re.Pattern[str]
    status: int


def _route(name: str, verb: str, path: str, status: int = 200) -> Route:
    spelled = path.replace(".", r"\.").replace("[S]", r"(?:/Services/(?P<Service>[^/]+))?")
    return Route(name, verb, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", spelled)), status)


_ACCOUNT = "/2010-04-01/Accounts/{Account}"
_MESSAGE = f"{_ACCOUNT}/Messages/{{Sid}}"
_TALK = "/v1[S]/Conversations"
_ONE = f"{_TALK}/{{Conversation}}"
# More telling first: `{Sid}` would also take `MM1.json`.
ROUTES: tuple[Route, ...] = (
    _route("CreateMessage", "POST", f"{_ACCOUNT}/Messages.json", 201),
    _route("ListMessage", "GET", f"{_ACCOUNT}/Messages.json"),
    _route("ListMedia", "GET", f"{_MESSAGE}/Media.json"),
    _route("FetchMedia", "GET", f"{_MESSAGE}/Media/{{Media}}.json"),
    _route("GetMedia", "GET", f"{_MESSAGE}/Media/{{Media}}", 307),
    _route("FetchMessage", "GET", f"{_MESSAGE}.json"),
    _route("DeleteMessage", "DELETE", f"{_MESSAGE}.json", 204),
    _route("ListIncomingPhoneNumber", "GET", f"{_ACCOUNT}/IncomingPhoneNumbers.json"),
    _route("ListShortCode", "GET", f"{_ACCOUNT}/SMS/ShortCodes.json"),
    _route("FetchAccount", "GET", f"{_ACCOUNT}.json"),
    _route("CreateConversationParticipant", "POST", f"{_ONE}/Participants", 201),
    _route("ListConversationParticipant", "GET", f"{_ONE}/Participants"),
    _route("FetchConversationParticipant", "GET", f"{_ONE}/Participants/{{Sid}}"),
    _route("UpdateConversationParticipant", "POST", f"{_ONE}/Participants/{{Sid}}"),
    _route("DeleteConversationParticipant", "DELETE", f"{_ONE}/Participants/{{Sid}}", 204),
    _route("CreateConversationMessage", "POST", f"{_ONE}/Messages", 201),
    _route("ListConversationMessage", "GET", f"{_ONE}/Messages"),
    _route("FetchConversationMessage", "GET", f"{_ONE}/Messages/{{Sid}}"),
    _route("UpdateConversationMessage", "POST", f"{_ONE}/Messages/{{Sid}}"),
    _route("DeleteConversationMessage", "DELETE", f"{_ONE}/Messages/{{Sid}}", 204),
    _route("CreateConversationScopedWebhook", "POST", f"{_ONE}/Webhooks", 201),
    _route("ListConversationScopedWebhook", "GET", f"{_ONE}/Webhooks"),
    _route("FetchConversationScopedWebhook", "GET", f"{_ONE}/Webhooks/{{Sid}}"),
    _route("DeleteConversationScopedWebhook", "DELETE", f"{_ONE}/Webhooks/{{Sid}}", 204),
    _route("CreateConversation", "POST", _TALK, 201),
    _route("ListConversation", "GET", _TALK),
    _route("FetchConversation", "GET", _ONE),
    _route("UpdateConversation", "POST", _ONE),
    _route("DeleteConversation", "DELETE", _ONE, 204),
    _route("ListParticipantConversation", "GET", "/v1[S]/ParticipantConversations"),
    _route("UploadMedia", "POST", "/v1/Services/{Service}/Media", 201),
    _route("FetchServiceMedia", "GET", "/v1/Services/{Service}/Media/{Sid}"),
    _route("CreateContent", "POST", "/v1/Content", 201),
    _route("ListContent", "GET", "/v1/Content"),
    _route("FetchApprovalFetch", "GET", "/v1/Content/{Sid}/ApprovalRequests"),
    _route("FetchContent", "GET", "/v1/Content/{Sid}"),
    _route("DeleteContent", "DELETE", "/v1/Content/{Sid}", 204),
    _route("ListChannelsSender", "GET", "/v2/Channels/Senders"),
    _route("CreateTypingIndicator", "POST", "/v2/Indicators/Typing.json"),
)


def find_route(verb: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
    """What a request calls, and what its path says."""
    for route in ROUTES:
        found = route.pattern.fullmatch(path) if route.verb == verb else None
        if found is not None:
            return route, {key: value for key, value in found.groupdict().items() if value}
    return None
