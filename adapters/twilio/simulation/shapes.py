"""Resources as the API shows them; times of the old product are those of e-mail.

https://www.twilio.com/docs/messaging/api/message-resource,
https://www.twilio.com/docs/conversations-classic/api
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from adapters.twilio.simulation.forms import API_VERSION
from adapters.twilio.simulation.model import (
    Content,
    Conversation,
    Hook,
    JsonObject,
    Number,
    Participant,
    Spoken,
    StoredFile,
    Text,
)
from adapters.twilio.simulation.world import World


def rfc2822(at: float) -> str:
    """A time as the old product spells it: to the second."""
    return format_datetime(datetime.fromtimestamp(int(at), UTC))


def seconds(at: float) -> str:
    """A time as newer products spell it in answers: to the second."""
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%SZ}"


class Shapes:
    """Shows what there is in the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _account(self) -> str:
        return f"/{API_VERSION}/Accounts/{self._world.account_sid}"

    # The old product

    def account(self) -> JsonObject:
        """The account itself."""
        sid = self._world.account_sid
        return {
            "sid": sid,
            "owner_account_sid": sid,
            "auth_token": self._world.auth_token,
            "friendly_name": "Simulated account",
            "status": "suspended" if self._world.suspended else "active",
            "type": "Full",
            "date_created": rfc2822(0),
            "date_updated": rfc2822(0),
            "uri": f"{self._account}.json",
            "subresource_uris": {"messages": f"{self._account}/Messages.json"},
        }

    def number(self, number: Number) -> JsonObject:
        """A phone number of the account's."""
        return {
            "sid": number.sid,
            "account_sid": self._world.account_sid,
            "phone_number": number.address.removeprefix("whatsapp:"),
            "friendly_name": number.address,
            "capabilities": {"voice": True, "sms": number.texts, "mms": number.texts, "fax": False},
            "sms_application_sid": number.application or None,
            "sms_url": number.url,
            "sms_method": "POST",
            "status": "in-use",
            "api_version": API_VERSION,
            "date_created": rfc2822(0),
            "date_updated": rfc2822(0),
            "uri": f"{self._account}/IncomingPhoneNumbers/{number.sid}.json",
        }

    def short_code(self, number: Number) -> JsonObject:
        """A short code of the account's."""
        sid = f"SC{number.sid[2:]}"
        return {
            "sid": sid,
            "account_sid": self._world.account_sid,
            "short_code": number.address,
            "friendly_name": number.address,
            "sms_url": number.url,
            "sms_method": "POST",
            "api_version": API_VERSION,
            "date_created": rfc2822(0),
            "date_updated": rfc2822(0),
            "uri": f"{self._account}/SMS/ShortCodes/{sid}.json",
        }

    def text(self, text: Text) -> JsonObject:
        """A message."""
        uri = f"{self._account}/Messages/{text.sid}"
        ours = text.number.address
        return {
            "sid": text.sid,
            "account_sid": self._world.account_sid,
            "messaging_service_sid": None,
            "body": text.body,
            "from": text.other if text.inbound else ours,
            "to": ours if text.inbound else text.other,
            "direction": text.direction,
            "status": text.status,
            "num_media": str(text.num_media),
            "num_segments": "1",
            "error_code": text.code,
            "error_message": None,
            "price": None,
            "price_unit": "USD",
            "api_version": API_VERSION,
            "date_created": rfc2822(text.at),
            "date_updated": rfc2822(text.at),
            # Known only once it is sent.
            "date_sent": None if text.status in {"queued", "accepted"} else rfc2822(text.at),
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }

    def media(self, text: Text, file: StoredFile) -> JsonObject:
        """A file of a message."""
        return {
            "sid": file.sid,
            "account_sid": self._world.account_sid,
            "parent_sid": text.sid,
            "content_type": file.media_type,
            "date_created": rfc2822(file.at),
            "date_updated": rfc2822(file.at),
            "uri": f"{self._account}/Messages/{text.sid}/Media/{file.sid}.json",
        }

    # Conversations

    def _url(self, *parts: str) -> str:
        return "/".join((f"{self._world.base_url}/v1", *parts))

    def conversation(self, talk: Conversation) -> JsonObject:
        """A conversation."""
        url = self._url("Conversations", talk.sid)
        return {
            "sid": talk.sid,
            "account_sid": self._world.account_sid,
            "chat_service_sid": talk.service,
            "messaging_service_sid": None,
            "friendly_name": talk.friendly_name,
            "unique_name": talk.unique_name,
            "attributes": talk.attributes,
            "state": talk.state,
            "date_created": seconds(talk.at),
            "date_updated": seconds(talk.updated),
            "timers": {},
            "bindings": {},
            "url": url,
            "links": {
                "participants": f"{url}/Participants",
                "messages": f"{url}/Messages",
                "webhooks": f"{url}/Webhooks",
            },
        }

    def participant(self, talk: Conversation, one: Participant) -> JsonObject:
        """Somebody in a conversation."""
        address = one.address or ""
        binding = {
            "type": "whatsapp" if address.startswith("whatsapp:") else "sms",
            "address": one.address,
            "proxy_address": one.proxy,
            "projected_address": one.projected,
        }
        return {
            "sid": one.sid,
            "account_sid": self._world.account_sid,
            "conversation_sid": talk.sid,
            "identity": one.identity,
            "attributes": one.attributes,
            "messaging_binding": binding if one.address or one.projected else None,
            "role_sid": None,
            "date_created": seconds(one.at),
            "date_updated": seconds(one.at),
            "url": self._url("Conversations", talk.sid, "Participants", one.sid),
            "last_read_message_index": None,
            "last_read_timestamp": None,
        }

    def spoken(self, talk: Conversation, spoken: Spoken) -> JsonObject:
        """A message in a conversation."""
        url = self._url("Conversations", talk.sid, "Messages", spoken.sid)
        media = [
            {
                "sid": file.sid,
                "category": "media",
                "filename": file.name,
                "content_type": file.media_type,
                "size": len(file.content),
            }
            for file in spoken.files
        ]
        return {
            "sid": spoken.sid,
            "account_sid": self._world.account_sid,
            "conversation_sid": talk.sid,
            "index": spoken.index,
            "author": spoken.author,
            "body": spoken.body or None,
            "media": media or None,
            "attributes": spoken.attributes,
            "participant_sid": spoken.participant,
            "date_created": seconds(spoken.at),
            "date_updated": seconds(spoken.updated),
            "url": url,
            "delivery": _delivery(spoken.receipts),
            "links": {
                "delivery_receipts": f"{url}/Receipts",
                "channel_metadata": f"{url}/Metadata",
            },
            "content_sid": None,
        }

    def hook(self, talk: Conversation, hook: Hook) -> JsonObject:
        """A webhook of one conversation's."""
        return {
            "sid": hook.sid,
            "account_sid": self._world.account_sid,
            "conversation_sid": talk.sid,
            "target": hook.target,
            "configuration": {
                "url": hook.address,
                "method": hook.method,
                "filters": list(hook.filters),
            },
            "date_created": seconds(hook.at),
            "date_updated": seconds(hook.at),
            "url": self._url("Conversations", talk.sid, "Webhooks", hook.sid),
        }

    def membership(self, talk: Conversation, one: Participant) -> JsonObject:
        """A conversation, as one of somebody's."""
        return {
            "account_sid": self._world.account_sid,
            "chat_service_sid": talk.service,
            "participant_sid": one.sid,
            "participant_user_sid": None,
            "participant_identity": one.identity,
            "participant_messaging_binding": self.participant(talk, one)["messaging_binding"],
            "conversation_sid": talk.sid,
            "conversation_unique_name": talk.unique_name,
            "conversation_friendly_name": talk.friendly_name,
            "conversation_attributes": talk.attributes,
            "conversation_date_created": seconds(talk.at),
            "conversation_date_updated": seconds(talk.updated),
            "conversation_created_by": "system",
            "conversation_state": talk.state,
            "conversation_timers": {},
            "links": {"conversation": self._url("Conversations", talk.sid)},
        }

    # The rest

    def content(self, content: Content) -> JsonObject:
        """A content."""
        url = self._url("Content", content.sid)
        return {
            "sid": content.sid,
            "account_sid": self._world.account_sid,
            "friendly_name": content.friendly_name,
            "language": content.language,
            "variables": dict(content.variables),
            "types": dict(content.types),
            "date_created": seconds(content.at),
            "date_updated": seconds(content.at),
            "url": url,
            "links": {
                "approval_create": f"{url}/ApprovalRequests/whatsapp",
                "approval_fetch": f"{url}/ApprovalRequests",
            },
        }

    def approval(self, content: Content) -> JsonObject:
        """Whether WhatsApp has approved a content as a template."""
        return {
            "sid": content.sid,
            "account_sid": self._world.account_sid,
            "whatsapp": {
                "type": "whatsapp",
                "name": content.friendly_name,
                "category": "UTILITY",
                "content_type": next(iter(content.types), ""),
                "status": "approved" if content.approved else "unsubmitted",
                "rejection_reason": "",
                "allow_category_change": True,
            },
            "url": self._url("Content", content.sid, "ApprovalRequests"),
        }

    def sender(self, number: Number) -> JsonObject:
        """A WhatsApp sender; https://www.twilio.com/docs/whatsapp/api/senders."""
        return {
            "sid": number.sender,
            "sender_id": number.address,
            "status": number.status,
            "configuration": {"waba_id": "100000000000000"},
            "webhook": {"callback_url": number.url, "callback_method": "POST"},
            "profile": {"name": "Simulated business"},
            "properties": {"quality_rating": "HIGH", "messaging_limit": "10K Customers/24hr"},
            "offline_reasons": None,
            "compliance": None,
            "url": f"{self._world.base_url}/v2/Channels/Senders/{number.sender}",
        }

    def stored(self, service: str, file: StoredFile) -> JsonObject:
        """A file of the Media Content Service's, with an address that anybody may use for a while.

        https://www.twilio.com/docs/conversations-classic/api/media-resource
        """
        url = self._url("Services", service, "Media", file.sid)
        return {
            "sid": file.sid,
            "account_sid": self._world.account_sid,
            "service_sid": service,
            "category": "media",
            "filename": file.name or None,
            "size": len(file.content),
            "content_type": file.media_type,
            "author": None,
            "channel_sid": None,
            "message_sid": None,
            "date_created": seconds(file.at),
            "date_updated": seconds(file.at),
            "url": url,
            "links": {
                "content": f"{url}/Content",
                "content_direct_temporary": f"{self._world.base_url}/cdn/{file.sid}",
            },
        }


def _delivery(receipts: Sequence[int | None]) -> JsonObject | None:
    """What became of a message, for all of those whom it was for.

    https://www.twilio.com/docs/conversations-classic/delivery-receipts-overview
    """
    if not receipts:
        return None
    failed = sum(code is not None for code in receipts)

    def share(count: int) -> str:
        return "none" if not count else "all" if count == len(receipts) else "some"

    return {
        "total": len(receipts),
        "sent": share(len(receipts) - failed),
        "delivered": share(len(receipts) - failed),
        "read": "none",
        "failed": "none",
        "undelivered": share(failed),
    }
