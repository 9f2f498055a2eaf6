"""Files and batches as OpenAI has them, typed. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from thinmesh.job.v1 import file_service_pb2 as file_pb
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.batch_ids import batch_id
from thinmesh_gateway.openai.requests import Body, Labels


class ExpiresAfter(Body):
    """How long a file is kept."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Meta(ge=3600, le=(1 << 32) - 1)]


class CreateBatch(Body):
    """POST /v1/batches."""

    input_file_id: str
    endpoint: str
    completion_window: Annotated[str, Meta(pattern="^[1-9][0-9]{0,5}[smh]$(?!\\n)")]
    metadata: Labels | None = None
    output_expires_after: ExpiresAfter | None = None


class File(Struct):
    """A file."""

    id: str
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    object: Literal["file"] = "file"
    status: Literal["processed"] = "processed"


class Files(Struct):
    """Files."""

    data: list[File]
    has_more: bool
    first_id: str | None
    last_id: str | None
    object: Literal["list"] = "list"


class Deleted(Struct):
    """That a file is gone."""

    id: str
    deleted: Literal[True] = True
    object: Literal["file"] = "file"


class BatchError(Struct):
    """What is wrong with a batch."""

    code: str
    message: str
    line: int | None
    param: str | None


class BatchErrors(Struct):
    """All that is."""

    data: list[BatchError]
    object: Literal["list"] = "list"


class RequestCounts(Struct):
    """How many lines there are, ended well, and ended with an error."""

    total: int
    completed: int
    failed: int


class InputDetails(Struct):
    """Of the tokens that were given, those that were cached."""

    cached_tokens: int


class OutputDetails(Struct):
    """Of the tokens that were made, those that were reasoning."""

    reasoning_tokens: int


class BatchUsage(Struct):
    """The tokens that a batch took."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]


class Batch(Struct):
    """A batch."""

    id: str
    endpoint: str
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: Status
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    metadata: dict[str, str] | None
    model: str | None
    usage: BatchUsage | None
    object: Literal["batch"] = "batch"


class Batches(Struct):
    """Batches, the newest first."""

    data: list[Batch]
    has_more: bool
    first_id: str | None
    last_id: str | None
    object: Literal["list"] = "list"


def file(one: file_pb.File) -> File:
    """A file as OpenAI has it."""
    return File(one.id, one.size, one.created_unix_seconds, one.expires_unix_seconds, one.name, one.purpose)


def batch(job: pb.Job) -> Batch:
    """The job of a batch as OpenAI has it."""
    one, progress, status = job.batch, job.progress, _status(job)
    ended = job.ended_unix_seconds if job.HasField("ended_unix_seconds") else None
    files = one.files
    return Batch(
        batch_id(job.id),
        one.work.endpoint,
        _errors(job) if status == "failed" else None,
        one.work.input_file_id,
        window(one.work.window_seconds),
        status,
        files.output_file_id if files.HasField("output_file_id") else None,
        files.error_file_id if files.HasField("error_file_id") else None,
        job.created_unix_seconds,
        one.begun_unix_seconds if one.HasField("begun_unix_seconds") else None,
        job.created_unix_seconds + one.work.window_seconds,
        one.finalizing_unix_seconds if one.HasField("finalizing_unix_seconds") else None,
        ended if status == "completed" else None,
        ended if status == "failed" else None,
        ended if status == "expired" else None,
        ended if status == "cancelled" else None,
        RequestCounts(progress.total, progress.done, progress.failed),
        dict(one.work.metadata) or None,
        one.usage.model if one.usage.HasField("model") else None,
        _usage(one.usage) if one.HasField("usage") else None,
    )


def seconds(window: str) -> int:
    """A window, such as `24h`."""
    return int(window[:-1]) * {"s": 1, "m": 60, "h": 3600}[window[-1]]


def window(seconds: int) -> str:
    """A window in the largest unit that it is whole in."""
    for unit, word in ((3600, "h"), (60, "m")):
        if seconds % unit == 0:
            return f"{seconds // unit}{word}"
    return f"{seconds}s"


def _usage(used: pb.BatchUsage) -> BatchUsage:
    return BatchUsage(
        used.input_tokens,
        InputDetails(used.cached_tokens),
        used.output_tokens,
        OutputDetails(used.reasoning_tokens),
        used.input_tokens + used.output_tokens,
    )


_ENDED: dict[int, Status] = {
    pb.JOB_STATE_SUCCEEDED: "completed",
    pb.JOB_STATE_FAILED: "failed",
    pb.JOB_STATE_CANCELLED: "cancelled",
    pb.JOB_STATE_EXPIRED: "expired",
}


def _status(job: pb.Job) -> Status:
    ended = _ENDED.get(job.state)
    if ended is not None:
        return ended
    if job.cancelling:
        return "cancelling"
    if job.batch.HasField("finalizing_unix_seconds"):
        return "finalizing"
    return "in_progress" if job.batch.HasField("begun_unix_seconds") else "validating"


def _errors(job: pb.Job) -> BatchErrors:
    """What is wrong with its file, or why it ended."""
    told = [
        BatchError(
            one.code, one.message, one.line if one.HasField("line") else None, one.param if one.HasField("param") else None
        )
        for one in job.batch.errors
    ]
    return BatchErrors(told or [BatchError("failed", job.error.message, None, None)])
