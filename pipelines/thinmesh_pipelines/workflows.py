"""What Temporal holds: the course of a job. Deterministic; everything that touches the world is a step."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from thinmesh.job.v1 import job_service_pb2 as pb

    from thinmesh_pipelines.job import Owner, job_of
    from thinmesh_pipelines.steps import Step, Steps

LOST_AFTER = timedelta(seconds=5)
"""A worker that was not heard of for so long is taken for dead, and its step is made again."""

PATIENCE = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=60))


def lasting(longest: timedelta) -> workflow.ActivityConfig:
    """How a step runs, an attempt of which may take so long: lost ones are made again, cancelled ones end first."""
    return workflow.ActivityConfig(
        start_to_close_timeout=longest,
        heartbeat_timeout=LOST_AFTER,
        retry_policy=PATIENCE,
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


@workflow.defn(name="request")
class RequestJob:
    """A job of one inference request."""

    @workflow.run
    async def run(self, owner: Owner, work: pb.CreateJobRequest, seconds: float) -> pb.JobResult:
        """Its result. `seconds` is the longest that one attempt may take."""
        job_id = job_of(workflow.info().workflow_id)
        return await workflow.execute_activity_method(
            Steps.infer,
            args=[Step(f"{job_id}.1", owner), work],
            **lasting(timedelta(seconds=seconds)),
        )
