"""The store in an S3 does what the folder does, under the bucket's prefix."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from s3_server import BUCKET, s3_server
from temporalio.converter import WorkflowSerializationContext

from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.converter import converter
from thinmesh_pipelines.payloads.keys import KeyRing
from thinmesh_pipelines.payloads.objects import PAYLOADS, MissingError, StoreUnavailableError, objects
from thinmesh_pipelines.payloads.place import Place

CONFIG = PayloadsConfig(store=f"s3://{BUCKET}/prod")
CANARY = "a-word-of-nobody-else"


@pytest_asyncio.fixture
async def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    folder = tmp_path / "s3"
    folder.mkdir()
    async with s3_server(folder) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield folder / BUCKET


async def test_large_payloads_go_through_a_bucket_and_go_with_their_job(tmp_path: Path, bucket: Path) -> None:
    store = objects(CONFIG, tmp_path)
    made = converter(CONFIG, KeyRing(tmp_path), store).with_context(WorkflowSerializationContext("default", "acme/job-1"))
    document = CANARY * (20 * 1024 * 1024 // len(CANARY))
    payloads = await made.encode([document, document[:-1]])
    assert await made.decode(payloads) == [document, document[:-1]]
    job = Place("acme", "job-1")
    kept = [path for path in (bucket / "prod" / PAYLOADS / job.prefix).iterdir() if path.is_file()]
    assert len(kept) == 2
    assert not any(CANARY.encode() in path.read_bytes() for path in kept)
    now = datetime.now(UTC)
    assert await store.collect(now - timedelta(days=1)) == 0
    assert await store.remove(job) == 2
    assert await store.remove(job) == 0
    await store.put(f"{PAYLOADS}/x/y", b"x")
    assert await store.collect(now + timedelta(days=1)) == 1
    with pytest.raises(MissingError):
        await store.get(f"{PAYLOADS}/x/y", 1)


@pytest.mark.usefixtures("bucket")
async def test_a_bucket_that_refuses_is_told_apart_from_an_object_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = objects(CONFIG, tmp_path)
    with pytest.raises(StoreUnavailableError):
        await store.get(f"{PAYLOADS}/x/y", 1)
