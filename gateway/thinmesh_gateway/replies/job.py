"""The job of a response in the background, and what its state says of the response. Pure."""

from __future__ import annotations

import msgspec
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.replies import answers
from thinmesh_gateway.replies.bodies import Response


def response_id(job_id: str) -> str:
    """What OpenAI calls the job of a response."""
    return f"resp_{job_id.removeprefix('job-')}"


def job_id(response: str) -> str:
    """The job of a response."""
    return f"job-{response.removeprefix('resp_')}"


def told(response: Response, job: pb.Job) -> Response:
    """The response as its job stands."""
    match job.state:
        case pb.JOB_STATE_SUCCEEDED:
            return answers.whole(response, job.result.generate, job.ended_unix_seconds)
        case pb.JOB_STATE_FAILED:
            return answers.failed(response, MeshError(Reason(job.error.reason), job.error.message))
        case pb.JOB_STATE_EXPIRED:
            return answers.failed(response, MeshError(Reason.DEADLINE_EXCEEDED, "Its time was over before it could end."))
        case pb.JOB_STATE_CANCELLED:
            return msgspec.structs.replace(response, status="cancelled")
        case pb.JOB_STATE_RUNNING:
            return msgspec.structs.replace(response, status="in_progress")
    return response
