"""What the job of a batch is called on OpenAI's surface. Pure."""

from __future__ import annotations


def batch_id(job_id: str) -> str:
    """What OpenAI calls the job of a batch."""
    return f"batch_{job_id.removeprefix('job-')}"


def job_of(batch: str) -> str:
    """The job of a batch; what is no batch's id is no job's."""
    return f"job-{batch.removeprefix('batch_')}" if batch.startswith("batch_") else ""
