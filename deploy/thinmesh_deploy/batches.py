"""The command for batches: a file goes up, its lines are done, and what they gave comes down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import grpc
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from thinmesh.job.v1 import file_service_pb2 as file_pb
from thinmesh.job.v1 import file_service_pb2_grpc as file_grpc
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from thinmesh_core.call import Metadata
from thinmesh_core.errors import Reason
from thinmesh_core.status import from_rpc_error, lost
from thinmesh_deploy import job_tables
from thinmesh_deploy.jobs import SECONDS, Gateway, Key, through
from thinmesh_deploy.options import STATE, Config, State, console, fail, say

PIECE_BYTES = 1024 * 1024
LOOK_SECONDS = 0.5


def batch(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A request a line, as OpenAI's batches.")],
    into: Annotated[Path | None, typer.Option("--into", help="Where the answers go. [FILE.output.jsonl]")] = None,
    errors: Annotated[Path | None, typer.Option("--errors", help="Where lines that failed go. [FILE.errors.jsonl]")] = None,
    seconds: Annotated[int, typer.Option("--seconds", help="The longest that it may take; 0: as any job.", min=0)] = 0,
    key: Key = None,
    gateway: Gateway = None,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Have a file of requests done and write their answers. Interrupted it goes on: `thinmesh job list` shows it.

    Exits with 1 where it did not complete; what it had is written all the same.

    [bold]Examples[/bold]

    thinmesh batch questions.jsonl

    thinmesh batch questions.jsonl --into answers.jsonl --seconds 3600
    """
    endpoint = _endpoint(file)
    given = into or file.with_suffix(".output.jsonl"), errors or file.with_suffix(".errors.jsonl")

    async def ask(channel: grpc.aio.Channel, metadata: Metadata) -> pb.Job:
        files, jobs = file_grpc.FileServiceStub(channel), job_grpc.JobServiceStub(channel)
        with _progress() as progress:
            file_id = await _uploaded(files, file, metadata, progress)
            work = pb.BatchWork(input_file_id=file_id, endpoint=endpoint, window_seconds=seconds)
            made = await jobs.CreateJob(pb.CreateJobRequest(batch=work), metadata=metadata, timeout=SECONDS)
            job = await _ended(jobs, made.job, metadata, progress)
        gave = job.batch.files
        if gave.HasField("output_file_id"):
            await _downloaded(files, gave.output_file_id, given[0], metadata)
        if gave.HasField("error_file_id"):
            await _downloaded(files, gave.error_file_id, given[1], metadata)
        return job

    job = through(ask, key, gateway, config, state)
    for wrong in job.batch.errors:
        say(f"{file}:{wrong.line or 1}: {wrong.message}")
    counts = job.progress
    say(f"{job_tables.end(job)}: {counts.done} of {counts.total} done, {counts.failed} failed")
    if job.state != pb.JOB_STATE_SUCCEEDED:
        raise typer.Exit(1)


def _endpoint(file: Path) -> str:
    """What its first line asks for; the others must ask for the same, which is looked at when the batch begins."""
    with file.open("rb") as lines:
        first = lines.readline(4 * PIECE_BYTES)
    try:
        url = json.loads(first)["url"]
    except (ValueError, KeyError, TypeError):
        fail(f"{file}:1: a line is an object with custom_id, method, url and body")
    return str(url)


def _progress() -> Progress:
    words = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*words, console=console, transient=True)


async def _uploaded(stub: file_grpc.FileServiceAsyncStub, file: Path, metadata: Metadata, progress: Progress) -> str:
    size = -(-(await asyncio.to_thread(file.stat)).st_size // PIECE_BYTES)
    bar = progress.add_task(f"{file.name}: MiB sent", total=size)

    async def parts() -> AsyncIterator[file_pb.UploadFileRequest]:
        yield file_pb.UploadFileRequest(about=file_pb.FileAbout(name=file.name, purpose="batch"))
        with file.open("rb") as data:
            while piece := await asyncio.to_thread(data.read, PIECE_BYTES):
                yield file_pb.UploadFileRequest(piece=piece)
                progress.advance(bar)

    kept = [answer.file.id async for answer in stub.UploadFile(parts(), metadata=metadata)]
    progress.remove_task(bar)
    return kept[0]


async def _ended(stub: job_grpc.JobServiceAsyncStub, job: pb.Job, metadata: Metadata, progress: Progress) -> pb.Job:
    """The batch at its end; a mesh that is away meanwhile is waited for."""
    bar = progress.add_task(job.id, total=None)
    while not job.HasField("ended_unix_seconds"):
        await asyncio.sleep(LOOK_SECONDS)
        try:
            job = (await stub.GetJob(pb.GetJobRequest(id=job.id), metadata=metadata, timeout=SECONDS)).job
        except grpc.aio.AioRpcError as error:
            if not lost(error) and from_rpc_error(error).reason is not Reason.JOBS_UNAVAILABLE:
                raise
        counts = job.progress
        progress.update(bar, total=counts.total or None, completed=counts.done + counts.failed)
    return job


async def _downloaded(stub: file_grpc.FileServiceAsyncStub, file_id: str, into: Path, metadata: Metadata) -> None:
    size = 0
    with into.open("wb") as data:
        async for part in stub.DownloadFile(file_pb.DownloadFileRequest(id=file_id), metadata=metadata):
            size += await asyncio.to_thread(data.write, part.piece)
    say(f"{into}: {size} bytes")
