"""A GGUF model on llama.cpp."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import Self

import msgspec
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.contract import Adapter, DeadEngineError, EngineStatus, Model, Place
from thinmesh_adapters.llamacpp.engine import LlamaServer
from thinmesh_adapters.llamacpp.translate import LlamaAnswer, llama_body
from thinmesh_adapters.openai.client import EngineClient
from thinmesh_adapters.openai.translate import chat_body, headers
from thinmesh_adapters.weights import locate
from thinmesh_core.call import Call
from thinmesh_core.config import Section
from thinmesh_core.errors import MeshError, Reason

_CAPABILITIES = frozenset(
    {
        cap.CAPABILITY_CHAT,
        cap.CAPABILITY_COMPLETION,
        cap.CAPABILITY_TOKEN_IDS,
        cap.CAPABILITY_JSON_OBJECT,
        cap.CAPABILITY_JSON_SCHEMA,
        cap.CAPABILITY_GRAMMAR,
        cap.CAPABILITY_LOGPROBS,
        cap.CAPABILITY_N,
        cap.CAPABILITY_LOGIT_BIAS,
        cap.CAPABILITY_COUNT_TOKENS,
    }
)

_BASE = "http://llama"
"""Any name: the socket is what is connected to."""


class Options(Section, frozen=True, kw_only=True):
    """`model` is a GGUF file, `/a/path` or `package:DISTRIBUTION/file`; `context_length` is in tokens for each slot."""

    model: str
    context_length: int = 2048
    slots: int = 4
    threads: int = 2
    idle_seconds: float = 60.0


class _Health(msgspec.Struct):
    status: str


class _Prompt(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: list[int]


class LlamaCppAdapter(Adapter[Options]):
    """Runs the engine in its own process and speaks with it as with any OpenAI-compatible one, over a private socket."""

    options_type = Options

    def __init__(self, options: Options, place: Place) -> None:
        super().__init__(options, place)
        self._server = LlamaServer(
            locate(options.model),
            place.folder / f"{place.name}-llama-{os.getpid()}.sock",
            context_length=options.context_length,
            slots=options.slots,
            threads=options.threads,
        )
        self._client = EngineClient(
            _BASE,
            key=self._server.key,
            idle_seconds=options.idle_seconds,
            answer_seconds=options.idle_seconds,
            socket=self._server.socket,
        )
        self._loading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begins to load the model."""
        await self._client.__aenter__()
        self._loading = asyncio.create_task(self._server.start())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Ends the engine."""
        if self._loading is not None:
            await asyncio.wait([self._loading])
        await self._client.__aexit__(*exc_info)
        self._server.stop()

    async def status(self) -> EngineStatus:
        """Ready once the model is loaded and the engine says that it is well."""
        if self._loading is None or not self._loading.done():
            raise MeshError(Reason.ENGINE_UNAVAILABLE, "the model is being loaded")
        if (error := self._loading.exception()) is not None:
            raise DeadEngineError(f"the model {self.options.model} can't be loaded") from error
        await self._client.get("/health", _Health)
        model = Model(self.place.name, _CAPABILITIES, self.options.context_length)
        return EngineStatus((model,), self.options.slots)

    def generate(self, request: pb.GenerateRequest, call: Call) -> AsyncGenerator[pb.GenerateEvent, None]:
        """One event a read."""
        path = "/v1/chat/completions" if request.HasField("chat") else "/v1/completions"
        body = llama_body(request, self.place.name)
        return self._client.stream(path, body, LlamaAnswer(), headers=headers(call))

    async def count_tokens(self, request: pb.CountTokensRequest, call: Call) -> pb.CountTokensResponse:
        """Counts with the model's vocabulary, a conversation with its template."""
        text = request.text
        if request.HasField("chat"):
            templated = await self._client.post("/apply-template", chat_body(request.chat), _Prompt, headers=headers(call))
            text = templated.prompt
        asked = {"content": text, "add_special": True, "parse_special": request.HasField("chat")}
        counted = await self._client.post("/tokenize", asked, _Tokens, headers=headers(call))
        return pb.CountTokensResponse(tokens=len(counted.tokens))
