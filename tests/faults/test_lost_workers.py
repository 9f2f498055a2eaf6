"""Every part is killed in turn while jobs run: none is lost, none is done twice, and the order stays what it should be."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from random import Random
from statistics import median

import grpc
import pytest
from aiohttp import web
from launch import flags, output
from load import Record
from parts import Parts, temporal, temporal_process
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from fakes.openai_engine import FakeEngine
from fakes.openai_server import serving
from thinmesh_core.call import Metadata
from thinmesh_core.channel import dial
from thinmesh_core.priority import Priority

TENANTS = ("a", "b", "c", "d")
CONFIG = """
tenants: {a: {priority: critical}, b: {priority: critical}, c: {priority: critical}, d: {priority: critical}}
backends:
  fake:
    adapter: openai
    options: {base_url: "URL"}
models: {fake: {backends: [fake]}}
jobs: {temporal: "TEMPORAL", at_once: AT_ONCE}
"""
JOBS = 300
AT_ONCE = 4
SECONDS = 0.15


@dataclass
class Ledger(FakeEngine):
    """An engine that has effects: one for each idempotency key, however often it is asked."""

    first: dict[str, float] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """The work under the key: done once, told again whenever it is asked for again."""
        key = request.headers["idempotency-key"]
        self.first.setdefault(key, time.monotonic())
        self.requests.append(await request.json())
        if key not in self.done:
            await self.opened.wait()
            await asyncio.sleep(SECONDS)
            self.done[key] += 1
            self.changed.set()
        usage = {"prompt_tokens": 1, "completion_tokens": 1}
        return web.json_response({"choices": [{"index": 0, "text": "done", "finish_reason": "stop"}], "usage": usage})

    async def until(self, count: int) -> None:
        """Waits for so many effects."""
        while len(self.done) < count:
            self.changed.clear()
            await self.changed.wait()


@pytest.mark.faults
async def test_fault_6_jobs_survive_the_death_of_every_part(state: Path, record_property: Record) -> None:
    """300 jobs of 3 classes and 4 tenants; router, worker, gateway and Temporal are killed in turn while they run -> each
    ends once, none is lost, CRITICAL waits less than STANDARD and that less than BATCH, and equal tenants get equal service
    within 10 %.
    """
    engine = Ledger()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(engine))
        server = await stack.enter_async_context(temporal(state / "temporal"))
        file = state / "thinmesh.yaml"
        file.write_text(CONFIG.replace("URL", url).replace("TEMPORAL", server.address).replace("AT_ONCE", str(AT_ONCE)))
        parts = Parts(stack, tuple(flags(file, state)))
        ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        start = {
            "adapter": ("gRPC (.+)", "adapter", "fake"),
            "router": ("gRPC (.+)", "router"),
            "worker": ("gRPC (.+)", "worker"),
            "gateway": (r"gRPC ([^\s,]+)", "gateway", *ports),
        }
        at = {name: await parts.start(name, *how) for name, how in start.items()}["gateway"]
        keys = {}
        for tenant in TENANTS:
            code, key, error = await output("key", "create", "--tenant", tenant, *flags(file, state))
            assert code == 0, error
            keys[tenant] = key.strip()

        asked = [*product(TENANTS, (one.word for one in Priority))] * (JOBS // 12)
        Random(6).shuffle(asked)
        made = await create(at, keys, asked)
        began = time.monotonic()
        engine.opened.set()
        for number, name in enumerate(("router", "worker", "gateway"), 1):
            await engine.until(number * JOBS // 5)
            await parts.kill(name)
            bound = await parts.start(name, *start[name])
            at = bound if name == "gateway" else at
        await engine.until(4 * JOBS // 5)
        os.kill(temporal_process(server), signal.SIGKILL)
        async with asyncio.timeout(90):
            await engine.until(JOBS)
        took = time.monotonic() - began
        states = await ends(at, keys, made)

    assert states == Counter({pb.JOB_STATE_SUCCEEDED: JOBS})
    assert set(engine.done) == {f"{job_id}.1" for job_id in made}
    assert set(engine.done.values()) == {1}
    waits: defaultdict[str, list[float]] = defaultdict(list)
    served: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for job_id, (_, word) in made.items():
        waits[word].append(engine.first[f"{job_id}.1"] - began)
    for key in sorted(engine.first, key=engine.first.__getitem__)[AT_ONCE:]:  # those before had the engine to themselves
        tenant, word = made[key.removesuffix(".1")]
        if sum(served[word].values()) < JOBS // 3 * 2 // 3:  # at the end all have had all
            served[word][tenant] += 1
    medians = [median(waits[one.word]) for one in Priority]
    unequal = max(abs(count * len(TENANTS) / sum(one.values()) - 1) for one in served.values() for count in one.values())
    record_property("ended", f"{sum(states.values())} of {JOBS} in {took:.0f} s")
    record_property("asked of the engine more than once", str(len(engine.requests) - JOBS))
    record_property("median wait", " < ".join(f"{one:.1f} s" for one in medians))
    record_property("service of a tenant off its equal part by at most", f"{unequal:.0%}")
    assert medians == sorted(medians)
    assert unequal <= 0.1


async def create(at: str, keys: dict[str, str], asked: list[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The jobs' ids, each with its tenant and class, in the order asked for."""
    made = {}
    async with dial(at) as channel:
        stub = job_grpc.JobServiceStub(channel)
        for tenant, word in asked:
            request = pb.CreateJobRequest(generate=inference_pb.GenerateRequest(model="fake", text="work"))
            metadata = (("authorization", f"Bearer {keys[tenant]}"), ("thinmesh-priority", word))
            job = await job_of(stub, request, metadata)
            made[job.id] = (tenant, word)
    return made


async def job_of(stub: job_grpc.JobServiceAsyncStub, request: pb.CreateJobRequest, metadata: Metadata) -> pb.Job:
    """A job, asked for until there is one: a key that was just made may not be known yet."""
    while True:
        try:
            return (await stub.CreateJob(request, metadata=metadata, timeout=5)).job
        except grpc.aio.AioRpcError as error:
            assert error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED}, error
        await asyncio.sleep(0.1)


async def ends(at: str, keys: dict[str, str], made: dict[str, tuple[str, str]]) -> Counter[int]:
    """How the jobs ended."""
    states: Counter[int] = Counter()
    async with dial(at) as channel, asyncio.timeout(60):
        stub = job_grpc.JobServiceStub(channel)
        for job_id, (tenant, _) in made.items():
            metadata = (("authorization", f"Bearer {keys[tenant]}"),)
            state = pb.JOB_STATE_RUNNING
            while state in {pb.JOB_STATE_RUNNING, pb.JOB_STATE_QUEUED}:
                try:
                    state = (await stub.GetJob(pb.GetJobRequest(id=job_id), metadata=metadata, timeout=5)).job.state
                except grpc.aio.AioRpcError as error:
                    assert error.code() is grpc.StatusCode.UNAVAILABLE, error
                    await asyncio.sleep(0.1)
            states[state] += 1
    return states
