"""Pipelines on an embedded mesh: real small models, a real Temporal, and a service of somebody else's in the middle."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
import pytest_asyncio
from canaries import PHRASE
from launch import MINILM, SMOLLM2, Running, flags, mesh, output
from temporalio.client import Client
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from fakes.web_service import WebService, web_service
from thinmesh_core.channel import dial
from thinmesh_core.errors import Reason
from thinmesh_core.status import from_rpc_error
from thinmesh_examples import rag
from thinmesh_pipelines.registry import FOLDER

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDED = {pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED, pb.JOB_STATE_CANCELLED, pb.JOB_STATE_EXPIRED}
PASSAGES = {
    "ferry": "The ferry to the island leaves the harbour at nine in the morning.",
    "tickets": "Tickets for the ferry are sold at the harbour office.",
    "cats": "Cats sleep for most of the day.",
    "tea": "Green tea is picked in spring.",
    "snow": "In winter the mountain road is closed by snow.",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    small, vectors = SMOLLM2.split("backends:")[1].split("models:"), MINILM.split("backends:")[1].split("models:")
    config = f"""
tenants: {{dev: {{}}, other: {{}}}}
roles: {{runner: {{actions: [jobs, pipelines, infer]}}}}
backends:{small[0]}{vectors[0]}
models: {{smollm2: {{backends: [smollm2]}}, minilm: {{backends: [minilm]}}}}
jobs:
  outgoing: {{allow: ["127.0.0.1"]}}
  schedules:
    notes: {{pipeline: example-nightly, tenant: dev, input: {{kinds: [praise, complaint]}}}}
"""
    async with mesh(config, tmp_path_factory.mktemp("s"), "up") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def stub(running: Running) -> AsyncIterator[job_grpc.JobServiceAsyncStub]:
    async with dial(running.grpc) as channel:
        yield job_grpc.JobServiceStub(channel)


@pytest_asyncio.fixture(loop_scope="module")
async def service() -> AsyncIterator[WebService]:
    async with web_service() as service:
        yield service


Stub: TypeAlias = "job_grpc.JobServiceAsyncStub"
Metadata = tuple[tuple[str, str], ...]


async def begun(stub: Stub, metadata: Metadata, name: str, given: Any, key: str | None = None) -> pb.Job:
    work = pb.PipelineWork(name=name, input=json.dumps(given))
    request = pb.CreateJobRequest(pipeline=work, idempotency_key=key)
    return (await stub.CreateJob(request, metadata=metadata, timeout=5)).job


async def until(stub: Stub, metadata: Metadata, job: pb.Job, states: set[pb.JobState.ValueType]) -> pb.Job:
    async with asyncio.timeout(60):
        async for news in stub.WatchJob(pb.WatchJobRequest(id=job.id), metadata=metadata):
            if news.job.state in states:
                return news.job
    raise AssertionError("it ended otherwise")


async def ran(stub: Stub, metadata: Metadata, name: str, given: Any) -> pb.Job:
    return await until(stub, metadata, await begun(stub, metadata, name, given), ENDED)


def answer(job: pb.Job) -> Any:
    assert job.state == pb.JOB_STATE_SUCCEEDED, job.error
    return json.loads(job.result.pipeline.output)


async def indexed(stub: Stub, metadata: Metadata) -> None:
    passages = [{"id": name, "text": text} for name, text in PASSAGES.items()]
    assert answer(await ran(stub, metadata, "example-index", {"passages": passages})) == len(PASSAGES)


async def test_an_answer_cites_what_was_retrieved_and_nothing_else(running: Running, stub: Stub, service: WebService) -> None:
    await indexed(stub, running.metadata)
    job = await ran(
        stub, running.metadata, "example-rag", {"question": f"When does the ferry leave? {PHRASE}", "api": service.url}
    )
    cited = answer(job)
    assert cited["answer"]
    assert {"ferry"} <= {*cited["passages"]} <= {*PASSAGES}
    assert service.keys == [f"{job.id}.3"]
    assert (job.kind, job.pipeline) == ("pipeline", "example-rag")
    assert job.link.startswith("http://127.0.0.1:")


async def test_the_rag_example_is_at_most_40_lines_of_workflow_code() -> None:
    source = inspect.getsource(rag)
    assert len([line for line in source[source.index("@flow.pipeline") :].splitlines() if line.strip()]) <= 40


async def test_a_service_that_fails_is_asked_again_under_the_same_key(
    running: Running, stub: Stub, service: WebService
) -> None:
    await indexed(stub, running.metadata)
    service.statuses = [503, 429]
    job = await ran(stub, running.metadata, "example-rag", {"question": "When does the ferry leave?", "api": service.url})
    answer(job)
    assert service.keys == [f"{job.id}.3"] * 3


async def test_an_end_says_which_step_failed_and_where_to_look(running: Running, stub: Stub, service: WebService) -> None:
    await indexed(stub, running.metadata)
    service.statuses = [404]
    lost = await ran(stub, running.metadata, "example-rag", {"question": "When?", "api": service.url})
    assert lost.state == pb.JOB_STATE_FAILED
    assert "404" in lost.error.message
    private = await ran(stub, running.metadata, "example-rag", {"question": "When?", "api": "http://10.1.2.3/latest"})
    assert (private.error.step, private.error.reason) == ("http_call", Reason.INVALID_REQUEST.value)
    nobody = await ran(
        stub, running.metadata, "example-rag", {"question": "When?", "api": service.url, "model": "nobody-has-it"}
    )
    assert (nobody.error.step, nobody.error.reason) == ("chat", Reason.MODEL_NOT_FOUND.value)
    assert all(one.link for one in (lost, private, nobody))


async def test_what_makes_no_sense_is_refused_before_it_is_a_job(running: Running, stub: Stub) -> None:
    for name, given, reason in (
        ("no-such-pipeline", {}, Reason.NOT_FOUND),
        ("example-long-document", {"text": 7}, Reason.INVALID_REQUEST),
        ("example-long-document", {}, Reason.INVALID_REQUEST),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await begun(stub, running.metadata, name, given)
        assert from_rpc_error(refused.value).reason is reason


async def test_a_long_document_becomes_one_summary(running: Running, stub: Stub) -> None:
    text = " ".join(f"Chapter {number}: {PASSAGES['ferry']} {PASSAGES['tickets']}" for number in range(30))
    job = await ran(stub, running.metadata, "example-long-document", {"text": text, "words": 150, "at_once": 2})
    assert 0 < len(answer(job).split()) < 150


async def test_a_draft_waits_for_a_person(running: Running, stub: Stub) -> None:
    mine = running.metadata
    job = await begun(stub, mine, "example-approved-draft", {"about": f"the ferry {PHRASE}"}, "letter")
    first = await until(stub, mine, job, {pb.JOB_STATE_WAITING})
    [waiting] = first.waiting
    assert waiting.signal == "approval"
    assert waiting.question

    strange = (("authorization", f"Bearer {await key(running, 'other', 'user')}"),)
    may_not = (("authorization", f"Bearer {await key(running, 'dev', 'runner')}"),)
    for metadata, signal, reason in (
        (strange, "approval", Reason.NOT_FOUND),
        (may_not, "approval", Reason.PERMISSION_DENIED),
        (mine, "something-else", Reason.NOT_FOUND),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await decided(stub, metadata, job, signal, approved=True)
        assert from_rpc_error(refused.value).reason is reason

    await decided(stub, mine, job, "approval", approved=False, note="shorter")
    second = await waits_for_another(stub, mine, job, waiting.question)
    await decided(stub, mine, job, "approval", approved=True)
    ended = await until(stub, mine, job, ENDED)
    assert answer(ended) == {"text": second, "approved_by": running.key.split("_")[2]}
    with pytest.raises(grpc.aio.AioRpcError):
        await decided(stub, mine, job, "approval", approved=True)


async def test_a_schedule_runs_a_pipeline_for_its_tenant(running: Running, stub: Stub) -> None:
    inbox = running.state / FOLDER / "dev" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "one.txt").write_text("The ferry was late and nobody told us why.")
    (inbox / "two.txt").write_text("What a lovely trip, thank you!")
    client = await Client.connect(temporal_of(running))
    schedule = client.get_schedule_handle("thinmesh-notes")
    [spec] = (await schedule.describe()).schedule.spec.calendars
    assert [one.start for one in (*spec.hour, *spec.minute)] == [2, 0]
    await schedule.trigger()
    async with asyncio.timeout(30):
        while not (listed := (await runs(stub, running.metadata, "example-nightly"))):
            await asyncio.sleep(0.1)
    job = await until(stub, running.metadata, listed[0], ENDED)
    assert sum(answer(job)["counts"].values()) == 2
    assert not [*inbox.iterdir()]
    assert len([*(inbox.parent / "sorted").iterdir()]) == 1
    assert not await runs(stub, (("authorization", f"Bearer {await key(running, 'other', 'user')}"),), "example-nightly")


async def test_the_commands_run_list_and_approve(running: Running, stub: Stub) -> None:
    where = flags(running.state / "thinmesh.yaml", running.state)
    at = ("--gateway", running.grpc, *where)
    code, listed, error = await output("pipeline", "list", *at)
    assert code == 0, error
    assert all(name in listed for name in ("example-rag", "example-approved-draft"))
    plain = json.loads((await output("pipeline", "list", "--json", *at))[1])
    assert all(one["name"] in listed and one["input_schema"] for one in plain)
    code, job_id, error = await output("pipeline", "run", "example-approved-draft", '{"about": "tea"}', *at)
    assert code == 0, error
    await until(stub, running.metadata, pb.Job(id=job_id.strip()), {pb.JOB_STATE_WAITING})
    code, _, error = await output("pipeline", "approve", job_id.strip(), *at)
    assert code == 0, error
    code, text, error = await output("job", "watch", job_id.strip(), *at)
    assert code == 0, error
    code, jobs, error = await output("job", "list", "--json", *at)
    assert (code, job_id.strip() in {one["id"] for one in json.loads(jobs)}) == (0, True), error
    assert json.loads(text)["approved_by"] == running.key.split("_")[2]
    code, _, error = await output("pipeline", "run", "example-rag", "no json", *at)
    assert code == 2
    assert "no JSON" in error


async def decided(stub: Stub, metadata: Metadata, job: pb.Job, signal: str, **decision: Any) -> None:
    request = pb.SignalJobRequest(id=job.id, signal=signal, value=json.dumps(decision))
    async with asyncio.timeout(30):
        while True:
            try:
                await stub.SignalJob(request, metadata=metadata, timeout=5)
            except grpc.aio.AioRpcError as error:
                if from_rpc_error(error).reason is not Reason.INVALID_KEY:  # one that was just made
                    raise
            else:
                return
            await asyncio.sleep(0.1)


async def waits_for_another(stub: Stub, metadata: Metadata, job: pb.Job, before: str) -> str:
    """The next question of a job."""
    async with asyncio.timeout(60):
        while True:
            found = (await stub.GetJob(pb.GetJobRequest(id=job.id), metadata=metadata, timeout=5)).job
            questions = [one.question for one in found.waiting if one.question != before]
            if questions:
                return questions[0]
            await asyncio.sleep(0.1)


async def runs(stub: Stub, metadata: Metadata, name: str) -> list[pb.Job]:
    request = pb.ListJobsRequest(kind="pipeline", limit=100)
    async with asyncio.timeout(30):
        while True:
            try:
                jobs = (await stub.ListJobs(request, metadata=metadata, timeout=5)).jobs
            except grpc.aio.AioRpcError as error:
                if from_rpc_error(error).reason is not Reason.INVALID_KEY:
                    raise
            else:
                return [job for job in jobs if job.pipeline == name]
            await asyncio.sleep(0.1)


async def key(running: Running, tenant: str, role: str) -> str:
    where = flags(running.state / "thinmesh.yaml", running.state)
    code, made, error = await output("key", "create", "--tenant", tenant, "--role", role, *where)
    assert code == 0, error
    return made.strip()


def temporal_of(running: Running) -> str:
    """Where the Temporal is that the mesh brought along, by its command line."""
    mine = running.processes["up"].pid
    for child in Path(f"/proc/{mine}/task/{mine}/children").read_text().split():
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        if b"start-dev" in words:
            return f"127.0.0.1:{words[words.index(b'--port') + 1].decode()}"
    raise AssertionError("there is no Temporal")
