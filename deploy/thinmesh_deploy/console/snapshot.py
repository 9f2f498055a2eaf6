"""What the console shows of one moment, as plain values: names, states and numbers, nothing that anybody said. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_deploy.job_tables import word
from thinmesh_deploy.sight import QueueSeen, Sight


@dataclass(frozen=True, slots=True)
class JobSeen:
    """A job; `kind` is its pipeline's name where it runs one, `link` its page in Temporal's own console."""

    job: str
    tenant: str
    kind: str
    state: str
    created_unix_seconds: int
    ended_unix_seconds: int | None
    done: int | None
    total: int | None
    link: str | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a process knows. None is what it can't know, and an empty tuple that there is none; `unseen` says who knows."""

    process: str
    unix_seconds: float
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    unseen: tuple[str, ...] = ()
    sight: Sight | None = None
    queue: tuple[QueueSeen, ...] = ()
    tokens: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    jobs: tuple[JobSeen, ...] | None = None
    jobs_trouble: str | None = None


def job(tenant: str, told: pb.Job) -> JobSeen:
    """A job, without what it was asked and what it gave."""
    progress = told.progress if told.HasField("progress") else None
    return JobSeen(
        job=told.id,
        tenant=tenant,
        kind=told.pipeline or told.kind,
        state="cancelling" if told.cancelling else word(told.state),
        created_unix_seconds=told.created_unix_seconds,
        ended_unix_seconds=told.ended_unix_seconds if told.HasField("ended_unix_seconds") else None,
        done=None if progress is None else progress.done + progress.failed,
        total=None if progress is None else progress.total,
        link=told.link if told.HasField("link") else None,
    )
