"""Typed configuration. Adapters and agent kinds bring their own models; ``app`` hands them in.

``load(find(option, environ), environ, adapters, agent_kinds)`` reads a configuration whole, or
raises ``ConfigurationError`` with everything that is wrong in it.
"""

from gateway.settings.durations import Seconds
from gateway.settings.editor import descriptions, schema
from gateway.settings.loading import (
    EMBEDDED,
    USUAL,
    embedded,
    find,
    load,
    load_gateway,
    load_knowledge,
)
from gateway.settings.models import (
    AgentBasics,
    AgentSection,
    ChannelSection,
    ChannelSettings,
    GatewaySection,
    KnowledgeSection,
    LimitsSection,
    Model,
    Respond,
    RetentionSection,
    Settings,
)
from gateway.settings.rates import RateText, read_rate
from gateway.settings.resets import Reset, read_reset

__all__ = [
    "EMBEDDED",
    "USUAL",
    "AgentBasics",
    "AgentSection",
    "ChannelSection",
    "ChannelSettings",
    "GatewaySection",
    "KnowledgeSection",
    "LimitsSection",
    "Model",
    "RateText",
    "Reset",
    "Respond",
    "RetentionSection",
    "Seconds",
    "Settings",
    "descriptions",
    "embedded",
    "find",
    "load",
    "load_gateway",
    "load_knowledge",
    "read_rate",
    "read_reset",
    "schema",
]
