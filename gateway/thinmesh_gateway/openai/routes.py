"""OpenAI's REST surface: what each route does with an authenticated call."""

from __future__ import annotations

import asyncio
import time
from typing import TypeAlias, cast

import msgspec
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.model.v1 import model_service_pb2 as model_pb

from thinmesh_core.capabilities import choices
from thinmesh_core.errors import MeshError, invalid
from thinmesh_gateway.attendance import Attendance
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.exchange import Answer, Request, as_json
from thinmesh_gateway.idempotency.key import KEY, unstreamed
from thinmesh_gateway.inference import Inference
from thinmesh_gateway.openai import errors, requests, responses, sse, translate
from thinmesh_gateway.openai.bodies import Embedding
from thinmesh_gateway.openai.frames import ChatFrames, Frames, TextFrames
from thinmesh_gateway.wishes import GIVEN, tiered

NUMBERS_AT_ONCE = 32_768
"""Of vectors, written in one go: some milliseconds."""

Streamed: TypeAlias = sse.EventStream[pb.GenerateEvent]


class OpenAIRoutes:
    """One method a route; each takes an authenticated call."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    async def chat(self, request: Request, call: AuthorizedCall) -> Answer | Streamed:
        """POST /v1/chat/completions."""
        body = requests.decode(await request.read(), requests.ChatCompletion)
        call = tiered(call, body.service_tier, body.prompt_cache_key)
        generate = translate.chat(body)
        head = responses.Head(f"chatcmpl-{call.request_id}", int(time.time()), body.model, GIVEN[call.priority])
        if body.stream:
            _check_streamed(request)
            with_usage = bool(body.stream_options and body.stream_options.include_usage)
            frames = ChatFrames(head, choices(generate), with_usage=with_usage)
            return await self._streamed(generate, frames, request, call)
        async with Attendance(request.receive):
            return as_json(responses.chat(head, await self._inference.generate(generate, call, request.told.update)))

    async def completions(self, request: Request, call: AuthorizedCall) -> Answer | Streamed:
        """POST /v1/completions."""
        body = requests.decode(await request.read(), requests.TextCompletion)
        prompts = translate.completions(body)
        head = responses.Head(f"cmpl-{call.request_id}", int(time.time()), body.model)
        if body.stream:
            _check_streamed(request)
            if len(prompts) > 1:
                raise invalid("prompt", "Several prompts can't be streamed in one answer; send one each.")
            with_usage = bool(body.stream_options and body.stream_options.include_usage)
            frames = TextFrames(head, with_usage=with_usage)
            return await self._streamed(prompts[0], frames, request, call)
        repeated = sum(one.ByteSize() for one in prompts) - len(await request.read())
        request.hold(max(0, repeated))
        async with Attendance(request.receive):
            return as_json(responses.text(head, await self._each(prompts, request, call)))

    async def embeddings(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/embeddings."""
        body = requests.decode(await request.read(), requests.Embeddings)
        async with Attendance(request.receive):
            answer = await self._inference.embed(translate.embed(body), call, request.told.update)
        vectors = await _encoded(answer, encode=body.encoding_format == "base64")
        return as_json(responses.embeddings(body.model, vectors, answer))

    async def rerank(self, request: Request, call: AuthorizedCall) -> Answer:
        """POST /v1/rerank."""
        body = requests.decode(await request.read(), requests.Rerank)
        head = responses.Head(f"rerank-{call.request_id}", int(time.time()), body.model)
        async with Attendance(request.receive):
            answer = await self._inference.rerank(translate.rerank(body), call, request.told.update)
        return as_json(responses.ranking(head, answer, body.documents if body.return_documents else None))

    async def models(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/models."""
        answer = await self._inference.list_models(model_pb.ListModelsRequest(), call)
        return as_json(responses.models(answer.models))

    async def model(self, request: Request, call: AuthorizedCall) -> Answer:
        """GET /v1/models/{model}; names may hold slashes."""
        answer = await self._inference.get_model(model_pb.GetModelRequest(id=request.parameter("model")), call)
        return as_json(responses.model(answer.model))

    async def _streamed(self, generate: pb.GenerateRequest, frames: Frames, request: Request, call: AuthorizedCall) -> Streamed:
        events = self._inference.stream(generate, call, request.told.update)
        return await sse.EventStream(events, frames.event).opened(request.receive)

    async def _each(
        self, prompts: list[pb.GenerateRequest], request: Request, call: AuthorizedCall
    ) -> list[pb.GenerateResponse]:
        if len(prompts) == 1:
            return [await self._inference.generate(prompts[0], call, request.told.update)]
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._one(prompt, request, call.each())) for prompt in prompts]
        except* MeshError as failed:
            raise failed.exceptions[0] from None
        return [one.result() for one in running]

    async def _one(self, prompt: pb.GenerateRequest, request: Request, call: AuthorizedCall) -> pb.GenerateResponse:
        with call:
            return await self._inference.generate(prompt, call, request.told.update)


def told(error: MeshError) -> Answer:
    """An error as OpenAI has it."""
    return Answer(errors.body(error), errors.headers(error), error.row.http)


async def _encoded(answer: pb.EmbedResponse, *, encode: bool) -> list[Embedding]:
    """The vectors, as they stand in the body: of many, all else has its turn between some."""
    vectors: list[Embedding] = []
    numbers = 0
    for index, one in enumerate(answer.embeddings):
        values = one.values[:]
        numbers += len(values)
        if numbers > NUMBERS_AT_ONCE:
            numbers = 0
            await asyncio.sleep(0)
        vector = msgspec.json.encode(responses.embedding(index, values, encode=encode))
        vectors.append(cast("Embedding", msgspec.Raw(vector)))
    return vectors


def _check_streamed(request: Request) -> None:
    if request.header(KEY) is not None:
        raise unstreamed()
