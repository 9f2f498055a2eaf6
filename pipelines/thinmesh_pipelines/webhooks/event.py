"""What is told of a job's end: which job, and how it ended; never what it was asked or gave. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

import msgspec

from thinmesh_core.batch_ids import batch_id

State = Literal["succeeded", "failed", "cancelled", "expired"]

EventType = Literal[
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.expired",
    "batch.completed",
    "batch.failed",
    "batch.cancelled",
    "batch.expired",
]
TYPES: tuple[EventType, ...] = get_args(EventType)

TEST = "webhook.test"
"""What `thinmesh webhook test` sends; no job ends so."""

_BATCH: dict[State, EventType] = {
    "succeeded": "batch.completed",
    "failed": "batch.failed",
    "cancelled": "batch.cancelled",
    "expired": "batch.expired",
}
_JOB: dict[State, EventType] = {
    "succeeded": "job.succeeded",
    "failed": "job.failed",
    "cancelled": "job.cancelled",
    "expired": "job.expired",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One end. `id` is the same however often it is told, `job` the job's id, `at` when it ended, seconds since 1970."""

    id: str
    tenant: str
    type: str
    job: str
    at: float

    @property
    def body(self) -> bytes:
        """As it is sent."""
        of_batch = self.type.startswith("batch.")
        data = {"id": batch_id(self.job), "job_id": self.job} if of_batch else {"id": self.job}
        when = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return msgspec.json.encode({"type": self.type, "timestamp": when, "data": data})


def type_of(state: State, *, batch: bool) -> EventType:
    """The type of an end; those of batches are called as OpenAI calls them."""
    return (_BATCH if batch else _JOB)[state]
