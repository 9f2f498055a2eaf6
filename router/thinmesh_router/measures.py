"""What is told of a call's course once it has ended: how it waited, how soon and how fast it was answered, its tokens.

The names are OpenTelemetry's conventions for generative AI where they have one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from thinmesh.inference.v1 import usage_pb2

from thinmesh_core.priority import Priority
from thinmesh_core.telemetry import (
    BACKEND_CALLS,
    BACKEND_EJECTIONS,
    QUEUE_SECONDS,
    REQUEST_SECONDS,
    TENANT_QUEUE_CALLS,
    TENANT_QUEUE_SECONDS,
    TENANT_TOKENS,
    TIME_PER_OUTPUT_TOKEN,
    TIME_TO_FIRST_TOKEN,
    TOKENS,
    outcome,
)

_request = cache(REQUEST_SECONDS.labels)
_backend_calls = cache(BACKEND_CALLS.labels)
_tenant_seconds = cache(TENANT_QUEUE_SECONDS.labels)
_queue_seconds = cache(QUEUE_SECONDS.labels)
_first = cache(TIME_TO_FIRST_TOKEN.labels)
_pace = cache(TIME_PER_OUTPUT_TOKEN.labels)
_tokens = cache(TOKENS.labels)
_tenant_tokens = cache(TENANT_TOKENS.labels)


def ended(model: str, seconds: float, error: BaseException | None) -> None:
    """An admitted call ended so long after its arrival. What went well has no error type."""
    _request(model, "" if error is None else outcome(error)).observe(seconds)


def attempted(backend: str, how: str) -> None:
    """An attempt ended on a backend."""
    _backend_calls(backend, how).inc()


def ejected(backend: str) -> None:
    """The breaker shut for a backend, or shut anew when its probe failed."""
    BACKEND_EJECTIONS.labels(backend).inc()


def waiting(tenant: str) -> AbstractContextManager[None]:
    """A call of the tenant waits for as long as this is entered. `tenant` is as for `used`."""
    return TENANT_QUEUE_CALLS.labels(tenant).track_inprogress()


def waited(model: str, priority: Priority, tenant: str, seconds: float) -> None:
    """A call had a place after so long; 0 where it did not wait. `tenant` is as for `used`."""
    _queue_seconds(model, priority.word).observe(seconds)
    _tenant_seconds(tenant).observe(seconds)


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
