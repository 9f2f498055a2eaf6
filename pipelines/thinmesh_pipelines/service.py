"""JobService, for the gateway: it has looked at who calls and whether the work makes sense."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from thinmesh_core import strict_json
from thinmesh_core.errors import invalid
from thinmesh_core.peers import Context
from thinmesh_pipelines import caller
from thinmesh_pipelines.batches.batches import Batches
from thinmesh_pipelines.files.service import stored
from thinmesh_pipelines.job import LONGEST_KEY, Said
from thinmesh_pipelines.jobs import Jobs
from thinmesh_pipelines.registry import Pipelines

PAGE = 20
LARGEST_PAGE = 100

LONGEST_VALUE = 64 * 1024
"""Of what is said to a job, in bytes."""


class JobService(job_grpc.JobServiceServicer):
    """Each method is of the calling tenant's jobs alone."""

    def __init__(self, jobs: Jobs, batches: Batches, pipelines: Pipelines) -> None:
        self._jobs = jobs
        self._batches = batches
        self._pipelines = pipelines

    async def CreateJob(self, request: pb.CreateJobRequest, context: Context) -> pb.CreateJobResponse:
        """A job that is durable once this returns."""
        if request.WhichOneof("work") is None:
            raise invalid("work", "Say what the job is to do: generate, embed, rerank, batch, pipeline or openai.")
        if request.HasField("idempotency_key") and not 0 < len(request.idempotency_key.encode()) <= LONGEST_KEY:
            raise invalid("idempotency_key", f"idempotency_key must be 1 to {LONGEST_KEY} bytes.")
        if request.HasField("pipeline"):
            self._pipelines.check(request.pipeline)
        owner = caller.owner(context)
        if request.HasField("batch"):
            with stored():
                await self._batches.check(owner.tenant, request.batch)
        return pb.CreateJobResponse(job=await self._jobs.create(owner, request))

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.GetJobResponse:
        """A job with its result."""
        return pb.GetJobResponse(job=await self._jobs.get(caller.tenant(context), request.id))

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        """A page of jobs."""
        limit = request.limit if request.HasField("limit") else PAGE
        if not 1 <= limit <= LARGEST_PAGE:
            raise invalid("limit", f"limit must be 1 to {LARGEST_PAGE}.")
        kind = request.kind if request.HasField("kind") else None
        after = request.after if request.HasField("after") else None
        return await self._jobs.page(caller.tenant(context), limit, request.page_token, kind, after)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.CancelJobResponse:
        """The end of a job."""
        return pb.CancelJobResponse(job=await self._jobs.cancel(caller.tenant(context), request.id))

    async def SignalJob(self, request: pb.SignalJobRequest, context: Context) -> pb.SignalJobResponse:
        """What a job waits for."""
        if len(request.value.encode()) > LONGEST_VALUE:
            raise invalid("value", f"value must be at most {LONGEST_VALUE} bytes.")
        try:
            strict_json.parse(request.value)
        except ValueError as error:
            raise invalid("value", f'value {error}; send JSON such as {{"approved": true}}.') from None
        owner = caller.owner(context)
        said = Said(request.signal, request.value, owner.principal)
        return pb.SignalJobResponse(job=await self._jobs.signal(owner.tenant, request.id, said))

    async def ListPipelines(self, request: pb.ListPipelinesRequest, context: Context) -> pb.ListPipelinesResponse:
        """The pipelines that this worker has."""
        return self._pipelines.listed()

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncGenerator[pb.WatchJobResponse, None]:
        """News until the job's end."""
        async with aclosing(self._jobs.watch(caller.tenant(context), request.id)) as news:
            async for job in news:
                yield pb.WatchJobResponse(job=job)
