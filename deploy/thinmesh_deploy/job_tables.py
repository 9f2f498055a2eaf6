"""How a terminal shows jobs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict, MessageToJson
from rich.table import Column, Table
from rich.text import Text
from thinmesh.job.v1 import job_service_pb2 as pb

_COLOURS = {
    pb.JOB_STATE_SUCCEEDED: "green",
    pb.JOB_STATE_RUNNING: "cyan",
    pb.JOB_STATE_WAITING: "yellow",
    pb.JOB_STATE_FAILED: "red",
    pb.JOB_STATE_EXPIRED: "red",
}


def word(state: pb.JobState.ValueType) -> str:
    """A state in lower case."""
    return pb.JobState.Name(state).removeprefix("JOB_STATE_").lower()


def now(job: pb.Job) -> str:
    """What a job does now: its state, and its steps."""
    return " ".join([word(job.state), *job.steps])


def plain(listed: Iterable[pb.Job] | Iterable[pb.Pipeline]) -> list[dict[str, Any]]:
    """For programs, by the names of the contract."""
    return [MessageToDict(one, preserving_proto_field_name=True) for one in listed]


def pipelines(listed: Iterable[pb.Pipeline], *, schemas: bool) -> Table:
    """A line a pipeline."""
    table = Table(Column("pipeline", no_wrap=True), "what it does", header_style="bold")
    for name in ("takes", "gives") if schemas else ():
        table.add_column(name)
    for one in listed:
        shown = (_indented(one.input_schema), _indented(one.output_schema)) if schemas else ()
        table.add_row(one.name, one.summary, *shown)
    return table


def jobs(listed: Iterable[pb.Job]) -> Table:
    """A line a job."""
    table = Table(Column("job", no_wrap=True), "kind", "state", "made", "took", header_style="bold")
    for job in listed:
        took = f"{job.ended_unix_seconds - job.created_unix_seconds} s" if job.HasField("ended_unix_seconds") else ""
        made = datetime.fromtimestamp(job.created_unix_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(job.id, job.pipeline or job.kind, Text(word(job.state), _COLOURS.get(job.state, "")), made, took)
    return table


def given(result: pb.JobResult) -> str:
    """What a job gave: a generation's text, the rest as JSON."""
    if result.WhichOneof("result") == "pipeline":
        return _indented(result.pipeline.output)
    if result.WhichOneof("result") == "generate":
        return "\n".join(choice.text for choice in result.generate.choices)
    if result.WhichOneof("result") == "openai":
        return result.openai.decode()
    return MessageToJson(result)


def end(job: pb.Job) -> str:
    """How a job ended."""
    said = f" at the step {job.error.step}: {job.error.message}" if job.HasField("error") else ""
    page = f"; {job.link}" if job.HasField("link") else ""
    return f"{job.id} {word(job.state)}{said}{page}"


def _indented(text: str) -> str:
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
