"""Records what the workflows of jobs do, for test_replay: `make histories`. Temporal is real, steps answer at once."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporal_server import temporal_server
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from thinmesh.inference.v1 import inference_service_pb2 as inference_pb
from thinmesh.job.v1 import job_service_pb2 as pb

from thinmesh_core.priority import Priority
from thinmesh_pipelines.batches.lines import Problem, Range
from thinmesh_pipelines.batches.task import Counted, Examined, Gathered, Gathering, Task
from thinmesh_pipelines.batches.workflow import BATCH, RANGES_A_RUN
from thinmesh_pipelines.expiry import SPARE
from thinmesh_pipelines.flow.run import SAID, WAITING
from thinmesh_pipelines.job import Owner, Said, workflow_id
from thinmesh_pipelines.payloads.converter import MeshPayloadConverter
from thinmesh_pipelines.registry import installed, workflow_type
from thinmesh_pipelines.replaying import RUNNER, around, workflows
from thinmesh_pipelines.steps import Step
from thinmesh_pipelines.webhooks.endpoints import Endpoint, Endpoints
from thinmesh_pipelines.webhooks.event import TYPES
from thinmesh_pipelines.workflows import REQUEST

FOLDER = Path(__file__).parent / "histories"
PLAIN = DataConverter(payload_converter_class=MeshPayloadConverter)
QUEUE = "recording"
OWNER = Owner("acme", "somebody", ("user",), key=True, priority=Priority.STANDARD)
TOLD = Owner("told", "somebody", ("user",), key=True, priority=Priority.STANDARD)
ENDPOINTS = Endpoints({"told": [Endpoint("it", "https://hooks.example.com", (), frozenset(TYPES))]})
SECONDS = 60.0

Handle = WorkflowHandle[Any, Any]


def answered(text: str) -> inference_pb.GenerateResponse:
    choice = inference_pb.Choice(text=text, finish_reason=inference_pb.FINISH_REASON_STOP)
    return inference_pb.GenerateResponse(choices=[choice])


@activity.defn(name="infer")
async def infer(step: Step, work: pb.CreateJobRequest) -> pb.JobResult:
    """Ends as the text says."""
    match work.generate.text:
        case "fail":
            raise ApplicationError("no", type="MODEL_NOT_FOUND", non_retryable=True)
        case "again" if activity.info().attempt == 1:
            raise ApplicationError("not yet", type="OVERLOADED")
        case "long":
            while True:
                activity.heartbeat()
                await asyncio.sleep(0.1)
    return pb.JobResult(generate=answered("done"))


@activity.defn(name="chat")
async def chat(step: Step, request: inference_pb.GenerateRequest) -> inference_pb.GenerateResponse:
    """What the schema wants, or a short text."""
    schema = json.loads(request.response_format.json_schema.schema_json or "{}")
    if "properties" in schema:
        return answered(json.dumps({"answer": "at nine", "passages": ["a"]}))
    return answered(json.dumps(schema["enum"][0]) if "enum" in schema else "a short text")


@activity.defn(name="embed")
async def embed(step: Step, request: inference_pb.EmbedRequest) -> inference_pb.EmbedResponse:
    """A vector of each."""
    return inference_pb.EmbedResponse(embeddings=[inference_pb.Embedding(values=[1.0, 0.0]) for _ in request.inputs])


@activity.defn(name="rerank")
async def rerank(step: Step, request: inference_pb.RerankRequest) -> inference_pb.RerankResponse:
    """The order that there was."""
    ranked = [inference_pb.RankedDocument(index=index, score=1.0) for index in range(len(request.documents))]
    return inference_pb.RerankResponse(results=ranked)


@activity.defn(name="examine")
async def examine(task: Task) -> Examined:
    """More ranges than one run asks, or a fault of the file."""
    if task.file_id == "broken":
        return Examined([Problem("invalid_json_line", "It is none.", 1, None)], [])
    return Examined([], [Range(index * 10, 10, 1, 1 + index) for index in range(RANGES_A_RUN + 2)])


@activity.defn(name="lines")
async def lines(task: Task, index: int, part: Range) -> Counted:
    """All are done."""
    if index and task.file_id == "denied":
        raise ApplicationError("no", type="PERMISSION_DENIED", non_retryable=True)
    while task.file_id in {"endless", "late"}:
        activity.heartbeat()
        await asyncio.sleep(0.1)
    return Counted(done=1)


@activity.defn(name="gather")
async def gather(task: Task, ranges: list[Range], gathering: Gathering) -> Gathered:
    """The files."""
    return Gathered(Counted(done=len(ranges)), "file-1", None)


@activity.defn(name="discard")
async def discard(task: Task) -> None:
    """Nothing is there."""


def texts(name: str, answer: str) -> Callable[[Step, str], Awaitable[str]]:
    """A step that takes and gives JSON."""

    @activity.defn(name=name)
    async def run(step: Step, given: str) -> str:
        return answer

    return run


PASSAGES = json.dumps([{"id": "a", "text": "It leaves at nine."}, {"id": "b", "text": "It is blue."}])
STEPS: list[Callable[..., Any]] = [
    infer, chat, embed, rerank, examine, lines, gather, discard,
    texts("http_call", '{"status": 200, "headers": {}, "body": "eyJ3ZWF0aGVyIjogImNhbG0ifQ=="}'),
    texts("thinmesh_examples.passages.search", PASSAGES),
    texts("thinmesh_examples.passages.keep", "2"),
    texts("thinmesh_examples.nightly.notes", '{"one": "good", "two": "bad"}'),
    texts("thinmesh_examples.nightly.report", "null"),
]  # fmt: skip


async def begun(
    client: Client, kind: str, arguments: list[Any], owner: Owner = OWNER, name: str = "job-1", **others: Any
) -> Handle:
    """A job, whose id is the same in every recording."""
    return await client.start_workflow(
        kind,
        args=[owner, *arguments] if kind != BATCH else arguments,
        id=workflow_id(owner.tenant, name),
        task_queue=QUEUE,
        execution_timeout=timedelta(hours=1) + SPARE,
        **others,
    )


async def request(client: Client, text: str, **others: Any) -> Handle:
    """A job of one request."""
    work = pb.CreateJobRequest(generate=inference_pb.GenerateRequest(model="m", text=text))
    return await begun(client, REQUEST, [work, SECONDS], name=f"job-{text}", **others)


async def batch(client: Client, file_id: str, window: int = 3600) -> Handle:
    """A batch."""
    work = pb.BatchWork(input_file_id=file_id, endpoint="/v1/chat/completions", window_seconds=window)
    arguments = [Task(f"job-{file_id}", OWNER, file_id, work.endpoint, 4), pb.Batch(work=work, created_unix_seconds=1), 3600]
    return await begun(client, BATCH, arguments, name=f"job-{file_id}", memo={BATCH: arguments[1]})


async def run(client: Client, name: str, given: Any) -> Handle:
    """A run of a pipeline."""
    work = pb.PipelineWork(name=name, input=json.dumps(given))
    return await begun(client, workflow_type(name), [work, SECONDS], name=f"job-{name}")


async def cancelled(handle: Handle) -> Handle:
    """A job that is cancelled while its step runs."""
    while not (await handle.describe()).raw_description.pending_activities:
        pass
    await handle.cancel()
    return handle


async def approved(handle: Handle) -> Handle:
    """A run whose first draft is rejected, and whose second one is approved."""
    for approved in (False, True):
        while not (await (await handle.describe()).memo_value(WAITING, pb.Job(), type_hint=pb.Job)).waiting:
            pass
        value = json.dumps({"approved": approved, "note": "shorter"})
        await handle.signal(SAID, Said("approval", value, "somebody"))
        await asyncio.sleep(1)
    return handle


async def record(client: Client) -> dict[str, Handle]:
    """One job of each kind and end."""
    return {
        "request-succeeded": await request(client, "go"),
        "request-failed": await request(client, "fail"),
        "request-retried": await request(client, "again"),
        "request-cancelled": await cancelled(await request(client, "long")),
        "request-told": await request(client, "go", owner=TOLD),
        "batch-succeeded": await batch(client, "many"),
        "batch-refused": await batch(client, "broken"),
        "batch-failed": await batch(client, "denied"),
        "batch-expired": await batch(client, "late", window=2),
        "batch-cancelled": await cancelled(await batch(client, "endless")),
        "example-index": await run(client, "example-index", {"passages": json.loads(PASSAGES)}),
        "example-rag": await run(client, "example-rag", {"question": "When?", "api": "https://api.example.com"}),
        "example-long-document": await run(client, "example-long-document", {"text": "word " * 50, "words": 10}),
        "example-nightly": await run(client, "example-nightly", {"kinds": ["good", "bad"]}),
        "example-approved-draft": await approved(await run(client, "example-approved-draft", {"about": "tea"})),
    }


def without_paths(told: Any) -> Any:
    """What was recorded without where code lies on this machine."""
    match told:
        case dict():
            return {name: without_paths(value) for name, value in told.items() if name != "stackTrace"}
        case list():
            return [without_paths(value) for value in told]
        case _:
            return told


async def main(folder: Path) -> None:
    """Writes a history of each, and of each run of those that went on as another one."""
    with tempfile.TemporaryDirectory() as state:
        async with temporal_server(Path(state)) as server:
            client = await Client.connect(server.address, data_converter=PLAIN, identity="recording")
            worker = Worker(
                client,
                task_queue=QUEUE,
                workflows=workflows(installed()),
                activities=STEPS,
                workflow_runner=RUNNER,
                interceptors=around(lambda: ENDPOINTS),
            )
            async with worker:
                for name, handle in (await record(client)).items():
                    with suppress(WorkflowFailureError):
                        await handle.result()
                    last = (await client.get_workflow_handle(handle.id).describe()).run_id
                    for number, run_id in enumerate(sorted({handle.first_execution_run_id or last, last}), 1):
                        found = await client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()
                        told = json.dumps(without_paths(found.to_json_dict()), indent=2)
                        (folder / f"{name}-{number}.json").write_text(told + "\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
