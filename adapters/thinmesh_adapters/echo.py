"""An engine that answers with what it was asked: for tests, benchmarks and a first look, with no model at all.

A token is a word with the white space before it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Iterator
from itertools import islice
from typing import Self

from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, sampling_pb2, usage_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.contract import Adapter, EngineStatus, Model
from thinmesh_core.call import Call
from thinmesh_core.capabilities import choices
from thinmesh_core.config import Section
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.ranges import Concurrency

_TOKEN = re.compile(r"\s*\S+|\s+$")
_DIMENSIONS = 8
_CAPABILITIES = frozenset(
    {
        cap.CAPABILITY_CHAT,
        cap.CAPABILITY_COMPLETION,
        cap.CAPABILITY_N,
        cap.CAPABILITY_EMBED,
        cap.CAPABILITY_RERANK,
        cap.CAPABILITY_COUNT_TOKENS,
    }
)


class Options(Section, frozen=True, kw_only=True):
    """How echo behaves: `delay_ms` before each token, `context_length` in tokens."""

    model: str = "echo"
    delay_ms: float = 0
    context_length: int = 1 << 20
    max_concurrency: Concurrency = 1024


class EchoAdapter(Adapter[Options]):
    """Echoes the last message or the prompt, token by token, and again where `min_tokens` or `ignore_eos` ask for more."""

    options_type = Options

    async def __aenter__(self) -> Self:
        """Nothing to start."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Nothing to stop."""

    async def status(self) -> EngineStatus:
        """Always ready."""
        model = Model(self.options.model, _CAPABILITIES, self.options.context_length)
        return EngineStatus((model,), self.options.max_concurrency)

    async def generate(self, request: pb.GenerateRequest, call: Call) -> AsyncGenerator[pb.GenerateEvent, None]:
        """One event a token for each choice in turn."""
        prompt_tokens = len(tokens(_prompt(request)))
        self._fits(prompt_tokens)
        n = choices(request)
        count, words, reason = _answer(request)
        for word in words:
            await asyncio.sleep(self.options.delay_ms / 1000)
            yield pb.GenerateEvent(deltas=[pb.Delta(index=index, text=word) for index in range(n)])
        usage = usage_pb2.Usage(prompt_tokens=prompt_tokens, completion_tokens=count * n)
        yield pb.GenerateEvent(finishes=[pb.Finish(index=index, reason=reason) for index in range(n)], usage=usage)

    async def embed(self, request: pb.EmbedRequest, call: Call) -> pb.EmbedResponse:
        """A vector made of a hash of the text: equal texts have equal vectors, and nothing more is promised."""
        vectors = [pb.Embedding(values=_vector(one.text)) for one in request.inputs]
        used = sum(len(tokens(one.text)) for one in request.inputs)
        return pb.EmbedResponse(embeddings=vectors, usage=usage_pb2.Usage(prompt_tokens=used))

    async def rerank(self, request: pb.RerankRequest, call: Call) -> pb.RerankResponse:
        """Scores by the share of the query's words that the document has."""
        query = set(request.query.lower().split())
        scores = [len(query & set(text.lower().split())) / max(len(query), 1) for text in request.documents]
        order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
        used = sum(len(tokens(text)) for text in (request.query, *request.documents))
        return pb.RerankResponse(
            results=[pb.RankedDocument(index=index, score=scores[index]) for index in order[: request.top_n or None]],
            usage=usage_pb2.Usage(prompt_tokens=used),
        )

    async def count_tokens(self, request: pb.CountTokensRequest, call: Call) -> pb.CountTokensResponse:
        """Counts words."""
        text = request.text if request.HasField("text") else _chat_text(request.chat)
        return pb.CountTokensResponse(tokens=len(tokens(text)))

    def _fits(self, prompt_tokens: int) -> None:
        if prompt_tokens > self.options.context_length:
            raise MeshError(
                Reason.CONTEXT_LENGTH_EXCEEDED,
                f"The input has {prompt_tokens} tokens, the model's context {self.options.context_length}.",
            )


def tokens(text: str) -> list[str]:
    """The text cut into echo's tokens; joined they are the text again."""
    return _TOKEN.findall(text)


def _answer(request: pb.GenerateRequest) -> tuple[int, Iterator[str], pb.FinishReason.ValueType]:
    """How many tokens, which, and why they end."""
    stopping = request.stopping
    text, stopped = _until_stop(request.text if request.HasField("text") else _text(request.chat.messages[-1]), stopping)
    said = tokens(text)
    count, reason = len(said), pb.FINISH_REASON_STOP
    if said and not stopped:
        count = max(count, stopping.min_tokens, stopping.max_tokens if stopping.ignore_eos else 0)
    if stopping.HasField("max_tokens") and (count > stopping.max_tokens or (stopping.ignore_eos and not stopped)):
        count, reason = min(count, stopping.max_tokens), pb.FINISH_REASON_LENGTH
    return count, islice(_over_and_over(said), count), reason


def _over_and_over(said: list[str]) -> Iterator[str]:
    yield from said
    while said:
        yield " " + said[0].lstrip()
        yield from said[1:]


def _until_stop(text: str, stopping: sampling_pb2.Stopping) -> tuple[str, bool]:
    places = [place for place in (text.find(stop) for stop in stopping.stop) if place >= 0]
    return (text[: min(places)], True) if places else (text, False)


def _prompt(request: pb.GenerateRequest) -> str:
    return request.text if request.HasField("text") else _chat_text(request.chat)


def _chat_text(chat: chat_pb2.ChatInput) -> str:
    return "\n".join(_text(message) for message in chat.messages)


def _text(message: chat_pb2.Message) -> str:
    return "".join(part.text for part in message.content)


def _vector(text: str) -> list[float]:
    digest = hashlib.sha256(text.encode()).digest()[:_DIMENSIONS]
    values = [byte - 127.5 for byte in digest]
    length = sum(value * value for value in values) ** 0.5
    return [value / length for value in values]
