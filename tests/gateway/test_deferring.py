"""Calls that become jobs: where their callers prefer that, where their route says so, and nowhere else."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from canaries import PROMPT
from gateway.conftest import TENANTS, Gateway, ScriptedRouter, Serve
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc
from thinmesh.model.v1 import model_service_pb2 as model_pb
from thinmesh.model.v1 import model_service_pb2_grpc as model_grpc

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.inprocess import InProcessServer
from thinmesh_gateway.audit.entry import LOG
from thinmesh_gateway.audit.lines import Lines
from thinmesh_gateway.config import GatewayConfig
from thinmesh_gateway.jobs import MAX_BODY_BYTES

CHAT = "/v1/chat/completions"
SAID = {"messages": [{"role": "user", "content": PROMPT}]}
LATER = {"prefer": "respond-async"}
# The bases of the generated servicers; the stubs call them abstract, the code answers UNIMPLEMENTED.
JobServicer: Any = job_grpc.JobServiceServicer
ModelServicer: Any = model_grpc.ModelServiceServicer
OVERLOADED = MeshError(Reason.OVERLOADED, "The model is busy.", retry_after=1)


class Worker(JobServicer):
    """Makes jobs and remembers for whom; raises `error` in their place."""

    def __init__(self) -> None:
        self.error: MeshError | None = None
        self.made: list[pb.CreateJobRequest] = []
        self.metadata: list[dict[str, Any]] = []

    async def CreateJob(self, request: pb.CreateJobRequest, context: Any) -> pb.CreateJobResponse:
        if self.error is not None:
            raise self.error
        self.made.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        job = pb.Job(id=f"job-{len(self.made)}", state=pb.JOB_STATE_QUEUED, endpoint=request.openai.endpoint)
        return pb.CreateJobResponse(job=job)

    async def WatchJob(self, request: pb.WatchJobRequest, context: Any) -> AsyncIterator[pb.WatchJobResponse]:
        yield pb.WatchJobResponse(job=pb.Job(id=request.id, state=pb.JOB_STATE_QUEUED, endpoint=CHAT))
        if self.error is not None:
            raise self.error


class Models(ModelServicer):
    """Has every model."""

    async def GetModel(self, request: Any, context: Any) -> model_pb.GetModelResponse:
        return model_pb.GetModelResponse(model=model_pb.Model(id=request.id))


@pytest.fixture
def worker(router_server: InProcessServer) -> Worker:
    """The worker behind the gateways."""
    worker = Worker()
    job_grpc.add_JobServiceServicer_to_server(worker, router_server)
    model_grpc.add_ModelServiceServicer_to_server(Models(), router_server)
    return worker


@pytest.fixture
async def gateway(serve: Serve, worker: Worker) -> Gateway:
    """One whose model `spare` overflows."""
    return await serve(overflow=("spare",))


async def post(
    session: aiohttp.ClientSession, path: str = CHAT, headers: dict[str, str] | None = None, **fields: Any
) -> tuple[int, dict[str, Any]]:
    async with session.post(path, json={"model": "m", **SAID, **fields}, headers=headers) as response:
        return response.status, await response.json()


async def test_a_preferred_job_is_made_of_the_body_in_the_class_that_it_wishes(gateway: Gateway, worker: Worker) -> None:
    async with gateway.session("first") as session:
        status, job = await post(session, headers=LATER, service_tier="flex")
    assert (status, job["id"], job["status"], job["endpoint"]) == (202, "job-1", "queued", CHAT)
    assert worker.made[0].openai.endpoint == CHAT
    assert PROMPT.encode() in worker.made[0].openai.body
    assert worker.metadata[0]["thinmesh-priority"] == "batch"


async def test_the_idempotency_key_is_the_jobs_too(gateway: Gateway, worker: Worker) -> None:
    async with gateway.session() as session:
        first = await post(session, headers={**LATER, "idempotency-key": "k"})
        assert await post(session, headers={**LATER, "idempotency-key": "k"}) == first
    assert [one.idempotency_key for one in worker.made] == ["k"]


async def test_a_caller_who_would_wait_gets_the_answer_where_it_comes_in_time(
    gateway: Gateway, worker: Worker, router: ScriptedRouter
) -> None:
    async with gateway.session() as session:
        patient = {"prefer": "respond-async, wait=60"}
        assert (await post(session, headers=patient))[0] == 200
        router.errors = [OVERLOADED]
        assert (await post(session, headers=patient))[0] == 202
        router.errors = [MeshError(Reason.QUOTA_EXCEEDED, "Used up.")]
        assert (await post(session, headers=patient))[0] == 429
        router.hold = asyncio.Event()
        assert (await post(session, headers={"prefer": "respond-async, wait=1"}))[0] == 202
        assert (await post(session, headers={"prefer": "respond-async, wait=0"}))[0] == 202
    assert len(worker.made) == 3


async def test_only_a_refusal_for_load_of_a_route_that_says_so_becomes_a_job(
    gateway: Gateway, worker: Worker, router: ScriptedRouter
) -> None:
    async with gateway.session() as session:
        for model, reason, status in (
            ("spare", Reason.OVERLOADED, 202),
            ("spare", Reason.BACKEND_FULL, 202),
            ("m", Reason.OVERLOADED, 503),
            ("spare", Reason.QUOTA_EXCEEDED, 429),
            ("spare", Reason.NO_BACKEND, 503),
            ("spare", Reason.CONTENT_DENIED, 400),
        ):
            router.errors = [MeshError(reason, "no")]
            assert (await post(session, model=model))[0] == status, (model, reason)
        router.errors = [OVERLOADED]
        assert (await post(session, model="spare", stream=True))[0] == 503
    assert len(worker.made) == 2


async def test_where_no_job_can_be_made_the_refusal_for_load_is_told(
    gateway: Gateway, worker: Worker, router: ScriptedRouter
) -> None:
    worker.error = MeshError(Reason.JOBS_UNAVAILABLE, "away")
    async with gateway.session() as session:
        router.errors = [OVERLOADED]
        status, told = await post(session, model="spare")
        assert (status, told["error"]["code"]) == (503, "overloaded")
        status, told = await post(session, headers=LATER)
        assert (status, told["error"]["code"]) == (503, "jobs_unavailable")


async def test_news_that_end_with_an_error_are_told_as_such(gateway: Gateway, worker: Worker, state: Path) -> None:
    worker.error = OVERLOADED
    async with gateway.session() as session, session.get("/v1/jobs/job-1/events") as response:
        assert b'"overloaded"' in await response.read()
    await asyncio.to_thread(gateway.app._audit.write_lines)
    told = [one.sealed.opened() for one in Lines(state).read() if one.sealed is not None]
    assert [one.decision for one in told if one.surface != LOG] == ["OVERLOADED"]


async def test_a_mesh_without_jobs_ignores_the_preference(serve: Serve, router: ScriptedRouter) -> None:
    gateway = await serve(jobs=None)
    async with gateway.session() as session:
        assert (await post(session, headers=LATER))[0] == 200
        async with session.get("/v1/jobs/job-1") as response:
            assert response.status == 404
            assert "jobs: {}" in (await response.json())["error"]["message"]


async def test_a_body_that_fits_no_message_is_told_so(gateway: Gateway, worker: Worker) -> None:
    body = io.BytesIO(json.dumps({"model": "m", **SAID, "user": "x" * MAX_BODY_BYTES}).encode())
    async with gateway.session() as session, session.post(CHAT, data=body, headers=LATER) as response:
        assert response.status == 413
    assert not worker.made


async def test_a_reload_says_which_routes_overflow(
    gateway: Gateway, worker: Worker, router: ScriptedRouter, state: Path
) -> None:
    gateway.app.apply(GatewayConfig(tenants=TENANTS, router="router", jobs="router", state=state, overflow=("m",)))
    async with gateway.session() as session:
        router.errors = [OVERLOADED, OVERLOADED]
        assert [(await post(session, model=model))[0] for model in ("m", "spare")] == [202, 503]
