"""A pipeline: an author's function, made a workflow of Temporal's."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_type_hints

import msgspec
from temporalio import workflow
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.strict_json import MAX_DEPTH, shallow
from thinmesh_pipelines.flow.run import About, Refused, Run, ended
from thinmesh_pipelines.flow.scheduling import Schedule
from thinmesh_pipelines.job import Owner

I = TypeVar("I")  # noqa: E741 - what goes in
O = TypeVar("O")  # noqa: E741 - what comes out

PREFIX = "pipeline:"
"""Before a pipeline's name in the name of its workflow's type."""

_NAME = re.compile("[a-z][a-z0-9-]{0,62}")


def pipeline(name: str, *, schedule: Schedule | None = None) -> Callable[[Callable[[I], Awaitable[O]]], type[Run]]:
    """`@pipeline("name")` makes an async function of one value a pipeline.

    Its code is deterministic: Temporal runs it anew to know where it stands. What touches the world is a step.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a pipeline's name is of lower-case letters, digits and hyphens, at most 63: {name!r}")

    def made(function: Callable[[I], Awaitable[O]]) -> type[Run]:
        takes, gives = _types(function)
        summary = (function.__doc__ or "").strip().partition("\n")[0]

        async def run(self: Run, owner: Owner, work: pb.PipelineWork, seconds: float) -> pb.JobResult:
            self.begin(owner, seconds)
            try:
                answer = msgspec.json.encode(await function(read(work, takes))).decode()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - it is told, as the run's end
                raise ended(error) from error.__cause__
            return pb.JobResult(pipeline=pb.PipelineAnswer(output=answer))

        run.__qualname__, run.__module__ = f"{function.__name__}.run", function.__module__
        body = {
            "__module__": function.__module__,
            "__doc__": function.__doc__,
            "run": workflow.run(run),
            "about": About(name, summary, takes, gives, schedule),
        }
        return workflow.defn(name=PREFIX + name)(type(function.__name__, (Run,), body))

    return made


def read(work: pb.PipelineWork, takes: Any) -> Any:
    """What a run is given, as a value of the pipeline's type. Ends it where it is none."""
    if not shallow(work.input):
        raise Refused(f"The input is nested deeper than {MAX_DEPTH} levels.")
    try:
        return msgspec.json.decode(work.input, type=takes)
    except msgspec.DecodeError as error:
        raise Refused(f"The input is not what the pipeline takes: {error}.") from None


def _types(function: Callable[..., Any]) -> tuple[Any, Any]:
    hints = get_type_hints(function)
    gives = hints.pop("return", None)
    if len(hints) != 1 or gives is None:
        raise TypeError(f"{function.__qualname__}: a pipeline takes one value and gives one, both with a type")
    return next(iter(hints.values())), gives
