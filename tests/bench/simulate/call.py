"""One caller's call in a simulation, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from math import inf

from thinmesh_core.priority import Priority


class Outcome(Enum):
    """How a call ended."""

    ANSWERED = "answered"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(slots=True, eq=False)
class Call:
    """Tokens in and out, and times in seconds. `reserve` is the output that the router is told to expect."""

    arrived: float
    input: int = 0
    output: int = 100
    tenant: str = "tenant"
    priority: Priority = Priority.STANDARD
    weight: float = 1.0
    timeout: float = inf
    stream: bool = True
    key: bytes | None = None
    prefix: int = 0
    """Input tokens that it shares with the other calls of its key."""
    reserve: int = 256
    ended: Callable[[Call], None] | None = None
    """Told once, when the call is over for its caller."""

    expected: float | None = None
    """How long the router thought that it would wait."""
    began: float | None = None
    """When an engine got it, the last time."""
    first: float | None = None
    """When the caller had the first event."""
    over: float | None = None
    outcome: Outcome | None = None
    tries: int = 0
    backend: str = ""
    made: int = 0
    """Output tokens that were charged."""
    tried: set[str] = field(default_factory=set)

    @property
    def deadline(self) -> float:
        """When its caller leaves."""
        return self.arrived + self.timeout

    @property
    def waited(self) -> float:
        """Seconds until an engine got it."""
        return inf if self.began is None else self.began - self.arrived

    @property
    def first_after(self) -> float:
        """Seconds until the first event; infinite where there was none."""
        return inf if self.first is None else self.first - self.arrived

    @property
    def took(self) -> float:
        """Seconds until the answer; infinite where there was none."""
        return self.over - self.arrived if self.over is not None and self.outcome is Outcome.ANSWERED else inf

    def end(self, outcome: Outcome, now: float) -> None:
        """The caller knows."""
        self.outcome, self.over = outcome, now
        if self.ended is not None:
            self.ended(self)
