"""Jobs in the manner of OpenAI's API, typed. Pure."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
from google.protobuf.json_format import MessageToJson
from msgspec import UNSET, Struct, UnsetType
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import TABLE, Reason
from thinmesh_gateway.openai.errors import Error
from thinmesh_gateway.openai.requests import Body

Verbatim: TypeAlias = Any
"""JSON as somebody else wrote it, a `Raw`, or null. A type would have to say what, and a job may give anything."""


class CreateJob(Body):
    """POST /v1/jobs: a request of one of OpenAI's endpoints, or a run of a pipeline."""

    endpoint: str | None = None
    body: msgspec.Raw | UnsetType = UNSET
    pipeline: str | None = None
    input: msgspec.Raw | UnsetType = UNSET


class Signal(Body):
    """POST /v1/jobs/{job}/signals: what a job waits for."""

    signal: str
    value: msgspec.Raw


Status = Literal["queued", "running", "waiting", "cancelling", "succeeded", "failed", "cancelled", "expired"]


class JobError(Error):
    """Why a job failed, and at which step."""

    step: str | None = None


class Progress(Struct):
    """How many parts a job has, and how many ended well and with an error."""

    total: int
    done: int
    failed: int


class Waiting(Struct):
    """What a job waits for."""

    signal: str
    question: str


class Job(Struct):
    """A job. `response` is what its endpoint answered, `result` what other kinds of work gave; lists have neither."""

    id: str
    status: Status
    kind: str
    endpoint: str | None
    pipeline: str | None
    created_at: int
    finished_at: int | None
    progress: Progress | None
    waiting: list[Waiting]
    link: str | None
    error: JobError | None
    response: Verbatim
    result: Verbatim
    object: Literal["job"] = "job"


class Jobs(Struct):
    """Jobs, the newest first."""

    data: list[Job]
    has_more: bool
    first_id: str | None
    last_id: str | None
    object: Literal["list"] = "list"


class Pipeline(Struct):
    """A pipeline, and the JSON schemas of what it takes and gives."""

    id: str
    description: str
    input_schema: Verbatim
    output_schema: Verbatim
    object: Literal["pipeline"] = "pipeline"


class Pipelines(Struct):
    """All pipelines, by name."""

    data: list[Pipeline]
    object: Literal["list"] = "list"


def job(one: pb.Job) -> Job:
    """A job as REST tells it."""
    progress = one.progress
    return Job(
        one.id,
        _status(one),
        one.kind,
        one.endpoint if one.HasField("endpoint") else None,
        one.pipeline if one.HasField("pipeline") else None,
        one.created_unix_seconds,
        one.ended_unix_seconds if one.HasField("ended_unix_seconds") else None,
        Progress(progress.total, progress.done, progress.failed) if one.HasField("progress") else None,
        [Waiting(waiting.signal, waiting.question) for waiting in one.waiting],
        one.link if one.HasField("link") else None,
        _error(one.error) if one.HasField("error") else None,
        msgspec.Raw(one.result.openai) if one.result.HasField("openai") else None,
        _result(one.result),
    )


def page(listed: pb.ListJobsResponse) -> Jobs:
    """A page of jobs."""
    data = [job(one) for one in listed.jobs]
    return Jobs(data, listed.HasField("next_page_token"), data[0].id if data else None, data[-1].id if data else None)


def pipelines(listed: pb.ListPipelinesResponse) -> Pipelines:
    """The pipelines as REST tells them."""
    return Pipelines(
        [
            Pipeline(one.name, one.summary, msgspec.Raw(one.input_schema.encode()), msgspec.Raw(one.output_schema.encode()))
            for one in listed.pipelines
        ]
    )


_STATUS: dict[int, Status] = {
    pb.JOB_STATE_QUEUED: "queued",
    pb.JOB_STATE_RUNNING: "running",
    pb.JOB_STATE_WAITING: "waiting",
    pb.JOB_STATE_SUCCEEDED: "succeeded",
    pb.JOB_STATE_FAILED: "failed",
    pb.JOB_STATE_CANCELLED: "cancelled",
    pb.JOB_STATE_EXPIRED: "expired",
}


def _status(one: pb.Job) -> Status:
    return "cancelling" if one.cancelling else _STATUS[one.state]


def _error(error: pb.JobError) -> JobError:
    row = TABLE[Reason(error.reason)]
    return JobError(error.message, row.type, None, row.code, error.step or None)


def _result(result: pb.JobResult) -> msgspec.Raw | None:
    """What other work than an endpoint's gave: a pipeline's own JSON, or the contract's message as protobuf writes it."""
    match result.WhichOneof("result"):
        case None | "openai":
            return None
        case "pipeline":
            return msgspec.Raw(result.pipeline.output.encode())
        case kind:
            return msgspec.Raw(MessageToJson(getattr(result, kind), preserving_proto_field_name=True, indent=None).encode())
