"""What a batch may be, and what its workflow is begun with."""

from __future__ import annotations

import time
from dataclasses import replace

from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import invalid
from thinmesh_core.priority import Priority
from thinmesh_pipelines.batches.lines import ENDPOINTS
from thinmesh_pipelines.batches.task import RANGES_AT_ONCE, Task
from thinmesh_pipelines.config import JobsConfig
from thinmesh_pipelines.files.files import Files
from thinmesh_pipelines.files.record import MINE
from thinmesh_pipelines.job import Owner

MOST_PAIRS = 16
LONGEST_NAME = 64
LONGEST_VALUE = 512


class Batches:
    """The batches that a configuration allows."""

    def __init__(self, files: Files, jobs: JobsConfig) -> None:
        self._files = files
        self._jobs = jobs

    async def check(self, tenant: str, work: pb.BatchWork) -> None:
        """INVALID_REQUEST where it can't be, NOT_FOUND where there is no such file."""
        if work.endpoint not in ENDPOINTS:
            raise invalid("endpoint", f"endpoint must be one of {', '.join(ENDPOINTS)}.")
        longest = int(self._jobs.expire_seconds)
        if work.window_seconds > longest:
            raise invalid("completion_window", f"A batch may take at most {longest} seconds, jobs.expire_seconds.")
        if work.output_seconds > self._longest:
            raise invalid("output_expires_after", f"A file is kept for at most {self._longest} seconds.")
        metadata = work.metadata
        if len(metadata) > MOST_PAIRS or any(
            len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE for name, value in metadata.items()
        ):
            raise invalid(
                "metadata",
                f"metadata has at most {MOST_PAIRS} pairs, names of {LONGEST_NAME} and values of {LONGEST_VALUE} characters.",
            )
        if (await self._files.get(tenant, work.input_file_id)).purpose != MINE:
            raise invalid("input_file_id", f"The file's purpose must be {MINE}.")

    def begun(self, owner: Owner, job_id: str, work: pb.BatchWork) -> tuple[Task, pb.Batch, int]:
        """The arguments of its workflow: it runs in the class BATCH."""
        task = Task(job_id, replace(owner, priority=Priority.BATCH), work.input_file_id, work.endpoint, self._lines)
        batch = pb.Batch(work=work, created_unix_seconds=int(time.time()))
        batch.work.window_seconds = work.window_seconds or int(self._jobs.expire_seconds)
        return task, batch, work.output_seconds or self._longest

    @property
    def _lines(self) -> int:
        return max(1, self._jobs.batch_lines // RANGES_AT_ONCE)

    @property
    def _longest(self) -> int:
        return self._jobs.files.keep_days * 86_400
