"""Runs of pipelines in a real Temporal: what ends them, and what their steps have in common."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporal_server import TemporalServer
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.worker import Worker
from thinmesh.job.v1 import job_service_pb2 as pb

from fakes import pipelines
from thinmesh_core.errors import Reason
from thinmesh_core.priority import Priority
from thinmesh_pipelines.flow.run import SAID, WAITING, Run
from thinmesh_pipelines.job import Owner, Said, workflow_id
from thinmesh_pipelines.payloads.converter import MeshPayloadConverter
from thinmesh_pipelines.registry import FOLDER, Pipelines, workflow_type
from thinmesh_pipelines.replaying import RUNNER

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUEUE = "runs"
OWNER = Owner("acme", "somebody", ("user",), key=True, priority=Priority.STANDARD)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(temporal: TemporalServer, folder: Path) -> AsyncIterator[Client]:
    converter = DataConverter(payload_converter_class=MeshPayloadConverter)
    client = await Client.connect(temporal.address, data_converter=converter)
    found = [one for one in vars(pipelines).values() if isinstance(one, type) and issubclass(one, Run)]
    known = Pipelines(found)
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=known.workflows,
        activities=known.steps(folder),
        workflow_runner=RUNNER,
    )
    async with worker:
        yield client


async def begun(client: Client, name: str, given: Any) -> WorkflowHandle[Any, pb.JobResult]:
    work = pb.PipelineWork(name=name, input=json.dumps(given))
    return await client.start_workflow(
        workflow_type(name),
        args=[OWNER, work, 5.0],
        id=workflow_id("acme", f"job-{uuid4().hex}"),
        task_queue=QUEUE,
        result_type=pb.JobResult,
    )


async def answer(client: Client, name: str, given: Any) -> Any:
    return json.loads((await (await begun(client, name, given)).result()).pipeline.output)


async def failure(handle: WorkflowHandle[Any, pb.JobResult]) -> BaseException:
    with pytest.raises(WorkflowFailureError) as failed:
        async with asyncio.timeout(30):
            await handle.result()
    return failed.value.cause


@pytest.mark.parametrize(("name", "said"), [("clock", "datetime.now"), ("dice", "random"), ("files", "")])
async def test_code_that_touches_the_world_ends_with_what_it_touched(
    client: Client, name: str, said: str, tmp_path: Path
) -> None:
    error = await failure(await begun(client, name, str(tmp_path)))
    assert isinstance(error, ApplicationError)
    assert error.type == Reason.INTERNAL.name
    assert said in error.message


async def test_a_fault_of_the_code_ends_the_run(client: Client) -> None:
    error = await failure(await begun(client, "broken", "x"))
    assert isinstance(error, ApplicationError)
    assert (error.type, error.message) == (Reason.INTERNAL.name, "The pipeline's code failed with KeyError: 'b'")


@pytest.mark.parametrize("given", ["object", "surrogate"])
async def test_an_answer_that_is_no_json_ends_the_run(client: Client, given: str) -> None:
    error = await failure(await begun(client, "unwritable", given))
    assert isinstance(error, ApplicationError)
    assert error.type == Reason.INTERNAL.name


async def test_code_that_exits_ends_the_run_and_nothing_else(client: Client) -> None:
    exited = await failure(await begun(client, "exiting", "so"))
    assert isinstance(exited, ApplicationError)
    assert exited.message == "The pipeline's code failed with SystemExit: so"
    timed_out = await failure(await begun(client, "stopping", "so"))
    assert isinstance(timed_out, ApplicationError)
    assert timed_out.type == Reason.DEADLINE_EXCEEDED.name
    assert await answer(client, "squares", [1, 2, 3]) == [1, 4, 9]


async def test_many_things_are_done_some_at_once_and_in_their_order(client: Client) -> None:
    pipelines.RUNNING[:] = [0, 0]
    pipelines.THREE.clear()
    assert await answer(client, "squares", list(range(10))) == [number * number for number in range(10)]
    assert pipelines.RUNNING == [0, 3]


async def test_all_attempts_of_a_step_have_one_id(client: Client, folder: Path) -> None:
    handle = await begun(client, "persistent", "attempts")
    step = json.loads((await handle.result()).pipeline.output)
    assert step == f"{handle.id.rpartition('/')[2]}.1"
    assert (folder / FOLDER / "acme" / "attempts").read_text().splitlines() == [step, step]


async def test_of_steps_that_fail_together_the_first_is_told(client: Client) -> None:
    error = await failure(await begun(client, "refusing", [1, 2, 3]))
    assert isinstance(error, ActivityError)
    assert error.activity_type == "fakes.pipelines.never"
    assert isinstance(error.cause, ApplicationError)
    assert error.cause.type == Reason.INVALID_REQUEST.name


async def test_a_person_who_says_nothing_ends_the_run_in_time(client: Client) -> None:
    error = await failure(await begun(client, "waiting", 1))
    assert isinstance(error, ApplicationError)
    assert error.type == Reason.DEADLINE_EXCEEDED.name


async def test_the_first_word_counts_and_what_is_not_asked_for_is_not_heard(client: Client) -> None:
    handle = await begun(client, "waiting", 30)
    while not (await (await handle.describe()).memo_value(WAITING, pb.Job(), type_hint=pb.Job)).waiting:
        pass
    for name, note in (("another", "not this"), ("approval", "this"), ("approval", "nor this")):
        value = json.dumps({"approved": True, "note": note})
        await handle.signal(SAID, Said(name, value, "somebody"))
    assert json.loads((await handle.result()).pipeline.output) == "this"


async def test_a_word_that_is_none_ends_the_run_with_what_was_expected(client: Client) -> None:
    handle = await begun(client, "waiting", 30)
    while not (await (await handle.describe()).memo_value(WAITING, pb.Job(), type_hint=pb.Job)).waiting:
        pass
    await handle.signal(SAID, Said("approval", '"yes"', "somebody"))
    error = await failure(handle)
    assert isinstance(error, ApplicationError)
    assert error.type == Reason.INVALID_REQUEST.name


async def test_a_cancelled_run_ends(client: Client) -> None:
    handle = await begun(client, "sleeping", 3600)
    await handle.cancel()
    assert isinstance(await failure(handle), CancelledError)
