"""JobService, for the gateway: it has looked at who calls and whether the work makes sense."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from thinmesh_core.errors import invalid
from thinmesh_core.peers import Context
from thinmesh_pipelines import caller
from thinmesh_pipelines.batches.batches import Batches
from thinmesh_pipelines.files.service import stored
from thinmesh_pipelines.job import LONGEST_KEY
from thinmesh_pipelines.jobs import Jobs

PAGE = 20
LARGEST_PAGE = 100


class JobService(job_grpc.JobServiceServicer):
    """Each method is of the calling tenant's jobs alone."""

    def __init__(self, jobs: Jobs, batches: Batches) -> None:
        self._jobs = jobs
        self._batches = batches

    async def CreateJob(self, request: pb.CreateJobRequest, context: Context) -> pb.CreateJobResponse:
        """A job that is durable once this returns."""
        if request.WhichOneof("work") is None:
            raise invalid("work", "Say what the job is to do: generate, embed, rerank or batch.")
        if request.HasField("idempotency_key") and not 0 < len(request.idempotency_key.encode()) <= LONGEST_KEY:
            raise invalid("idempotency_key", f"idempotency_key must be 1 to {LONGEST_KEY} bytes.")
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

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncGenerator[pb.WatchJobResponse, None]:
        """News until the job's end."""
        async with aclosing(self._jobs.watch(caller.tenant(context), request.id)) as news:
            async for job in news:
                yield pb.WatchJobResponse(job=job)
