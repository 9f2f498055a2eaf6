"""JobService for whoever has a key: looked at here as a call of now would be, kept and run by the workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import grpc
import msgspec
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.wire import MAX_REQUEST_BYTES
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.openai import endpoints
from thinmesh_gateway.reception import Context, Reception
from thinmesh_gateway.roles import Action
from thinmesh_gateway.vetting import request as vetting
from thinmesh_gateway.wishes import tiered
from thinmesh_gateway.workers import asked, heard, owned

_ACTIONS = {"generate": Action.INFER, "embed": Action.EMBED, "rerank": Action.EMBED}

ENDPOINTS = {"/v1/chat/completions": Action.INFER, "/v1/completions": Action.INFER, "/v1/embeddings": Action.EMBED}
"""What the lines of a batch may ask for, and what that needs."""

_ASKED = {**ENDPOINTS, "/v1/rerank": Action.EMBED}
"""The same of a job of one request."""

MAX_BODY_BYTES = MAX_REQUEST_BYTES - 4096
"""Of such a job: with what is told beside it, it must fit a message."""

WATCH_SECONDS = 3600.0
"""The longest that a job is followed over REST; whoever wants more asks again."""


class Jobs(job_grpc.JobServiceServicer):
    """Forwards to the workers' JobService on behalf of the caller."""

    def __init__(
        self, reception: Reception, channel: grpc.aio.Channel, authenticator: Authenticator, inference: Inference
    ) -> None:
        self._reception = reception
        self._inference = inference
        self._workers = job_grpc.JobServiceStub(channel)
        self._authenticator = authenticator
        self.overflow: frozenset[str] = frozenset()
        """The names of models whose calls become jobs where they are refused for load."""

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
            return await self.pipelines(call)

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncGenerator[pb.WatchJobResponse, None]:
        """News until the job's end."""
        with self._reception.streaming(context) as call:
            async with aclosing(self.watch(request.id, call, context.time_remaining())) as news:
                async for one in news:
                    yield one

    async def create(self, request: pb.CreateJobRequest, call: AuthorizedCall) -> pb.CreateJobResponse:
        """The job of a call that was let in, where it may be made."""
        if request.HasField("openai"):
            call = await self._understood(request.openai, call)
        else:
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

    async def pipelines(self, call: AuthorizedCall) -> pb.ListPipelinesResponse:
        """The pipelines that there are."""
        return await asked(self._workers.ListPipelines, pb.ListPipelinesRequest(), call)

    async def signal(self, request: pb.SignalJobRequest, call: AuthorizedCall) -> pb.Job:
        """The job, which is told what it waited for."""
        told = await asked(self._workers.SignalJob, request, call)
        call.trail.object = told.job.id
        return told.job

    async def until_ended(self, job_id: str, call: AuthorizedCall, seconds: float) -> None:
        """Waits for a job's end, so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), aclosing(self.watch(job_id, call, 2 * seconds)) as news:
                async for _ in news:
                    pass

    async def watch(
        self, job_id: str, call: AuthorizedCall, seconds: float | None = WATCH_SECONDS
    ) -> AsyncGenerator[pb.WatchJobResponse, None]:
        """News until the job's end."""
        watched = self._workers.WatchJob(pb.WatchJobRequest(id=job_id), metadata=owned(call), timeout=seconds)
        async with aclosing(heard(watched)) as news:
            async for one in news:
                yield one

    def may(self, call: AuthorizedCall) -> bool:
        """Whether the caller may have jobs at all."""
        return Action.JOBS in self._authenticator.roles.granted(call.holder.roles)

    async def _understood(self, work: pb.OpenAIWork, call: AuthorizedCall) -> AuthorizedCall:
        """The call, in the class that the body wishes; refused where the endpoint would refuse the body."""
        action = _ASKED.get(work.endpoint)
        if action is None:
            raise invalid("endpoint", f"endpoint must be one of {', '.join(_ASKED)}.")
        if len(work.body) > MAX_BODY_BYTES:
            raise MeshError(Reason.REQUEST_TOO_LARGE, f"The body of a job is larger than {MAX_BODY_BYTES} bytes.")
        meant = endpoints.meant(work.endpoint, work.body)
        models = self._authenticator.roles.granted(call.holder.roles).get(action)
        call.trail.model = meant.model
        if models is None or meant.model not in models:
            raise MeshError(Reason.PERMISSION_DENIED, "This key may not do this work with that model.", param="model")
        for one in meant.requests:
            vetting.check(await self._inference.media.fetched(one))
        await self._inference.get_model(model_pb.GetModelRequest(id=meant.model), msgspec.structs.replace(call, models=models))
        return tiered(call, meant.tier, None)

    async def _check(self, request: pb.CreateJobRequest, call: AuthorizedCall) -> None:
        kind = request.WhichOneof("work")
        if kind is None:
            raise invalid("work", "Say what the job is to do: generate, embed, rerank, batch, pipeline or openai.")
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
