"""vLLM behind the contract, by its own gRPC server (`vllm serve --grpc`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Self

from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_adapters.contract import Adapter, EngineStatus, Place
from thinmesh_adapters.fields import count
from thinmesh_adapters.rpc import ASK_SECONDS
from thinmesh_adapters.text.language import fits
from thinmesh_adapters.text.off_loop import off_loop
from thinmesh_adapters.vllm.answer import Answer
from thinmesh_adapters.vllm.config import Options, Speech
from thinmesh_adapters.vllm.engine import Engine
from thinmesh_adapters.vllm.learning import Learning
from thinmesh_adapters.vllm.served import Served, learn
from thinmesh_adapters.vllm.translate import generate_request
from thinmesh_core.call import Call
from thinmesh_core.capabilities import choices
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.fold import fold

EMBEDS_AT_ONCE = 32
"""Inputs of one call that the engine embeds side by side: it takes one a request, and batches what runs."""


class VllmAdapter(Adapter[Options]):
    """Writes the prompt's tokens and reads the answer's; leaving a call cancels it, which aborts it at the engine."""

    options_type = Options

    def __init__(self, options: Options, place: Place) -> None:
        super().__init__(options, place)
        self._engine = Engine(place.engine(options.address))
        self._served = Learning(partial(learn, self._engine, Speech(options)))

    async def __aenter__(self) -> Self:
        """Nothing to start: the channel connects by itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Closes the channel."""
        self._served.forget()
        await self._engine.close()

    async def status(self) -> EngineStatus:
        """The model, and how busy the engine is: of several data-parallel ranks the sum, and the fullest cache."""
        served = await self._served.learned()
        stub = self._engine.stub
        try:
            health = await self._engine.ask(stub.HealthCheck(vllm.HealthCheckRequest(), timeout=ASK_SECONDS))
            loads = (await self._engine.ask(stub.GetLoads(vllm.GetLoadsRequest(), timeout=ASK_SECONDS))).loads
        except MeshError:
            self._served.forget()
            raise
        if not health.healthy:
            raise MeshError(Reason.ENGINE_UNAVAILABLE, "vLLM's server answers, but its engine is dead; start it again")
        return EngineStatus(
            models=(served.model,),
            max_concurrency=self.options.max_concurrency or served.seats,
            queued=sum(max(one.num_waiting_reqs, 0) for one in loads),
            kv_cache_use=max((one.token_usage for one in loads), default=None),
        )

    def generate(self, request: pb.GenerateRequest, call: Call) -> AsyncGenerator[pb.GenerateEvent, None]:
        """One event a response."""
        return self._events(request, call, stream=True)

    async def answer(self, request: pb.GenerateRequest, call: Call) -> pb.GenerateResponse:
        """The engine's whole answer, which spares both sides a message a token; leaving it stops the engine as well."""
        async with aclosing(self._events(request, call, stream=False)) as events:
            return await fold(events, choices(request))

    async def embed(self, request: pb.EmbedRequest, call: Call) -> pb.EmbedResponse:
        """The engine's vectors, from one request an input."""
        served = await self._served.learned()
        inputs = await off_loop(request.ByteSize(), lambda: [_ids(one, served) for one in request.inputs])
        for ids in inputs:
            fits(len(ids), served.model.context_length, "input")
        room = asyncio.Semaphore(EMBEDS_AT_ONCE)
        try:
            async with self._engine.attempts.ids(call, len(inputs)) as names, asyncio.TaskGroup() as tasks:
                asked = zip(names, inputs, strict=True)
                running = [tasks.create_task(self._vector(name, ids, call, room)) for name, ids in asked]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        answers = [task.result() for task in running]
        return pb.EmbedResponse(
            embeddings=[pb.Embedding(values=one.embedding) for one in answers],
            usage=usage_pb2.Usage(prompt_tokens=count(sum(one.prompt_tokens for one in answers))),
        )

    async def count_tokens(self, request: pb.CountTokensRequest, call: Call) -> pb.CountTokensResponse:
        """By the model's tokenizer, a conversation by its template."""
        served = await self._served.learned()
        return pb.CountTokensResponse(tokens=await served.language.count(request, now=datetime.now(UTC)))

    async def _events(self, request: pb.GenerateRequest, call: Call, *, stream: bool) -> AsyncGenerator[pb.GenerateEvent, None]:
        served = await self._served.learned()
        language = served.language
        prompt = await language.prompt(request, now=datetime.now(UTC))
        fits(len(prompt.ids), served.model.context_length, prompt.field)
        asked = generate_request(
            request,
            prompt.ids,
            defaults=served.defaults,
            structural_tag=language.constraint(request),
            stream=stream,
        )
        thinks = served.thinks_before_form or asked.sampling_params.WhichOneof("constraint") is None
        several = language.choices(request, prompt, made=asked.sampling_params.n, ends=served.ends, thinks=thinks)
        answer = Answer(several, stream=stream, top=request.logprobs.top)
        async with self._engine.attempts.ids(call) as (asked.request_id,):
            responses = self._engine.read(self._engine.stub.Generate(asked, timeout=self.options.seconds(call)))
            async with aclosing(responses):
                async for response in responses:
                    event = answer.feed(response)
                    if event is not None:
                        yield event
                    if several.enough:
                        break
        yield answer.end()

    async def _vector(self, name: str, ids: Sequence[int], call: Call, room: asyncio.Semaphore) -> vllm.EmbedResponse:
        asked = vllm.EmbedRequest(request_id=name, tokenized=vllm.TokenizedInput(input_ids=ids))
        async with room:
            return await self._engine.ask(self._engine.stub.Embed(asked, timeout=self.options.seconds(call)))


def _ids(one: pb.EmbedInput, served: Served) -> list[int]:
    return list(one.token_ids.ids) if one.HasField("token_ids") else served.language.tokenizer.encode(one.text, special=True)
