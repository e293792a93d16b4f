"""Addresses that open one file for a while. They carry a signature, and no token of anybody's."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256

from gateway.errors import GatewayError

LIFE = 3600
"""Seconds for which a link is good, at least."""

STEP = 900
"""For so many seconds the same link is made again, so that a browser finds it in its cache."""


class LinkRefused(GatewayError):
    """A link opens nothing; ``status`` is HTTP's (403, 404 or 410), the text is for people."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def link(key: bytes, file_id: str, now: float) -> str:
    """A path that opens this file from now on."""
    expires = (int(now) + LIFE + STEP) // STEP * STEP
    return f"/files/{file_id}?exp={expires}&sig={_signature(key, file_id, str(expires))}"


def check(key: bytes, file_id: str, expires: str, signature: str, now: float) -> None:
    """Raise ``LinkRefused`` unless this is a link of ours that is still good."""
    ours = _signature(key, file_id, expires)
    if not hmac.compare_digest(ours.encode(), signature.encode("utf-8", "replace")):
        raise LinkRefused(403, "This link was not made here, or it was changed.")
    if int(expires) <= now:
        raise LinkRefused(410, "This link has expired; open the conversation for a fresh one.")


def _signature(key: bytes, file_id: str, expires: str) -> str:
    what = f"{file_id}\n{expires}".encode("utf-8", "replace")
    return urlsafe_b64encode(hmac.digest(key, what, sha256)).rstrip(b"=").decode()
