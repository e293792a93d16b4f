"""Files of messages: kept once for each content, owned by their sessions, opened by signed links.

A content stands on disk under its SHA-256; what it is called, what it is and whose it is stands in
the store. Nothing here ever decompresses or decodes what people send.
"""

from gateway.files.links import LinkRefused
from gateway.files.media import SHOWN
from gateway.files.names import safe_name
from gateway.files.room import FileRoom

__all__ = ["SHOWN", "FileRoom", "LinkRefused", "safe_name"]
