"""What is told of a call's course once it has ended: how it waited, how soon and how fast it was answered, its tokens.

The names are OpenTelemetry's conventions for generative AI where they have one.
"""

from __future__ import annotations

from functools import cache

from thinmesh.inference.v1 import usage_pb2

from thinmesh_core.priority import Priority
from thinmesh_core.telemetry import QUEUE_SECONDS, TENANT_TOKENS, TIME_PER_OUTPUT_TOKEN, TIME_TO_FIRST_TOKEN, TOKENS

_queue_seconds = cache(QUEUE_SECONDS.labels)
_first = cache(TIME_TO_FIRST_TOKEN.labels)
_pace = cache(TIME_PER_OUTPUT_TOKEN.labels)
_tokens = cache(TOKENS.labels)
_tenant_tokens = cache(TENANT_TOKENS.labels)


def waited(model: str, priority: Priority, seconds: float) -> None:
    """A call had a place after so long; 0 where it did not wait."""
    _queue_seconds(model, priority.word).observe(seconds)


def streamed(model: str, arrived: float, first: float, ended: float, output: int) -> None:
    """A stream of so many tokens had its first one and its end at these times."""
    _first(model).observe(first - arrived)
    if output > 1:
        _pace(model).observe((ended - first) / (output - 1))


def used(model: str, tenant: str, usage: usage_pb2.Usage) -> None:
    """A call took these tokens. `tenant` is one of the configuration's, or a word for all others."""
    given, made = usage.prompt_tokens, usage.completion_tokens
    _tokens(model, "input").inc(given)
    _tenant_tokens(tenant, "input").inc(given)
    if made:
        _tokens(model, "output").inc(made)
        _tenant_tokens(tenant, "output").inc(made)
