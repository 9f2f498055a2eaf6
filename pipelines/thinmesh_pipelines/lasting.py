"""How a step runs: for how long, and what happens where it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

T = TypeVar("T")

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


async def unless_cancelled(step: Awaitable[T]) -> T:
    """What a step gives, or that the run was cancelled meanwhile, however the step ended.

    Temporal's library keeps a cancel back from who waits for a step that ends well all the same.
    """
    running = asyncio.current_task()
    assert running is not None
    before = running.cancelling()
    try:
        given = await step
    except ActivityError:
        if running.cancelling() > before:
            raise asyncio.CancelledError from None
        raise
    if running.cancelling() > before:
        raise asyncio.CancelledError
    return given
