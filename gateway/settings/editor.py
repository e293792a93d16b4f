"""The JSON schema by which editors complete and check a configuration."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from gateway.ports.adapter import AdapterFactory
from gateway.ports.agent import AgentKind
from gateway.settings.models import (
    AgentBasics,
    GatewaySection,
    KnowledgeSection,
    LimitsSection,
    RetentionSection,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(
    adapters: Mapping[str, AdapterFactory], agent_kinds: Mapping[str, AgentKind]
) -> dict[str, Any]:
    """JSON schema of the configuration with every given platform and kind of agent."""
    sections: dict[str, type[BaseModel]] = {
        "gateway": GatewaySection,
        "limits": LimitsSection,
        "retention": RetentionSection,
    }
    channels: dict[str, type[BaseModel]] = {n: adapters[n].Settings for n in adapters}
    agents: dict[str, type[BaseModel]] = {n: agent_kinds[n].settings for n in agent_kinds}
    models = [*sections.values(), *channels.values(), *agents.values()]
    models += [AgentBasics, KnowledgeSection]
    references, definitions = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)]
    )
    shared = definitions.get("$defs", {})

    def full(model: type[BaseModel]) -> dict[str, Any]:
        return _described(_own(references[model, "validation"], shared), model)

    def agent(model: type[BaseModel]) -> dict[str, Any]:
        own, basics = full(model), full(AgentBasics)["properties"]
        return {**own, "properties": {**basics, **own["properties"]}}

    return {
        "$schema": DIALECT,
        "title": "chat-gateway configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **{name: full(model) for name, model in sections.items()},
            "agents": _one_of("kind", {n: agent(model) for n, model in agents.items()}),
            "knowledge": {"type": "object", "additionalProperties": full(KnowledgeSection)},
            "channels": _one_of("platform", {n: full(model) for n, model in channels.items()}),
        },
        "$defs": shared,
    }


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Each field's docstring: the string below it, in the class or in one it derives from."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if issubclass(owner, BaseModel) and owner is not BaseModel:
            found |= _docstrings(owner)
    for name, field in model.model_fields.items():
        if field.description:
            found[name] = field.description
    return found


def _docstrings(owner: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    except (OSError, TypeError, SyntaxError):  # without its source a class is just not described
        return {}
    (node,) = tree.body
    body = node.body if isinstance(node, ast.ClassDef) else []
    return {
        above.target.id: " ".join(below.value.value.split())
        for above, below in pairwise(body)
        if isinstance(above, ast.AnnAssign)
        and isinstance(above.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def _own(reference: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """A copy of the definition that a reference names."""
    name = str(reference["$ref"]).rpartition("/")[2]
    definition: dict[str, Any] = shared[name]
    return {**definition, "properties": dict(definition.get("properties", {}))}


def _described(definition: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    texts = descriptions(model)
    for name, property_ in definition["properties"].items():
        if name in texts:
            definition["properties"][name] = {**property_, "description": texts[name]}
    return definition


def _one_of(discriminator: str, choices: dict[str, dict[str, Any]]) -> dict[str, Any]:
    for name, definition in choices.items():
        own = definition["properties"].get(discriminator, {})
        own = {key: own[key] for key in ("title", "description") if key in own}
        definition["properties"][discriminator] = {**own, "const": name}
        required = [key for key in definition.get("required", ()) if key != discriminator]
        definition["required"] = [discriminator, *required]
    return {"type": "object", "additionalProperties": {"oneOf": list(choices.values())}}
