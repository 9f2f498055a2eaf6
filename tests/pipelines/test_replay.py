"""Jobs that are under way go on with the code of now: what Temporal recorded of each kind is run again, command by command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter

from fakes import changed_pipelines, guarded_pipelines
from thinmesh_pipelines.payloads.converter import MeshPayloadConverter
from thinmesh_pipelines.registry import Pipelines, installed
from thinmesh_pipelines.replaying import replay
from thinmesh_pipelines.workflows import REQUEST

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
PLAIN = DataConverter(payload_converter_class=MeshPayloadConverter)


def recorded(file: Path) -> WorkflowHistory:
    told = json.loads(file.read_text())
    return WorkflowHistory.from_json(told["events"][0]["workflowExecutionStartedEventAttributes"]["workflowId"], told)


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
async def test_what_was_recorded_is_done_again(file: Path) -> None:
    await replay(recorded(file), installed(), PLAIN)


def test_every_kind_of_job_was_recorded() -> None:
    kinds = {file.stem.rpartition("-")[0] for file in HISTORIES}
    assert {one.about.name for one in installed().workflows} <= kinds
    assert {kind for kind in kinds if kind.startswith((REQUEST, "batch"))} >= {
        *(f"request-{end}" for end in ("succeeded", "failed", "retried", "cancelled", "told")),
        *(f"batch-{end}" for end in ("succeeded", "refused", "failed", "expired", "cancelled")),
    }
    assert sum(file.stem.startswith("batch-succeeded") for file in HISTORIES) == 2  # it went on as another run


async def test_a_change_that_would_stop_jobs_under_way_is_found_and_one_that_is_guarded_passes() -> None:
    [file] = [one for one in HISTORIES if one.stem == "example-index-1"]
    with pytest.raises(workflow.NondeterminismError, match=r"workflow\.patched"):
        await replay(recorded(file), Pipelines([changed_pipelines.index]), PLAIN)
    await replay(recorded(file), Pipelines([guarded_pipelines.index]), PLAIN)
