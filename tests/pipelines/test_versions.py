"""Workers of two versions on a real Temporal: runs end on the code that they began on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporal_server import TemporalServer
from temporalio.client import Client, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.worker import Worker
from thinmesh.job.v1 import job_service_pb2 as pb

from fakes import new_pipelines, old_pipelines
from thinmesh_core.priority import Priority
from thinmesh_pipelines.config import JobsConfig, WorkerConfig
from thinmesh_pipelines.flow.run import SAID, WAITING, Run
from thinmesh_pipelines.job import Owner, Said, workflow_id
from thinmesh_pipelines.payloads.converter import MeshPayloadConverter
from thinmesh_pipelines.registry import workflow_type
from thinmesh_pipelines.replaying import RUNNER
from thinmesh_pipelines.versions import deployment, promote

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = Owner("acme", "somebody", (), key=True, priority=Priority.STANDARD)


@asynccontextmanager
async def worker(client: Client, version: str, pipeline: type[Run]) -> AsyncIterator[None]:
    config = WorkerConfig(jobs=JobsConfig(queue="versions"), temporal="", gateway="", state=Path(), weights={}, version=version)
    working = Worker(
        client,
        task_queue="versions",
        workflows=[pipeline],
        workflow_runner=RUNNER,
        deployment_config=deployment(config),
    )
    async with working:
        await promote(client, config)
        yield


async def begun(client: Client, name: str) -> WorkflowHandle[object, pb.JobResult]:
    """A run that waits."""
    handle: WorkflowHandle[object, pb.JobResult] = await client.start_workflow(
        workflow_type("changing"),
        args=[OWNER, pb.PipelineWork(name="changing", input=json.dumps(name)), 5.0],
        id=workflow_id("acme", f"job-{name}"),
        task_queue="versions",
        result_type=pb.JobResult,
    )
    while not (await (await handle.describe()).memo_value(WAITING, pb.Job(), type_hint=pb.Job)).waiting:
        pass
    return handle


async def answer(handle: WorkflowHandle[object, pb.JobResult]) -> object:
    """What a run gives once it is told all that either version waits for."""
    for name in ("go", "start"):
        await handle.signal(SAID, Said(name, "true", "somebody"))
    return json.loads((await handle.result()).pipeline.output)


async def test_runs_end_on_the_version_that_they_began_on(temporal: TemporalServer) -> None:
    client = await Client.connect(temporal.address, data_converter=DataConverter(payload_converter_class=MeshPayloadConverter))
    async with worker(client, "1", old_pipelines.changing):
        first, second = await begun(client, "first"), await begun(client, "second")
        async with worker(client, "2", new_pipelines.changing):
            third = await begun(client, "third")
            assert await answer(first) == "old first"
            assert await answer(third) == "new third"
    async with worker(client, "2", new_pipelines.changing), worker(client, "1", old_pipelines.changing):
        fourth = await begun(client, "fourth")  # an old version that comes up again takes nothing new
        assert await answer(fourth) == "new fourth"
        assert await answer(second) == "old second"
