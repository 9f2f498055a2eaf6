"""The course of a batch in a real Temporal: what was answered is given, also where it is cancelled while that is gathered."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporal_server import TemporalServer
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.priority import Priority
from thinmesh_pipelines.batches.lines import Range
from thinmesh_pipelines.batches.task import Counted, Examined, Gathered, Gathering, Task
from thinmesh_pipelines.batches.workflow import BatchJob
from thinmesh_pipelines.heartbeat import beating
from thinmesh_pipelines.job import Owner
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.converter import converter
from thinmesh_pipelines.payloads.keys import KeyRing
from thinmesh_pipelines.payloads.objects import objects
from thinmesh_pipelines.replaying import RUNNER

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = Owner("acme", "somebody", (), key=True, priority=Priority.BATCH)


class Steps:
    """All lines are done; gathering goes on until it is let go."""

    def __init__(self) -> None:
        self.gathering, self.go_on, self.discarded = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @activity.defn
    async def examine(self, task: Task) -> Examined:
        """One range."""
        return Examined([], [Range(0, 10, 1, 1)])

    @activity.defn
    async def lines(self, task: Task, index: int, part: Range) -> Counted:
        """It is done."""
        return Counted(done=1)

    @activity.defn
    async def gather(self, task: Task, ranges: list[Range], gathering: Gathering) -> Gathered:
        """A file."""
        async with beating():
            self.gathering.set()
            await self.go_on.wait()
        return Gathered(Counted(done=1), "file-1", None)

    @activity.defn
    async def discard(self, task: Task) -> None:
        """It is noted."""
        self.discarded.set()


async def heard(handle: WorkflowHandle[Any, pb.JobResult]) -> set[int]:
    """What happened, once the workflow has heard that it is cancelled."""
    while True:
        happened = [one.event_type async for one in handle.fetch_history_events()]
        asked = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
        if asked in happened and EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED in happened[happened.index(asked) :]:
            return set(happened)


async def test_a_batch_that_is_cancelled_while_it_gathers_its_files_gives_them(
    temporal: TemporalServer, tmp_path: Path
) -> None:
    payloads, steps, job = PayloadsConfig(), Steps(), f"job-{uuid.uuid4().hex}"
    data_converter = converter(payloads, KeyRing(tmp_path), objects(payloads, tmp_path))
    client = await Client.connect(temporal.address, data_converter=data_converter)
    batch = pb.Batch(work=pb.BatchWork(input_file_id="file-0", endpoint="/v1/embeddings", window_seconds=3600))
    activities: list[Callable[..., Any]] = [steps.examine, steps.lines, steps.gather, steps.discard]
    async with Worker(client, task_queue=job, workflows=[BatchJob], activities=activities, workflow_runner=RUNNER):
        arguments = [Task(job, OWNER, "file-0", "/v1/embeddings", 1), batch, 3600]
        handle = await client.start_workflow(BatchJob.run, args=arguments, id=f"acme/{job}", task_queue=job)
        async with asyncio.timeout(60):
            await steps.gathering.wait()
            await handle.cancel()
            happened = await heard(handle)
            steps.go_on.set()
            result = await handle.result()
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED not in happened
    assert result.batch.output_file_id == "file-1"
    assert steps.discarded.is_set()
