"""What a WhatsApp or an SMS channel is configured with."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway import ChannelSettings, RateText, Seconds

DEFAULT_API = "https://api.twilio.com"
SANDBOX = "whatsapp:+14155238886"
"""The number that all of Twilio's customers try WhatsApp with.
https://www.twilio.com/docs/whatsapp/sandbox"""
IDENTITY = "chat-gateway"
"""Who speaks for us in Conversations."""
STAND_IN = "0:stand-in"
"""What `gateway explain` takes for a variable that is unset: then it is any account, any number.
Whatever writes or listens refuses it."""

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_WHATSAPP = "whatsapp:"
_MEDIA_TYPE = r"^[a-z0-9][a-z0-9!#$&^_.+-]*/([a-z0-9][a-z0-9!#$&^_.+-]*)?$"

MediaType = Annotated[str, Field(pattern=_MEDIA_TYPE)]

# What is said of other secrets and numbers that people put in the wrong place.
_SIDS = {
    "AC": "an account's SID",
    "SK": "an API key's SID",
    "MG": "a messaging service's SID",
    "PN": "a phone number's SID",
    "IS": "a conversation service's SID",
    "HX": "a content template's SID",
}


class TwilioSettings(ChannelSettings):
    """One number of one account. https://www.twilio.com/docs/messaging"""

    whatsapp: ClassVar[bool] = False

    account_sid: str
    """The account's SID, "AC…": console.twilio.com, Account Info."""
    auth_token: SecretStr
    """The account's Auth Token: console.twilio.com, Account Info. It opens the account, and Twilio
    signs with it what it sends to /webhooks/CHANNEL."""
    from_: str = Field(alias="from")
    """The number that people write to, as in "+15005550001"; for SMS also a short code."""
    conversations: bool = False
    """Take part in groups, by Twilio's Conversations."""
    conversation_service: Annotated[str, Field(pattern=r"^(IS[0-9a-f]{32})?$")] = ""
    """The Conversations service that groups belong to, "IS…"; empty: the account's default."""
    api_url: str = DEFAULT_API
    """Twilio's address. Any other than the default stands for all of its hosts, for a test."""
    media_types: tuple[MediaType, ...] = (
        "image/",
        "audio/",
        "video/",
        "text/",
        "application/pdf",
        "application/msword",
        "application/vnd.ms-",
        "application/vnd.openxmlformats-officedocument.",
        "application/vnd.oasis.opendocument.",
    )
    """Files that are taken from people: how their media types begin. Of others is said that they
    came."""
    catch_up: Seconds = 86400.0
    """How far back to look for messages missed while nothing could take them; 0: not at all."""
    catch_up_every: Seconds = 300.0
    """How often to look whether any were missed: Twilio does not bring them again."""
    overall_rate: RateText = "40/s burst 20"
    """Messages from this number, to all people together."""

    @property
    def number(self) -> str:
        """The number as Twilio's own consoles write it, without "whatsapp:"."""
        return self.from_.removeprefix(_WHATSAPP)

    @property
    def sandbox(self) -> bool:
        """Whether this is the number that Twilio lends to everybody."""
        return self.from_ == SANDBOX

    def is_account(self, sid: str) -> bool:
        """Whether this is the account."""
        return self.account_sid in {sid, STAND_IN}

    def is_ours(self, address: str) -> bool:
        """Whether this is the number."""
        return self.from_ in {address, STAND_IN}

    @property
    def stood_in_for(self) -> list[str]:
        """The keys that have no value of their own."""
        values = {
            "account_sid": self.account_sid,
            "auth_token": self.auth_token.get_secret_value(),
            "from": self.from_,
        }
        return [key for key, value in values.items() if value == STAND_IN]

    @property
    def identity_name(self) -> str:
        """Who speaks for us in Conversations."""
        return IDENTITY

    @field_validator("account_sid")
    @classmethod
    def _account_sid_is_one(cls, sid: str) -> str:
        if re.fullmatch("AC[0-9a-f]{32}", sid) or sid == STAND_IN:
            return sid
        wanted = 'the Account SID: "AC" and 32 hexadecimal digits'
        kind = _SIDS.get(sid[:2]) if re.fullmatch("[A-Z]{2}[0-9a-f]{32}", sid) else None
        if kind and not sid.startswith("AC"):
            raise ValueError(f"is {kind}; it should be {wanted}")
        raise ValueError(f"should be {wanted}")

    @field_validator("auth_token")
    @classmethod
    def _auth_token_is_one(cls, secret: SecretStr) -> SecretStr:
        text, wanted = secret.get_secret_value(), "the Auth Token: 32 hexadecimal digits"
        if not text:
            raise ValueError(f"is empty; it should be {wanted}")
        if not re.fullmatch("[!-~]+", text):
            raise ValueError(f"holds a space or a character that none has; it should be {wanted}")
        if re.fullmatch("[A-Z]{2}[0-9a-f]{32}", text) and text[:2] in _SIDS:
            raise ValueError(f"is {_SIDS[text[:2]]}; it should be {wanted}")
        return secret

    @field_validator("from_")
    @classmethod
    def _from_is_a_number(cls, number: str) -> str:
        if number == STAND_IN:
            return number
        plain = re.sub(r"[ ().-]", "", number)
        if cls.whatsapp:
            plain = plain.removeprefix(_WHATSAPP)
            if not _PHONE.fullmatch(plain):
                raise ValueError('is not a WhatsApp number, as in "+15005550001"')
            return f"{_WHATSAPP}{plain}"
        if plain.startswith(_WHATSAPP):
            raise ValueError('is a WhatsApp number: that is a channel with platform = "whatsapp"')
        if plain.startswith("MG"):
            raise ValueError("is a messaging service; name the number that people write to")
        if not (_PHONE.fullmatch(plain) or _SHORT_CODE.fullmatch(plain)):
            raise ValueError('is not a number, as in "+15005550001", nor a short code')
        return plain

    @field_validator("api_url")
    @classmethod
    def _api_url_is_one(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", url):
            raise ValueError('an address starts with "https://" or "http://", and ends in a path')
        return url.rstrip("/")


class WhatsAppSettings(TwilioSettings):
    """One WhatsApp number. https://www.twilio.com/docs/whatsapp"""

    whatsapp: ClassVar[bool] = True

    platform: Literal["whatsapp"] = "whatsapp"
    template: Annotated[str, Field(pattern=r"^(HX[0-9a-f]{32})?$")] = ""
    """An approved template, "HX…", for what is sent to people who last wrote more than 24 hours
    ago. Empty: it waits until they write."""
    template_variable: Annotated[str, Field(pattern=r"^([A-Za-z0-9_]{1,16})?$")] = "1"
    """The template's placeholder that the text goes into. Empty: the template is a fixed text that
    invites people to write, and what was to be sent waits until they do."""
    quick_replies: bool = True
    """Ask with buttons and lists, where the options fit; else they are numbered in the text."""
    opt_out: bool = True
    """Send nothing to people who wrote STOP, until they write START."""
    person_rate: RateText = "1/s burst 3"
    """Messages to one person: WhatsApp allows few at a time."""

    @model_validator(mode="after")
    def _placeholder_needs_a_template(self) -> Self:
        if not self.template and "template_variable" in self.model_fields_set:
            raise ValueError("template_variable belongs to a template: set template as well")
        return self


class SmsSettings(TwilioSettings):
    """One number for SMS and MMS. https://www.twilio.com/docs/messaging/channels/sms"""

    platform: Literal["sms"] = "sms"
    overall_rate: RateText = "1/s burst 10"
    """Messages from this number, to all people together: a long code sends one a second."""
