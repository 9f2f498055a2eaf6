"""What the code of jobs runs in, which is the same when a worker runs it and when a history of it is replayed."""

from __future__ import annotations

from collections.abc import Callable

from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Interceptor, Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from thinmesh_pipelines.batches.workflow import BatchJob
from thinmesh_pipelines.expiry import ExpiryInterceptor
from thinmesh_pipelines.registry import Pipelines
from thinmesh_pipelines.webhooks.ending import EndInterceptor
from thinmesh_pipelines.webhooks.endpoints import Endpoints
from thinmesh_pipelines.workflows import RequestJob

RESTRICTIONS = SandboxRestrictions.default.with_passthrough_modules(
    "google", "grpc", "msgspec", "thinmesh", "thinmesh_core", "thinmesh_pipelines", "tritonclient"
)
"""What workflows use as it is; authors' own modules are imported anew for every run, and may not touch the world."""

RUNNER = SandboxedWorkflowRunner(RESTRICTIONS)


def workflows(pipelines: Pipelines) -> list[type]:
    """The workflows of all jobs."""
    return [RequestJob, BatchJob, *pipelines.workflows]


def around(endpoints: Callable[[], Endpoints]) -> list[Interceptor]:
    """What stands around every workflow, the outermost first."""
    return [EndInterceptor(endpoints), ExpiryInterceptor()]


async def replay(history: WorkflowHistory, pipelines: Pipelines, converter: DataConverter) -> None:
    """Runs the code that a history is of once more; NondeterminismError where it would now do something else.

    Then a job that is under way would stop: put the change behind `workflow.patched`, or give the pipeline another name.
    """
    replayer = Replayer(
        workflows=workflows(pipelines),
        interceptors=around(lambda: Endpoints({})),
        workflow_runner=RUNNER,
        data_converter=converter,
    )
    await replayer.replay_workflow(history)
