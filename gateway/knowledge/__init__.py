"""Knowledge bases: folders of documents, kept in an index of their own and searched in pieces.

The folders are files on this machine, and so is the index, whatever the main database is. It holds
nothing that is not in the folders: when it is missing, damaged or another version's, it is made
again.
"""

from gateway.knowledge.library import Library
from gateway.knowledge.shelfmark import Holding

__all__ = ["Holding", "Library"]
