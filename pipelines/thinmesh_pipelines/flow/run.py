"""One run of a pipeline, as Temporal holds it: whose it is, which step is next, and what it waits for."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_pipelines.flow.scheduling import Schedule
from thinmesh_pipelines.job import Owner, Said, job_of
from thinmesh_pipelines.lasting import PATIENCE, lasting, unless_cancelled
from thinmesh_pipelines.steps import Step

A = TypeVar("A")

WAITING = "waiting"
"""In a run's memo: a job that says no more than what it waits for."""

SAID = "said"
"""The signal by which it is told."""

outside = workflow.unsafe.imports_passed_through
"""`with outside():` around imports of what only steps use, so that they are not imported anew for every run."""


class About(NamedTuple):
    """What a pipeline is: its name, what it does, the types that it takes and gives, and when it usually runs by itself."""

    name: str
    summary: str
    takes: Any
    gives: Any
    schedule: Schedule | None


class Refused(ApplicationError):  # noqa: N818 - what authors raise
    """Ends a run with an error for its caller: what is wrong, and what to do. No other attempt is made."""

    def __init__(self, message: str, reason: Reason = Reason.INVALID_REQUEST) -> None:
        super().__init__(
            message, type=reason.name, non_retryable=True, category=ApplicationErrorCategory.BENIGN
        )  # the job tells it: it is no news for the log


class Run:
    """The base of every pipeline's workflow."""

    about: ClassVar[About]

    def __init__(self) -> None:
        self._owner: Owner | None = None
        self._seconds = 0.0
        self._steps = 0
        self._waiting: dict[str, str] = {}
        self._said: dict[str, Said] = {}

    def begin(self, owner: Owner, seconds: float) -> None:
        """Says for whom it runs, and the longest that one attempt of a step may take."""
        self._owner, self._seconds = owner, seconds

    async def ask(
        self,
        activity: Callable[..., Any] | str,
        answer: type[A],
        *arguments: Any,
        seconds: float | None = None,
        attempts: int = 0,
    ) -> A:
        """What a step gives. Its attempts, at most so many (0: until the job expires), have one id: the next in this run."""
        assert self._owner is not None  # begun
        self._steps += 1
        job_id = job_of(workflow.info().workflow_id)
        asking: Awaitable[A] = workflow.execute_activity(
            activity,  # type: ignore[arg-type] # its overloads know either of the two
            args=[Step(f"{job_id}.{self._steps}", self._owner), *arguments],
            result_type=answer,
            **lasting(timedelta(seconds=seconds or self._seconds), replace(PATIENCE, maximum_attempts=attempts)),
        )
        return await unless_cancelled(asking)

    @workflow.signal(name=SAID)
    def said(self, said: Said) -> None:
        """Hears what somebody outside says; the first word on each question counts."""
        if said.signal in self._waiting:
            self._said.setdefault(said.signal, said)

    async def hear(self, name: str, question: str, seconds: float | None) -> Said:
        """What is said under a name, asked for from now on. TimeoutError where nobody says it in time."""
        if name in self._waiting:
            raise Refused(f"The pipeline waits twice for {name!r}; give each a name of its own.", Reason.INTERNAL)
        self._wait({**self._waiting, name: question})
        try:
            await workflow.wait_condition(
                lambda: name in self._said, timeout=None if seconds is None else timedelta(seconds=seconds)
            )
        except (TimeoutError, CancelledError):  # not where the run is put aside, from which nothing can be told
            self._waits_no_more(name)
            raise
        self._waits_no_more(name)
        return self._said.pop(name)

    def _waits_no_more(self, name: str) -> None:
        self._wait({one: asked for one, asked in self._waiting.items() if one != name})

    def _wait(self, waiting: dict[str, str]) -> None:
        self._waiting = waiting
        told = [pb.Waiting(signal=name, question=question) for name, question in waiting.items()]
        workflow.upsert_memo({WAITING: pb.Job(waiting=told)})


def current() -> Run:
    """The run that a pipeline's code is in."""
    run = workflow.instance()
    assert isinstance(run, Run)
    return run


def ended(error: BaseException) -> Exception:
    """Why a run ends, as Temporal keeps it: of several errors at once the first.

    A fault of the code ends it too, where Temporal's own way is to try again until the code is mended.
    """
    match error:
        case FailureError():
            return error
        case ExceptionGroup():
            return ended(error.exceptions[0])
        case MeshError():
            return Refused(error.message, error.reason)
        case TimeoutError():
            return Refused("What the pipeline gave a time took longer.", Reason.DEADLINE_EXCEEDED)
        case _:
            return Refused(f"The pipeline's code failed with {type(error).__name__}: {error}", Reason.INTERNAL)
