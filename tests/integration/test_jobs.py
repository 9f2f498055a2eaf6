"""Durable work through a real Temporal: who may see it, who may end it, and what it outlives."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiohttp
import grpc
import pytest
from launch import Running, flags, mesh, output
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.inference.v1 import inference_service_pb2_grpc as inference_grpc
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from fakes.openai_engine import FakeEngine, fake_engine
from thinmesh_core.channel import dial
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import from_rpc_error

A = TypeVar("A")

CONFIG = """
tenants: {dev: {}, other: {}}
backends:
  fake:
    adapter: openai
    options: {base_url: "URL"}
models: {fake: {backends: [fake]}}
jobs: {at_once: 1}
"""
WORK = inference_pb.GenerateRequest(model="fake", text="go on")


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with fake_engine() as engine:
        yield engine


@asynccontextmanager
async def jobs(state: Path, engine: FakeEngine) -> AsyncIterator[tuple[Running, job_grpc.JobServiceAsyncStub]]:
    async with mesh(CONFIG.replace("URL", engine.base_url), state, "up") as running, dial(running.grpc) as channel:
        yield running, job_grpc.JobServiceStub(channel)


def temporal_of(running: Running) -> int:
    """The process of the Temporal that the mesh brought along."""
    mine = running.processes["up"].pid
    for child in Path(f"/proc/{mine}/task/{mine}/children").read_text().split():
        if b"start-dev" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise AssertionError("there is no Temporal")


async def ended(stub: job_grpc.JobServiceAsyncStub, job_id: str, metadata: tuple[tuple[str, str], ...]) -> pb.Job:
    async with asyncio.timeout(30):
        return [news.job async for news in stub.WatchJob(pb.WatchJobRequest(id=job_id), metadata=metadata)][-1]


async def created(stub: job_grpc.JobServiceAsyncStub, metadata: tuple[tuple[str, str], ...], key: str | None = None) -> pb.Job:
    request = pb.CreateJobRequest(generate=WORK, idempotency_key=key)
    return (await stub.CreateJob(request, metadata=metadata, timeout=5)).job


async def key_of(running: Running, tenant: str) -> str:
    code, key, error = await output("key", "create", "--tenant", tenant, *flags(running.state / "thinmesh.yaml", running.state))
    assert code == 0, error
    return key.strip()


async def once_past(reason: Reason, ask: Callable[[], Awaitable[A]]) -> A:
    """The answer once the mesh does not refuse any more for this reason."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await ask()
            except grpc.aio.AioRpcError as error:
                assert refused(error).reason is reason
            await asyncio.sleep(0.05)


def refused(error: grpc.aio.AioRpcError) -> MeshError:
    return from_rpc_error(error)


async def test_a_job_ends_as_the_call_would_and_is_made_once_a_key(state: Path, engine: FakeEngine) -> None:
    async with jobs(state, engine) as (running, stub):
        mine = running.metadata
        first = await created(stub, mine, "report-7")
        again = await created(stub, mine, "report-7")
        assert first.id == again.id
        job = await ended(stub, first.id, mine)
        assert (job.state, job.result.generate.choices[0].text) == (pb.JOB_STATE_SUCCEEDED, "The sea is blue.")
        assert job.link.startswith("http://127.0.0.1:")
        assert [sent.get("idempotency-key") for sent in engine.headers] == [f"{first.id}.1"]

        other_work = pb.CreateJobRequest(
            generate=inference_pb.GenerateRequest(model="fake", text="other"), idempotency_key="report-7"
        )
        with pytest.raises(grpc.aio.AioRpcError) as conflict:
            await stub.CreateJob(other_work, metadata=mine, timeout=5)
        assert refused(conflict.value).reason is Reason.IDEMPOTENCY_CONFLICT

        second = await created(stub, mine)
        await ended(stub, second.id, mine)
        page = await stub.ListJobs(pb.ListJobsRequest(limit=1), metadata=mine, timeout=5)
        rest = await stub.ListJobs(pb.ListJobsRequest(limit=1, page_token=page.next_page_token), metadata=mine, timeout=5)
        assert [one.id for one in (*page.jobs, *rest.jobs)] == [second.id, first.id]


async def test_a_job_is_its_tenants_alone(state: Path, engine: FakeEngine) -> None:
    async with jobs(state, engine) as (running, stub):
        job = await created(stub, running.metadata, "k")
        strange = (("authorization", f"Bearer {await key_of(running, 'other')}"),)
        listed = await once_past(Reason.INVALID_KEY, lambda: stub.ListJobs(pb.ListJobsRequest(), metadata=strange, timeout=5))
        assert not listed.jobs
        for asked in (
            stub.GetJob(pb.GetJobRequest(id=job.id), metadata=strange, timeout=5),
            stub.CancelJob(pb.CancelJobRequest(id=job.id), metadata=strange, timeout=5),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as hidden:
                await asked
            assert refused(hidden.value).reason is Reason.NOT_FOUND
        assert (await created(stub, strange, "k")).id != job.id


async def test_a_cancelled_job_frees_its_engine(state: Path, engine: FakeEngine) -> None:
    engine.endless, engine.delay = True, 0.05
    async with jobs(state, engine) as (running, stub):
        job = await created(stub, running.metadata)
        async with asyncio.timeout(10):
            await engine.began.wait()
        await stub.CancelJob(pb.CancelJobRequest(id=job.id), metadata=running.metadata, timeout=5)
        async with asyncio.timeout(10):
            await engine.left.wait()
        assert (await ended(stub, job.id, running.metadata)).state == pb.JOB_STATE_CANCELLED


async def test_a_job_that_is_cancelled_before_anybody_began_it_is_cancelled(state: Path, engine: FakeEngine) -> None:
    engine.endless, engine.delay = True, 0.05
    async with jobs(state, engine) as (running, stub):
        blocking = await created(stub, running.metadata)
        async with asyncio.timeout(10):
            await engine.began.wait()
        waiting = await created(stub, running.metadata)
        for job in (waiting, blocking):
            await stub.CancelJob(pb.CancelJobRequest(id=job.id), metadata=running.metadata, timeout=5)
            assert (await ended(stub, job.id, running.metadata)).state == pb.JOB_STATE_CANCELLED
        assert len(engine.requests) == 1


async def metrics(running: Running) -> dict[str, float]:
    """What the mesh says of jobs."""
    async with aiohttp.ClientSession() as session, session.get(f"{running.admin}/metrics") as response:
        lines = [line.rpartition(" ") for line in (await response.text()).splitlines() if line.startswith("thinmesh_job")]
    return {name: float(value) for name, _, value in lines}


async def test_jobs_are_counted_where_they_are_made_and_end_and_steps_where_they_wait(state: Path, engine: FakeEngine) -> None:
    async with jobs(state, engine) as (running, stub):
        mine = running.metadata
        good = await created(stub, mine, "k")
        await ended(stub, good.id, mine)
        await created(stub, mine, "k")  # the same, once more
        engine.endless, engine.delay = True, 0.05
        engine.began.clear()
        slow = await created(stub, (*mine, ("thinmesh-priority", "batch")))
        bad = pb.CreateJobRequest(batch=pb.BatchWork(input_file_id="file-none", endpoint="/v1/chat/completions"))
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.CreateJob(bad, metadata=mine, timeout=5)
        async with asyncio.timeout(10):
            await engine.began.wait()
        told = await metrics(running)
        await stub.CancelJob(pb.CancelJobRequest(id=slow.id), metadata=mine, timeout=5)
        await ended(stub, slow.id, mine)
        later = await metrics(running)
    assert later['thinmesh_jobs_ended_total{kind="generate",state="cancelled"}'] == 1
    assert told['thinmesh_jobs_created_total{kind="generate"}'] == 2
    assert told['thinmesh_jobs_ended_total{kind="generate",state="succeeded"}'] == 1
    assert told["thinmesh_job_steps_running"] == 1
    for word in ("standard", "batch"):
        assert told[f'thinmesh_job_step_wait_seconds_count{{priority="{word}"}}'] == 1
    assert not [name for name in told if "dev" in name or good.id in name]


async def test_rights_are_looked_at_when_the_step_runs(state: Path, engine: FakeEngine) -> None:
    engine.endless, engine.delay = True, 0.05
    async with jobs(state, engine) as (running, stub):
        blocking = await created(stub, running.metadata)
        async with asyncio.timeout(10):
            await engine.began.wait()
        key = await key_of(running, "other")
        strange = (("authorization", f"Bearer {key}"),)
        waiting = await once_past(Reason.INVALID_KEY, lambda: created(stub, strange))
        await output("key", "revoke", key.split("_")[2], *flags(state / "thinmesh.yaml", state))
        async with asyncio.timeout(30):
            with pytest.raises(grpc.aio.AioRpcError):  # noqa: PT012
                while True:  # until the gateway knows that it is revoked
                    await stub.ListJobs(pb.ListJobsRequest(), metadata=strange, timeout=5)
        await stub.CancelJob(pb.CancelJobRequest(id=blocking.id), metadata=running.metadata, timeout=5)
        await ended(stub, blocking.id, running.metadata)
        anew = (("authorization", f"Bearer {await key_of(running, 'other')}"),)
        job = await once_past(Reason.INVALID_KEY, lambda: ended(stub, waiting.id, anew))
        assert (job.state, job.error.reason) == (pb.JOB_STATE_FAILED, Reason.PERMISSION_DENIED.value)
        assert len(engine.requests) == 1


async def test_calls_do_not_notice_a_dead_temporal_and_jobs_outlive_it(state: Path, engine: FakeEngine) -> None:
    engine.delay = 0.3
    async with jobs(state, engine) as (running, stub), dial(running.grpc) as channel:
        made = [await created(stub, running.metadata) for _ in range(3)]
        temporal = temporal_of(running)
        os.kill(temporal, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as gone:
            await created(stub, running.metadata)
        assert refused(gone.value).reason is Reason.JOBS_UNAVAILABLE
        assert time.monotonic() - began < 3
        await inference_grpc.InferenceServiceStub(channel).Generate(WORK, metadata=running.metadata, timeout=10)
        os.kill(temporal, signal.SIGKILL)
        states = [
            (await once_past(Reason.JOBS_UNAVAILABLE, partial(ended, stub, job.id, running.metadata))).state for job in made
        ]
        assert states == [pb.JOB_STATE_SUCCEEDED] * 3
