"""Any engine that speaks OpenAI's REST API, behind the contract."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterable
from typing import Literal, Self, TypeAlias

import msgspec
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_adapters.contract import Adapter, EngineStatus, Model, Place
from thinmesh_adapters.fields import fits
from thinmesh_adapters.openai.answer import Answer, Chunk, EngineUsage
from thinmesh_adapters.openai.client import EngineClient
from thinmesh_adapters.openai.translate import Body, embed_body, generate_body, headers, rerank_body
from thinmesh_adapters.openai.whole import whole
from thinmesh_core.call import Call
from thinmesh_core.capabilities import Capability, choices
from thinmesh_core.config import ConfigError, Section
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.ranges import Concurrency

Can: TypeAlias = Literal[
    "chat", "completion", "token_ids", "tools", "json_object", "json_schema", "regex", "grammar", "choice",
    "logprobs", "n", "logit_bias", "images", "embed", "embed_dimensions", "rerank",
]  # fmt: skip


class Options(Section, frozen=True, kw_only=True):
    """Where the engine is and what it can do: OpenAI's API has no way to ask it.

    `key_env` names the environment variable that holds the engine's key. `idle_seconds` bounds the wait for the next
    byte of a stream, `answer_seconds` that for a whole answer. `model` is the engine's own name; unset, the name that
    the mesh's caller used goes through. `priority`: the engine schedules by the field `priority`, as vLLM does when it is
    started with `--scheduling-policy priority`; another engine may refuse that field.
    """

    base_url: str
    model: str | None = None
    capabilities: tuple[Can, ...] = ("chat", "completion")
    key_env: str | None = None
    context_length: int | None = None
    max_concurrency: Concurrency = 256
    priority: bool = False
    idle_seconds: float = 60.0
    answer_seconds: float = 600.0


class _Listed(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Listed]


class _Vector(msgspec.Struct):
    index: int
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: EngineUsage | None = None


class _Ranked(msgspec.Struct):
    index: int
    relevance_score: float


class _Ranking(msgspec.Struct):
    results: list[_Ranked]
    usage: EngineUsage | None = None


class OpenAIAdapter(Adapter[Options]):
    """Translates and passes on; leaving a call closes its connection, which stops the engine."""

    options_type = Options

    def __init__(self, options: Options, place: Place) -> None:
        super().__init__(options, place)
        key = None
        if options.key_env is not None:
            key = os.environ.get(options.key_env)
            if not key:
                raise ConfigError(f"backends.{place.name}: the environment variable {options.key_env} is not set")
        self._client = EngineClient(
            place.engine(options.base_url), key=key, idle_seconds=options.idle_seconds, answer_seconds=options.answer_seconds
        )
        self._can = frozenset(_capability(one) for one in options.capabilities)

    async def __aenter__(self) -> Self:
        """Opens the session."""
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Closes the session."""
        await self._client.__aexit__(*exc_info)

    async def status(self) -> EngineStatus:
        """The models that the engine lists, or the one that is configured."""
        listed = (await self._client.get("/models", _Models)).data
        names = [self.options.model] if self.options.model is not None else [one.id for one in listed]
        models = tuple(Model(name, self._can, self.options.context_length) for name in names)
        return EngineStatus(models, self.options.max_concurrency, lower_first=self.options.priority)

    def generate(self, request: pb.GenerateRequest, call: Call) -> AsyncGenerator[pb.GenerateEvent, None]:
        """One event a read."""
        return self._client.stream(_path(request), self._body(request, call, stream=True), Answer(), headers=headers(call))

    async def answer(self, request: pb.GenerateRequest, call: Call) -> pb.GenerateResponse:
        """The engine's whole answer, which spares both sides an event a token."""
        body = self._body(request, call, stream=False)
        completion = await self._client.post(_path(request), body, Chunk, headers=headers(call))
        return whole(completion, choices(request))

    async def embed(self, request: pb.EmbedRequest, call: Call) -> pb.EmbedResponse:
        """The engine's vectors, in the inputs' order whatever order it gives."""
        body = embed_body(request, self._model(request.model, call))
        answer = await self._client.post("/embeddings", body, _Vectors, headers=headers(call))
        _complete([one.index for one in answer.data], len(request.inputs))
        if len({len(one.embedding) for one in answer.data}) > 1 or not all(fits(one.embedding) for one in answer.data):
            raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine sent vectors that are none.")
        vectors = [pb.Embedding(values=one.embedding) for one in sorted(answer.data, key=lambda one: one.index)]
        return pb.EmbedResponse(embeddings=vectors, usage=_read(answer.usage))

    async def rerank(self, request: pb.RerankRequest, call: Call) -> pb.RerankResponse:
        """The engine's scores, best first whatever order it gives."""
        body = rerank_body(request, self._model(request.model, call))
        answer = await self._client.post("/rerank", body, _Ranking, headers=headers(call))
        ranked = {one.index for one in answer.results}
        if not ranked <= set(range(len(request.documents))) or len(ranked) < len(answer.results):
            raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine ranked a document twice, or one that was not given.")
        if not all(fits([one.relevance_score]) for one in answer.results):
            raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine sent a score that is none.")
        best = sorted(answer.results, key=lambda one: (-one.relevance_score, one.index))
        return pb.RerankResponse(
            results=[pb.RankedDocument(index=one.index, score=one.relevance_score) for one in best[: request.top_n or None]],
            usage=_read(answer.usage),
        )

    def _body(self, request: pb.GenerateRequest, call: Call, *, stream: bool) -> Body:
        body = generate_body(request, self._model(request.model, call), stream=stream)
        if self.options.priority:
            body["priority"] = int(call.priority)
        return body

    def _model(self, asked: str, call: Call) -> str:
        return self.options.model or call.model or asked


def _path(request: pb.GenerateRequest) -> str:
    return "/chat/completions" if request.HasField("chat") else "/completions"


def _read(used: EngineUsage | None) -> usage_pb2.Usage:
    """The tokens of a call that generates none, as far as the engine tells them."""
    return usage_pb2.Usage() if used is None else usage_pb2.Usage(prompt_tokens=used.prompt_tokens or used.total_tokens)


def _complete(indices: Iterable[int], count: int) -> None:
    if sorted(indices) != list(range(count)):
        raise MeshError(Reason.ENGINE_PROTOCOL, "The model's engine did not answer every input once.")


def _capability(word: str) -> Capability:
    return cap.Capability.Value(f"CAPABILITY_{word.upper()}")
