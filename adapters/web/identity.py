"""Who asks: a user whom the embedding site vouches for, or a service that has a key.

A user token is a JSON Web Token, signed with HMAC SHA-256 (RFC 7519; RFC 7518, 3.2). Its
algorithm is fixed here and never taken from the token: RFC 8725, 3.1.
"""

from __future__ import annotations

import time
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from adapters.web.problems import Refusal, unauthorized
from adapters.web.settings import WebSettings
from gateway import Participant

LEEWAY = 30.0
"""Seconds by which the site's clock may differ."""

LONGEST = 86_400.0
"""Seconds that a user token may be good for: whoever finds an old one has nothing."""

MOST = 200
"""Characters of a user's id, and of a name."""

NOT_KNOWN = "The user token is not valid here: get a fresh one from the site."


class Identity:
    """Tells users and services of one channel by what they hold."""

    def __init__(self, channel: str, settings: WebSettings) -> None:
        self._channel = channel
        self._secret = settings.user_secret.get_secret_value() if settings.user_secret else ""
        self._keys = [_digest(key.get_secret_value()) for key in settings.service_keys]

    def user(self, token: str) -> Participant:
        """The user whom a token vouches for. Raises one ``Refusal``, whatever is wrong with it."""
        claims = self._claims(token) if self._secret and token else None
        who = claims and self._who(claims)
        if not who:
            raise _not_known()
        return who

    def serves(self, key: str) -> bool:
        """Whether this is a service's key. Raises a ``Refusal`` where it should be one."""
        if not key or not self._keys:
            return False
        digest = _digest(key)
        # All are compared, so that the time taken tells nothing.
        if not sum(compare_digest(digest, one) for one in self._keys):
            raise unauthorized("This is not a service key of this channel.")
        return True

    def _claims(self, token: str) -> dict[str, Any] | None:
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                leeway=LEEWAY,
                options={"require": ["sub", "exp"], "verify_aud": False},
            )
        except jwt.InvalidTokenError:
            return None
        return claims

    def _who(self, claims: dict[str, Any]) -> Participant | None:
        expires, audience = claims["exp"], claims.get("aud", self._channel)
        if not isinstance(expires, int | float):
            return None
        if expires > time.time() + LONGEST + LEEWAY:
            return None
        if self._channel not in (audience if isinstance(audience, list) else [audience]):
            return None
        if not is_name(claims["sub"]):
            return None
        name = claims.get("name")
        return user(claims["sub"], name if isinstance(name, str) else "")


def user(user_id: str, name: str = "") -> Participant:
    """A user of the site. No anonymous visitor has such an id."""
    shown = "".join(letter for letter in name if letter.isprintable())
    return Participant(id=f"user:{user_id}", name=shown[:MOST].strip())


def is_name(text: object) -> bool:
    """Whether this can be a user's id, or what a service calls a session."""
    return isinstance(text, str) and 0 < len(text) <= MOST and text.isprintable()


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


def _not_known() -> Refusal:
    return unauthorized(NOT_KNOWN)
