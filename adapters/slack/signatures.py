"""Whether Slack itself signed a request. Pure.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac

TOLERANCE = 300.0
"""Seconds by which a request may be older or newer than now: others are replayed."""
LONGEST_TIMESTAMP = 16


def is_recent(timestamp: bytes, now: float) -> bool:
    """Whether a request's timestamp is one, in ASCII digits, and of these minutes."""
    # Of bytes, isdigit takes only the ASCII digits.
    if not timestamp.isdigit() or len(timestamp) > LONGEST_TIMESTAMP:
        return False
    return abs(now - int(timestamp)) <= TOLERANCE


def is_genuine(
    secret: bytes, *, timestamp: bytes, signature: bytes, body: bytes, now: float
) -> bool:
    """Whether this very body was signed with the secret just now; without a secret none was."""
    if not secret or not is_recent(timestamp, now):
        return False
    return hmac.compare_digest(signature, sign(secret, timestamp, body))


def sign(secret: bytes, timestamp: bytes, body: bytes) -> bytes:
    """The signature of a body, as its header says it."""
    whole = b"v0:" + timestamp + b":" + body
    return b"v0=" + hmac.new(secret, whole, hashlib.sha256).hexdigest().encode()
