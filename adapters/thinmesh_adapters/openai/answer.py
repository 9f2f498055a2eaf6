"""OpenAI's streamed chunks as events of the contract, and the engine held to its own protocol. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

import msgspec
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2, usage_pb2

from thinmesh_adapters.text.calls import new_id
from thinmesh_core.errors import MeshError, Reason

_REASONS = {
    "stop": pb.FINISH_REASON_STOP,
    "eos": pb.FINISH_REASON_STOP,
    "length": pb.FINISH_REASON_LENGTH,
    "tool_calls": pb.FINISH_REASON_TOOL_CALLS,
    "function_call": pb.FINISH_REASON_TOOL_CALLS,
    "content_filter": pb.FINISH_REASON_CONTENT_FILTER,
    "repetition": pb.FINISH_REASON_STOP,  # vLLM was told to end answers that go in circles
}

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]
"""What fits the contract's fields."""


class TopLogprob(msgspec.Struct):
    """A token with its probability; `bytes` as the engine knows them."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class ChatLogprob(TopLogprob):
    """A chosen token with its alternatives."""

    top_logprobs: list[TopLogprob] | None = None


class Logprobs(msgspec.Struct):
    """Chat's `content`, or the parallel lists of text completions."""

    content: list[ChatLogprob] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class FunctionDelta(msgspec.Struct):
    """A piece of a function call."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(msgspec.Struct):
    """A piece of a tool call; some engines number the calls, some tell them apart by their ids alone."""

    index: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)] | None = None
    id: str | None = None
    function: FunctionDelta = msgspec.field(default_factory=FunctionDelta)


class ChatDelta(msgspec.Struct):
    """What a chat chunk adds."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChunkChoice(msgspec.Struct):
    """One choice: `delta` or `message` in chat, `text` in completions."""

    index: Count = 0
    delta: ChatDelta | None = None
    message: ChatDelta | None = None
    text: str | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class CachedTokens(msgspec.Struct):
    """Details of the prompt's tokens."""

    cached_tokens: Count | None = None


class ReasoningTokens(msgspec.Struct):
    """Details of the answer's tokens."""

    reasoning_tokens: Count | None = None


class EngineUsage(msgspec.Struct):
    """What the engine counted; where nothing is generated some give the total alone."""

    prompt_tokens: Count = 0
    total_tokens: Count = 0
    completion_tokens: Count | None = None
    prompt_tokens_details: CachedTokens | None = None
    completion_tokens_details: ReasoningTokens | None = None


class Chunk(msgspec.Struct):
    """One `data:` line of a stream, or a whole answer: that has `message` where a chunk has `delta`."""

    choices: list[ChunkChoice] = []
    usage: EngineUsage | None = None
    error: object = None


_decode = msgspec.json.Decoder(Chunk).decode


class Calls:
    """The tool calls of one choice: each piece finds its call, and each call has an id."""

    def __init__(self) -> None:
        self._last = -1
        self._next = 0
        self._by_id: dict[str, int] = {}
        self._begun: set[int] = set()

    def add(self, piece: ToolCallDelta, delta: pb.Delta) -> None:
        """Adds a piece to what its choice says."""
        self._last = index = self._index(piece)
        told = piece.id
        if index not in self._begun:
            self._begun.add(index)
            self._next = max(self._next, index + 1)
            told = piece.id or new_id()
            self._by_id[told] = index
        function = piece.function
        delta.tool_calls.add(index=index, id=told, name=function.name, arguments_json=function.arguments or "")

    def _index(self, piece: ToolCallDelta) -> int:
        """Where it has no number: a new id begins a call, and so does a name without an id; the rest goes on with the last."""
        if piece.index is not None:
            return piece.index
        if piece.id:
            return self._by_id.get(piece.id, self._next)
        return self._next if piece.function.name or self._last < 0 else self._last


class Answer:
    """One stream of an engine, chunk by chunk; ENGINE_PROTOCOL for what is no chunk.

    StreamRules hold the events to the contract. What goes on after a finish is refused here all the same: several
    chunks become one event, in which pieces stand before finishes whatever their order was.
    """

    def __init__(self) -> None:
        self._finished: set[int] = set()
        self._calls: dict[int, Calls] = {}
        self.usage: EngineUsage | None = None
        self._pieces = 0

    def read(self, lines: Sequence[bytes], event: pb.GenerateEvent) -> bool:
        """Adds what lines of server-sent events say to `event`; true behind the last one, whatever comes after it."""
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    return True
                self.feed(data, event)
        return False

    def feed(self, data: bytes, event: pb.GenerateEvent) -> None:
        """Adds what one chunk says to `event`."""
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise broken("sent what is no chunk") from error
        if chunk.error is not None:
            raise failed()
        if chunk.usage is not None:
            self.count(chunk.usage)
        for choice in chunk.choices:
            self._choice(choice, event)

    def count(self, used: EngineUsage) -> None:
        """Takes the usage that a chunk reports; the last word is the whole call's."""
        self.usage = used

    def end(self) -> pb.GenerateEvent:
        """The last event, with the usage. Where the engine gives none, its pieces are counted as tokens."""
        return pb.GenerateEvent(usage=usage(self.usage, self._pieces))

    def _choice(self, choice: ChunkChoice, event: pb.GenerateEvent) -> None:
        added = self._add(choice, event)
        if choice.index in self._finished and (added or choice.finish_reason):
            raise broken("went on after a finish")
        self._pieces += added
        if choice.finish_reason:  # some servers say "" until there is one
            self._finished.add(choice.index)
            event.finishes.add(index=choice.index, reason=reason(choice.finish_reason))

    def _add(self, choice: ChunkChoice, event: pb.GenerateEvent) -> bool:
        """Adds what the choice says; false where that is nothing (role announcements, finish chunks)."""
        text, reasoning, pieces = said(choice)
        if not (text or reasoning or pieces or choice.logprobs):
            return False
        delta = event.deltas.add(index=choice.index, text=text)
        if reasoning:
            delta.reasoning = reasoning
        if pieces:
            calls = self._calls.setdefault(choice.index, Calls())
            for piece in pieces:
                calls.add(piece, delta)
        if choice.logprobs is not None:
            delta.logprobs.extend(logprobs(choice.logprobs))
        return True


def said(choice: ChunkChoice) -> tuple[str, str, Sequence[ToolCallDelta]]:
    """The text, the reasoning and the calls of a choice; each may be empty."""
    one = choice.delta or choice.message
    if one is None:
        return choice.text or "", "", ()
    return one.content or "", one.reasoning_content or one.reasoning or "", one.tool_calls or ()


def reason(finish_reason: str) -> pb.FinishReason.ValueType:
    """Why a choice ended."""
    known = _REASONS.get(finish_reason)
    if known is None:
        raise broken("ended for a reason that does not exist")
    return known


def usage(used: EngineUsage | None, pieces: int) -> usage_pb2.Usage:
    """What the call used; where the engine does not say, its pieces are counted as tokens."""
    used = used or EngineUsage()
    counted = usage_pb2.Usage(
        prompt_tokens=used.prompt_tokens,
        completion_tokens=pieces if used.completion_tokens is None else used.completion_tokens,
    )
    if used.prompt_tokens_details is not None and used.prompt_tokens_details.cached_tokens is not None:
        counted.cached_prompt_tokens = used.prompt_tokens_details.cached_tokens
    if used.completion_tokens_details is not None and used.completion_tokens_details.reasoning_tokens is not None:
        counted.reasoning_tokens = used.completion_tokens_details.reasoning_tokens
    return counted


def logprobs(given: Logprobs) -> list[sampling_pb2.TokenLogprob]:
    """Chat's list, or the parallel lists of text completions."""
    if given.content is not None:
        return [
            sampling_pb2.TokenLogprob(chosen=_logprob(one), top=[_logprob(other) for other in one.top_logprobs or ()])
            for one in given.content
        ]
    tops = given.top_logprobs or [None] * len(given.tokens or ())
    return [
        sampling_pb2.TokenLogprob(
            chosen=_logprob(TopLogprob(token, logprob or 0.0)),
            top=[_logprob(TopLogprob(*pair)) for pair in (top or {}).items()],
        )
        for token, logprob, top in zip(given.tokens or (), given.token_logprobs or (), tops, strict=False)
    ]


def _logprob(one: TopLogprob) -> sampling_pb2.Logprob:
    known = one.token.encode(errors="replace") if one.bytes is None else bytes(byte & 0xFF for byte in one.bytes)
    return sampling_pb2.Logprob(token=one.token, logprob=one.logprob, token_bytes=known)


def failed() -> MeshError:
    """What the caller is told where the engine reports an error in place of an answer."""
    return MeshError(Reason.ENGINE_ERROR, "The model's engine reported an error while it answered.")


def broken(what: str) -> MeshError:
    """What the caller is told where the engine breaks its protocol."""
    return MeshError(Reason.ENGINE_PROTOCOL, f"The model's engine {what}.")
