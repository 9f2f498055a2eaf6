"""Against a real Temporal: large payloads pass, and neither its files nor the store hold a word of anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from folders import files
from temporal_server import TemporalServer
from temporalio import activity, workflow
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleSpec,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)
from temporalio.common import RawValue, RetryPolicy
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.converter import converter
from thinmesh_pipelines.payloads.keys import FILE, KeyRing
from thinmesh_pipelines.payloads.objects import FOLDER, objects
from thinmesh_pipelines.payloads.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "a-word-of-nobody-else"
QUEUE = "payloads"
CONFIG = PayloadsConfig()
SHORT = timedelta(seconds=20)
ONCE = RetryPolicy(maximum_attempts=1)

failed_tasks: set[str] = set()
"""Workflows whose code has failed once."""


@activity.defn
async def repeat(request: pb.GenerateRequest) -> pb.GenerateRequest:
    activity.heartbeat(CANARY)
    return request


@activity.defn
async def fail(text: str) -> None:
    raise ApplicationError(text, text, type="ENGINE_ERROR") from ValueError(text)


@activity.defn
async def too_much(size: int) -> bytes:
    return b"x" * size


@workflow.defn
class Part:
    """A child, which goes on as another run of itself."""

    @workflow.run
    async def run(self, text: str, runs: int) -> str:
        if runs > 1:
            workflow.continue_as_new(args=[text, runs - 1])
        return text


@workflow.defn
class Everything:
    """Carries a text in every way that there is."""

    def __init__(self) -> None:
        self._told: str | None = None

    @workflow.run
    async def run(self, request: pb.GenerateRequest) -> pb.GenerateRequest:
        info = workflow.info()
        if info.workflow_id not in failed_tasks:
            failed_tasks.add(info.workflow_id)
            raise ValueError(CANARY)  # no failure of the workflow, but of its code
        await workflow.wait_condition(lambda: self._told is not None)
        assert await workflow.execute_child_workflow(Part.run, args=[CANARY, 2], id=f"{info.workflow_id}~1") == CANARY
        return await workflow.execute_activity(repeat, request, start_to_close_timeout=SHORT, summary=CANARY)

    @workflow.signal
    def tell(self, text: str) -> None:
        self._told = text

    @workflow.query
    def told(self) -> str | None:
        return self._told

    @workflow.update
    async def change(self, text: str) -> str:
        return text + text


@workflow.defn
class Failing:
    @workflow.run
    async def run(self, text: str) -> None:
        await workflow.execute_activity(fail, text, start_to_close_timeout=SHORT, retry_policy=ONCE)


@workflow.defn
class TooMuch:
    @workflow.run
    async def run(self, size: int) -> None:
        await workflow.execute_activity(too_much, size, start_to_close_timeout=SHORT)


@workflow.defn
class GivesTooMuch:
    @workflow.run
    async def run(self, size: int) -> bytes:
        return b"x" * size


@workflow.defn
class AsksTooMuch:
    @workflow.run
    async def run(self, size: int) -> None:
        await workflow.execute_activity(repeat, pb.GenerateRequest(text="x" * size), start_to_close_timeout=SHORT)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


async def connected(temporal: TemporalServer, state: Path) -> Client:
    return await Client.connect(temporal.address, data_converter=converter(CONFIG, KeyRing(state), objects(CONFIG, state)))


def worker(client: Client, queue: str) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=[Everything, Failing, Part, TooMuch, GivesTooMuch, AsksTooMuch],
        activities=[repeat, fail, too_much],
        workflow_runner=UnsandboxedWorkflowRunner(),  # these are no modules that a sandbox could import
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(temporal: TemporalServer, state: Path) -> AsyncIterator[Client]:
    """A client; a worker with a converter of its own works beside it."""
    clients = [
        await Client.connect(temporal.address, data_converter=converter(CONFIG, KeyRing(state), objects(CONFIG, state)))
        for _ in range(2)
    ]
    worker = Worker(
        clients[1],
        task_queue=QUEUE,
        workflows=[Everything, Failing, Part, TooMuch, GivesTooMuch, AsksTooMuch],
        activities=[repeat, fail, too_much],
        workflow_runner=UnsandboxedWorkflowRunner(),  # these are no modules that a sandbox could import
    )
    async with worker:
        yield clients[0]


def assert_sealed(temporal: TemporalServer, state: Path) -> None:
    """No file of Temporal's or of the store has the canary, though ids of jobs are found there."""
    contents = [path.read_bytes() for path in files(temporal.folder) | files(state)]
    assert any(b"acme/job-" in content for content in contents)
    assert not any(CANARY.encode() in content for content in contents)


async def test_20_mib_pass_and_nothing_of_them_is_seen(client: Client, temporal: TemporalServer, state: Path) -> None:
    request = pb.GenerateRequest(model="parrot", text=CANARY * (20 * 1024 * 1024 // len(CANARY)))
    handle = await client.start_workflow(
        Everything.run, request, id="acme/job-1", task_queue=QUEUE, memo={"note": CANARY}, static_summary=CANARY
    )
    assert await handle.execute_update(Everything.change, CANARY) == CANARY * 2
    await handle.signal(Everything.tell, CANARY)
    assert await handle.query(Everything.told) == CANARY
    assert await handle.result() == request
    assert await (await handle.describe()).memo_value("note") == CANARY
    assert failed_tasks
    assert_sealed(temporal, state)
    store = objects(CONFIG, state)
    assert await store.remove(Place("acme", "job-1")) == 1  # argument, step and answers are one object
    assert not list((state / FOLDER).rglob("*payloads/*/*"))


async def test_failures_tell_their_reason_and_nothing_else(client: Client, temporal: TemporalServer, state: Path) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await client.execute_workflow(Failing.run, CANARY, id="acme/job-2", task_queue=QUEUE)
    assert isinstance(caught.value.cause, ActivityError)
    cause = caught.value.cause.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.message, cause.details) == ("ENGINE_ERROR", CANARY, (CANARY,))
    assert_sealed(temporal, state)


async def test_a_step_whose_answer_is_too_large_ends_its_job(client: Client) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        await client.execute_workflow(TooMuch.run, CONFIG.max_bytes, id="acme/job-3", task_queue=QUEUE)
    assert isinstance(caught.value.cause, ActivityError)
    assert isinstance(caught.value.cause.cause, ApplicationError)
    assert caught.value.cause.cause.type == "REQUEST_TOO_LARGE"


@pytest.mark.parametrize("name", ["GivesTooMuch", "AsksTooMuch"])
async def test_a_job_ends_whose_own_code_gives_or_asks_too_much(client: Client, name: str) -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        async with asyncio.timeout(20):
            await client.execute_workflow(name, CONFIG.max_bytes, id=f"acme/job-{name}", task_queue=QUEUE)
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "REQUEST_TOO_LARGE"


async def test_an_activity_that_stands_alone(client: Client, temporal: TemporalServer, state: Path) -> None:
    request = pb.GenerateRequest(model="parrot", text=CANARY * 20_000)
    answer = await client.execute_activity(repeat, request, id="acme/job-4", task_queue=QUEUE, start_to_close_timeout=SHORT)
    assert answer == request
    assert_sealed(temporal, state)


async def test_a_schedule_starts_jobs_of_its_tenant(client: Client, temporal: TemporalServer, state: Path) -> None:
    action = ScheduleActionStartWorkflow(Part.run, args=[CANARY, 1], id="acme/nightly", task_queue=QUEUE)
    schedule = await client.create_schedule(
        "acme/nightly", Schedule(action=action, spec=ScheduleSpec()), trigger_immediately=True
    )
    async with asyncio.timeout(20):
        while not (actions := (await schedule.describe()).info.recent_actions):
            await asyncio.sleep(0.1)
    started = actions[0].action
    assert isinstance(started, ScheduleActionExecutionStartWorkflow)
    handle = client.get_workflow_handle(started.workflow_id)
    assert handle.id.startswith("acme/nightly-")
    assert await handle.result() == CANARY
    assert_sealed(temporal, state)


async def test_what_was_not_sealed_for_its_tenant_ends_a_job(client: Client, temporal: TemporalServer) -> None:
    """Whoever may write to Temporal, but has no key, moves payloads between tenants, or writes some of their own."""
    theirs = client.data_converter.with_context(WorkflowSerializationContext(namespace="default", workflow_id="acme/job-5"))
    moved = [RawValue(payload) for payload in await theirs.encode([CANARY, 1])]
    raw = await Client.connect(temporal.address)
    await raw.start_workflow("Part", args=moved, id="acme/job-5", task_queue=QUEUE)
    assert await client.get_workflow_handle("acme/job-5").result() == CANARY
    for name, given in (("emca/moved", moved), ("acme/clear", ["in clear", 1])):
        handle = await raw.start_workflow("Part", args=given, id=name, task_queue=QUEUE)
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        assert (await handle.describe()).status is WorkflowExecutionStatus.FAILED


@pytest.mark.parametrize("lost", [FILE, FOLDER])
async def test_jobs_wait_for_keys_and_objects_that_a_worker_has_not_yet(
    client: Client, temporal: TemporalServer, state: Path, tmp_path: Path, lost: str
) -> None:
    """A worker with another state folder can't go on; once it has what the others have, the same job does."""
    text = CANARY * 20_000
    handle = await client.start_workflow(
        Part.run, args=[text, 1], id=f"acme/waits-for-{lost}", task_queue=lost, task_timeout=timedelta(seconds=1)
    )
    for name in {FILE, FOLDER} - {lost}:
        (tmp_path / name).symlink_to(state / name)
    async with worker(await connected(temporal, tmp_path), lost):
        async with asyncio.timeout(20):
            while (await handle.describe()).raw_description.pending_workflow_task.attempt < 2:
                await asyncio.sleep(0.1)
        (tmp_path / lost).rename(tmp_path / "before")
        (tmp_path / lost).symlink_to(state / lost)
        assert await handle.result() == text
