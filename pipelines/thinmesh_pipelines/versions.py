"""Versions of workers: a job stays with the code that it began on, and new ones begin on the newest."""

from __future__ import annotations

import asyncio

from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest, SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from thinmesh_pipelines.config import WorkerConfig

AGAIN_SECONDS = 0.2
"""How long to wait until Temporal has heard of a worker that has just begun to ask."""


def deployment(config: WorkerConfig) -> WorkerDeploymentConfig | None:
    """What a worker says of its version; none where it has none, and takes whatever there is."""
    if config.version is None:
        return None
    version = WorkerDeploymentVersion(_name(config), config.version)
    return WorkerDeploymentConfig(version, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.PINNED)


async def promote(client: Client, config: WorkerConfig) -> None:
    """Has new jobs begin on this worker's version, unless they once did: an old version that is started again ends its own."""
    if config.version is None:
        return
    while await _activated(client, config) is None:  # noqa: ASYNC110 - Temporal tells nobody when it knows
        await asyncio.sleep(AGAIN_SECONDS)
    if not await _activated(client, config):
        await client.workflow_service.set_worker_deployment_current_version(
            SetWorkerDeploymentCurrentVersionRequest(
                namespace=config.jobs.namespace,
                deployment_name=_name(config),
                build_id=config.version,
                identity=client.identity,
                ignore_missing_task_queues=True,
            )
        )


async def _activated(client: Client, config: WorkerConfig) -> bool | None:
    """Whether jobs have ever begun on this version; None where Temporal does not know it yet."""
    request = DescribeWorkerDeploymentRequest(namespace=config.jobs.namespace, deployment_name=_name(config))
    try:
        found = await client.workflow_service.describe_worker_deployment(request)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    for one in found.worker_deployment_info.version_summaries:
        if one.deployment_version.build_id == config.version:
            return one.HasField("first_activation_time")
    return None


def _name(config: WorkerConfig) -> str:
    return f"thinmesh-{config.jobs.queue}"
