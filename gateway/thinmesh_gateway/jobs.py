"""JobService for whoever has a key: looked at here as a call of now would be, kept and run by the workers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import grpc
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb

from thinmesh_core.behalf import behalf
from thinmesh_core.call import Metadata
from thinmesh_core.channel import cancelling
from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.status import from_rpc_error, lost
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.forwarding import Method
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.reception import Context, Reception
from thinmesh_gateway.roles import Action
from thinmesh_gateway.vetting import request as vetting

A = TypeVar("A")

ANSWER_SECONDS = 1.0
"""What a worker may take to answer: whoever makes a job is told by then that it can't be made."""

_ACTIONS = {"generate": Action.INFER, "embed": Action.EMBED, "rerank": Action.EMBED}


class Jobs(job_grpc.JobServiceServicer):
    """Forwards to the workers' JobService on behalf of the caller."""

    def __init__(
        self, reception: Reception, channel: grpc.aio.Channel, authenticator: Authenticator, inference: Inference
    ) -> None:
        self._reception = reception
        self._inference = inference
        self._workers = job_grpc.JobServiceStub(channel)
        self._authenticator = authenticator

    async def CreateJob(self, request: pb.CreateJobRequest, context: Context) -> pb.CreateJobResponse:
        """A job, where its owner may do the work and it makes sense."""
        with self._reception.admit(context) as call:
            await self._check(request, call)
            made = await _asked(self._workers.CreateJob, request, call)
            call.trail.object = made.job.id
            return made

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.GetJobResponse:
        """A job with its result."""
        with self._reception.admit(context) as call:
            return await _asked(self._workers.GetJob, request, call)

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        """A page of jobs."""
        with self._reception.admit(context) as call:
            return await _asked(self._workers.ListJobs, request, call)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.CancelJobResponse:
        """The end of a job."""
        with self._reception.admit(context) as call:
            told = await _asked(self._workers.CancelJob, request, call)
            call.trail.object = told.job.id
            return told

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncGenerator[pb.WatchJobResponse, None]:
        """News until the job's end."""
        with self._reception.streaming(context) as call:
            try:
                watched = self._workers.WatchJob(request, metadata=_metadata(call), timeout=context.time_remaining())
                async with cancelling(watched) as news:
                    async for one in news:
                        yield one
            except grpc.aio.AioRpcError as error:
                raise _failure(error) from None

    async def _check(self, request: pb.CreateJobRequest, call: AuthorizedCall) -> None:
        kind = request.WhichOneof("work")
        if kind is None:
            raise invalid("work", "Say what the job is to do: generate, embed or rerank.")
        work = getattr(request, kind)
        models = self._authenticator.roles.granted(call.holder.roles).get(_ACTIONS[kind])
        if models is None or work.model not in models:
            raise MeshError(Reason.PERMISSION_DENIED, "This key may not do this work with that model.", param=f"{kind}.model")
        vetting.check(work)
        await self._inference.get_model(model_pb.GetModelRequest(id=work.model), call)


async def _asked(method: Method[A], request: Any, call: AuthorizedCall) -> A:
    try:
        return await method(request, metadata=_metadata(call), timeout=ANSWER_SECONDS)
    except grpc.aio.AioRpcError as error:
        raise _failure(error) from None


def _metadata(call: AuthorizedCall) -> Metadata:
    return (*call.to_metadata(), *behalf(call.holder.roles, key=call.holder.key is not None))


def _failure(error: grpc.aio.AioRpcError) -> MeshError:
    if lost(error) or error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return MeshError(Reason.JOBS_UNAVAILABLE, "Jobs can't be kept or looked up now; try again shortly.", retry_after=1)
    return from_rpc_error(error)
