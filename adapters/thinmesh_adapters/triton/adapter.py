"""A Triton server behind the contract."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Self

from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_adapters.contract import Adapter, EngineStatus, Model, Place
from thinmesh_adapters.rpc import ASK_SECONDS
from thinmesh_adapters.text.off_loop import off_loop
from thinmesh_adapters.triton.config import Options
from thinmesh_adapters.triton.embedding import Embedding
from thinmesh_adapters.triton.engine import Engine
from thinmesh_adapters.triton.load import Queue
from thinmesh_adapters.triton.text import Text
from thinmesh_adapters.triton.translate import Signature, queued
from thinmesh_core.call import Call
from thinmesh_core.capabilities import Capability
from thinmesh_core.errors import MeshError, Reason

TENSORS: frozenset[Capability] = frozenset({cap.CAPABILITY_TENSORS})
SERVER = "triton"
OLDEST = (2, 38)
"""The first version that cancels what its caller leaves (release 23.10)."""
MAX_VERSION = 20
"""Characters of a version that are looked at."""


class TritonAdapter(Adapter[Options]):
    """Every model of the engine serves tensors; those that the options name generate text or embed as well."""

    options_type = Options

    def __init__(self, options: Options, place: Place) -> None:
        super().__init__(options, place)
        self._engine = Engine(place.engine(options.address))
        self._queue = Queue()
        self._text = {name: Text(model) for name, model in options.text.items()}
        self._embed = {name: Embedding(model) for name, model in options.embed.items()}
        self._signatures: dict[str, Signature] = {}
        self._known = False

    async def __aenter__(self) -> Self:
        """Nothing to start: the channel connects by itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Closes the channel."""
        await self._engine.close()

    async def status(self) -> EngineStatus:
        """The models that are ready, and how many requests wait."""
        if not self._known:
            await self._recognise()
        stub = self._engine.stub
        try:
            index = await self._engine.ask(
                stub.RepositoryIndex(tensor_pb.RepositoryIndexRequest(ready=True), timeout=ASK_SECONDS)
            )
            counted = await self._engine.ask(stub.ModelStatistics(tensor_pb.ModelStatisticsRequest(), timeout=ASK_SECONDS))
        except MeshError:
            self._known = False  # another engine may answer at this address next
            self._signatures.clear()
            raise
        names = sorted({one.name for one in index.models if one.state == "READY"})
        waited = sum(one.inference_stats.queue.ns for one in counted.model_stats)
        return EngineStatus(
            models=tuple([await self._model(name) for name in names]),
            max_concurrency=self.options.max_concurrency,
            queued=self._queue.look(waited, time.monotonic()),
            lower_first=True,
        )

    async def generate(self, request: pb.GenerateRequest, call: Call) -> AsyncGenerator[pb.GenerateEvent, None]:
        """The text of a model, by the names of its tensors."""
        name = self._name(call.model or request.model)
        signature, seconds = await self._signature(name), self._seconds(call)
        events = self._text[name].generate(request, signature, self._engine, seconds, call)
        async with aclosing(events):
            async for event in events:
                yield event

    async def count_tokens(self, request: pb.CountTokensRequest, call: Call) -> pb.CountTokensResponse:
        """By the tokenizer beside the adapter, which is to be the engine's own."""
        return pb.CountTokensResponse(tokens=await self._text[self._name(call.model or request.model)].count(request))

    async def embed(self, request: pb.EmbedRequest, call: Call) -> pb.EmbedResponse:
        """The vectors of a model, in as few requests as its batches allow."""
        name = self._name(call.model or request.model)
        embedding, signature = self._embed[name], await self._signature(name)
        texts = [one.text for one in request.inputs]
        found: list[pb.Embedding] = []
        for tensors, count in embedding.requests(texts, signature):
            queued(tensors, self._seconds(call), call)
            answer = await self._engine.infer(tensors, self._seconds(call), call.trace)
            found += embedding.vectors(answer, count)
        tokens = await off_loop(request.ByteSize(), lambda: embedding.count(texts))
        return pb.EmbedResponse(embeddings=found, usage=usage_pb2.Usage(prompt_tokens=tokens))

    async def infer(self, request: tensor_pb.ModelInferRequest, call: Call) -> tensor_pb.ModelInferResponse:
        """The engine's answer."""
        seconds = self._seconds(call)
        answer = await self._engine.infer(_queued(request, seconds, call), seconds, call.trace)
        answer.id = request.id  # the engine's may be the step's
        return answer

    async def stream_infer(
        self, request: tensor_pb.ModelInferRequest, call: Call
    ) -> AsyncGenerator[tensor_pb.ModelStreamInferResponse, None]:
        """The engine's answers."""
        seconds = self._seconds(call)
        async with aclosing(self._engine.stream(_queued(request, seconds, call), seconds, call.trace)) as responses:
            async for response in responses:
                response.infer_response.id = request.id
                yield response

    async def model_metadata(self, model: str, version: str) -> tensor_pb.ModelMetadataResponse:
        """As the engine has it."""
        request = tensor_pb.ModelMetadataRequest(name=model, version=version)
        return await self._engine.ask(self._engine.stub.ModelMetadata(request, timeout=ASK_SECONDS))

    async def model_config(self, model: str, version: str) -> tensor_pb.ModelConfigResponse:
        """As the engine has it."""
        request = tensor_pb.ModelConfigRequest(name=model, version=version)
        return await self._engine.ask(self._engine.stub.ModelConfig(request, timeout=ASK_SECONDS))

    async def model_statistics(self, model: str, version: str) -> tensor_pb.ModelStatisticsResponse:
        """As the engine has it."""
        request = tensor_pb.ModelStatisticsRequest(name=model, version=version)
        return await self._engine.ask(self._engine.stub.ModelStatistics(request, timeout=ASK_SECONDS))

    async def _recognise(self) -> None:
        """Refuses to speak to what is no Triton, or one that would go on generating for callers who left."""
        server = await self._engine.ask(
            self._engine.stub.ServerMetadata(tensor_pb.ServerMetadataRequest(), timeout=ASK_SECONDS)
        )
        version = tuple(int(part) for part in server.version[:MAX_VERSION].split(".")[:2] if part.isdecimal())
        if server.name != SERVER or version < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise MeshError(
                Reason.ENGINE_UNAVAILABLE,
                f"{self.options.address} is {server.name or 'a server without a name'} {server.version}; "
                f"this adapter needs {SERVER} {oldest} or newer.",
            )
        self._known = True

    async def _model(self, name: str) -> Model:
        can = TENSORS
        length = None
        if name in self._text:
            can |= self._text[name].capabilities
            length = self.options.text[name].context_length
        if name in self._embed:
            can |= {cap.CAPABILITY_EMBED}
        return Model(name, can, length)

    async def _signature(self, name: str) -> Signature:
        if name not in self._signatures:
            self._signatures[name] = Signature.of(await self.model_metadata(name, ""))
        return self._signatures[name]

    def _name(self, asked: str) -> str:
        """The engine's name of a text or embedding model; the host has seen that there is one."""
        named = {*self._text, *self._embed}
        return asked if asked in named else next(iter(named))

    def _seconds(self, call: Call) -> float:
        return min(self.options.answer_seconds, call.seconds or self.options.answer_seconds)


def _queued(request: tensor_pb.ModelInferRequest, seconds: float, call: Call) -> tensor_pb.ModelInferRequest:
    """The request with its id, its deadline and its priority: a copy, since what a caller sent is read-only."""
    told = tensor_pb.ModelInferRequest()
    told.CopyFrom(request)
    queued(told, seconds, call)
    return told
