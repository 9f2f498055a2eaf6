"""What Temporal holds of telling: it outlives the job, and whatever dies meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from thinmesh_pipelines.lasting import lasting
    from thinmesh_pipelines.webhooks.delivery import PAUSES, SECONDS, Delivery
    from thinmesh_pipelines.webhooks.event import Event

WEBHOOK = "webhook"
"""What Temporal calls it, and the patch whose marker says that a job began one."""

LONGEST = timedelta(seconds=SECONDS + 5)

ATTEMPTS = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=60), maximum_attempts=len(PAUSES) + 1
)
"""The pauses are the step's to say; these are for attempts that were lost with their worker."""


@workflow.defn(name=WEBHOOK)
class Telling:
    """Tells all who want to know of one end, each at its own pace."""

    @workflow.run
    async def run(self, event: Event) -> None:
        """Ends when all know, or as the first failure of one that is given up."""
        names: list[str] = await workflow.execute_activity_method(Delivery.receivers, event, start_to_close_timeout=LONGEST)
        telling = [
            workflow.execute_activity_method(Delivery.tell, args=[event, name], **lasting(LONGEST, ATTEMPTS)) for name in names
        ]
        for ended in await asyncio.gather(*telling, return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended
