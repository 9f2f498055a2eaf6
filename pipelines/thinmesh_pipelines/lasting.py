"""How a step runs: for how long, and what happens where it is lost."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

LOST_AFTER = timedelta(seconds=5)
"""A worker that was not heard of for so long is taken for dead, and its step is made again."""

PATIENCE = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=60))


def lasting(longest: timedelta, patience: RetryPolicy = PATIENCE) -> workflow.ActivityConfig:
    """How a step runs, an attempt of which may take so long: lost ones are made again, cancelled ones end first."""
    return workflow.ActivityConfig(
        start_to_close_timeout=longest,
        heartbeat_timeout=LOST_AFTER,
        retry_policy=patience,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )
