"""Which pipelines a worker has, and which runs and schedules it takes."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.config import ConfigError, convert
from thinmesh_core.errors import MeshError, Reason
from thinmesh_examples.long_document import long_document
from thinmesh_examples.nightly import nightly
from thinmesh_pipelines import registry, schedules
from thinmesh_pipelines.config import JobsConfig, WorkerConfig
from thinmesh_pipelines.registry import GROUP, Pipelines, installed


def points(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    found = EntryPoints(EntryPoint(f"p{number}", value, GROUP) for number, value in enumerate(values))
    monkeypatch.setattr(registry, "entry_points", lambda group: found)


def test_the_examples_are_there_with_their_schemas() -> None:
    listed = {one.name: one for one in installed().listed().pipelines}
    assert {"example-rag", "example-long-document", "example-approved-draft", "example-nightly"} <= {*listed}
    assert all(one.summary for one in listed.values())
    assert "text" in json.dumps(json.loads(listed["example-long-document"].input_schema))


def test_one_that_can_not_be_imported_is_an_error_unless_it_is_an_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, "no_such_module:one [examples]")
    assert not installed().workflows
    points(monkeypatch, "no_such_module:one")
    with pytest.raises(ConfigError, match="can't be imported"):
        installed()
    points(monkeypatch, "json:dumps")
    with pytest.raises(ConfigError, match=r"flow\.pipeline"):
        installed()


def test_two_of_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, "thinmesh_examples.nightly:nightly", "thinmesh_examples.nightly:nightly")
    with pytest.raises(ConfigError, match="two packages"):
        installed()


def test_steps_are_found_in_the_modules_of_pipelines(tmp_path: Path) -> None:
    assert len(Pipelines([nightly]).steps(tmp_path)) == 2
    assert not Pipelines([long_document]).steps(tmp_path)


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("no-such", "{}", Reason.NOT_FOUND),
        ("example-nightly", "{}", Reason.INVALID_REQUEST),
        ("example-nightly", '{"kinds": 7}', Reason.INVALID_REQUEST),
        ("example-nightly", "", Reason.INVALID_REQUEST),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(name: str, given: str, reason: Reason) -> None:
    with pytest.raises(MeshError) as refused:
        Pipelines([nightly]).check(pb.PipelineWork(name=name, input=given))
    assert refused.value.reason is reason
    Pipelines([nightly]).check(pb.PipelineWork(name="example-nightly", input='{"kinds": ["a"]}'))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"pipeline": "no-such", "tenant": "a"}, "no pipeline"),
        ({"pipeline": "example-nightly", "tenant": "a"}, "not what the pipeline takes"),
        ({"pipeline": "example-nightly", "tenant": "a", "input": {"kinds": ["x" * 70_000]}}, "bytes"),
        ({"pipeline": "example-long-document", "tenant": "a", "input": {"text": "a"}}, "say when"),
    ],
)
def test_a_schedule_that_can_not_run_is_an_error_at_the_start(tmp_path: Path, entry: dict[str, object], said: str) -> None:
    jobs = convert({"schedules": {"it": entry}}, JobsConfig, source="jobs")
    config = WorkerConfig(jobs=jobs, temporal="", gateway="", state=tmp_path, weights={})
    with pytest.raises(ConfigError, match=said):
        schedules.check(config, Pipelines([nightly, long_document]))
