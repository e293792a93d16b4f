"""Who writes to the webhooks: whoever signs with the account's token is Twilio.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from twilio.request_validator import (
    HMAC_SHA1,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    add_port,
    get_signature_algorithm,
    remove_port,
)

MAX_FIELDS = 500
SIGNATURE = SIGNATURE_HEADER.lower().encode()
SETTINGS = SIGNATURE_SETTINGS_HEADER.lower().encode()

OTHERS = (
    "somebody else, or gateway.public_url is not the address that Twilio's console has for this"
    " webhook, or auth_token is not the account's"
)
OTHER_KEY = "it was signed with a shared key; let the account's Auth Token sign webhooks"
NO_ADDRESS = "gateway.public_url is not set, and signatures are computed over it"


class Form:
    """A form's fields as they came: one may be there more than once."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def getall(self, name: str) -> list[str]:
        """Every value of a field: the name under which Twilio's own validator asks first."""
        return self._fields[name]

    def plain(self) -> dict[str, str]:
        """One value of each field."""
        return {name: values[-1] for name, values in self._fields.items()}


def read_form(body: bytes) -> Form | None:
    """A form as it is sent; None for what Twilio never sends."""
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    return Form(fields)


class Signatures:
    """Tells Twilio's requests from others'. Without a token or a public address there are none."""

    def __init__(self, token: str, public_url: str) -> None:
        self._validator = RequestValidator(token) if token else None
        self._bases = _bases(public_url.rstrip("/"))

    def doubt(self, path: str, query: bytes, form: Form, headers: Mapping[bytes, bytes]) -> str:
        """Why a request is not Twilio's, in words; empty: it is.

        The address is the one that Twilio was given, whatever a proxy made of it.
        """
        if self._validator is None or not self._bases:
            return NO_ADDRESS if self._validator else OTHERS
        said = headers.get(SIGNATURE, b"")
        tail = path + (f"?{query.decode('latin-1')}" if query else "")
        for base in self._bases:
            expected = self._validator.compute_signature(base + tail, form).encode()
            if hmac.compare_digest(expected, said):
                return ""
        with_key = get_signature_algorithm(headers.get(SETTINGS, b"").decode("latin-1"))
        return OTHERS if with_key.upper() == HMAC_SHA1 else OTHER_KEY


def _bases(public_url: str) -> tuple[str, ...]:
    """The public address as it is, and with and without its port: Twilio signs either."""
    if not public_url:
        return ()
    parts = urlsplit(public_url)
    return tuple(dict.fromkeys((public_url, remove_port(parts), add_port(parts))))
