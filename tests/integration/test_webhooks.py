"""Who wants to know is told that a job has ended, however it ended; through a real Temporal, whatever is killed meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from aiohttp import web
from canaries import PROMPT
from integration.test_jobs import created, ended, once_past, refused
from launch import Running, flags, mesh, output, said
from openai import AsyncOpenAI
from parts import Parts, temporal
from standardwebhooks import Webhook
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from fakes.openai_engine import FakeEngine, fake_engine
from fakes.receiver import Heard, Receiver, receiver
from thinmesh_core.channel import dial
from thinmesh_core.errors import Reason
from thinmesh_pipelines.webhooks.signature import new_secret

CONFIG = """
tenants:
  dev: {webhooks: [{url: "URL/hook?token=t", secret_env: TEST_WEBHOOK}]}
  other: {}
backends:
  fake:
    adapter: openai
    options: {base_url: "ENGINE"}
models: {fake: {backends: [fake]}}
jobs: {JOBS}
"""
HERE = 'outgoing: {allow: ["127.0.0.1"]}'
SECRET = new_secret()


class Meshed(NamedTuple):
    """A mesh with jobs."""

    running: Running
    stub: job_grpc.JobServiceAsyncStub

    async def create(self, model: str = "fake") -> str:
        """A job, whose request has what must be told to nobody."""
        work = inference_pb.GenerateRequest(model=model, text=PROMPT)
        return (await self.stub.CreateJob(pb.CreateJobRequest(generate=work), metadata=self.running.metadata, timeout=5)).job.id

    async def state(self, job_id: str) -> pb.JobState.ValueType:
        """How a job has ended."""
        return (await ended(self.stub, job_id, self.running.metadata)).state


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with fake_engine() as engine:
        yield engine


@pytest.fixture
async def there(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    monkeypatch.setenv("TEST_WEBHOOK", SECRET)
    async with receiver() as one:
        yield one


def config(there: Receiver, engine: FakeEngine, *jobs: str) -> str:
    return CONFIG.replace("URL", there.url).replace("ENGINE", engine.base_url).replace("JOBS", ", ".join(jobs))


@asynccontextmanager
async def meshed(text: str, state: Path) -> AsyncIterator[Meshed]:
    async with mesh(text, state, "up") as running, dial(running.grpc) as channel:
        yield Meshed(running, job_grpc.JobServiceStub(channel))


def told(heard: Heard) -> tuple[str, dict[str, str]]:
    """The type and the data of what was told, once its signature is found good by Standard Webhooks' own library."""
    message: dict[str, Any] = json.loads(heard.body)
    Webhook(SECRET).verify(heard.body, heard.headers)
    assert set(message) == {"type", "timestamp", "data"}
    return message["type"], message["data"]


async def test_the_end_of_a_job_is_told_again_until_it_is_heard_and_the_job_waits_for_none_of_that(
    state: Path, engine: FakeEngine, there: Receiver
) -> None:
    answers = iter([500])
    there.answer = lambda: web.Response(status=next(answers, 204))
    async with meshed(config(there, engine, HERE), state) as at:
        job = await at.create()
        assert await at.state(job) == pb.JOB_STATE_SUCCEEDED
        first, again = await there.take(), await there.take()
        assert told(first) == told(again) == ("job.succeeded", {"id": job})
        assert first.headers["webhook-id"] == again.headers["webhook-id"]
        assert first.headers["webhook-timestamp"] < again.headers["webhook-timestamp"]
        listed = await at.stub.ListJobs(pb.ListJobsRequest(), metadata=at.running.metadata, timeout=5)
        assert [one.id for one in listed.jobs] == [job]


async def test_failure_cancel_and_expiry_are_told_as_what_the_job_says_of_itself(
    state: Path, engine: FakeEngine, there: Receiver
) -> None:
    async with meshed(config(there, engine, HERE, "expire_seconds: 8", "at_once: 1"), state) as at:
        engine.refusal = (400, b"{}")
        failed = await at.create()
        assert told(await there.take()) == ("job.failed", {"id": failed})
        assert await at.state(failed) == pb.JOB_STATE_FAILED

        engine.refusal, engine.endless, engine.delay = None, True, 0.05
        cancelled = await at.create()
        async with asyncio.timeout(10):
            await engine.began.wait()
        await at.stub.CancelJob(pb.CancelJobRequest(id=cancelled), metadata=at.running.metadata, timeout=5)
        assert told(await there.take()) == ("job.cancelled", {"id": cancelled})
        assert await at.state(cancelled) == pb.JOB_STATE_CANCELLED

        engine.left.clear()
        running, waiting = await at.create(), await at.create()
        messages = [told(await there.take()), told(await there.take())]
        assert sorted(messages, key=str) == sorted((("job.expired", {"id": one}) for one in (running, waiting)), key=str)
        async with asyncio.timeout(10):
            await engine.left.wait()
        for one in (running, waiting):
            assert await at.state(one) == pb.JOB_STATE_EXPIRED
        listed = await at.stub.ListJobs(pb.ListJobsRequest(limit=2), metadata=at.running.metadata, timeout=5)
        assert {one.state for one in listed.jobs} == {pb.JOB_STATE_EXPIRED}


async def test_a_pipeline_is_told_as_any_job_also_while_it_waits_for_a_person(
    state: Path, engine: FakeEngine, there: Receiver
) -> None:
    async with meshed(config(there, engine, HERE, "expire_seconds: 8"), state) as at:
        order = pb.PipelineWork(name="example-approved-draft", input=json.dumps({"about": PROMPT, "model": "fake"}))
        asking = at.stub.CreateJob(pb.CreateJobRequest(pipeline=order), metadata=at.running.metadata, timeout=5)
        job = (await asking).job.id
        assert told(await there.take()) == ("job.expired", {"id": job})
        assert await at.state(job) == pb.JOB_STATE_EXPIRED
        assert len(engine.requests) == 1


async def test_what_tells_of_a_job_is_no_job_itself(state: Path, engine: FakeEngine, there: Receiver) -> None:
    async with meshed(config(there, engine, HERE), state) as at:
        job = await at.create()
        run = (await there.take()).headers["webhook-id"].removeprefix("evt_")
        asking = at.stub.GetJob(pb.GetJobRequest(id=f"{job}~webhook-{run}"), metadata=at.running.metadata, timeout=5)
        with pytest.raises(grpc.aio.AioRpcError) as hidden:
            await asking
        assert refused(hidden.value).reason is Reason.NOT_FOUND


async def test_batches_are_told_under_openais_names(state: Path, engine: FakeEngine, there: Receiver) -> None:
    text = config(there, engine, HERE)
    async with meshed(text, state) as at, AsyncOpenAI(base_url=f"{at.running.http}/v1", api_key=at.running.key) as sdk:

        async def made(window: Any, *lines: dict[str, Any]) -> str:
            data = b"\n".join(json.dumps(one).encode() for one in lines)
            file = await sdk.files.create(file=("lines.jsonl", data), purpose="batch")
            endpoint: Any = "/v1/completions"
            return (await sdk.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window=window)).id

        body = {"model": "fake", "prompt": PROMPT}
        line = {"custom_id": "a", "method": "POST", "url": "/v1/completions", "body": body}
        completed = await made("1h", line)
        event, data = told(await there.take())
        assert (event, data["id"], data["job_id"].startswith("job-")) == ("batch.completed", completed, True)
        assert (await sdk.batches.retrieve(completed)).status == "completed"

        failed = await made("1h", {"custom_id": "a"})
        event, data = told(await there.take())
        assert (event, data["id"]) == ("batch.failed", failed)

        engine.endless, engine.delay = True, 0.05
        expired = await made("2s", line)
        event, data = told(await there.take())
        assert (event, data["id"], (await sdk.batches.retrieve(expired)).status) == ("batch.expired", expired, "expired")

        cancelled = await made("1h", line)
        engine.began.clear()
        await sdk.batches.cancel(cancelled)
        event, data = told(await there.take())
        assert (event, data["id"]) == ("batch.cancelled", cancelled)


async def test_a_private_receiver_that_is_not_allowed_is_never_connected_to(
    state: Path, engine: FakeEngine, there: Receiver
) -> None:
    async with meshed(config(there, engine), state) as at:
        assert await at.state(await at.create()) == pb.JOB_STATE_SUCCEEDED
        await said(at.running.processes["up"], r"job\.succeeded of tenants\.dev\.webhooks\[0\] is given up")
        assert there.heard.empty()


async def test_a_receiver_that_is_gone_hears_nothing_more(state: Path, engine: FakeEngine, there: Receiver) -> None:
    there.answer = lambda: web.Response(status=410)
    async with meshed(config(there, engine, HERE), state) as at:
        await at.create()
        await there.take()
        await said(at.running.processes["up"], r"is given up: The receiver answered 410")


async def test_whom_to_tell_follows_the_configuration(state: Path, engine: FakeEngine, there: Receiver) -> None:
    text = config(there, engine, HERE)
    async with meshed(text, state) as at:
        file = state / "thinmesh.yaml"
        file.write_text(text.replace("TEST_WEBHOOK}", "TEST_WEBHOOK, events: [job.failed]}"))
        await said(at.running.processes["up"], "the configuration of .* is in force")
        await at.state(await at.create())
        engine.refusal = (400, b"{}")
        failed = await at.create()
        assert told(await there.take()) == ("job.failed", {"id": failed})
        file.write_text(text.replace("TEST_WEBHOOK}", "NOT_SET}"))
        await said(at.running.processes["up"], r"tenants\.dev\.webhooks\[0\]: the environment variable NOT_SET is not set")


async def test_a_worker_that_dies_between_the_end_and_the_telling_takes_nothing_with_it(
    state: Path, engine: FakeEngine, there: Receiver
) -> None:
    """It is killed while the receiver has not answered yet; the next worker tells under the same id."""
    hanging = asyncio.Event()

    async def first() -> None:
        await hanging.wait()

    there.before = first
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(temporal(state / "temporal"))
        file = state / "thinmesh.yaml"
        file.write_text(config(there, engine, HERE, f'temporal: "{server.address}"'))
        parts = Parts(stack, tuple(flags(file, state)))
        ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        await parts.start("adapter", "gRPC (.+)", "adapter", "fake")
        await parts.start("router", "gRPC (.+)", "router")
        await parts.start("worker", "gRPC (.+)", "worker")
        code, key, error = await output("key", "create", "--tenant", "dev", *flags(file, state))
        assert code == 0, error
        grpc_at = await parts.start("gateway", r"gRPC ([^\s,]+)", "gateway", *ports)
        mine = (("authorization", f"Bearer {key.strip()}"),)
        async with dial(grpc_at) as channel:
            stub: job_grpc.JobServiceAsyncStub = job_grpc.JobServiceStub(channel)
            job = await once_past(Reason.JOBS_UNAVAILABLE, lambda: created(stub, mine))
            interrupted = await there.take()
            assert (await ended(stub, job.id, mine)).state == pb.JOB_STATE_SUCCEEDED
            await parts.kill("worker")
            hanging.set()
            await parts.start("worker", "gRPC (.+)", "worker")
            again = await there.take()
        assert told(again) == ("job.succeeded", {"id": job.id})
        assert again.headers["webhook-id"] == interrupted.headers["webhook-id"]
