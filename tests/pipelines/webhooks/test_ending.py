"""Whether an end is told is decided once: jobs go on, and are replayed, whatever the configuration says meanwhile."""

from __future__ import annotations

import uuid

import pytest
from temporal_server import TemporalServer
from temporalio import workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from thinmesh_pipelines.expiry import ExpiryInterceptor
from thinmesh_pipelines.outgoing.client import Outgoing
from thinmesh_pipelines.outgoing.config import OutgoingConfig
from thinmesh_pipelines.webhooks.config import WebhookConfig
from thinmesh_pipelines.webhooks.delivery import Delivery
from thinmesh_pipelines.webhooks.ending import EndInterceptor
from thinmesh_pipelines.webhooks.endpoints import Endpoints
from thinmesh_pipelines.webhooks.event import Event
from thinmesh_pipelines.webhooks.signature import new_secret
from thinmesh_pipelines.webhooks.workflow import WEBHOOK

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUEUE = "ends"
SOMEBODY = Endpoints.of({"dev": (WebhookConfig(url="https://a.example/", secret_env="ONE"),)}, {"ONE": new_secret()})
NOBODY = Endpoints({})
RUNNER = UnsandboxedWorkflowRunner()


@workflow.defn
class Greeting:
    """A job like any other, and one that is a part of it."""

    @workflow.run
    async def run(self, parts: int) -> str:
        if parts:
            await workflow.execute_child_workflow(Greeting.run, 0, id=f"{workflow.info().workflow_id}~1")
        return "hello"


async def history(temporal: TemporalServer, endpoints: Endpoints, parts: int = 0) -> WorkflowHistory:
    """What Temporal keeps of a job that a worker of this configuration ran."""
    client = await Client.connect(temporal.address)
    interceptors = [EndInterceptor(lambda: endpoints), ExpiryInterceptor()]
    async with Worker(client, task_queue=QUEUE, workflows=[Greeting], interceptors=interceptors, workflow_runner=RUNNER):
        handle = await client.start_workflow(Greeting.run, parts, id=f"dev/job-{uuid.uuid4().hex}", task_queue=QUEUE)
        assert await handle.result() == "hello"
        return await handle.fetch_history()


def begun(recorded: WorkflowHistory) -> list[str]:
    """The types of the workflows that a job began."""
    events = [event.start_child_workflow_execution_initiated_event_attributes for event in recorded.events]
    return [one.workflow_type.name for one in events if one.workflow_id]


async def replayed(recorded: WorkflowHistory, endpoints: Endpoints) -> None:
    interceptors = [EndInterceptor(lambda: endpoints), ExpiryInterceptor()]
    await Replayer(workflows=[Greeting], interceptors=interceptors, workflow_runner=RUNNER).replay_workflow(recorded)


async def test_what_was_told_replays_where_nobody_wants_to_know_any_more_and_the_other_way_round(
    temporal: TemporalServer,
) -> None:
    told, untold = await history(temporal, SOMEBODY), await history(temporal, NOBODY)
    assert (begun(told), begun(untold)) == ([WEBHOOK], [])
    for recorded in (told, untold):
        for endpoints in (SOMEBODY, NOBODY):
            await replayed(recorded, endpoints)


async def test_without_a_webhook_a_job_has_no_event_more(temporal: TemporalServer) -> None:
    names = [event.WhichOneof("attributes") for event in (await history(temporal, NOBODY)).events]
    assert names == [
        "workflow_execution_started_event_attributes",
        "workflow_task_scheduled_event_attributes",
        "workflow_task_started_event_attributes",
        "workflow_task_completed_event_attributes",
        "workflow_execution_completed_event_attributes",
    ]


async def test_a_part_of_a_job_is_told_to_nobody(temporal: TemporalServer) -> None:
    assert begun(await history(temporal, SOMEBODY, parts=1)) == ["Greeting", WEBHOOK]


async def test_nobody_is_told_before_the_job_has_ended_for_whoever_asks(temporal: TemporalServer) -> None:
    client = await Client.connect(temporal.address)
    job = f"job-{uuid.uuid4().hex}"
    handle = await client.start_workflow(Greeting.run, 0, id=f"dev/{job}", task_queue="nobody-works")
    event = Event("evt_1", "dev", "job.succeeded", job, 0.0)
    delivery = Delivery(lambda: SOMEBODY, Outgoing(OutgoingConfig()), 7)
    environment = ActivityEnvironment(client)
    with pytest.raises(ApplicationError) as early:
        await environment.run(delivery.receivers, event)
    assert not early.value.non_retryable
    await handle.terminate()
    assert await environment.run(delivery.receivers, event) == [one.name for one in SOMEBODY.wanting("dev", event.type)]
