"""How a terminal shows jobs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from google.protobuf.json_format import MessageToJson
from rich.table import Column, Table
from rich.text import Text
from thinmesh.job.v1 import job_service_pb2 as pb

_COLOURS = {
    pb.JOB_STATE_SUCCEEDED: "green",
    pb.JOB_STATE_RUNNING: "cyan",
    pb.JOB_STATE_FAILED: "red",
    pb.JOB_STATE_EXPIRED: "red",
}


def word(state: pb.JobState.ValueType) -> str:
    """A state in lower case."""
    return pb.JobState.Name(state).removeprefix("JOB_STATE_").lower()


def jobs(listed: Iterable[pb.Job]) -> Table:
    """A line a job."""
    table = Table(Column("job", no_wrap=True), "kind", "state", "made", "took", header_style="bold")
    for job in listed:
        took = f"{job.ended_unix_seconds - job.created_unix_seconds} s" if job.HasField("ended_unix_seconds") else ""
        made = datetime.fromtimestamp(job.created_unix_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(job.id, job.kind, Text(word(job.state), _COLOURS.get(job.state, "")), made, took)
    return table


def given(result: pb.JobResult) -> str:
    """What a job gave: a generation's text, the rest as JSON."""
    if result.WhichOneof("result") == "generate":
        return "\n".join(choice.text for choice in result.generate.choices)
    return MessageToJson(result)


def end(job: pb.Job) -> str:
    """How a job ended."""
    said = f" at the step {job.error.step}: {job.error.message}" if job.HasField("error") else ""
    page = f"; {job.link}" if job.HasField("link") else ""
    return f"{job.id} {word(job.state)}{said}{page}"
