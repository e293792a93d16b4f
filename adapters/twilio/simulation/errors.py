"""How Twilio says no: a number that clients go by, and what it means.

https://www.twilio.com/docs/api/errors
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MEANINGS: Mapping[int, str] = {
    20001: "Invalid parameter",
    20003: "Authenticate",
    20004: "Method not allowed",
    20404: "The requested resource was not found",
    20422: "Invalid parameter",
    20005: "The account is not active",
    20429: "Too many requests",
    20500: "An internal server error has occurred",
    21211: "The 'To' number is not a valid phone number",
    21602: "A message body or media is required",
    21604: "A 'To' phone number is required",
    21603: "A 'From' phone number is required",
    21606: "The 'From' number is not a message-capable number of this account",
    21609: "The 'StatusCallback' is not a valid URL",
    21610: "The recipient has opted out",
    21617: "The message body is longer than 1600 characters",
    21620: "A 'MediaUrl' is not a valid URL",
    21623: "There are more media files than the limit",
    21654: "ContentVariables need a ContentSid",
    21655: "The ContentSid is invalid",
    21656: "The ContentVariables parameter is invalid",
    21910: "'From' and 'To' must be of the same channel",
    50050: "The conversation service was not found",
    50350: "The user was not found",
    50353: "A conversation with this unique name exists already",
    50377: "The conversation is closed",
    50404: "The participant was not found",
    50407: "The messaging binding's address is invalid",
    50408: "The messaging binding's proxy address is invalid",
    50416: "The participant is in the conversation already",
    50425: "The pair of participant and proxy address is in use in another conversation",
    50434: "A participant of a group MMS needs an address or a projected address",
    50435: "The group MMS could not be activated",
    50436: "The group has as many participants as it may",
    50437: "This participant is in the group already",
    50438: "A group with the same participants exists already",
    50504: "The message body is too long",
    50505: "The media was not found",
    50507: "A message needs a body or media",
    50527: "The content variables are no JSON object",
    63007: "There is no channel with this 'From' address",
    63018: "The channel's rate limit is exceeded",
}
STATUSES: Mapping[int, int] = {
    20003: 401,
    20005: 403,
    20404: 404,
    20429: 429,
    20500: 500,
    50050: 404,
    50353: 409,
    50404: 404,
    50416: 409,
    50425: 409,
    50437: 409,
    50438: 409,
    50505: 404,
    63018: 429,
}


class ApiError(Exception):
    """A refusal: HTTP status, Twilio's number, and words."""

    def __init__(
        self,
        code: int,
        message: str = "",
        *,
        status: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.status = status or STATUSES.get(code, 400)
        self.message = message or MEANINGS.get(code, "Bad request")
        self.headers = dict(headers or {})
        super().__init__(f"{code}: {self.message}")

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


def too_many(retry_after: float, code: int = 20429) -> ApiError:
    """429; https://help.twilio.com/articles/360032845014.

    Whole seconds are what HTTP has; fractions below one pass through so that tests need not wait.
    """
    wait = f"{retry_after:g}" if retry_after < 1 else str(math.ceil(retry_after))
    return ApiError(code, headers={"Retry-After": wait})
