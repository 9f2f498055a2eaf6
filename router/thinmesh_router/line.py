"""The calls of one tenant and class that wait, oldest first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from thinmesh_core.priority import Priority
from thinmesh_router.service_rate import ServiceRate

T = TypeVar("T")


class Entry(Generic[T]):
    """One call in a queue: `input_tokens` are charged when it is served, `tokens` is the estimate of all it will take.

    It takes at least one. It may not be served after `deadline`, in the clock's seconds. Where one of a `kind` can't be served,
    none can.
    """

    __slots__ = ("arrived", "deadline", "input_tokens", "item", "kind", "priority", "tenant", "tokens", "weight")

    def __init__(
        self,
        item: T,
        priority: Priority,
        tenant: str,
        weight: float,
        input_tokens: int,
        tokens: int,
        arrived: float,
        deadline: float,
    ) -> None:
        self.item = item
        self.kind: Hashable = None
        self.priority = priority
        self.tenant = tenant
        self.weight = weight
        self.input_tokens = input_tokens
        self.tokens = max(tokens, 1)  # one that is only counted takes its turn too
        self.arrived = arrived
        self.deadline = deadline


class Line(Generic[T]):
    """The waiting calls of one tenant and class, oldest first."""

    __slots__ = ("entries", "rate", "tokens", "weight")

    def __init__(self) -> None:
        self.entries: OrderedDict[Entry[T], None] = OrderedDict()
        self.rate = ServiceRate()
        self.tokens = 0
        self.weight = 1.0

    def first(self, now: float) -> Entry[T] | None:
        """The oldest that may still be served."""
        for entry in self.entries:
            if entry.deadline > now:
                return entry
        return None


class LineView(NamedTuple):
    """A line as operators see it; seconds."""

    priority: Priority
    tenant: str
    calls: int
    tokens: int
    waited: float
    wait: float | None
