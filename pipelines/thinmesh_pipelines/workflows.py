"""What Temporal holds: the course of a job. Deterministic; everything that touches the world is a step."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from thinmesh.job.v1 import job_service_pb2 as pb

    from thinmesh_pipelines.job import Owner, job_of
    from thinmesh_pipelines.lasting import lasting
    from thinmesh_pipelines.steps import Step, Steps

REQUEST = "request"
"""What Temporal calls the workflow of a job of one request."""

SLACK = timedelta(seconds=5)
"""What an attempt may take beyond its call's time limit, so that who keeps that is heard."""


@workflow.defn(name=REQUEST)
class RequestJob:
    """A job of one inference request."""

    @workflow.run
    async def run(self, owner: Owner, work: pb.CreateJobRequest, seconds: float) -> pb.JobResult:
        """Its result. `seconds` is the longest that one attempt may take."""
        job_id = job_of(workflow.info().workflow_id)
        return await workflow.execute_activity_method(
            Steps.infer,
            args=[Step(f"{job_id}.1", owner), work],
            **lasting(timedelta(seconds=seconds) + SLACK),
        )
