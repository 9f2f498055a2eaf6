"""The end of a job whose time is over. It is the job's own code that ends it, so that it can still say so.

Where no worker is there to end it, Temporal does, `SPARE` later.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, is_cancelled_exception
from temporalio.worker import ExecuteWorkflowInput, Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from thinmesh_core.errors import Reason

SPARE = timedelta(hours=1)
"""What Temporal gives a job beyond its time."""

EXPIRED = "expired"
"""In the memo of a job that has ended so."""


class ExpiryInterceptor(Interceptor):
    """Temporal's way to stand around every workflow."""

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002 - its name
        """The class that does."""
        return _Expiring


class _Expiring(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - its name
        """The job, which is cancelled when its time is over. A run that continues another one looks after its time itself."""
        info = workflow.info()
        longest = info.execution_timeout if is_job() and info.continued_run_id is None else None
        left = None if longest is None else (info.workflow_start_time + longest - SPARE - workflow.now()).total_seconds()
        limit = asyncio.timeout(left)
        try:
            async with limit:
                return await super().execute_workflow(input)
        except BaseException as error:
            if not limit.expired() or not (isinstance(error, TimeoutError) or is_cancelled_exception(error)):
                raise
        expire()
        raise ApplicationError(
            "The job's time was over before it ended.",
            type=Reason.DEADLINE_EXCEEDED.name,
            non_retryable=True,
            category=ApplicationErrorCategory.BENIGN,
        )


def is_job() -> bool:
    """Whether the running workflow is a job, and no part of one."""
    return "~" not in workflow.info().workflow_id.rpartition("/")[2]


def expire() -> None:
    """Keeps that the running job ended because its time was over."""
    workflow.upsert_memo({EXPIRED: True})


def expired() -> bool:
    """Whether that is kept of the running job."""
    return bool(workflow.memo_value(EXPIRED, False))
