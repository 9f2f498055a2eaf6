"""A fake vLLM that speaks its gRPC protocol over a real socket, as the real one was seen to, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection
from smg_grpc_proto.generated import common_pb2
from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from smg_grpc_proto.generated import vllm_engine_pb2_grpc as vllm_grpc

from fakes.tokenizers import EOS, forced_text, model_files, script, zipped
from thinmesh_adapters.conformance.engine import EngineFailedError, EngineLostError, ScriptedEngine
from thinmesh_adapters.text.tokenizer import Tokenizer

Servicer: Any = vllm_grpc.VllmEngineServicer
SERVICE = "vllm.grpc.engine.VllmEngine"


@dataclass
class FakeVllm(ScriptedEngine, Servicer):
    """What it says, how it fails, and what it saw.

    `text` is said in chunks of `per_chunk` tokens, `delay` seconds apart, again and again where the end is ignored. Failures
    have the `code`; before a choice's token number `kill_after` the whole server is gone. `finish` replaces every reason to
    end, `responses` replace the whole answer. `left` is set when a caller leaves a running answer.
    """

    text: str = "The sea is blue, 바다 🌊!"
    files: dict[str, bytes] = field(default_factory=model_files)
    archive: bytes | None = None
    sha256: str | None = None
    generates: bool = True
    healthy: bool = True
    context_length: int = 4096
    seats: int = 16
    eos_token_ids: tuple[int, ...] = ()
    defaults: str = ""
    start: str = "first_token"
    delay: float = 0
    per_chunk: int = 1
    code: grpc.StatusCode = grpc.StatusCode.INTERNAL
    kill_after: int | None = None
    finish: str | None = None
    responses: list[vllm.GenerateResponse] | None = None
    tokenizer_error: grpc.StatusCode | None = None
    waiting: int = 0
    address: str = ""
    requests: list[Any] = field(default_factory=list)
    embedding: int = 0
    most_embedding: int = 0
    began: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    aborts: dict[str, asyncio.Event] = field(default_factory=dict)
    server: grpc.aio.Server | None = None
    stopping: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        ScriptedEngine.__init__(self)

    def stop(self) -> asyncio.Task[None]:
        """Is gone from now on, with every connection; a task of its own, since a call may ask for it that ends by it."""
        assert self.server is not None
        self.stopping = self.stopping or asyncio.ensure_future(self.server.stop(0))
        return self.stopping

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own."""
        return Tokenizer(self.files["tokenizer.json"])

    async def Generate(self, request: vllm.GenerateRequest, context: Any) -> AsyncIterator[vllm.GenerateResponse]:
        self.requests.append(request)
        self.prompts.append(self.tokenizer.decode(request.tokenized.input_ids))
        length = len(request.tokenized.input_ids)
        if length > self.context_length:
            text = f"The decoder prompt (length {length}) is longer than the maximum model length of {self.context_length}."
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
        try:
            with self._counted():
                async for response in self._abortable(request, context):
                    yield response
        except (asyncio.CancelledError, GeneratorExit):  # the latter where it was left while it sent
            self.left.set()
            raise

    async def Abort(self, request: vllm.AbortRequest, context: Any) -> vllm.AbortResponse:
        """Ends everything that runs under the ids; those that are not known do no harm."""
        for one in request.request_ids:
            if one in self.aborts:
                self.aborts.pop(one).set()
        return vllm.AbortResponse()

    async def Embed(self, request: vllm.EmbedRequest, context: Any) -> vllm.EmbedResponse:
        """A vector that counts the tokens."""
        self.requests.append(request)
        self.embedding += 1
        self.most_embedding = max(self.most_embedding, self.embedding)
        try:
            await asyncio.sleep(self.delay)
            await self._misbehave(0, context)
        finally:
            self.embedding -= 1
        ids = request.tokenized.input_ids
        return vllm.EmbedResponse(embedding=[float(len(ids)), float(sum(ids))], prompt_tokens=len(ids), embedding_dim=2)

    async def HealthCheck(self, request: Any, context: Any) -> vllm.HealthCheckResponse:
        return vllm.HealthCheckResponse(healthy=self.healthy)

    async def GetModelInfo(self, request: Any, context: Any) -> vllm.GetModelInfoResponse:
        return vllm.GetModelInfoResponse(
            is_generation=self.generates,
            max_context_length=self.context_length,
            served_model_name="tiny",
            eos_token_ids=[self._end(), *self.eos_token_ids],
            default_sampling_params_json=self.defaults,
        )

    async def GetServerInfo(self, request: Any, context: Any) -> vllm.GetServerInfoResponse:
        return vllm.GetServerInfoResponse(max_num_seqs=self.seats, constrained_decoding_start=self.start)

    async def GetLoads(self, request: Any, context: Any) -> vllm.GetLoadsResponse:
        loads = [vllm.SchedulerLoad(num_waiting_reqs=self.waiting, token_usage=usage) for usage in (0.25, 0.5)]
        return vllm.GetLoadsResponse(version="0.32.0", loads=loads)

    async def GetTokenizer(self, request: Any, context: Any) -> AsyncIterator[common_pb2.GetTokenizerChunk]:
        if self.tokenizer_error is not None:
            await context.abort(self.tokenizer_error, "no such folder: meta-llama/Llama")
        archive = zipped(self.files) if self.archive is None else self.archive
        half = len(archive) // 2
        yield common_pb2.GetTokenizerChunk(data=archive[:half])
        digest = hashlib.sha256(archive).hexdigest() if self.sha256 is None else self.sha256
        yield common_pb2.GetTokenizerChunk(data=archive[half:], sha256=digest)

    def _end(self) -> int:
        return self.tokenizer.encode(EOS, special=False)[0]

    async def _answer(self, request: vllm.GenerateRequest, context: Any) -> AsyncIterator[vllm.GenerateResponse]:
        if self.responses is not None:
            for response in self.responses:
                yield response
            return
        params = request.sampling_params
        ids, reason = self._ids(params, len(request.tokenized.input_ids))
        counts: dict[str, Any] = {"prompt_tokens": len(request.tokenized.input_ids), "cached_tokens": 1}
        for at in range(0, len(ids), self.per_chunk):
            await self._misbehave(at, context)
            some = ids[at : at + self.per_chunk]
            await asyncio.sleep(self.delay)
            for index in range(params.n if request.stream else 0):
                chunk = vllm.GenerateStreamChunk(
                    token_ids=some, completion_tokens=len(some), index=index, output_logprobs=_logprobs(params, some), **counts
                )
                yield vllm.GenerateResponse(chunk=chunk)
            self.began.set()
        last = ids[-self.per_chunk :] if request.stream else ids
        for index in range(params.n):
            complete = vllm.GenerateComplete(
                output_ids=last,
                finish_reason=self.finish or reason,
                index=index,
                output_logprobs=_logprobs(params, last),
                **counts,
            )
            yield vllm.GenerateResponse(complete=complete)

    async def _abortable(self, request: vllm.GenerateRequest, context: Any) -> AsyncIterator[vllm.GenerateResponse]:
        """The answer until its end, or until its id is aborted."""
        aborted = self.aborts.setdefault(request.request_id, asyncio.Event())
        answer = self._answer(request, context)
        end = asyncio.ensure_future(aborted.wait())
        said = asyncio.ensure_future(anext(answer, None))
        try:
            while True:
                await asyncio.wait((said, end), return_when=asyncio.FIRST_COMPLETED)
                if end.done():
                    yield vllm.GenerateResponse(complete=vllm.GenerateComplete(finish_reason="abort"))
                    return
                response = said.result()
                if response is None:
                    return
                yield response
                said = asyncio.ensure_future(anext(answer, None))
        finally:
            for task in (said, end):
                task.cancel()

    async def _misbehave(self, at: int, context: Any) -> None:
        if self.fault is not None and at >= self.fault.after:
            self.began.set()
        try:
            await self._suffer(at)
        except EngineLostError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        except EngineFailedError as failure:
            await context.abort(self.code, str(failure))
        if self.kill_after is not None and at >= self.kill_after:
            self.stop()
            await asyncio.Event().wait()

    def _ids(self, params: vllm.SamplingParams, prompt_tokens: int) -> tuple[list[int], str]:
        room = self.context_length - prompt_tokens
        constraint = params.WhichOneof("constraint")
        return script(
            self.tokenizer,
            forced_text(params.structural_tag, schema=constraint in {"json_schema", "json_object"}) or self.text,
            most=min(params.max_tokens, room) if params.HasField("max_tokens") else room,
            least=params.min_tokens,
            stops=params.stop,
            ends=params.stop_token_ids,
            endless=params.ignore_eos,
        )


def _logprobs(params: vllm.SamplingParams, ids: list[int]) -> vllm.OutputLogProbs | None:
    """The chosen token first, and unlikelier than the others, which are likelier the lower their ids are."""
    if not params.HasField("logprobs"):
        return None
    others = [[one, *(other for other in range(5, 5 + params.logprobs) if other != one)] for one in ids]
    tops = [
        vllm.TopLogProbs(token_ids=some[: params.logprobs], values=[-9.0, -0.5, -1.0, -2.0][: params.logprobs])
        for some in others
    ]
    return vllm.OutputLogProbs(token_ids=ids, token_logprobs=[-9.0 for _ in ids], top_logprobs=tops if params.logprobs else [])


def drifted() -> DescriptorPool:
    """What another revision of the protocol says of itself: `n` has another number, and there is no `index`."""
    pool = DescriptorPool()
    for module in (common_pb2, vllm):
        file = FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        for message in file.message_type:
            for one in message.field:
                if message.name == "SamplingParams" and one.name == "n":
                    one.number = 99
                if message.name == "GenerateStreamChunk" and one.name == "index":
                    one.name = "choice"
        pool.Add(file)
    return pool


@asynccontextmanager
async def fake_vllm(
    *, address: str = "127.0.0.1:0", pool: DescriptorPool | None = None, reflects: bool = True, **fields: Any
) -> AsyncIterator[FakeVllm]:
    """A fake vLLM on a free port of this machine; `pool` is what its reflection tells."""
    engine = FakeVllm(**fields)
    engine.server = grpc.aio.server()
    vllm_grpc.add_VllmEngineServicer_to_server(engine, engine.server)
    if reflects:
        reflection.enable_server_reflection([SERVICE], engine.server, pool)
    port = engine.server.add_insecure_port(address)
    await engine.server.start()
    engine.address = f"127.0.0.1:{port}"
    try:
        yield engine
    finally:
        await engine.stop()
