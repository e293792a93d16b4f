"""Links whose words say another address than the one they lead to, told from honest ones. Pure."""

from __future__ import annotations

import re

# What people take for an address. There are no domains that end like the files which are left out;
# of others (notes.md) nobody can tell.
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,20}:/|www[.。．｡])[^\s<>\"'|]*"
    r"|(?<![\w@])[\w-]+(?:[.。．｡][\w-]+)*[.。．｡]"
    r"(?!(?:js|jsx|json|html?|css|txt|ya?ml|toml|pdf|png|jpe?g|gif|svg|xml|csv|tsx|cpp)\b)"
    r"[^\W\d_]{2,24}(?!\w)[^\s<>\"'|]*",
    re.IGNORECASE,
)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]+")
_STOPS = re.compile("[。．｡]")
_SCHEME = re.compile(r"^(?:https?:)?/*", re.IGNORECASE)
_AROUND = "/.,;:!?()[]*_~`\\"


def misleading(words: str, url: str) -> bool:
    """Whether the words of a link say an address that is not the link's, nor its beginning."""
    seen = _UNSEEN.sub("", words)
    return any(not _leads(match[0], url) for match in _ADDRESS.finditer(seen))


def _leads(said: str, url: str) -> bool:
    short, full = _bare(said), _bare(url)
    return full == short or (full.startswith(short) and full[len(short)] in "/?#")


def _bare(address: str) -> str:
    """An address as people say it."""
    plain = _SCHEME.sub("", _STOPS.sub(".", address)).rstrip(_AROUND).casefold()
    return plain.removeprefix("www.")
