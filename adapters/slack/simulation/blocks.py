"""Block Kit: what Slack takes, and what people see of it.

https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from adapters.slack.simulation.errors import ApiError, invalid
from adapters.slack.simulation.model import JsonObject
from adapters.slack.simulation.texts import Named, shown
from adapters.slack.simulation.vocabulary import words

MAX_BLOCKS = 50
# Nobody documents a limit of all blocks together; about this much is reported to be taken.
MAX_ALL = 10_000
# https://docs.slack.dev/reference/block-kit/blocks/markdown-block: all of a message's together.
MAX_MARKDOWN = 12_000
LIMITS = {"section": 3000, "header": 150, "markdown": MAX_MARKDOWN}
KINDS = words("""
    actions alert card carousel context context_actions divider file header image input markdown
    plan rich_text section table task_card video
""")


def read_blocks(given: Any) -> list[JsonObject]:
    """The blocks of a call, checked. Raises `ApiError`."""
    if given in (None, "", []):
        return []
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError:
            raise ApiError("invalid_blocks_format") from None
    if not isinstance(given, list) or not all(isinstance(block, dict) for block in given):
        raise ApiError("invalid_blocks_format")
    problems = list(_problems(given))
    if problems:
        raise invalid("invalid_blocks", *problems)
    for marked, limit in ((True, MAX_MARKDOWN), (False, MAX_ALL)):
        counted = [block for block in given if (block["type"] == "markdown") is marked]
        if sum(map(len, _texts(counted))) > limit:
            raise ApiError("msg_blocks_too_long")
    return given


def buttons(blocks: list[JsonObject]) -> list[tuple[JsonObject, JsonObject]]:
    """The buttons people can press, each with its block, in reading order."""
    found = []
    for block in blocks:
        elements = [*_list(block, "elements"), block.get("accessory")]
        found += [
            (block, element)
            for element in elements
            if isinstance(element, dict) and element.get("type") == "button"
        ]
    return found


def label(button: JsonObject) -> str:
    """What stands on a button."""
    return str(button["text"]["text"])


def text_of(blocks: list[JsonObject], named: Named) -> str:
    """What people read in blocks, buttons aside; a line for each."""
    return "\n".join(line for block in blocks for line in _lines(block, named))


def _lines(block: JsonObject, named: Named) -> Iterator[str]:
    kind = block["type"]
    if kind == "markdown":
        yield block["text"]
    elif kind == "rich_text":
        yield _rich(block)
    elif kind in {"section", "header", "context"}:
        texts = [block.get("text"), *_list(block, "fields"), *_list(block, "elements")]
        for text in texts:
            if isinstance(text, dict) and isinstance(text.get("text"), str):
                marked = text.get("type") == "mrkdwn"
                yield shown(text["text"], named, formatted=True) if marked else text["text"]


def _list(block: JsonObject, name: str) -> list[Any]:
    found = block.get(name)
    return found if isinstance(found, list) else []


def _rich(found: Any) -> str:
    if isinstance(found, list):
        return "".join(map(_rich, found))
    if not isinstance(found, dict):
        return ""
    return str(found.get("text") or found.get("url") or _rich(found.get("elements", [])))


def _problems(blocks: list[JsonObject]) -> Iterator[str]:
    if len(blocks) > MAX_BLOCKS:
        yield f"no more than {MAX_BLOCKS} items allowed [json-pointer:/blocks]"
    named = Counter(block["block_id"] for block in blocks if "block_id" in block)
    for name, times in named.items():
        if times > 1:
            yield f"block_id {name!r} already exists"
    for number, block in enumerate(blocks):
        for problem in _block(block):
            yield f"{problem} [json-pointer:/blocks/{number}]"


def _block(block: JsonObject) -> Iterator[str]:
    kind = block.get("type")
    if kind not in KINDS:
        yield f"unsupported type: {kind}"
        return
    if len(str(block.get("block_id", ""))) > 255:
        yield "block_id: must be less than 256 characters"
    if kind == "markdown":
        yield from _bounded(block.get("text"), MAX_MARKDOWN)
    elif kind in {"section", "header"}:
        yield from _section(block, LIMITS[kind])
    elif kind == "actions":
        yield from _actions(block.get("elements"))
    elif kind == "context":
        yield from _counted(block.get("elements"), 10)


def _section(block: JsonObject, limit: int) -> Iterator[str]:
    fields = block.get("fields", [])
    if "text" not in block and not fields:
        yield "missing required field: text"
    if "text" in block:
        yield from _text(block["text"], limit)
    if fields:
        yield from _counted(fields, 10)
        for each in fields:
            yield from _text(each, 2000)
    accessory = block.get("accessory")
    if isinstance(accessory, dict) and accessory.get("type") == "button":
        yield from _button(accessory)


def _actions(elements: Any) -> Iterator[str]:
    yield from _counted(elements, 25)
    if not isinstance(elements, list):
        return
    named = Counter(each.get("action_id") for each in elements if isinstance(each, dict))
    for name, times in named.items():
        if name is not None and times > 1:
            yield f"action_id {name!r} already exists for block"
    for each in elements:
        if not isinstance(each, dict) or "type" not in each:
            yield "elements must be objects with a type"
        elif each["type"] == "button":
            yield from _button(each)


def _button(button: JsonObject) -> Iterator[str]:
    text = button.get("text")
    if not isinstance(text, dict) or text.get("type") != "plain_text":
        yield "a button's text must be plain_text"
        return
    yield from _text(text, 75)
    for name, limit in (("action_id", 255), ("value", 2000), ("url", 3000)):
        if name in button:
            yield from _bounded(button[name], limit, name)
    if button.get("style", "primary") not in {"primary", "danger"}:
        yield "style must be primary or danger"


def _text(text: Any, limit: int) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in {"plain_text", "mrkdwn"}:
        yield "text must be an object of type plain_text or mrkdwn"
        return
    yield from _bounded(text.get("text"), limit)


def _bounded(text: Any, limit: int, name: str = "text") -> Iterator[str]:
    if not isinstance(text, str) or not text:
        yield f"{name}: must be more than 0 characters"
    elif len(text) > limit:
        yield f"{name}: must be less than {limit + 1} characters"


def _counted(elements: Any, limit: int) -> Iterator[str]:
    if not isinstance(elements, list) or not elements:
        yield "must provide elements"
    elif len(elements) > limit:
        yield f"no more than {limit} items allowed"


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        for name, value in found.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)
    elif isinstance(found, list):
        for value in found:
            yield from _texts(value)
