"""Who wants to know is told that a job has ended, however it ended, once and for all; through a real Temporal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from integration.test_jobs import created, ended, engine
from launch import mesh
from standardwebhooks import Webhook
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from fakes.openai_engine import FakeEngine
from fakes.receiver import Heard, Receiver, receiver
from thinmesh_core.channel import dial
from thinmesh_pipelines.webhooks.signature import new_secret

__all__ = ["engine"]

CONFIG = """
tenants:
  dev: {webhooks: [{url: "URL/hook?token=t", secret_env: TEST_WEBHOOK}]}
  other: {}
backends:
  fake:
    adapter: openai
    options: {base_url: "ENGINE"}
models: {fake: {backends: [fake]}}
jobs: {at_once: 1, OUTGOING}
"""
SECRET = new_secret()


@pytest.fixture
async def there(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    monkeypatch.setenv("TEST_WEBHOOK", SECRET)
    async with receiver() as one:
        yield one


def config(there: Receiver, engine: FakeEngine, jobs: str = 'outgoing: {allow: ["127.0.0.1"]}') -> str:
    return CONFIG.replace("URL", there.url).replace("ENGINE", engine.base_url).replace("OUTGOING", jobs)


def told(heard: Heard) -> dict[str, object]:
    """What was told, once its signature is found good by Standard Webhooks' own library."""
    Webhook(SECRET).verify(heard.body, heard.headers)
    message: dict[str, object] = json.loads(heard.body)
    return message


async def test_the_end_of_a_job_is_told_signed_and_again_until_it_is_heard(
    state: Path, engine: FakeEngine, there: Receiver
) -> None:
    answers = iter([500])
    there.answer = lambda: web.Response(status=next(answers, 204))
    async with mesh(config(there, engine), state, "up") as running, dial(running.grpc) as channel:
        stub = job_grpc.JobServiceStub(channel)
        job = await created(stub, running.metadata)
        assert (await ended(stub, job.id, running.metadata)).state == pb.JOB_STATE_SUCCEEDED
        first, again = await there.take(), await there.take()
        message = told(again)
        assert (message["type"], message["data"]) == ("job.succeeded", {"id": job.id})
        assert (told(first), first.headers["webhook-id"]) == (message, again.headers["webhook-id"])
        assert first.headers["webhook-timestamp"] < again.headers["webhook-timestamp"]
        listed = await stub.ListJobs(pb.ListJobsRequest(), metadata=running.metadata, timeout=5)
        assert [one.id for one in listed.jobs] == [job.id]
