"""What is measured of steps' attempts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prometheus_client import REGISTRY
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from thinmesh_pipelines.metering import StepMeter


class Done(ActivityInboundInterceptor):
    def __init__(self) -> None:
        """What nobody stands behind."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - its name
        return "done"


async def test_an_attempt_after_the_first_is_counted_by_its_step_as_one_made_again() -> None:
    def told() -> float:
        return REGISTRY.get_sample_value("thinmesh_job_step_retries_total", {"step": "again"}) or 0.0

    step = ExecuteActivityInput(fn=lambda: None, args=(), executor=None, headers={})
    metered, environment = StepMeter().intercept_activity(Done()), ActivityEnvironment()
    for attempt, counted in ((1, 0), (2, 1), (3, 2)):
        environment.info = replace(ActivityEnvironment.default_info(), activity_type="again", attempt=attempt)
        assert await environment.run(metered.execute_activity, step) == "done"
        assert told() == counted
