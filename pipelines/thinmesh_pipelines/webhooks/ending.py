"""Hears of the end of every job, however it ends: it is counted, and told where anybody wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception
from temporalio.worker import ExecuteWorkflowInput, Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from thinmesh_core.telemetry import job_ended
from thinmesh_pipelines.batches.workflow import BATCH
from thinmesh_pipelines.expiry import expired, is_job
from thinmesh_pipelines.memo import KIND
from thinmesh_pipelines.payloads.place import place
from thinmesh_pipelines.webhooks.endpoints import Endpoints
from thinmesh_pipelines.webhooks.event import Event, State, type_of
from thinmesh_pipelines.webhooks.workflow import WEBHOOK, Telling

QUEUE = "{}-webhooks"
"""Telling has a queue of its own: receivers that are slow take no job's turn."""

_WANTED, _ENDED = "thinmesh_webhook_wanted", "thinmesh_job_ended"
"""The functions outside of the workflow's sandbox: one knows the configuration, one counts."""


class EndInterceptor(Interceptor):
    """Temporal's way to stand around every workflow."""

    def __init__(self, endpoints: Callable[[], Endpoints]) -> None:
        self._endpoints = endpoints

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002 - its name
        """The class that does, and what it may ask outside of the sandbox."""
        input.unsafe_extern_functions[_WANTED] = self._wanted
        input.unsafe_extern_functions[_ENDED] = job_ended
        return _Ending

    def _wanted(self, tenant: str, event_type: str) -> bool:
        return bool(self._endpoints().wanting(tenant, event_type))


class _Ending(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - its name
        """The job as it is; its end waits for no receiver."""
        try:
            result = await super().execute_workflow(input)
        except BaseException as error:
            state = _state(error)
            if state is not None:
                await _ended(state)
            raise
        await _ended("expired" if expired() else "succeeded")
        return result


def _state(error: BaseException) -> State | None:
    """How a job ends with this; None where it goes on: as a new run, or once its code is mended."""
    if expired():
        return "expired"
    if is_cancelled_exception(error):
        return "cancelled"
    return "failed" if isinstance(error, FailureError | TimeoutError) else None


async def _ended(state: State) -> None:
    info = workflow.info()
    at = place(info.workflow_id)
    if at is None or not is_job():
        return
    if not workflow.unsafe.is_replaying():
        workflow.extern_functions()[_ENDED](workflow.memo_value(KIND, ""), state)
    event_type = type_of(state, batch=info.workflow_type == BATCH)
    if not _decided(at.tenant, event_type):
        return
    event = Event(f"evt_{info.first_execution_run_id}", at.tenant, event_type, at.job, workflow.time())
    beginning = asyncio.ensure_future(
        workflow.start_child_workflow(
            Telling.run,
            event,
            id=f"{info.workflow_id}~{WEBHOOK}-{info.first_execution_run_id}",
            task_queue=QUEUE.format(info.task_queue),
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
        )
    )
    try:
        await asyncio.shield(beginning)
    except asyncio.CancelledError:  # a job that has ended is not cancelled any more
        await beginning


def _decided(tenant: str, event_type: str) -> bool:
    """Whether anybody wants to know. That may change: what was decided stays in the job's history, as a patch's marker."""
    wanted = cast("Callable[[str, str], bool]", workflow.extern_functions()[_WANTED])
    return (workflow.unsafe.is_replaying() or wanted(tenant, event_type)) and workflow.patched(WEBHOOK)
