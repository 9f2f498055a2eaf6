"""Measures how long attempts of steps wait for a worker, how many run, and how many are not the first."""

from __future__ import annotations

from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from thinmesh_core.priority import Priority
from thinmesh_core.telemetry import JOB_STEP_RETRIES, JOB_STEP_WAIT_SECONDS, JOB_STEPS_RUNNING
from thinmesh_pipelines.turn import CLASSES


class StepMeter(Interceptor):
    """Temporal's way to stand around every step."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - its name
        """What does."""
        return _Metered(next)


class _Metered(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - its name
        """The step; both times are Temporal's."""
        info = activity.info()
        waited = (info.started_time - info.current_attempt_scheduled_time).total_seconds()
        priority = CLASSES.get(info.priority.priority_key or 0, Priority.STANDARD)
        JOB_STEP_WAIT_SECONDS.labels(priority.word).observe(max(0.0, waited))
        if info.attempt > 1:
            JOB_STEP_RETRIES.labels(info.activity_type).inc()
        with JOB_STEPS_RUNNING.track_inprogress():
            return await super().execute_activity(input)
