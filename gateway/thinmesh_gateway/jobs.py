"""JobService for whoever has a key: looked at here as a call of now would be, kept and run by the workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import grpc
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.reception import Context, Reception
from thinmesh_gateway.roles import Action
from thinmesh_gateway.vetting import request as vetting
from thinmesh_gateway.workers import asked, heard, owned

_ACTIONS = {"generate": Action.INFER, "embed": Action.EMBED, "rerank": Action.EMBED}

ENDPOINTS = {"/v1/chat/completions": Action.INFER, "/v1/completions": Action.INFER, "/v1/embeddings": Action.EMBED}
"""What the lines of a batch may ask for, and what that needs."""


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
            return await self.create(request, call)

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.GetJobResponse:
        """A job with its result."""
        with self._reception.admit(context) as call:
            return pb.GetJobResponse(job=await self.get(request.id, call))

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        """A page of jobs."""
        with self._reception.admit(context) as call:
            return await self.page(request, call)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.CancelJobResponse:
        """The end of a job."""
        with self._reception.admit(context) as call:
            return pb.CancelJobResponse(job=await self.cancel(request.id, call))

    async def SignalJob(self, request: pb.SignalJobRequest, context: Context) -> pb.SignalJobResponse:
        """What a job waits for."""
        with self._reception.admit(context) as call:
            return pb.SignalJobResponse(job=await self.signal(request, call))

    async def ListPipelines(self, request: pb.ListPipelinesRequest, context: Context) -> pb.ListPipelinesResponse:
        """The pipelines that there are."""
        with self._reception.admit(context) as call:
            return await asked(self._workers.ListPipelines, request, call)

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncGenerator[pb.WatchJobResponse, None]:
        """News until the job's end."""
        with self._reception.streaming(context) as call:
            watched = self._workers.WatchJob(request, metadata=owned(call), timeout=context.time_remaining())
            async with aclosing(heard(watched)) as news:
                async for one in news:
                    yield one

    async def create(self, request: pb.CreateJobRequest, call: AuthorizedCall) -> pb.CreateJobResponse:
        """The job of a call that was let in, where it may be made."""
        await self._check(request, call)
        made = await asked(self._workers.CreateJob, request, call)
        call.trail.object = made.job.id
        return made

    async def get(self, job_id: str, call: AuthorizedCall) -> pb.Job:
        """A job with its result."""
        return (await asked(self._workers.GetJob, pb.GetJobRequest(id=job_id), call)).job

    async def page(self, request: pb.ListJobsRequest, call: AuthorizedCall) -> pb.ListJobsResponse:
        """A page of jobs."""
        return await asked(self._workers.ListJobs, request, call)

    async def cancel(self, job_id: str, call: AuthorizedCall) -> pb.Job:
        """The job, which is told to end."""
        told = await asked(self._workers.CancelJob, pb.CancelJobRequest(id=job_id), call)
        call.trail.object = told.job.id
        return told.job

    async def signal(self, request: pb.SignalJobRequest, call: AuthorizedCall) -> pb.Job:
        """The job, which is told what it waited for."""
        told = await asked(self._workers.SignalJob, request, call)
        call.trail.object = told.job.id
        return told.job

    async def until_ended(self, job_id: str, call: AuthorizedCall, seconds: float) -> None:
        """Waits for a job's end, so long at most."""
        watched = self._workers.WatchJob(pb.WatchJobRequest(id=job_id), metadata=owned(call), timeout=2 * seconds)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), aclosing(heard(watched)) as news:
                async for _ in news:
                    pass

    async def _check(self, request: pb.CreateJobRequest, call: AuthorizedCall) -> None:
        kind = request.WhichOneof("work")
        if kind is None:
            raise invalid("work", "Say what the job is to do: generate, embed, rerank, batch or pipeline.")
        granted = self._authenticator.roles.granted(call.holder.roles)
        if kind == "batch":
            action = ENDPOINTS.get(request.batch.endpoint)
            if action is None:
                raise invalid("endpoint", f"endpoint must be one of {', '.join(ENDPOINTS)}.")
            if action not in granted:  # with which models is looked at line by line
                raise MeshError(Reason.PERMISSION_DENIED, f"This key may not do this: none of its roles has {action}.")
            return
        if kind == "pipeline":  # what it is given is looked at by its own worker, what its steps may do by every step
            if Action.PIPELINES not in granted:
                raise MeshError(Reason.PERMISSION_DENIED, "This key may not run pipelines: none of its roles has pipelines.")
            return
        work = getattr(request, kind)
        models = granted.get(_ACTIONS[kind])
        if models is None or work.model not in models:
            raise MeshError(Reason.PERMISSION_DENIED, "This key may not do this work with that model.", param=f"{kind}.model")
        vetting.check(work)
        await self._inference.get_model(model_pb.GetModelRequest(id=work.model), call)
