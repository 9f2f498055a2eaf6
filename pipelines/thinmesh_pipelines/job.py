"""What a job is called, whose it is, and what its end means. Pure."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256

from thinmesh.inference.v1 import error_reason_pb2
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.behalf import behalf
from thinmesh_core.call import Call, Metadata
from thinmesh_core.errors import TABLE, Reason
from thinmesh_core.priority import Priority

LONGEST_KEY = 256
"""Of an idempotency key, in bytes."""

PATIENT = frozenset({Reason.CANCELLED, Reason.DEADLINE_EXCEEDED})
"""Ends that are worth another attempt of a job though not of a call: what was stopped or too slow may not be so again."""


@dataclass(frozen=True, slots=True)
class Owner:
    """On whose behalf a job runs. `roles` are those it was made with, `key` whether they came with a key, not a token.

    `traceparent` is that of the call which made it: its steps are of the same trace.
    """

    tenant: str
    principal: str
    roles: tuple[str, ...]
    key: bool
    priority: int
    traceparent: str | None = None

    def metadata(self, step: str) -> Metadata:
        """What is sent to the gateway with one step's call; every attempt of it has the same."""
        call = Call(
            step,
            self.tenant,
            self.principal,
            priority=Priority(self.priority),
            step=step,
            traceparent=self.traceparent,
        )
        return (*call.to_metadata(), *behalf(self.roles, key=self.key))


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says to a job that waits for it: under which name, as JSON text, and who."""

    signal: str
    value: str
    principal: str


def new_id(tenant: str, idempotency_key: str | None) -> str:
    """A job's id: one of its own, or that of everything which the tenant asks for under the key."""
    if idempotency_key is None:
        return f"job-{secrets.token_hex(12)}"
    digest = sha256(f"{tenant}\x00{idempotency_key}".encode()).hexdigest()
    return f"job-{digest[:32]}"


def workflow_id(tenant: str, job_id: str) -> str:
    """What Temporal knows it by: no tenant can name another's."""
    return f"{tenant}/{job_id}"


def job_of(workflow: str) -> str:
    """The job's id in a workflow's."""
    return workflow.rpartition("/")[2]


def tenant_of(workflow: str) -> str:
    """Whose job it is."""
    return workflow.rpartition("/")[0]


def fingerprint(request: pb.CreateJobRequest) -> str:
    """The same for the same work, whatever it is asked for under."""
    return sha256(request.SerializeToString(deterministic=True)).hexdigest()


def worth_retrying(reason: Reason) -> bool:
    """Whether another attempt may end better."""
    return TABLE[reason].retryable or reason in PATIENT


def failed(reason: str | None, message: str, step: str) -> pb.JobError:
    """What is told of a failure; a reason that is none of ours is INTERNAL."""
    known = Reason.__members__.get(reason or "", Reason.INTERNAL)
    return pb.JobError(reason=error_reason_pb2.ErrorReason.ValueType(known.value), message=message[:512], step=step)
