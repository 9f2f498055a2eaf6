"""The steps of jobs: calls to the gateway on behalf of who made the job. An attempt that is lost is made again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import grpc
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.call import Metadata
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import from_rpc_error, lost
from thinmesh_pipelines.heartbeat import beating
from thinmesh_pipelines.job import Owner, worth_retrying


@dataclass(frozen=True, slots=True)
class Step:
    """Which step of whose job; its id is the call's request id, the same in every attempt."""

    id: str
    owner: Owner


class Steps:
    """Temporal's activities, on one channel to the gateway."""

    def __init__(self, channel: grpc.aio.Channel, call_seconds: float) -> None:
        self._gateway = inference_grpc.InferenceServiceStub(channel)
        self._seconds = call_seconds

    @activity.defn(name="infer")
    async def infer(self, step: Step, work: pb.CreateJobRequest) -> pb.JobResult:
        """One inference request."""
        async with beating():
            ended = await self._ended(step, work)
        if isinstance(ended, MeshError):
            raise told(ended)
        return ended

    async def _ended(self, step: Step, work: pb.CreateJobRequest) -> pb.JobResult | MeshError:
        try:
            return await self._called(work, step.owner.metadata(step.id))
        except grpc.aio.AioRpcError as error:
            if lost(error):
                return MeshError(Reason.NO_BACKEND, "The mesh's gateway can't be reached.")
            return from_rpc_error(error)

    async def _called(self, work: pb.CreateJobRequest, metadata: Metadata) -> pb.JobResult:
        match work.WhichOneof("work"):
            case "embed":
                embed = await self._gateway.Embed(work.embed, metadata=metadata, timeout=self._seconds)
                return pb.JobResult(embed=embed)
            case "rerank":
                rerank = await self._gateway.Rerank(work.rerank, metadata=metadata, timeout=self._seconds)
                return pb.JobResult(rerank=rerank)
            case _:
                generate: inference_pb.GenerateResponse = await self._gateway.Generate(
                    work.generate, metadata=metadata, timeout=self._seconds
                )
                return pb.JobResult(generate=generate)


def told(error: MeshError) -> ApplicationError:
    """The failure as Temporal keeps it: whether it tries again, and when."""
    pause = None if error.retry_after is None else timedelta(seconds=error.retry_after)
    return ApplicationError(
        error.message,
        type=error.reason.name,
        non_retryable=not worth_retrying(error.reason),
        next_retry_delay=pause,
        category=ApplicationErrorCategory.BENIGN,  # the job tells it: it is no news for the log
    )
