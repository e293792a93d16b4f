"""Tries an agent's model: is the server there, does it take the key, does it know the model?"""

from __future__ import annotations

import asyncio
from difflib import get_close_matches

import httpx2
import orjson

from gateway.agents.model_client import ModelClient
from gateway.agents.model_errors import explained, unreachable
from gateway.errors import ConfigurationError, Problem, Unavailable

WITHIN = 10.0


async def check(client: ModelClient) -> str:
    """Who answers, in a few words. Asks for the list of models, and where a server has none for
    one token. Raises ``ConfigurationError``, or ``Unavailable``."""
    endpoint = client.endpoint
    try:
        known = await _models(client)
        if known is None:
            await _one_token(client)
        elif known and not _listed(endpoint.model, known):
            raise _problem(client, "model", *_unknown(client, known))
    except TimeoutError as error:
        raise Unavailable(f"{endpoint.host} does not answer within {WITHIN:g} s") from error
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.InvalidURL) as error:
        raise _problem(client, "base_url", f"{endpoint.host}: {unreachable(error)}") from error
    except httpx2.TransportError as error:
        raise Unavailable(f"{endpoint.host}: {unreachable(error)}") from error
    return f"{endpoint.model} at {endpoint.host}"


async def _models(client: ModelClient) -> list[str] | None:
    """The names that the server offers; None when it keeps no list."""
    status, kind, body = await _call(client, "GET", "models")
    if status in {404, 405, 501} and kind != "text/html":
        return None
    _insist(client, status, kind, body)
    try:
        found = orjson.loads(body)
        return [str(each["id"]) for each in found["data"] or []]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise _stranger(client) from error


async def _one_token(client: ModelClient) -> None:
    """One word of the model's; the answer's content is of no interest."""
    messages = [{"role": "user", "content": "Hi"}]
    body = {"model": client.endpoint.model, "messages": messages, "max_tokens": 1}
    status, kind, answer = await _call(client, "POST", "chat/completions", body)
    if status == 404 and client.endpoint.model in (said := explained(answer)[1]):
        raise _problem(client, "model", said)
    _insist(client, status, kind, answer)


async def _call(
    client: ModelClient, method: str, path: str, body: dict[str, object] | None = None
) -> tuple[int, str, bytes]:
    url = f"{client.endpoint.base_url}/{path}"
    async with asyncio.timeout(WITHIN):
        response = await client.http.request(method, url, json=body)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return response.status_code, kind, response.content


def _insist(client: ModelClient, status: int, kind: str, body: bytes) -> None:
    """Whether it is the API that answered, and not with an error."""
    code, said = explained(body)
    if status in {401, 403}:
        given = client.endpoint.api_key
        what = "is not taken" if given else "is missing: the server wants one"
        raise _problem(
            client, "api_key", f"{client.endpoint.host} answers {status}; the key {what}"
        )
    if kind == "text/html" or status in {301, 302, 303, 307, 308, 404, 405}:
        raise _stranger(client)
    if status == 429 or status >= 500:
        raise Unavailable(f"{client.endpoint.host} answers {status}: {said or code}".rstrip(": "))
    if status != 200:
        raise _problem(client, "model", f"{client.endpoint.host} answers {status}: {said or code}")


def _listed(model: str, known: list[str]) -> bool:
    """Ollama lists ``name:latest`` where ``name`` is enough."""
    return model in known or f"{model}:latest" in known or f"models/{model}" in known


def _unknown(client: ModelClient, known: list[str]) -> tuple[str, str]:
    model = client.endpoint.model
    near = get_close_matches(model, known, n=3, cutoff=0.4) or sorted(known)[:3]
    what = f"{client.endpoint.host} has no model {model!r}"
    return what, f"it has {', '.join(near)}" + (" and others" if len(known) > len(near) else "")


def _stranger(client: ModelClient) -> ConfigurationError:
    what = f"{client.endpoint.host} is there, but does not speak the OpenAI API at this address"
    return _problem(client, "base_url", what, "most servers want it to end in /v1")


def _problem(client: ModelClient, key: str, what: str, hint: str = "") -> ConfigurationError:
    where = f"agents.{client.endpoint.agent}.{key}"
    return ConfigurationError([Problem(where=where, what=what, hint=hint)])
