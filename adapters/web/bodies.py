"""What a request says, read and checked, and what it is answered with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from adapters.web.problems import NO_STORE, Refusal, unauthorized

MAX_BODY = 1_048_576

AnyModel = TypeVar("AnyModel", bound=BaseModel)


async def body(request: Request, model: type[AnyModel]) -> AnyModel:
    """The body, as the model has it. Raises a ``Refusal`` or ``ValidationError``."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MAX_BODY:
        raise _too_large()
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY:
            raise _too_large()
    return model.model_validate_json(bytes(content) or b"{}")


def query(request: Request, model: type[AnyModel]) -> AnyModel:
    """The address's query, as the model has it. Raises ``ValidationError``."""
    return model.model_validate_strings(dict(request.query_params))


def id_in_path(request: Request, name: str) -> str:
    """An id from the address; empty for what nothing is called: PostgreSQL refuses a NUL."""
    given: str = request.path_params[name]
    return "" if "\0" in given else given


def bearer(request: Request) -> str:
    """The token in the header; empty for none. Raises a ``Refusal`` for one in the address."""
    if b"token=" in request.scope["query_string"]:
        raise unauthorized("A token in an address is refused; send it in the header.")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def as_json(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer that nobody keeps."""
    return Response(
        orjson.dumps(content), status, {**NO_STORE, **(headers or {})}, "application/json"
    )


def _too_large() -> Refusal:
    return Refusal(413, f"The body is larger than {MAX_BODY} bytes.")
