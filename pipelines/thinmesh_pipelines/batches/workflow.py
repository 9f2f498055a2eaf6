"""What Temporal holds: the course of a batch. Deterministic; everything that touches the world is a step."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from thinmesh.job.v1 import job_service_pb2 as pb

    from thinmesh_core.errors import Reason
    from thinmesh_pipelines.batches.lines import Range
    from thinmesh_pipelines.batches.results import CANCELLED, EXPIRED, FAILED
    from thinmesh_pipelines.batches.steps import BatchSteps
    from thinmesh_pipelines.batches.task import RANGES_AT_ONCE, Counted, Examined, Gathering, Task
    from thinmesh_pipelines.expiry import expire
    from thinmesh_pipelines.lasting import lasting, unless_cancelled
    from thinmesh_pipelines.memo import GOES_ON

GATHER_TIME = timedelta(hours=1)
"""What a batch may take beyond its window to write its files."""

RANGES_A_RUN = 50
"""After so many, 5 000 lines, the workflow goes on as a new run: what Temporal reads again of one stays short."""

BATCH, PROGRESS = "batch", "progress"
"""In the memo: what has become of it, and how far it is."""


@dataclass
class Course:
    """How far a batch is: what goes on to its workflow's next run. `until` is the end of its window, seconds since 1970."""

    until: float
    begun: int
    ranges: list[Range]
    next: int = 0
    counted: Counted = field(default_factory=Counted)

    @property
    def total(self) -> int:
        """How many lines there are."""
        return sum(one.lines for one in self.ranges)


@workflow.defn(name="batch")
class BatchJob:
    """A job of a file of requests."""

    @workflow.run
    async def run(self, task: Task, batch: pb.Batch, seconds: int, course: Course | None = None) -> pb.JobResult:
        """Its files. `seconds` is its window, `batch` what is told of it; a run that is not the first has a course."""
        missing: str | None = None
        broken: ActivityError | None = None
        until = workflow.time() + batch.work.window_seconds if course is None else course.until
        try:
            async with asyncio.timeout(until - workflow.time()):
                if course is None:
                    course = await self._examined(task, batch, until)
                await self._asked(task, course)
        except TimeoutError:
            missing = EXPIRED
            expire()
        except asyncio.CancelledError:
            missing = CANCELLED
        except ActivityError as error:
            broken, missing = error, FAILED
        if course is not None and missing is None and course.next < len(course.ranges):
            # what it began with is carried over, not this
            noted = {
                BATCH: batch,
                PROGRESS: _progress(course, course.counted),
                GOES_ON: True,
            }
            workflow.continue_as_new(args=[task, batch, seconds, course], memo={**workflow.memo(), **noted})
        if course is not None:
            gathering = asyncio.ensure_future(self._gathered(task, batch, seconds, course, missing))
            try:
                await asyncio.shield(gathering)
            except asyncio.CancelledError:  # what was paid for is given all the same
                await gathering
        if broken is not None:
            raise broken
        if missing is CANCELLED:
            raise asyncio.CancelledError
        return pb.JobResult(batch=batch.files)

    async def _examined(self, task: Task, batch: pb.Batch, until: float) -> Course:
        examining = workflow.execute_activity_method(BatchSteps.examine, task, **lasting(GATHER_TIME))
        found: Examined = await unless_cancelled(examining)
        if found.problems:
            told = [pb.BatchError(code=p.code, message=p.message, line=p.line, param=p.param) for p in found.problems]
            batch.errors.extend(told)
            workflow.upsert_memo({BATCH: batch})
            raise ApplicationError("The batch's file is refused.", type=Reason.INVALID_REQUEST.name, non_retryable=True)
        batch.begun_unix_seconds = int(workflow.time())
        course = Course(until, batch.begun_unix_seconds, found.ranges)
        workflow.upsert_memo({BATCH: batch, PROGRESS: pb.JobProgress(total=course.total)})
        return course

    async def _asked(self, task: Task, course: Course) -> None:
        """Asks range after range, until they are done or this run's history is long enough."""
        last = min(course.next + RANGES_A_RUN, len(course.ranges))
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(RANGES_AT_ONCE):
                    tasks.create_task(self._ranges(task, course, last))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _ranges(self, task: Task, course: Course, last: int) -> None:
        while course.next < last:
            index = course.next
            course.next += 1
            # beyond its window: that this is over is the workflow's to say
            longest = timedelta(seconds=course.until - workflow.time()) + GATHER_TIME
            asking = workflow.execute_activity_method(
                BatchSteps.lines, args=[task, index, course.ranges[index]], **lasting(longest)
            )
            one: Counted = await unless_cancelled(asking)
            course.counted = Counted(course.counted.done + one.done, course.counted.failed + one.failed)
            workflow.upsert_memo({PROGRESS: _progress(course, course.counted)})

    async def _gathered(self, task: Task, batch: pb.Batch, seconds: int, course: Course, missing: str | None) -> None:
        batch.finalizing_unix_seconds = int(workflow.time())
        batch.expired = missing is EXPIRED
        workflow.upsert_memo({BATCH: batch})
        gathering = Gathering(course.begun, seconds, missing)
        gathered = await workflow.execute_activity_method(
            BatchSteps.gather, args=[task, course.ranges, gathering], **lasting(GATHER_TIME)
        )
        batch.files.CopyFrom(pb.BatchFiles(output_file_id=gathered.output_file_id, error_file_id=gathered.error_file_id))
        took = gathered.used
        batch.usage.CopyFrom(
            pb.BatchUsage(
                model=took.model,
                input_tokens=took.input,
                cached_tokens=took.cached,
                output_tokens=took.output,
                reasoning_tokens=took.reasoning,
            )
        )
        workflow.upsert_memo({BATCH: batch, PROGRESS: _progress(course, gathered.counted)})
        await workflow.execute_activity_method(BatchSteps.discard, task, **lasting(GATHER_TIME))


def _progress(course: Course, counted: Counted) -> pb.JobProgress:
    return pb.JobProgress(total=course.total, done=counted.done, failed=counted.failed)
