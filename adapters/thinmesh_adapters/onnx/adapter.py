"""Embeddings and reranking by a sentence encoder on onnxruntime."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Self, TypeVar

import numpy as np
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2
from tokenizers import Encoding

from thinmesh_adapters.contract import Adapter, DeadEngineError, EngineStatus, Model, Place
from thinmesh_adapters.onnx.encoder import BATCH, Encoder, Vectors
from thinmesh_adapters.weights import locate
from thinmesh_core.call import Call
from thinmesh_core.config import Section
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.ranges import Concurrency

T = TypeVar("T")

_CAPABILITIES = frozenset({cap.CAPABILITY_EMBED, cap.CAPABILITY_RERANK, cap.CAPABILITY_COUNT_TOKENS})


class Options(Section, frozen=True, kw_only=True):
    """`model` and `tokenizer` are files, `/a/path` or `package:DISTRIBUTION/file`; `max_tokens` is the longest input."""

    model: str
    tokenizer: str
    max_tokens: int = 512
    threads: int = 2
    max_concurrency: Concurrency = 64


class OnnxAdapter(Adapter[Options]):
    """Runs the model in one thread of its own: calls take turns there, and the loop stays free."""

    options_type = Options

    def __init__(self, options: Options, place: Place) -> None:
        super().__init__(options, place)
        self._model, self._tokenizer = locate(options.model), locate(options.tokenizer)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="onnx")
        self._loading: asyncio.Future[Encoder] | None = None

    async def __aenter__(self) -> Self:
        """Begins to load the model."""
        options = self.options
        self._loading = asyncio.ensure_future(
            self._in_thread(
                lambda: Encoder(self._model, self._tokenizer, max_tokens=options.max_tokens, threads=options.threads)
            )
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Drops what is not begun; what runs ends within a batch."""
        if self._loading is not None:
            self._loading.cancel()
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)

    async def status(self) -> EngineStatus:
        """Ready once the model is loaded."""
        if self._loading is None or not self._loading.done():
            raise MeshError(Reason.ENGINE_UNAVAILABLE, "the model is being loaded")
        if (error := self._loading.exception()) is not None:
            raise DeadEngineError(f"the model {self.options.model} can't be loaded") from error
        model = Model(self.place.name, _CAPABILITIES, self.options.max_tokens)
        return EngineStatus((model,), self.options.max_concurrency)

    async def embed(self, request: pb.EmbedRequest, call: Call) -> pb.EmbedResponse:
        """Unit vectors."""
        encoder = await self._encoder()
        texts = await self._tokenized(encoder, [one.text for one in request.inputs], "input")
        vectors = await self._vectors(encoder, texts)
        return pb.EmbedResponse(embeddings=[pb.Embedding(values=vector) for vector in vectors], usage=_usage(texts))

    async def rerank(self, request: pb.RerankRequest, call: Call) -> pb.RerankResponse:
        """Scores by the cosine between the query's vector and each document's, from -1 to 1."""
        encoder = await self._encoder()
        texts = await self._tokenized(encoder, [request.query, *request.documents], "documents")
        vectors = await self._vectors(encoder, texts)
        scores = (vectors[1:] @ vectors[0]).tolist()
        order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
        results = [pb.RankedDocument(index=index, score=scores[index]) for index in order[: request.top_n or None]]
        return pb.RerankResponse(results=results, usage=_usage(texts))

    async def count_tokens(self, request: pb.CountTokensRequest, call: Call) -> pb.CountTokensResponse:
        """Counts as for an embedding; a conversation is counted as its texts, one a line."""
        encoder = await self._encoder()
        said = [part.text for message in request.chat.messages for part in message.content]
        text = request.text if request.HasField("text") else "\n".join(said)
        encodings = await self._in_thread(lambda: encoder.tokenize([text]))
        return pb.CountTokensResponse(tokens=len(encodings[0].ids))

    async def _encoder(self) -> Encoder:
        assert self._loading is not None, "the adapter is used before it is entered"
        return await asyncio.shield(self._loading)

    async def _tokenized(self, encoder: Encoder, texts: list[str], param: str) -> list[Encoding]:
        encodings = await self._in_thread(lambda: encoder.tokenize(texts))
        longest = max(len(one.ids) for one in encodings)
        if longest > encoder.max_tokens:
            message = f"An input has {longest} tokens, the model reads {encoder.max_tokens}; cut it into pieces."
            raise MeshError(Reason.CONTEXT_LENGTH_EXCEEDED, message, param=param)
        return encodings

    async def _vectors(self, encoder: Encoder, texts: list[Encoding]) -> Vectors:
        """Batch by batch: a call that is left ends behind one, and others have their turn between two."""
        batches = [texts[first : first + BATCH] for first in range(0, len(texts), BATCH)]
        return np.concatenate([await self._in_thread(partial(encoder.encode, batch)) for batch in batches])

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _usage(texts: list[Encoding]) -> usage_pb2.Usage:
    return usage_pb2.Usage(prompt_tokens=sum(len(one.ids) for one in texts))
