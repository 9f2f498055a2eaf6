"""Whoever follows a job is told of its end, though Temporal is silent meanwhile."""

from __future__ import annotations

import asyncio
import signal
from contextlib import aclosing
from pathlib import Path

import pytest
from temporal_server import TemporalServer
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import Priority
from thinmesh_pipelines.batches.batches import Batches
from thinmesh_pipelines.config import JobsConfig, WorkerConfig
from thinmesh_pipelines.files.files import Files
from thinmesh_pipelines.files.vault import Vault
from thinmesh_pipelines.job import Owner
from thinmesh_pipelines.jobs import Jobs
from thinmesh_pipelines.payloads.converter import converter
from thinmesh_pipelines.payloads.keys import KeyRing
from thinmesh_pipelines.payloads.objects import objects
from thinmesh_pipelines.replaying import RUNNER
from thinmesh_pipelines.steps import Step
from thinmesh_pipelines.workflows import RequestJob

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOBS = JobsConfig()
OWNER = Owner("acme", "somebody", (), key=True, priority=Priority.STANDARD)


@activity.defn(name="infer")
async def infer(step: Step, work: pb.CreateJobRequest) -> pb.JobResult:
    """Says nothing."""
    return pb.JobResult(generate=inference_pb.GenerateResponse())


async def made(jobs: Jobs) -> pb.Job:
    """A job, once a Temporal that has just started is quick enough to make one."""
    work = inference_pb.GenerateRequest(model="m", text="go on")
    while True:
        try:
            return await jobs.create(OWNER, pb.CreateJobRequest(generate=work, idempotency_key="k"))
        except MeshError as error:
            assert error.reason is Reason.JOBS_UNAVAILABLE


async def silent(jobs: Jobs, job_id: str) -> None:
    """Two looks, between which whoever follows the job has looked too."""
    for _ in range(2):
        with pytest.raises(MeshError) as gone:
            await jobs.get("acme", job_id)
        assert gone.value.reason is Reason.JOBS_UNAVAILABLE


async def test_a_job_is_followed_past_a_temporal_that_is_silent(temporal: TemporalServer, tmp_path: Path) -> None:
    store, ring = objects(JOBS.payloads, tmp_path), KeyRing(tmp_path)
    client = await Client.connect(temporal.address, data_converter=converter(JOBS.payloads, ring, store))
    config = WorkerConfig(jobs=JOBS, temporal="", gateway="", state=tmp_path, weights={})
    jobs = Jobs(client, config, Batches(Files(Vault(ring, store), JOBS.files), JOBS))
    job = await made(jobs)
    async with asyncio.timeout(30), aclosing(jobs.watch("acme", job.id)) as news:
        assert (await anext(news)).state == pb.JOB_STATE_QUEUED
        following = asyncio.create_task(anext(news))
        temporal.process.send_signal(signal.SIGSTOP)
        try:
            await silent(jobs, job.id)
        finally:
            temporal.process.send_signal(signal.SIGCONT)
        async with Worker(client, task_queue=JOBS.queue, workflows=[RequestJob], activities=[infer], workflow_runner=RUNNER):
            last = await following
            while last.state != pb.JOB_STATE_SUCCEEDED:
                last = await anext(news)
