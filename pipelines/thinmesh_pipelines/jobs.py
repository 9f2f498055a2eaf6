"""Jobs as Temporal holds them: made, looked at, followed and cancelled. Nothing of a job is kept anywhere else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import Priority
from thinmesh_core.telemetry import JOBS_CREATED
from thinmesh_pipelines.batches.batches import Batches
from thinmesh_pipelines.batches.workflow import BATCH, GATHER_TIME, PROGRESS, BatchJob
from thinmesh_pipelines.config import WorkerConfig
from thinmesh_pipelines.expiry import EXPIRED, SPARE
from thinmesh_pipelines.flow.run import SAID, WAITING
from thinmesh_pipelines.job import Owner, Said, failed, fingerprint, job_of, new_id, tenant_of, workflow_id
from thinmesh_pipelines.listing import FirstRuns, Mark, mark_of
from thinmesh_pipelines.memo import KIND, PIPELINE, SAME, pipeline_memo
from thinmesh_pipelines.registry import workflow_type
from thinmesh_pipelines.steps import step_of
from thinmesh_pipelines.turn import turn
from thinmesh_pipelines.workflows import REQUEST, RequestJob

ANSWER_SECONDS = 0.9
"""What Temporal may take to answer; whoever asks meanwhile is told within a second that it does not."""

AHEAD_MICROS = 60_000_000
"""How far the clock of Temporal may be ahead of this one for its newest jobs to be listed."""

LOOK_SECONDS = 0.5
"""How often a followed job is looked at."""

MOST_MISSED = 20
"""After so many looks without an answer, ten seconds at least, who follows a job is told that there is none."""

_STATES = {
    WorkflowExecutionStatus.COMPLETED: pb.JOB_STATE_SUCCEEDED,
    WorkflowExecutionStatus.FAILED: pb.JOB_STATE_FAILED,
    WorkflowExecutionStatus.CANCELED: pb.JOB_STATE_CANCELLED,
    WorkflowExecutionStatus.TERMINATED: pb.JOB_STATE_CANCELLED,
    WorkflowExecutionStatus.TIMED_OUT: pb.JOB_STATE_EXPIRED,
}

ENDPOINT = "endpoint"
"""In a workflow's memo: which of OpenAI's endpoints it asks."""

_REQUESTS = f"WorkflowType = '{REQUEST}'"
_OF_KIND = {BATCH: f"WorkflowType = '{BATCH}'", PIPELINE: f"WorkflowType STARTS_WITH '{workflow_type('')}'"}
"""What Temporal is asked for jobs of one kind."""

_ITSELF = "ParentWorkflowId IS NULL"
"""No part of a job."""

LONGEST_ID = 128
"""Characters of a job's id: no job has more, and Temporal takes no longer ones."""

_ELSEWHERE = frozenset("/~")
"""In no job's id: they set tenants apart, and the parts of jobs."""


class Jobs:
    """The jobs of every tenant. JOBS_UNAVAILABLE where Temporal does not answer, NOT_FOUND where a tenant has no such job."""

    def __init__(self, client: Client, config: WorkerConfig, batches: Batches) -> None:
        self._client = client
        self._config = config
        self._batches = batches

    async def create(self, owner: Owner, request: pb.CreateJobRequest) -> pb.Job:
        """A job of the work, or the one that there is already under its idempotency key."""
        key = request.idempotency_key if request.HasField("idempotency_key") else None
        job_id = new_id(owner.tenant, key)
        same = fingerprint(request)
        course = self._course(owner, job_id, request)
        memo = {KIND: request.WhichOneof("work") or "", SAME: same, **course.memo}
        config = self._config
        made: pb.Job | None = None
        try:
            async with _answering():
                try:
                    handle = await self._client.start_workflow(
                        course.run,
                        args=course.arguments,
                        id=workflow_id(owner.tenant, job_id),
                        task_queue=config.jobs.queue,
                        execution_timeout=timedelta(seconds=config.jobs.expire_seconds) + course.beyond + SPARE,
                        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                        memo=memo,
                        priority=turn(config, owner.tenant, course.priority),
                    )
                    JOBS_CREATED.labels(memo[KIND]).inc()
                    made = _made(job_id, memo)
                except WorkflowAlreadyStartedError:
                    handle = self._handle(owner.tenant, job_id)
                found = await handle.describe()
                await _check(found, same)
                return await self._told(found)
        except MeshError as error:
            if made is None or error.reason is not Reason.JOBS_UNAVAILABLE:
                raise
            return made  # it is there, though Temporal does not say more of it

    async def get(self, tenant: str, job_id: str) -> pb.Job:
        """The job, with its result."""
        async with _answering():
            handle = self._handle(tenant, job_id)
            job = await self._told(await handle.describe())
            return await _ended(handle, job)

    async def page(self, tenant: str, limit: int, token: str, kind: str | None, after: str | None) -> pb.ListJobsResponse:
        """Some of a tenant's jobs, the newest first."""
        async with _answering():
            query = f"WorkflowId STARTS_WITH '{workflow_id(tenant, 'job-')}' AND {_ITSELF}"
            if kind is not None:
                query += f" AND {_OF_KIND.get(kind, _REQUESTS)}"
            mark = Mark.read(token) if token else Mark(int(time.time() * 1e6) + AHEAD_MICROS, "")
            if after is not None and not token:
                mark = await mark_of(self._client, self._handle(tenant, after).id)
            runs = await FirstRuns(self._client, query, mark).page(limit + 1)
            jobs = [await self._told(await self._last(one)) for one in runs[:limit]]
        return pb.ListJobsResponse(
            jobs=jobs, next_page_token=Mark.listed(runs[limit - 1]).written() if len(runs) > limit else None
        )

    async def current(self, limit: int) -> list[tuple[str, pb.Job]]:
        """Jobs of all tenants, each with whose it is, for operators: those that have not ended, then those that ended last."""
        kinds = " OR ".join((_REQUESTS, *_OF_KIND.values()))
        query = f"({kinds}) AND {_ITSELF} AND ExecutionStatus != 'ContinuedAsNew'"
        async with _answering():
            runs = [run async for run in self._client.list_workflows(query, limit=limit, page_size=limit)]
            return [
                (tenant_of(run.id), job) for run, job in zip(runs, await asyncio.gather(*map(self._now, runs)), strict=True)
            ]

    async def cancel(self, tenant: str, job_id: str) -> pb.Job:
        """The job, which is told to end unless it has."""
        async with _answering():
            handle = self._handle(tenant, job_id)
            found = await handle.describe()
            if found.status is WorkflowExecutionStatus.RUNNING:
                await handle.cancel()
                found = await handle.describe()
            return await self._told(found)

    async def signal(self, tenant: str, job_id: str, said: Said) -> pb.Job:
        """The job, which is told what it waits for. NOT_FOUND where it waits for nothing of the name."""
        async with _answering():
            handle = self._handle(tenant, job_id)
            job = await self._told(await handle.describe())
            if said.signal not in {one.signal for one in job.waiting}:
                raise MeshError(
                    Reason.NOT_FOUND,
                    "The job does not wait for this; `waiting` of the job says what it waits for.",
                    param="signal",
                )
            await handle.signal(SAID, said)
            return await self._told(await handle.describe())

    async def watch(self, tenant: str, job_id: str) -> AsyncGenerator[pb.Job, None]:
        """The job now, whenever its state or what it waits for changes, and when it has ended."""
        told: tuple[int, list[pb.Waiting]] | None = None
        missed = 0
        while True:
            try:
                job = await self.get(tenant, job_id)
            except MeshError as error:
                missed += 1
                if error.reason is not Reason.JOBS_UNAVAILABLE or told is None or missed > MOST_MISSED:
                    raise
                await asyncio.sleep(LOOK_SECONDS)
                continue
            missed = 0
            now = job.state, list(job.waiting)
            if now != told:
                told = now
                yield job
            if job.state in _STATES.values():
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _course(self, owner: Owner, job_id: str, request: pb.CreateJobRequest) -> _Course:
        if request.HasField("pipeline"):
            work = request.pipeline
            arguments = (owner, work, self._config.call_seconds)
            return _Course(workflow_type(work.name), arguments, Priority(owner.priority), pipeline_memo(work.name))
        if not request.HasField("batch"):
            memo = {ENDPOINT: request.openai.endpoint} if request.HasField("openai") else {}
            return _Course(RequestJob.run, (owner, request, self._config.call_seconds), Priority(owner.priority), memo)
        begun = self._batches.begun(owner, job_id, request.batch)
        return _Course(BatchJob.run, begun, Priority.BATCH, {BATCH: begun[1]}, GATHER_TIME)

    def _handle(self, tenant: str, job_id: str) -> WorkflowHandle[Any, pb.JobResult]:
        if len(job_id) > LONGEST_ID or not _ELSEWHERE.isdisjoint(job_id):
            raise _unknown()
        return self._client.get_workflow_handle(workflow_id(tenant, job_id), result_type=pb.JobResult)

    async def _now(self, run: WorkflowExecution) -> pb.Job:
        """A job of a list, with the steps that run, which lists do not know."""
        running = run.status is WorkflowExecutionStatus.RUNNING
        return await self._told(await self._client.get_workflow_handle(run.id).describe() if running else run)

    async def _last(self, run: WorkflowExecution) -> WorkflowExecution:
        """The last run of a job, of which this is the first."""
        if run.status is not WorkflowExecutionStatus.CONTINUED_AS_NEW:
            return run
        return await self._client.get_workflow_handle(run.id).describe()

    async def _told(self, found: WorkflowExecution) -> pb.Job:
        console = self._config.console
        running = found.status is WorkflowExecutionStatus.RUNNING
        waiting = (await found.memo_value(WAITING, pb.Job(), type_hint=pb.Job)).waiting if running else []
        batch = await found.memo_value(BATCH, None, type_hint=pb.Batch)
        expired = not running and await found.memo_value(EXPIRED, False)
        return pb.Job(
            id=job_of(found.id),
            state=pb.JOB_STATE_EXPIRED if expired else _state(found, waits=bool(waiting)),
            kind=await found.memo_value(KIND, ""),
            created_unix_seconds=int(found.start_time.timestamp()) if batch is None else batch.created_unix_seconds,
            ended_unix_seconds=None if found.close_time is None else int(found.close_time.timestamp()),
            link=None if console is None else _page(console, found),
            progress=await self._progress(found),
            batch=batch,
            cancelling=_cancelling(found),
            pipeline=await found.memo_value(PIPELINE, None, type_hint=str),
            endpoint=await found.memo_value(ENDPOINT, None, type_hint=str),
            waiting=waiting,
            steps=[step_of(one.activity_type.name) for one in _pending(found)],
        )

    async def _progress(self, found: WorkflowExecution) -> pb.JobProgress | None:
        """How far it was when its last range ended, and what ranges that run have told since."""
        progress = await found.memo_value(PROGRESS, None, type_hint=pb.JobProgress)
        if progress is not None and isinstance(found, WorkflowExecutionDescription):
            converter = self._client.data_converter.with_context(WorkflowSerializationContext(found.namespace, found.id))
            for one in found.raw_description.pending_activities:
                if one.activity_type.name == "lines" and one.HasField("heartbeat_details"):
                    done, failed = await converter.decode(one.heartbeat_details.payloads, [int, int])
                    progress.done, progress.failed = progress.done + done, progress.failed + failed
        return progress


@dataclass(frozen=True)
class _Course:
    """The workflow of a job: what it is begun with, in which class, and what it may take beyond a job's time."""

    run: Callable[..., Awaitable[pb.JobResult]] | str
    arguments: Sequence[Any]
    priority: Priority
    memo: Mapping[str, Any] = field(default_factory=dict)
    beyond: timedelta = timedelta()


async def _check(found: WorkflowExecution, same: str) -> None:
    """IDEMPOTENCY_CONFLICT where it is a job of other work."""
    if await found.memo_value(SAME, "") != same:
        message = "The idempotency key was used for another job; use a new key for new work."
        raise MeshError(Reason.IDEMPOTENCY_CONFLICT, message, param="idempotency_key")


def _made(job_id: str, memo: Mapping[str, Any]) -> pb.Job:
    """A job that has just been made, as far as it is known without Temporal."""
    return pb.Job(
        id=job_id,
        state=pb.JOB_STATE_QUEUED,
        kind=memo[KIND],
        created_unix_seconds=int(time.time()),
        batch=memo.get(BATCH),
        pipeline=memo.get(PIPELINE),
        endpoint=memo.get(ENDPOINT),
    )


async def _ended(handle: WorkflowHandle[Any, pb.JobResult], job: pb.Job) -> pb.Job:
    """The job with its result or its error, where it has ended."""
    if job.state not in {pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED}:
        return job
    try:
        job.result.CopyFrom(await handle.result())
    except WorkflowFailureError as error:
        job.error.CopyFrom(_why(error))
    return job


def _page(console: str, found: WorkflowExecution) -> str:
    return f"{console}/namespaces/{found.namespace}/workflows/{quote(found.id, safe='')}/{found.run_id}"


def _why(error: WorkflowFailureError) -> pb.JobError:
    cause: BaseException | None = error.cause
    step = ""
    if isinstance(cause, ActivityError):
        step, cause = step_of(cause.activity_type), cause.cause
    if isinstance(cause, ApplicationError):
        return failed(cause.type, cause.message, step)
    return failed(None, "The job failed; its page in Temporal's console says where.", step)


def _cancelling(found: WorkflowExecution) -> bool:
    """Whether it is told to end, as far as a list knows that."""
    if found.status is not WorkflowExecutionStatus.RUNNING or not isinstance(found, WorkflowExecutionDescription):
        return False
    return bool(found.raw_description.workflow_extended_info.cancel_requested)


def _pending(found: WorkflowExecution) -> Sequence[PendingActivityInfo]:
    """The steps that run or wait for another attempt, as far as a list knows that."""
    return found.raw_description.pending_activities if isinstance(found, WorkflowExecutionDescription) else ()


def _state(found: WorkflowExecution, *, waits: bool) -> pb.JobState.ValueType:
    ended = _STATES.get(found.status) if found.status is not None else None
    if ended is not None:
        return ended
    if any(one.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED for one in _pending(found)):
        return pb.JOB_STATE_RUNNING
    return pb.JOB_STATE_WAITING if waits else pb.JOB_STATE_QUEUED


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    """Bounds what is asked of Temporal, and says in the mesh's words why there is no answer."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except TimeoutError:
        raise _gone() from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise _unknown() from None
        raise _gone() from error
    except ApplicationError as error:  # what is to be kept can't be
        reason = Reason.__members__.get(error.type or "")
        raise (MeshError(reason, error.message) if reason is Reason.REQUEST_TOO_LARGE else _gone()) from error
    except RuntimeError as error:  # so its library says that it can't connect
        raise _gone() from error


def _unknown() -> MeshError:
    return MeshError(Reason.NOT_FOUND, "There is no job of this id.", param="id")


def _gone() -> MeshError:
    return MeshError(Reason.JOBS_UNAVAILABLE, "Jobs can't be kept or looked up now; try again shortly.", retry_after=1)
