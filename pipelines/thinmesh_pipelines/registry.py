"""Which pipelines there are: those that installed packages bring by an entry point of the group `thinmesh.pipelines`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec
from temporalio import activity
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_pipelines.flow.pipeline import PREFIX, read
from thinmesh_pipelines.flow.run import About, Refused, Run
from thinmesh_pipelines.flow.stepping import AuthorStep, Place, placed
from thinmesh_pipelines.heartbeat import beating
from thinmesh_pipelines.steps import Step, told

log = logging.getLogger(__name__)

GROUP = "thinmesh.pipelines"

FOLDER = "pipelines"
"""Of the state folder: what steps keep, by tenant."""


class Pipelines:
    """The pipelines of a worker, by name."""

    def __init__(self, found: Iterable[type[Run]]) -> None:
        self._found: Mapping[str, type[Run]] = {one.about.name: one for one in found}

    @property
    def workflows(self) -> list[type[Run]]:
        """Temporal's workflows of them."""
        return list(self._found.values())

    def steps(self, state: Path) -> list[Callable[..., Any]]:
        """Temporal's activities of the steps that their modules have; those keep things in `state`."""
        modules = {one.__module__: vars(sys.modules[one.__module__]) for one in self._found.values()}
        steps = {value.name: value for names in modules.values() for value in names.values() if isinstance(value, AuthorStep)}
        return [_activity(one, state / FOLDER) for one in steps.values()]

    def __getitem__(self, name: str) -> About | None:
        """What a pipeline is."""
        found = self._found.get(name)
        return None if found is None else found.about

    def check(self, work: pb.PipelineWork) -> None:
        """NOT_FOUND where there is no such pipeline, INVALID_REQUEST where it can't take what it is given."""
        found = self._found.get(work.name)
        if found is None:
            raise MeshError(
                Reason.NOT_FOUND,
                "There is no pipeline of this name; `thinmesh pipeline list` shows those that the workers have.",
                param="pipeline.name",
            )
        try:
            read(work, found.about.takes)
        except Refused as error:
            raise invalid("pipeline.input", error.message) from None

    def listed(self) -> pb.ListPipelinesResponse:
        """What they are."""
        return pb.ListPipelinesResponse(pipelines=[_told(self._found[name]) for name in sorted(self._found)])


def installed() -> Pipelines:
    """Those of this environment; ConfigError where one can't be had."""
    found: dict[str, type[Run]] = {}
    for point in entry_points(group=GROUP):
        kind = _load(point)
        if kind is None:
            continue
        if kind.about.name in found:
            raise ConfigError(
                f"two packages bring a pipeline {kind.about.name!r}: uninstall one of them, or give it another name"
            )
        found[kind.about.name] = kind
    return Pipelines(found.values())


def workflow_type(name: str) -> str:
    """What Temporal calls the workflow of a pipeline."""
    return PREFIX + name


def _load(point: EntryPoint) -> type[Run] | None:
    """The pipeline of an entry point; none where it needs an extra that is not installed."""
    package = "unknown" if point.dist is None else point.dist.name
    try:
        kind = point.load()
    except ModuleNotFoundError as error:
        if point.extras:
            log.info("the pipeline %r is left out: install %s%s (%s)", point.name, package, point.extras, error)
            return None
        raise ConfigError(f"the pipeline {point.name!r} of the package {package} can't be imported: {error}") from error
    except Exception as error:
        raise ConfigError(f"the pipeline {point.name!r} of the package {package} can't be imported: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Run) and hasattr(kind, "about")):
        raise ConfigError(f"{point.value} of the package {package} is no pipeline: decorate it with flow.pipeline")
    return kind


def _told(kind: type[Run]) -> pb.Pipeline:
    about = kind.about
    return pb.Pipeline(
        name=about.name, summary=about.summary, input_schema=_schema(about.takes), output_schema=_schema(about.gives)
    )


def _schema(kind: Any) -> str:
    return msgspec.json.encode(msgspec.json.schema(kind)).decode()


def _activity(step: AuthorStep[..., Any], folder: Path) -> Callable[..., Any]:
    @activity.defn(name=step.name)
    async def run(at: Step, given: str) -> str:
        owner = at.owner
        async with beating():
            with placed(Place(at.id, owner.tenant, owner.principal, folder / owner.tenant)):
                try:
                    return await step.perform(given)
                except MeshError as error:
                    raise told(error) from None

    return run
