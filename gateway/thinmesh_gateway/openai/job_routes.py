"""Jobs over REST: what each route does with an authenticated call."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import invalid
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.decoding import decoded
from thinmesh_gateway.exchange import Answer, Request, as_json
from thinmesh_gateway.idempotency.key import KEY, checked
from thinmesh_gateway.jobs import Jobs
from thinmesh_gateway.openai import job_bodies as bodies
from thinmesh_gateway.openai import sse
from thinmesh_gateway.openai.batch_routes import LARGEST_PAGE, PAGE
from thinmesh_gateway.openai.file_routes import whole, without_jobs
from thinmesh_gateway.openai.frames import frame

_CREATE = msgspec.json.Decoder(bodies.CreateJob)
_SIGNAL = msgspec.json.Decoder(bodies.Signal)


class JobRoutes:
    """One method a route. NOT_FOUND where the mesh has no jobs."""

    def __init__(self, jobs: Jobs | None) -> None:
        self._given = jobs

    async def submit(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/jobs."""
        asking = _asking(decoded(_CREATE, await request.read()))
        key = request.header(KEY)
        if key is not None:
            asking.idempotency_key = checked(key)
        return as_json(bodies.job((await self._jobs.create(asking, call)).job))

    async def jobs(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/jobs."""
        limit = whole("limit", request.query("limit")) or PAGE
        if limit > LARGEST_PAGE:
            raise invalid("limit", f"limit must be 1 to {LARGEST_PAGE}.")
        asking = pb.ListJobsRequest(limit=limit, after=request.query("after"))
        return as_json(bodies.page(await self._jobs.page(asking, call)))

    async def job(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/jobs/{job}."""
        return as_json(bodies.job(await self._jobs.get(request.parameter("job"), call)))

    async def end_job(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/jobs/{job}/cancel."""
        return as_json(bodies.job(await self._jobs.cancel(request.parameter("job"), call)))

    async def signal(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/jobs/{job}/signals."""
        body = decoded(_SIGNAL, await request.read())
        asking = pb.SignalJobRequest(id=request.parameter("job"), signal=body.signal, value=bytes(body.value).decode())
        return as_json(bodies.job(await self._jobs.signal(asking, call)))

    async def pipelines(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/pipelines."""
        return as_json(bodies.pipelines(await self._jobs.pipelines(call)))

    async def events(self, request: Request, call: AuthorizedCall) -> sse.EventStream[pb.WatchJobResponse]:
        """GET /v1/jobs/{job}/events."""
        return await sse.EventStream(self._news(request.parameter("job"), call), _frame).opened(request.receive)

    async def _news(self, job_id: str, call: AuthorizedCall) -> AsyncGenerator[pb.WatchJobResponse, None]:
        with call:
            async with aclosing(self._jobs.watch(job_id, call)) as news:
                async for one in news:
                    yield one

    @property
    def _jobs(self) -> Jobs:
        if self._given is None:
            raise without_jobs()
        return self._given


def _frame(news: pb.WatchJobResponse) -> bytes:
    return frame(bodies.job(news.job))


def _asking(body: bodies.CreateJob) -> pb.CreateJobRequest:
    match body:
        case bodies.CreateJob(endpoint=str(endpoint), body=msgspec.Raw() as asked, pipeline=None, input=msgspec.UNSET):
            return pb.CreateJobRequest(openai=pb.OpenAIWork(endpoint=endpoint, body=bytes(asked)))
        case bodies.CreateJob(endpoint=None, body=msgspec.UNSET, pipeline=str(name), input=given):
            value = bytes(given).decode() if isinstance(given, msgspec.Raw) else "null"
            return pb.CreateJobRequest(pipeline=pb.PipelineWork(name=name, input=value))
    raise invalid("body", "Give `endpoint` with its `body`, or `pipeline` with its `input`, and nothing of the other.")
