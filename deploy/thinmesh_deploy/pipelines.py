"""The commands for pipelines. They ask the gateway, with a key, as every caller does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from thinmesh.job.v1 import job_service_pb2 as pb
from thinmesh.job.v1 import job_service_pb2_grpc as job_grpc

from thinmesh_core.call import PRIORITY, Metadata
from thinmesh_core.priority import PRIORITIES
from thinmesh_deploy import job_tables
from thinmesh_deploy.jobs import SECONDS, Gateway, JobId, Key, asked, output, watch
from thinmesh_deploy.options import STATE, Config, Json, State, fail, say, show_json

pipeline_app = typer.Typer(help="Work of several steps, written as Python code.", no_args_is_help=True)


@pipeline_app.command("list")
def list_pipelines(
    schemas: Annotated[bool, typer.Option("--schemas", help="Also show what each takes and gives, as JSON schemas.")] = False,
    key: Key = None,
    gateway: Gateway = None,
    config: Config = None,
    state: State = STATE,
    as_json: Json = False,
) -> None:
    """Show the pipelines that the workers have.

    [bold]Example[/bold]

    thinmesh pipeline list --schemas
    """

    async def ask(stub: job_grpc.JobServiceAsyncStub, metadata: Metadata) -> pb.ListPipelinesResponse:
        return await stub.ListPipelines(pb.ListPipelinesRequest(), metadata=metadata, timeout=SECONDS)

    found = asked(ask, key, gateway, config, state).pipelines
    if as_json:
        show_json(job_tables.plain(found))
    else:
        output.print(job_tables.pipelines(found, schemas=schemas))


@pipeline_app.command("run")
def run(
    name: Annotated[str, typer.Argument(help="A pipeline's name, as `thinmesh pipeline list` shows it.")],
    given: Annotated[str, typer.Argument(metavar="INPUT", help="What it is given, as JSON; @FILE reads it, - standard input.")],
    priority: Annotated[str | None, typer.Option("--priority", help="critical, standard or batch; else the tenant's.")] = None,
    idempotency_key: Annotated[str | None, typer.Option("--idempotency-key", help="Asked for twice, it is run once.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end and print what it gave.")] = False,
    key: Key = None,
    gateway: Gateway = None,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Make a job that runs a pipeline and print its id. Follow it with `thinmesh job watch`.

    [bold]Examples[/bold]

    thinmesh pipeline run example-long-document '{"text": "..."}' --wait

    thinmesh pipeline run example-index @passages.json
    """
    if priority is not None and priority not in PRIORITIES:
        fail(f"--priority must be one of {', '.join(PRIORITIES)}")
    work = pb.PipelineWork(name=name, input=_read(given))
    request = pb.CreateJobRequest(pipeline=work, idempotency_key=idempotency_key)
    wished = () if priority is None else ((PRIORITY, priority),)

    async def ask(stub: job_grpc.JobServiceAsyncStub, metadata: Metadata) -> pb.CreateJobResponse:
        return await stub.CreateJob(request, metadata=(*metadata, *wished), timeout=SECONDS)

    job = asked(ask, key, gateway, config, state).job
    print(job.id)
    if job.HasField("link"):
        say(job.link)
    if wait:
        watch(job.id, key, gateway, config, state)


@pipeline_app.command("approve")
def approve(
    job_id: JobId,
    reject: Annotated[bool, typer.Option("--reject", help="Say no.")] = False,
    note: Annotated[str, typer.Option("--note", help="Why, for whoever reads it and for the pipeline.")] = "",
    name: Annotated[str, typer.Option("--name", help="Which of several approvals that the job waits for.")] = "approval",
    key: Key = None,
    gateway: Gateway = None,
    config: Config = None,
    state: State = STATE,
) -> None:
    """Decide what a job waits for; `thinmesh job watch` shows the question. Needs a role with the action `approvals`.

    [bold]Examples[/bold]

    thinmesh pipeline approve job-0f3a9c41d27b8e6650aa1c93

    thinmesh pipeline approve job-0f3a9c41d27b8e6650aa1c93 --reject --note "shorter, please"
    """
    value = json.dumps({"approved": not reject, "note": note}, ensure_ascii=False)
    request = pb.SignalJobRequest(id=job_id, signal=name, value=value)

    async def ask(stub: job_grpc.JobServiceAsyncStub, metadata: Metadata) -> pb.SignalJobResponse:
        return await stub.SignalJob(request, metadata=metadata, timeout=SECONDS)

    asked(ask, key, gateway, config, state)
    say(f"{job_id} is {'rejected' if reject else 'approved'}")


def _read(given: str) -> str:
    """JSON of the command line, of a file or of standard input."""
    if given == "-":
        text = typer.get_text_stream("stdin").read()
    elif given.startswith("@"):
        try:
            text = Path(given[1:]).read_text()
        except OSError as error:
            fail(f"{given[1:]}: {error.strerror}")
    else:
        text = given
    try:
        json.loads(text)
    except ValueError as error:
        fail(f"""the input is no JSON: {error}; a text is written '"..."', an object '{{"name": "value"}}'""")
    return text
