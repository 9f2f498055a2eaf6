"""How long what jobs gave is kept: Temporal forgets them by itself, and what lay outside of it goes after them."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from thinmesh_pipelines.config import JobsConfig
from thinmesh_pipelines.expiry import SPARE
from thinmesh_pipelines.files.retention import collect as collect_files
from thinmesh_pipelines.payloads.objects import Objects, StoreUnavailableError
from thinmesh_pipelines.responses.responses import collect as collect_responses

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0


async def keep_for(client: Client, jobs: JobsConfig) -> None:
    """Tells a Temporal that is the mesh's own how long to know of jobs that have ended."""
    kept = Duration()
    kept.FromTimedelta(timedelta(days=jobs.keep_days))
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(namespace=jobs.namespace, config=NamespaceConfig(workflow_execution_retention_ttl=kept))
    )


async def sweep(client: Client, objects: Objects, jobs: JobsConfig) -> None:
    """Removes objects that no job which is still known can name, now and every hour."""
    while True:
        try:
            now = datetime.now(UTC)
            await collect(client, objects, jobs, now)
            await collect_files(objects, jobs, now)
            await collect_responses(objects, now)
        except (RPCError, RuntimeError, StoreUnavailableError) as error:
            log.warning("objects of jobs that are forgotten can't be removed now: %s", error)
        await asyncio.sleep(SWEEP_SECONDS)


async def collect(client: Client, objects: Objects, jobs: JobsConfig, now: datetime) -> int:
    """Removes them once. An object is as old as its job at most, which ran for so long and was kept for so long."""
    told = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=jobs.namespace))
    kept = told.config.workflow_execution_retention_ttl.ToTimedelta()
    return await objects.collect(now - kept - timedelta(seconds=jobs.expire_seconds) - SPARE)
