"""The worker that tells. It is apart from that of jobs, so that neither waits for the other."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from thinmesh_pipelines.webhooks.delivery import SECONDS, Delivery
from thinmesh_pipelines.webhooks.ending import QUEUE
from thinmesh_pipelines.webhooks.workflow import Telling

AT_ONCE = 16
"""Receivers that one worker waits for together."""

POLLS = 2
"""Temporal is asked less eagerly than for jobs: a webhook may be some milliseconds late."""


def telling(client: Client, queue: str, delivery: Delivery, throttle: timedelta) -> Worker:
    """Tells what jobs of a queue have to tell, until left."""
    return Worker(
        client,
        task_queue=QUEUE.format(queue),
        workflows=[Telling],
        activities=[delivery.receivers, delivery.tell],
        max_concurrent_activities=AT_ONCE,
        max_concurrent_workflow_task_polls=POLLS,
        max_concurrent_activity_task_polls=POLLS,
        graceful_shutdown_timeout=timedelta(seconds=SECONDS),
        default_heartbeat_throttle_interval=throttle,
        max_heartbeat_throttle_interval=throttle,
    )
