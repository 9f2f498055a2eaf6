"""What the workers' JobService refuses before it looks at any job."""

from __future__ import annotations

from unittest.mock import create_autospec

import pytest
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.peers import Context
from thinmesh_pipelines.batches.batches import Batches
from thinmesh_pipelines.jobs import Jobs
from thinmesh_pipelines.registry import Pipelines
from thinmesh_pipelines.service import LONGEST_VALUE, JobService


@pytest.mark.parametrize(
    "value", ["", "{", "[" * 2000 + "]" * 2000, "NaN", '{"a": 1, "a": 2}', '"' + "x" * LONGEST_VALUE + '"']
)
async def test_a_word_that_every_parser_would_not_read_alike_is_refused(value: str) -> None:
    jobs = create_autospec(Jobs, instance=True)
    service = JobService(jobs, create_autospec(Batches, instance=True), Pipelines([]))
    with pytest.raises(MeshError) as refused:
        await service.SignalJob(
            pb.SignalJobRequest(id="job-1", signal="s", value=value), create_autospec(Context, instance=True)
        )
    assert (refused.value.reason, refused.value.param) == (Reason.INVALID_REQUEST, "value")
    assert not jobs.mock_calls
