"""A job's step, in a real Temporal: how often it is made again is what its failures say."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from pipelines.failing import LOST, TOO_LARGE, TOO_LATE, explained
from temporal_server import TemporalServer
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from thinmesh.gateway.v1 import openai_service_pb2 as openai_pb
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.priority import Priority
from thinmesh_pipelines import steps as module
from thinmesh_pipelines.endpoints import refused
from thinmesh_pipelines.job import Owner
from thinmesh_pipelines.lasting import lasting
from thinmesh_pipelines.patience import TRIES
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.converter import converter
from thinmesh_pipelines.payloads.keys import KeyRing
from thinmesh_pipelines.payloads.objects import objects
from thinmesh_pipelines.steps import Step, Steps

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = Owner("acme", "somebody", (), key=True, priority=Priority.STANDARD)
BUSY = refused(MeshError(Reason.OVERLOADED, "busy", retry_after=0.01))
BROKEN = refused(MeshError(Reason.ENGINE_UNAVAILABLE, "broken", retry_after=0.01))
DONE = openai_pb.RestAnswer(status=200, body=b"{}")

End = grpc.aio.AioRpcError | openai_pb.RestAnswer


@workflow.defn
class One:
    """One step, made again at once."""

    @workflow.run
    async def run(self, step: Step, work: pb.CreateJobRequest) -> pb.JobResult:
        """What it gives."""
        soon = timedelta(milliseconds=1)
        patience = RetryPolicy(initial_interval=soon, maximum_interval=soon)
        return await workflow.execute_activity_method(
            Steps.infer, args=[step, work], **lasting(timedelta(seconds=60), patience)
        )


async def made(
    temporal: TemporalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *ends: End
) -> tuple[int, pb.JobResult | ApplicationError]:
    """How often a step is made whose calls end so, one after the other, and what comes of it."""
    left = iter(ends)
    count = 0

    async def method(request: None, **_: object) -> openai_pb.ChatResponse:
        nonlocal count
        count += 1
        end = next(left, DONE)
        if isinstance(end, grpc.aio.AioRpcError):
            raise end
        return openai_pb.ChatResponse(answer=end)

    monkeypatch.setattr(module, "asking", lambda gateway, endpoint, body: (method, None))
    payloads = PayloadsConfig()
    data_converter = converter(payloads, KeyRing(tmp_path), objects(payloads, tmp_path))
    client = await Client.connect(temporal.address, data_converter=data_converter)
    steps = Steps(InProcessChannel(InProcessServer("gateway")), 60.0)
    work = pb.CreateJobRequest(openai=pb.OpenAIWork(endpoint="/v1/embeddings", body=b"{}"))
    job = f"job-{uuid.uuid4().hex}"
    async with asyncio.timeout(90), Worker(
        client, task_queue=job, workflows=[One], activities=[steps.infer], workflow_runner=UnsandboxedWorkflowRunner()
    ):  # fmt: skip
        try:
            result = await client.execute_workflow(
                One.run, args=[Step(f"{job}.1", OWNER), work], id=f"acme/{job}", task_queue=job
            )
        except WorkflowFailureError as error:
            assert isinstance(error.cause, ActivityError)
            assert isinstance(error.cause.cause, ApplicationError)
            return count, error.cause.cause
        return count, result


async def test_a_step_whose_calls_fail_is_made_five_times_beside_those_that_the_mesh_had_no_room_for(
    temporal: TemporalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_room = explained(Reason.QUOTA_EXCEEDED)
    ends = (LOST, TOO_LATE, BUSY, TOO_LARGE, no_room, BROKEN, TOO_LATE, TOO_LARGE)
    count, error = await made(temporal, tmp_path, monkeypatch, *ends)
    assert isinstance(error, ApplicationError)
    assert (count, error.type, error.non_retryable) == (len(ends), Reason.ENGINE_UNAVAILABLE.name, True)


async def test_a_step_that_fails_four_times_may_still_end_well(
    temporal: TemporalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[End] = [*[TOO_LATE] * (TRIES - 1), BUSY, DONE]
    count, result = await made(temporal, tmp_path, monkeypatch, *ends)
    assert isinstance(result, pb.JobResult)
    assert (count, result.openai) == (len(ends), DONE.body)
