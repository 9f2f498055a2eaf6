"""What goes of files and batches: files whose time is over, and what a worker that died left behind."""

from __future__ import annotations

from datetime import datetime, timedelta

from thinmesh_pipelines.batches.parts import PARTS
from thinmesh_pipelines.config import JobsConfig
from thinmesh_pipelines.files.record import CONTENT, RECORDS, recorded
from thinmesh_pipelines.payloads.objects import Objects

LEEWAY = timedelta(days=1)
"""Beyond the longest that anything may be needed."""


async def collect(objects: Objects, jobs: JobsConfig, now: datetime) -> None:
    """Removes it once. What belongs to no file is as old as any file may become, or a batch."""
    for one in map(recorded, await objects.names(RECORDS)):
        if one is not None and one.expires <= now.timestamp():
            await objects.drop([one.name])
            await objects.drop(await objects.names(one.content))
    await objects.drop(await objects.names(CONTENT, now - timedelta(days=jobs.files.keep_days) - LEEWAY))
    await objects.drop(await objects.names(PARTS, now - timedelta(seconds=jobs.expire_seconds) - LEEWAY))
