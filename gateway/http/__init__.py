"""The one ASGI app."""
