"""What a webhook answers; https://www.twilio.com/docs/messaging/twiml."""

from __future__ import annotations

from xml.etree import ElementTree

PARSE_FAILURE, WRONG_TYPE = 12100, 12300


class TwimlError(Exception):
    """An answer that Twilio cannot use; `code` is what its error log says."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def messages_in(media_type: str, content: bytes) -> list[str]:
    """What an answer wants said: its `<Message>`s, or plain text as it is. Raises `TwimlError`."""
    if not content.strip():
        return []
    if media_type == "text/plain":
        return [content.decode(errors="replace")]
    if media_type not in {"text/xml", "application/xml"}:
        raise TwimlError(WRONG_TYPE)
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - the answer of the gateway under test
    except ElementTree.ParseError:
        raise TwimlError(PARSE_FAILURE) from None
    if root.tag != "Response":
        raise TwimlError(PARSE_FAILURE)
    said = ["".join(each.itertext()).strip() for each in root.iter("Message")]
    return [text for text in said if text]
