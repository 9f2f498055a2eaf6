"""Jobs beside a Temporal that says less than it should."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import AsyncMock, create_autospec

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import Priority
from thinmesh_pipelines.batches.batches import Batches
from thinmesh_pipelines.config import JobsConfig, WorkerConfig
from thinmesh_pipelines.job import Owner
from thinmesh_pipelines.jobs import LONGEST_ID, Jobs

OWNER = Owner("acme", "somebody", (), key=True, priority=Priority.STANDARD)
WORK = pb.CreateJobRequest(generate=inference_pb.GenerateRequest(model="m", text="go on"))
SILENT = [TimeoutError(), RPCError("", RPCStatusCode.UNAVAILABLE, b"")]


def jobs(tmp_path: Path, client: Client) -> Jobs:
    config = WorkerConfig(jobs=JobsConfig(), temporal="", gateway="", state=tmp_path, weights={})
    return Jobs(client, config, create_autospec(Batches, instance=True))


@pytest.mark.parametrize("silence", SILENT)
async def test_a_job_that_was_made_is_told_though_temporal_is_silent_then(tmp_path: Path, silence: Exception) -> None:
    handle = create_autospec(WorkflowHandle, instance=True)
    handle.describe = AsyncMock(side_effect=silence)
    client = create_autospec(Client, instance=True)
    client.start_workflow = AsyncMock(return_value=handle)
    job = await jobs(tmp_path, client).create(OWNER, WORK)
    assert client.start_workflow.call_args.kwargs["id"] == f"acme/{job.id}"
    assert (job.state, job.kind) == (pb.JOB_STATE_QUEUED, "generate")


@pytest.mark.parametrize("silence", SILENT)
async def test_a_job_that_can_not_be_made_is_refused(tmp_path: Path, silence: Exception) -> None:
    client = create_autospec(Client, instance=True)
    client.start_workflow = AsyncMock(side_effect=silence)
    with pytest.raises(MeshError) as refused:
        await jobs(tmp_path, client).create(OWNER, WORK)
    assert refused.value.reason is Reason.JOBS_UNAVAILABLE


@pytest.mark.parametrize("job_id", ["job-" + "a" * LONGEST_ID, "job-1/2", "job-1~2"])
async def test_an_id_that_no_job_has_is_unknown_without_asking(tmp_path: Path, job_id: str) -> None:
    client = create_autospec(Client, instance=True)
    with pytest.raises(MeshError) as refused:
        await jobs(tmp_path, client).get("acme", job_id)
    assert refused.value.reason is Reason.NOT_FOUND
    assert not client.mock_calls
