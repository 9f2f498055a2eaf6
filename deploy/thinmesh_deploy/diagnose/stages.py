"""Where the time of a model's calls goes, stage by stage, and which of its backends is behind the others. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from thinmesh_core.scraped import Scraped
from thinmesh_core.telemetry import (
    LOOP_LAG,
    QUEUE_SECONDS,
    TIME_PER_OUTPUT_TOKEN,
    TIME_TO_FIRST_TOKEN,
    TOKENS,
)
from thinmesh_deploy.sight import BackendSeen

BEHIND = 2.0
"""A backend that answers so many times later than the others is told."""


class Stage(StrEnum):
    """What a call goes through, in order."""

    GATEWAY = "gateway"
    QUEUE = "queue"
    ENGINE_QUEUE = "engine queue"
    FIRST_TOKEN = "first token"  # noqa: S105 - a time
    GENERATION = "generation"


@dataclass(frozen=True, slots=True)
class Took:
    """What a stage takes a call on average."""

    stage: Stage
    seconds: float


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of so many calls; `per_token` is the time of one output token after the first."""

    calls: int
    took: tuple[Took, ...]
    per_token: float | None

    @property
    def longest(self) -> Took:
        """Where most of the time goes."""
        return max(self.took, key=lambda one: one.seconds)

    def share(self, one: Took) -> float:
        """Of the whole."""
        whole = sum(other.seconds for other in self.took)
        return one.seconds / whole if whole else 0.0


def measured(
    model: str, now: Scraped, before: Scraped, backends: Sequence[BackendSeen], elapsed: float | None
) -> Stages | None:
    """What happened between two looks that lie so far apart; None where no stream was answered between them.

    How long calls waited inside their engine is Little's law: how many wait there, by how many come in a second.
    """
    label = {"gen_ai_request_model": model}
    first = now.spread(TIME_TO_FIRST_TOKEN, **label).since(before.spread(TIME_TO_FIRST_TOKEN, **label))
    pace = now.spread(TIME_PER_OUTPUT_TOKEN, **label).since(before.spread(TIME_PER_OUTPUT_TOKEN, **label))
    queue = now.spread(QUEUE_SECONDS, model=model).since(before.spread(QUEUE_SECONDS, model=model))
    if first.mean is None:
        return None
    tokens = now.counted(TOKENS, model=model, type="output") - before.counted(TOKENS, model=model, type="output")
    waited = queue.mean or 0.0
    at_engine = max(first.mean - waited, 0.0)
    queued = sum(one.queued or 0 for one in backends)
    inside = min(queued * elapsed / first.count, at_engine) if elapsed else 0.0
    per_call = tokens / max(queue.count, first.count)
    took = (
        Took(Stage.GATEWAY, now.highest(LOOP_LAG)),
        Took(Stage.QUEUE, waited),
        Took(Stage.ENGINE_QUEUE, inside),
        Took(Stage.FIRST_TOKEN, at_engine - inside),
        Took(Stage.GENERATION, (pace.mean or 0.0) * max(per_call - 1, 0.0)),
    )
    return Stages(round(first.count), took, pace.mean)


def behind(backends: Sequence[BackendSeen]) -> tuple[BackendSeen, float] | None:
    """The slowest backend to answer, and how many times slower than the others it is, where that is remarkable."""
    known = [(one, one.latency_seconds) for one in backends if one.latency_seconds is not None]
    if len(known) < 2:
        return None
    slowest, seconds = max(known, key=lambda one: one[1])
    others = median(latency for one, latency in known if one is not slowest)
    times = seconds / max(others, 1e-3)
    return (slowest, times) if times >= BEHIND else None
