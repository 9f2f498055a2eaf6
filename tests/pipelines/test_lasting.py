"""Against a real Temporal: a run that is cancelled ends, also where its step ends well all the same."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from temporal_server import TemporalServer
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from thinmesh_pipelines.heartbeat import beating
from thinmesh_pipelines.lasting import lasting, unless_cancelled

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUEUE = "lasting"
THROTTLE = timedelta(seconds=1)

begun = asyncio.Event()
made: list[int] = []


@activity.defn
async def stubborn(number: int) -> int:
    """Ends well when it is told to stop."""
    made.append(number)
    begun.set()
    try:
        async with beating():
            await asyncio.sleep(60)
    except asyncio.CancelledError:
        return number
    return number


@workflow.defn
class Two:
    """Two steps."""

    @workflow.run
    async def run(self) -> int:
        longest = lasting(timedelta(seconds=90))
        first = await unless_cancelled(workflow.execute_activity(stubborn, 1, **longest))
        return first + await unless_cancelled(workflow.execute_activity(stubborn, 2, **longest))


async def test_a_cancel_is_not_lost_where_the_step_ends_well_meanwhile(temporal: TemporalServer) -> None:
    client = await Client.connect(temporal.address)
    async with Worker(
        client, task_queue=QUEUE, workflows=[Two], activities=[stubborn], workflow_runner=UnsandboxedWorkflowRunner(),
        default_heartbeat_throttle_interval=THROTTLE, max_heartbeat_throttle_interval=THROTTLE,
    ):  # fmt: skip
        handle = await client.start_workflow(Two.run, id=f"dev/job-{uuid.uuid4().hex}", task_queue=QUEUE)
        async with asyncio.timeout(20):
            await begun.wait()
            await handle.cancel()
            with pytest.raises(WorkflowFailureError):
                await handle.result()
        assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
        assert made == [1]
