"""What jobs gave goes when its time is over: from Temporal, from lists, and from the store of payloads."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from canaries import PROMPT
from temporal_server import FORGETFUL, keep_shortly, temporal_server
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import Priority
from thinmesh_pipelines.batches.batches import Batches
from thinmesh_pipelines.config import JobsConfig, WorkerConfig
from thinmesh_pipelines.expiry import SPARE
from thinmesh_pipelines.files.files import Files
from thinmesh_pipelines.files.vault import Vault
from thinmesh_pipelines.job import Owner
from thinmesh_pipelines.jobs import Jobs
from thinmesh_pipelines.payloads.converter import converter
from thinmesh_pipelines.payloads.keys import KeyRing
from thinmesh_pipelines.payloads.objects import FOLDER, objects
from thinmesh_pipelines.replaying import RUNNER
from thinmesh_pipelines.retention import collect
from thinmesh_pipelines.steps import Step
from thinmesh_pipelines.workflows import RequestJob

KEPT = timedelta(seconds=5)
JOBS = JobsConfig(namespace="short", expire_seconds=60)
OWNER = Owner("acme", "somebody", (), key=True, priority=Priority.STANDARD)
TEXT = PROMPT * (200_000 // len(PROMPT))
"""Large enough to lie in the store."""


@activity.defn(name="infer")
async def infer(step: Step, work: pb.CreateJobRequest) -> pb.JobResult:
    """Says the text once more, and something new."""
    choice = inference_pb.Choice(text=f"{work.generate.text}!")
    return pb.JobResult(generate=inference_pb.GenerateResponse(choices=[choice]))


async def until_gone(jobs: Jobs, job_id: str) -> MeshError:
    """Looks at a job until it is known no more."""
    while True:
        try:
            await jobs.get(OWNER.tenant, job_id)
        except MeshError as error:
            if error.reason is not Reason.JOBS_UNAVAILABLE:
                return error
        await asyncio.sleep(0.2)


async def test_a_jobs_result_is_there_for_its_time_and_nowhere_after_it(tmp_path: Path) -> None:
    store, ring = objects(JOBS.payloads, tmp_path), KeyRing(tmp_path)
    config = WorkerConfig(jobs=JOBS, temporal="", gateway="", state=tmp_path, weights={})
    async with temporal_server(tmp_path, *FORGETFUL) as server, asyncio.timeout(60):
        await keep_shortly(server.address, JOBS.namespace, KEPT)
        made = converter(JOBS.payloads, ring, store)
        client = await Client.connect(server.address, namespace=JOBS.namespace, data_converter=made)
        jobs = Jobs(client, config, Batches(Files(Vault(ring, store), JOBS.files), JOBS))
        worker = Worker(client, task_queue=JOBS.queue, workflows=[RequestJob], activities=[infer], workflow_runner=RUNNER)
        async with worker:
            work = pb.CreateJobRequest(generate=inference_pb.GenerateRequest(model="m", text=TEXT))
            job = await jobs.create(OWNER, work)
            async for news in jobs.watch("acme", job.id):
                job = news
        assert job.result.generate.choices[0].text == f"{TEXT}!"
        assert await collect(client, store, JOBS, datetime.now(UTC)) == 0
        assert (await until_gone(jobs, job.id)).reason is Reason.NOT_FOUND
        while (await jobs.page("acme", 10, "", None, None)).jobs:
            await asyncio.sleep(0.2)
        over = datetime.now(UTC) + timedelta(seconds=JOBS.expire_seconds) + SPARE + KEPT
        assert await collect(client, store, JOBS, over) == 2  # the text, and the answer
        assert not [path for path in (tmp_path / FOLDER).rglob("*") if path.is_file()]
