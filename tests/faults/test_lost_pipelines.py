"""A worker is killed between the steps of a pipeline: what was done is not done again, and the run ends."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from launch import MINILM, SMOLLM2, flags, output
from load import Record
from parts import Parts, temporal
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from fakes.web_service import web_service
from thinmesh_core.call import Metadata
from thinmesh_core.channel import dial
from thinmesh_core.errors import Reason
from thinmesh_core.status import from_rpc_error

PASSAGES = {
    "ferry": "The ferry to the island leaves the harbour at nine in the morning.",
    "tickets": "Tickets for the ferry are sold at the harbour office.",
    "cats": "Cats sleep for most of the day.",
}
RUNS = 5


@pytest.mark.faults
async def test_fault_6_a_pipeline_survives_the_death_of_its_worker(state: Path, record_property: Record) -> None:
    """RAG with a call of a service in the middle, real models; the worker is killed -9 once the service has answered -> every run
    ends, the service was called once a run, and the answers cite nothing but what was retrieved.
    """
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(web_service())
        server = await stack.enter_async_context(temporal(state / "temporal"))
        file = state / "thinmesh.yaml"
        small, vectors = (one.split("backends:")[1].split("models:")[0] for one in (SMOLLM2, MINILM))
        file.write_text(f"""
tenants: {{dev: {{}}}}
backends:{small}{vectors}
models: {{smollm2: {{backends: [smollm2]}}, minilm: {{backends: [minilm]}}}}
jobs: {{temporal: "{server.address}", outgoing: {{allow: ["127.0.0.1"]}}}}
""")
        parts = Parts(stack, tuple(flags(file, state)))
        for backend in ("smollm2", "minilm"):
            await parts.start(backend, "gRPC (.+)", "adapter", backend)
        await parts.start("router", "gRPC (.+)", "router")
        await parts.start("worker", "gRPC (.+)", "worker")
        ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        at = await parts.start("gateway", r"gRPC ([^\s,]+)", "gateway", *ports)
        code, key, error = await output("key", "create", "--tenant", "dev", *flags(file, state))
        assert code == 0, error
        mine = (("authorization", f"Bearer {key.strip()}"),)
        stub = job_grpc.JobServiceStub(await stack.enter_async_context(dial(at)))

        passages = [{"id": name, "text": text} for name, text in PASSAGES.items()]
        await ended(stub, mine, await begun(stub, mine, "example-index", {"passages": passages}))
        cited: list[dict[str, Any]] = []
        for number in range(1, RUNS + 1):
            question = {"question": "When does the ferry leave?", "api": service.url}
            job = await begun(stub, mine, "example-rag", question)
            await service.until(number)
            await past(stub, mine, job, "http_call")
            await parts.kill("worker")
            await parts.start("worker", "gRPC (.+)", "worker")
            found = await ended(stub, mine, job)
            assert found.state == pb.JOB_STATE_SUCCEEDED, found.error
            cited.append(json.loads(found.result.pipeline.output))
    record_property("calls of the service", f"{len(service.keys)} in {RUNS} runs")
    assert len(service.keys) == len({*service.keys}) == RUNS
    assert all({*one["passages"]} and {*one["passages"]} <= {*PASSAGES} for one in cited)


async def begun(stub: job_grpc.JobServiceAsyncStub, metadata: Metadata, name: str, given: Any) -> str:
    """A run, asked for until there is one: a key that was just made, or a part that was just started, may not be known yet."""
    work = pb.PipelineWork(name=name, input=json.dumps(given))
    async with asyncio.timeout(30):
        while True:
            try:
                return (await stub.CreateJob(pb.CreateJobRequest(pipeline=work), metadata=metadata, timeout=5)).job.id
            except grpc.aio.AioRpcError as error:
                assert from_rpc_error(error).reason in {Reason.INVALID_KEY, Reason.JOBS_UNAVAILABLE}
            await asyncio.sleep(0.1)


async def past(stub: job_grpc.JobServiceAsyncStub, metadata: Metadata, job_id: str, step: str) -> None:
    """Waits until a step of a run is over."""
    while step in (await stub.GetJob(pb.GetJobRequest(id=job_id), metadata=metadata, timeout=5)).job.steps:
        await asyncio.sleep(0.01)


async def ended(stub: job_grpc.JobServiceAsyncStub, metadata: Metadata, job_id: str) -> pb.Job:
    """The run when it has ended; while no worker is there to tell, it is asked for again."""
    async with asyncio.timeout(60):
        while True:
            try:
                job = (await stub.GetJob(pb.GetJobRequest(id=job_id), metadata=metadata, timeout=5)).job
                if job.HasField("ended_unix_seconds"):
                    return job
            except grpc.aio.AioRpcError as error:
                assert from_rpc_error(error).reason is Reason.JOBS_UNAVAILABLE
            await asyncio.sleep(0.1)
