"""OpenAI's batches: what each route does with an authenticated call."""

from __future__ import annotations

import msgspec
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.batch_ids import job_of
from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.decoding import decoded
from thinmesh_gateway.exchange import Answer, Request, as_json
from thinmesh_gateway.idempotency.key import KEY, checked
from thinmesh_gateway.jobs import Jobs
from thinmesh_gateway.openai import durable_bodies as bodies
from thinmesh_gateway.openai.file_routes import whole, without_jobs

PAGE = 20
LARGEST_PAGE = 100

_CREATE = msgspec.json.Decoder(bodies.CreateBatch)


class BatchRoutes:
    """One method a route: a batch is a job by another name. NOT_FOUND where the mesh has no jobs."""

    def __init__(self, jobs: Jobs | None) -> None:
        self._given = jobs

    async def create(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/batches."""
        body = decoded(_CREATE, await request.read())
        key = request.header(KEY)
        kept = body.output_expires_after
        work = pb.BatchWork(
            input_file_id=body.input_file_id,
            endpoint=body.endpoint,
            window_seconds=bodies.seconds(body.completion_window),
            metadata=body.metadata or {},
            output_seconds=0 if kept is None else kept.seconds,
        )
        asking = pb.CreateJobRequest(batch=work, idempotency_key=None if key is None else checked(key))
        return as_json(bodies.batch((await self._jobs.create(asking, call)).job))

    async def batches(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/batches."""
        limit, after = whole("limit", request.query("limit")) or PAGE, request.query("after")
        if limit > LARGEST_PAGE:
            raise invalid("limit", f"limit must be 1 to {LARGEST_PAGE}.")
        asking = pb.ListJobsRequest(limit=limit, kind="batch", after=None if after is None else job_of(after))
        page = await self._jobs.page(asking, call)
        data = [bodies.batch(one) for one in page.jobs]
        more = page.HasField("next_page_token")
        return as_json(bodies.Batches(data, more, data[0].id if data else None, data[-1].id if data else None))

    async def batch(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/batches/{batch}."""
        job_id = job_of(request.parameter("batch"))
        return as_json(bodies.batch(_batch(await self._jobs.get(job_id, call))))

    async def cancel(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/batches/{batch}/cancel."""
        job_id = job_of(request.parameter("batch"))
        _batch(await self._jobs.get(job_id, call))
        return as_json(bodies.batch(await self._jobs.cancel(job_id, call)))

    @property
    def _jobs(self) -> Jobs:
        if self._given is None:
            raise without_jobs()
        return self._given


def _batch(job: pb.Job) -> pb.Job:
    """The job, which is a batch."""
    if not job.HasField("batch"):
        raise MeshError(Reason.NOT_FOUND, "There is no batch of this id.", param="id")
    return job
