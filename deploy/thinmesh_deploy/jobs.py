"""The commands for jobs. They ask the gateway, with a key, as every caller does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import grpc
import typer
from rich.console import Console
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from thinmesh_core.call import AUTHORIZATION, PRIORITY, Metadata
from thinmesh_core.channel import dial
from thinmesh_core.priority import PRIORITIES
from thinmesh_core.status import from_rpc_error, lost
from thinmesh_deploy import completion, job_tables
from thinmesh_deploy.keys import development_key
from thinmesh_deploy.options import STATE, Config, Json, State, fail, say, setting_of, show_json

SECONDS = 5.0
"""What a gateway may take to answer."""

A = TypeVar("A")
Ask: TypeAlias = "Callable[[job_grpc.JobServiceAsyncStub, Metadata], Awaitable[A]]"
Through: TypeAlias = "Callable[[grpc.aio.Channel, Metadata], Awaitable[A]]"

job_app = typer.Typer(help="Durable work: it ends, whichever process is killed meanwhile.", no_args_is_help=True)
output = Console(highlight=False, markup=False)

JobId = Annotated[str, typer.Argument(metavar="ID", help="A job's id, as `thinmesh job submit` prints it.")]
Key = Annotated[
    str | None, typer.Option("--key", help="A key; else the development key.", envvar="THINMESH_KEY", show_envvar=True)
]
Gateway = Annotated[str | None, typer.Option("--gateway", metavar="HOST:PORT", help="The gateway's gRPC. [listen.grpc]")]


@job_app.command("submit")
def submit(
    model: Annotated[str, typer.Argument(help="A model or alias.", autocompletion=completion.models)],
    prompt: Annotated[str, typer.Argument(help="What to say to it; - reads standard input.")],
    priority: Annotated[str | None, typer.Option("--priority", help="critical, standard or batch; else the tenant's.")] = None,
    idempotency_key: Annotated[str | None, typer.Option("--idempotency-key", help="Asked for twice, it is made once.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end and print the answer.")] = False,
    key: Key = None,
    gateway: Gateway = None,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Make a job of one question and print its id. From then on it ends exactly once.

    [bold]Examples[/bold]

    thinmesh job submit smollm2 "Write two sentences about the sea." --wait

    thinmesh job submit echo - --priority batch --idempotency-key report-7 < question.txt
    """
    text = typer.get_text_stream("stdin").read() if prompt == "-" else prompt
    if priority is not None and priority not in PRIORITIES:
        fail(f"--priority must be one of {', '.join(PRIORITIES)}")
    part = chat_pb2.ContentPart(text=text)
    message = chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[part])
    question = inference_pb.GenerateRequest(model=model, chat=chat_pb2.ChatInput(messages=[message]))
    request = pb.CreateJobRequest(generate=question, idempotency_key=idempotency_key)
    wished = () if priority is None else ((PRIORITY, priority),)

    async def ask(stub: job_grpc.JobServiceAsyncStub, metadata: Metadata) -> pb.CreateJobResponse:
        return await stub.CreateJob(request, metadata=(*metadata, *wished), timeout=SECONDS)

    made = asked(ask, key, gateway, config, state)
    print(made.job.id)
    if wait:
        watch(made.job.id, key, gateway, config, state)


@job_app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option("--limit", help="How many, the newest first.", min=1, max=100)] = 20,
    key: Key = None,
    gateway: Gateway = None,
    config: Config = None,
    state: State = STATE,
    json: Json = False,
) -> None:
    """Show the tenant's jobs.

    [bold]Example[/bold]

    thinmesh job list --limit 50
    """

    async def ask(stub: job_grpc.JobServiceAsyncStub, metadata: Metadata) -> pb.ListJobsResponse:
        return await stub.ListJobs(pb.ListJobsRequest(limit=limit), metadata=metadata, timeout=SECONDS)

    found = asked(ask, key, gateway, config, state).jobs
    if json:
        show_json(job_tables.plain(found))
    else:
        output.print(job_tables.jobs(found))


@job_app.command("watch")
def watch(job_id: JobId, key: Key = None, gateway: Gateway = None, config: Config = None, state: State = STATE) -> None:
    """Follow a job to its end and print what it gave. Exits with 1 where it failed.

    [bold]Example[/bold]

    thinmesh job watch job-0f3a9c41d27b8e6650aa1c93
    """

    async def ask(stub: job_grpc.JobServiceAsyncStub, metadata: Metadata) -> pb.Job:
        with output.status(f"{job_id}: asking") as status:
            async for news in stub.WatchJob(pb.WatchJobRequest(id=job_id), metadata=metadata):
                status.update(f"{job_id}: {job_tables.now(news.job)}")
                for one in news.job.waiting:
                    say(f"{job_id} waits for {one.signal}: {one.question}")
        return news.job

    job = asked(ask, key, gateway, config, state)
    if job.state == pb.JOB_STATE_SUCCEEDED:
        print(job_tables.given(job.result))
        return
    say(job_tables.end(job))
    raise typer.Exit(1)


@job_app.command("cancel")
def cancel(job_id: JobId, key: Key = None, gateway: Gateway = None, config: Config = None, state: State = STATE) -> None:
    """End a job; its engine is free within 2 seconds. One that has ended stays as it is.

    [bold]Example[/bold]

    thinmesh job cancel job-0f3a9c41d27b8e6650aa1c93
    """

    async def ask(stub: job_grpc.JobServiceAsyncStub, metadata: Metadata) -> pb.CancelJobResponse:
        return await stub.CancelJob(pb.CancelJobRequest(id=job_id), metadata=metadata, timeout=SECONDS)

    job = asked(ask, key, gateway, config, state).job
    ended = job.HasField("ended_unix_seconds")
    say(job_tables.end(job) if ended else f"{job_id} is told to end")


def asked(ask: Ask[A], key: str | None, gateway: str | None, config: Path | None, state: Path) -> A:
    """What is asked of a gateway's JobService."""
    return through(lambda channel, metadata: ask(job_grpc.JobServiceStub(channel), metadata), key, gateway, config, state)


def through(ask: Through[A], key: str | None, gateway: str | None, config: Path | None, state: Path) -> A:
    """What is asked of a gateway with a key; where it refuses or is not there the command ends."""
    setting = setting_of(config, state)
    address = gateway or setting.config.listen.grpc
    metadata = ((AUTHORIZATION, f"Bearer {(key or development_key(setting.state)).strip()}"),)

    async def run() -> A:
        async with dial(address) as channel:
            return await ask(channel, metadata)

    try:
        return asyncio.run(run())
    except grpc.aio.AioRpcError as error:
        if lost(error):
            fail(f"no gateway answers at {address}: is the mesh up? --gateway says where")
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            fail(f"the gateway at {address} has no jobs: put `jobs: {{}}` into its thinmesh.yaml")
        fail(from_rpc_error(error).message)
