"""What the code of jobs runs in, which is the same when a worker runs it and when a history of it is replayed."""

from __future__ import annotations

from collections.abc import Callable

from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Interceptor, Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import NondeterminismError

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

CHANGED = (
    "this code does something else than when it was recorded, and jobs that are under way would stop. Put the change behind "
    '`if workflow.patched("name"):`, or give the changed pipeline another name. Record only what is new anew.'
)

RUNNER = SandboxedWorkflowRunner(RESTRICTIONS)


def workflows(pipelines: Pipelines) -> list[type]:
    """The workflows of all jobs."""
    return [RequestJob, BatchJob, *pipelines.workflows]


def around(endpoints: Callable[[], Endpoints]) -> list[Interceptor]:
    """What stands around every workflow, the outermost first."""
    return [EndInterceptor(endpoints), ExpiryInterceptor()]


async def replay(history: WorkflowHistory, pipelines: Pipelines, converter: DataConverter) -> None:
    """Runs the code that a history is of once more; NondeterminismError where it does something else, with what to do."""
    replayer = Replayer(
        workflows=workflows(pipelines),
        interceptors=around(lambda: Endpoints({})),
        workflow_runner=RUNNER,
        data_converter=converter,
    )
    try:
        await replayer.replay_workflow(history)
    except NondeterminismError as error:
        raise NondeterminismError(f"{history.workflow_id}: {CHANGED}\n{error}") from error
