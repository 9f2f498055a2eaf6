"""What a workflow's id says of it: its tenant, and the job that it is a part of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant, and a job of that tenant."""

    tenant: str
    job: str

    @property
    def prefix(self) -> str:
        """What the names of the job's objects begin with: short and plain, whatever tenant and job are called."""
        return sha256(f"{self.tenant}/{self.job}".encode()).hexdigest()[:32]


def place(workflow_id: str) -> Place | None:
    """The place of `TENANT/JOB`, or of `TENANT/JOB~PART`, a part of that job; None where the id is neither."""
    tenant, _, rest = workflow_id.rpartition("/")
    job = rest.partition("~")[0]
    return Place(tenant, job) if tenant and job else None
