"""vLLM behind the contract, by its own gRPC server (`vllm serve --grpc`)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Self

from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_adapters.contract import Adapter, EngineStatus, Place
from thinmesh_adapters.fold import fold
from thinmesh_adapters.rpc import ASK_SECONDS
from thinmesh_adapters.text.files import beside
from thinmesh_adapters.text.language import StyleName
from thinmesh_adapters.text.token_answer import TokenAnswer
from thinmesh_adapters.vllm.answer import Answer
from thinmesh_adapters.vllm.engine import Engine
from thinmesh_adapters.vllm.served import Served, learn
from thinmesh_adapters.vllm.translate import generate_request
from thinmesh_adapters.weights import locate
from thinmesh_core.call import Call
from thinmesh_core.capabilities import choices
from thinmesh_core.config import Section
from thinmesh_core.errors import MeshError, Reason

EMBEDS_AT_ONCE = 32
"""Inputs of one call that the engine embeds side by side: it takes one a request, and batches what runs."""


class Options(Section, frozen=True, kw_only=True):
    """Where the engine is, and what it does not tell of its model.

    `tokenizer` is the path (or package:DIST/file) of a tokenizer.json; unset, the engine is asked for it. `chat_template`
    stands in for the model's own. `tool_style` and `reasoning` say how the model writes calls and whether it thinks
    aloud; unset, its template tells. `max_concurrency` unset is the engine's max_num_seqs. `answer_seconds` bounds a
    call that came without a deadline.
    """

    address: str
    tokenizer: str | None = None
    chat_template: str | None = None
    tool_style: StyleName | None = None
    reasoning: bool | None = None
    max_concurrency: int | None = None
    answer_seconds: float = 600.0


class VllmAdapter(Adapter[Options]):
    """Writes the prompt's tokens and reads the answer's; leaving a call cancels it, which aborts it at the engine."""

    options_type = Options

    def __init__(self, options: Options, place: Place) -> None:
        super().__init__(options, place)
        self._engine = Engine(options.address)
        self._files = None if options.tokenizer is None else beside(locate(options.tokenizer))
        self._template = None if options.chat_template is None else locate(options.chat_template).read_bytes()
        self._learning: asyncio.Task[Served] | None = None

    async def __aenter__(self) -> Self:
        """Nothing to start: the channel connects by itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Closes the channel."""
        self._forget()
        await self._engine.close()

    async def status(self) -> EngineStatus:
        """The model, and how busy the engine is: of several data-parallel ranks the sum, and the fullest cache."""
        served = await self._learned()
        stub = self._engine.stub
        try:
            health = await self._engine.ask(stub.HealthCheck(vllm.HealthCheckRequest(), timeout=ASK_SECONDS))
            loads = (await self._engine.ask(stub.GetLoads(vllm.GetLoadsRequest(), timeout=ASK_SECONDS))).loads
        except MeshError:
            self._forget()  # another engine may answer at this address next
            raise
        if not health.healthy:
            raise MeshError(Reason.ENGINE_UNAVAILABLE, "vLLM's server answers, but its engine is dead; start it again")
        return EngineStatus(
            models=(served.model,),
            max_concurrency=self.options.max_concurrency or served.seats,
            queued=sum(one.num_waiting_reqs for one in loads),
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
        served = await self._learned()
        inputs = [_ids(one, served) for one in request.inputs]
        for ids in inputs:
            served.fits(len(ids), "input")
        room = asyncio.Semaphore(EMBEDS_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._vector(ids, call, room)) for ids in inputs]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        answers = [task.result() for task in running]
        return pb.EmbedResponse(
            embeddings=[pb.Embedding(values=one.embedding) for one in answers],
            usage=usage_pb2.Usage(prompt_tokens=sum(one.prompt_tokens for one in answers)),
        )

    async def count_tokens(self, request: pb.CountTokensRequest, call: Call) -> pb.CountTokensResponse:
        """By the model's tokenizer, a conversation by its template."""
        served = await self._learned()
        return pb.CountTokensResponse(tokens=served.language.count(request, now=datetime.now(UTC)))

    async def _events(self, request: pb.GenerateRequest, call: Call, *, stream: bool) -> AsyncGenerator[pb.GenerateEvent, None]:
        served = await self._learned()
        language = served.language
        prompt = language.prompt(request, now=datetime.now(UTC))
        served.fits(len(prompt.ids), "messages" if request.HasField("chat") else "prompt")
        asked = generate_request(
            request,
            prompt.ids,
            _unique(call),
            defaults=served.defaults,
            structural_tag=language.constraint(request),
            stream=stream,
        )
        thinks = served.thinks_before_form or asked.sampling_params.WhichOneof("constraint") is None
        ends = {*request.stopping.stop_token_ids, *(() if request.stopping.ignore_eos else served.ends)}
        several = choices(request)
        answer = Answer(
            [
                TokenAnswer(
                    index,
                    language.tokenizer,
                    language.answer(index, request, prompt.text, thinks=thinks),
                    ends=ends,
                    least=request.stopping.min_tokens,
                )
                for index in range(several)
            ],
            stream=stream,
            mirrored=several > asked.sampling_params.n,
            top=request.logprobs.top,
        )
        responses = self._engine.read(self._engine.stub.Generate(asked, timeout=self._seconds(call)))
        async with aclosing(responses):
            async for response in responses:
                event = answer.feed(response)
                if event is not None:
                    yield event
                if answer.enough:
                    break
        yield answer.end()

    async def _vector(self, ids: Sequence[int], call: Call, room: asyncio.Semaphore) -> vllm.EmbedResponse:
        asked = vllm.EmbedRequest(request_id=_unique(call), tokenized=vllm.TokenizedInput(input_ids=ids))
        async with room:
            return await self._engine.ask(self._engine.stub.Embed(asked, timeout=self._seconds(call)))

    async def _learned(self) -> Served:
        """What the engine serves; asked once, beside the calls, since a tokenizer may take longer than a status may."""
        if self._learning is None or (self._learning.done() and self._learning.exception() is not None):
            options = self.options
            self._learning = asyncio.create_task(
                learn(self._engine, self._files, self._template, options.tool_style, options.reasoning)
            )
        return await asyncio.shield(self._learning)

    def _forget(self) -> None:
        if self._learning is not None:
            self._learning.cancel()
            self._learning = None

    def _seconds(self, call: Call) -> float:
        return min(self.options.answer_seconds, call.seconds or self.options.answer_seconds)


def _ids(one: pb.EmbedInput, served: Served) -> list[int]:
    return list(one.token_ids.ids) if one.HasField("token_ids") else served.language.tokenizer.encode(one.text, special=True)


def _unique(call: Call) -> str:
    """The engine takes one id twice without a word, and what it aborts by an id is both."""
    return f"{call.request_id}-{secrets.token_hex(4)}"
