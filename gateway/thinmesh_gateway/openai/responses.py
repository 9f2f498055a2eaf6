"""Answers of the contract as OpenAI's response bodies, whole and in chunks. Pure."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Iterable, Sequence

from msgspec import UNSET, Struct, UnsetType
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2, usage_pb2
from thinmesh.model.v1 import model_service_pb2 as model_pb

from thinmesh_core import capabilities
from thinmesh_gateway.openai.bodies import (
    ChatChoice,
    ChatCompletion,
    ChatLogprob,
    ChatLogprobs,
    CompletionDetails,
    Document,
    Embedding,
    Embeddings,
    EmbeddingUsage,
    FunctionCall,
    Message,
    Model,
    Models,
    PromptDetails,
    Ranked,
    Ranking,
    TextChoice,
    TextCompletion,
    TextLogprobs,
    ToolCall,
    TopLogprob,
    Usage,
)
from thinmesh_gateway.wishes import Given

FINISH_REASONS: dict[pb.FinishReason.ValueType, str] = {
    pb.FINISH_REASON_STOP: "stop",
    pb.FINISH_REASON_LENGTH: "length",
    pb.FINISH_REASON_TOOL_CALLS: "tool_calls",
    pb.FINISH_REASON_CONTENT_FILTER: "content_filter",
}


class Head(Struct, frozen=True):
    """What every body of one answer repeats; `created` in seconds since 1970, `model` as the caller named it.

    `tier` is the class that the call got.
    """

    id: str
    created: int
    model: str
    tier: Given = "default"


def chat(head: Head, answer: pb.GenerateResponse) -> ChatCompletion:
    """A whole chat completion."""
    choices = [_chat_choice(choice) for choice in answer.choices[:]]
    return ChatCompletion(head.id, "chat.completion", head.created, head.model, head.tier, choices, usage(answer.usage))


def chat_opening(head: Head, choices: int, *, with_usage: bool) -> ChatCompletion:
    """The first chunk, which names the role of every choice."""
    opened = [ChatChoice(index, None, delta=Message(role="assistant", content="")) for index in range(choices)]
    return _chat_chunk(head, opened, with_usage=with_usage)


def chat_piece(head: Head, delta: pb.Delta, *, with_usage: bool) -> ChatCompletion:
    """The chunk of a piece."""
    choice = ChatChoice(delta.index, None, delta=_chat_delta(delta), logprobs=_chat_logprobs(delta.logprobs))
    return _chat_chunk(head, [choice], with_usage=with_usage)


def chat_end(head: Head, finish: pb.Finish, *, with_usage: bool) -> ChatCompletion:
    """The chunk of a choice's end."""
    ended = ChatChoice(finish.index, FINISH_REASONS[finish.reason], delta=Message(), finish_note=_note(finish))
    return _chat_chunk(head, [ended], with_usage=with_usage)


def text(head: Head, answers: Iterable[pb.GenerateResponse]) -> TextCompletion:
    """A whole text completion; choices of several prompts are numbered through."""
    choices: list[TextChoice] = []
    total = usage_pb2.Usage()
    for answer in answers:
        for choice in answer.choices:
            reason = FINISH_REASONS[choice.finish_reason]
            logprobs = _text_logprobs(choice.logprobs, 0)
            choices.append(TextChoice(len(choices), choice.text, reason, logprobs, finish_note=_note(choice)))
        total.prompt_tokens += answer.usage.prompt_tokens
        total.completion_tokens += answer.usage.completion_tokens
        if answer.usage.HasField("cached_prompt_tokens"):
            total.cached_prompt_tokens += answer.usage.cached_prompt_tokens
        if answer.usage.HasField("reasoning_tokens"):
            total.reasoning_tokens += answer.usage.reasoning_tokens
    return TextCompletion(head.id, head.created, head.model, choices, usage(total))


def text_piece(head: Head, delta: pb.Delta, offset: int, *, with_usage: bool) -> TextCompletion:
    """The chunk of a piece; `offset` counts the choice's characters before it."""
    choice = TextChoice(delta.index, delta.text, None, _text_logprobs(delta.logprobs, offset))
    return _text_chunk(head, [choice], with_usage=with_usage)


def text_end(head: Head, finish: pb.Finish, *, with_usage: bool) -> TextCompletion:
    """The chunk of a choice's end."""
    ended = TextChoice(finish.index, "", FINISH_REASONS[finish.reason], finish_note=_note(finish))
    return _text_chunk(head, [ended], with_usage=with_usage)


def chat_usage(head: Head, used: usage_pb2.Usage) -> ChatCompletion:
    """The last chunk where `include_usage` asks for it: no choices, the usage of the whole call."""
    return ChatCompletion(head.id, "chat.completion.chunk", head.created, head.model, head.tier, [], usage(used))


def text_usage(head: Head, used: usage_pb2.Usage) -> TextCompletion:
    """The same for a text completion."""
    return TextCompletion(head.id, head.created, head.model, [], usage(used))


def usage(used: usage_pb2.Usage) -> Usage:
    """Tokens of a call; details only where the engine gave them."""
    return Usage(
        used.prompt_tokens,
        used.completion_tokens,
        used.prompt_tokens + used.completion_tokens,
        PromptDetails(used.cached_prompt_tokens) if used.HasField("cached_prompt_tokens") else None,
        CompletionDetails(used.reasoning_tokens) if used.HasField("reasoning_tokens") else None,
    )


def logprobs(listed: Iterable[sampling_pb2.TokenLogprob]) -> list[ChatLogprob]:
    """Log probabilities of tokens."""
    return [
        ChatLogprob(one.chosen.token, one.chosen.logprob, list(one.chosen.token_bytes), [_top(other) for other in one.top])
        for one in listed
    ]


def embedding(index: int, values: Sequence[float], *, encode: bool) -> Embedding:
    """A vector as numbers, or with `encode` as base64."""
    return Embedding(index, _base64(values) if encode else [*values])


def embeddings(model: str, vectors: list[Embedding], answer: pb.EmbedResponse) -> Embeddings:
    """The vectors of an answer."""
    return Embeddings(vectors, model, EmbeddingUsage(answer.usage.prompt_tokens, answer.usage.prompt_tokens))


def ranking(head: Head, answer: pb.RerankResponse, documents: Sequence[str] | None) -> Ranking:
    """Documents, best first; with their texts where `documents` are given."""
    results = [
        Ranked(one.index, one.score, UNSET if documents is None else Document(documents[one.index])) for one in answer.results
    ]
    used = EmbeddingUsage(answer.usage.prompt_tokens, answer.usage.prompt_tokens)
    return Ranking(head.id, head.model, results, used)


def model(found: model_pb.Model) -> Model:
    """A model."""
    return Model(
        found.id,
        found.created_unix_seconds,
        found.owned_by,
        list(found.aliases),
        [capabilities.name(one) for one in found.capabilities],
        found.ready,
        found.context_length if found.HasField("context_length") else None,
    )


def models(found: Iterable[model_pb.Model]) -> Models:
    """All models."""
    return Models([model(one) for one in found])


def _chat_chunk(head: Head, choices: list[ChatChoice], *, with_usage: bool) -> ChatCompletion:
    usage = None if with_usage else UNSET
    return ChatCompletion(head.id, "chat.completion.chunk", head.created, head.model, head.tier, choices, usage)


def _text_chunk(head: Head, choices: list[TextChoice], *, with_usage: bool) -> TextCompletion:
    return TextCompletion(head.id, head.created, head.model, choices, None if with_usage else UNSET)


def _chat_choice(choice: pb.Choice) -> ChatChoice:
    calls = [ToolCall(FunctionCall(call.arguments_json, call.name), call.id) for call in choice.tool_calls[:]]
    message = Message(
        role="assistant",
        content=None if calls and not choice.text else choice.text,
        refusal=None,
        reasoning_content=choice.reasoning or UNSET,
        tool_calls=calls or UNSET,
    )
    return ChatChoice(
        choice.index,
        FINISH_REASONS[choice.finish_reason],
        message=message,
        logprobs=_chat_logprobs(choice.logprobs),
        finish_note=_note(choice),
    )


def _note(ended: pb.Finish | pb.Choice) -> str | UnsetType:
    return ended.note if ended.HasField("note") else UNSET


def _chat_delta(delta: pb.Delta) -> Message:
    calls = [
        ToolCall(
            FunctionCall(piece.arguments_json, piece.name if piece.HasField("name") else UNSET),
            piece.id if piece.HasField("id") else UNSET,
            "function" if piece.HasField("id") else UNSET,
            piece.index,
        )
        for piece in delta.tool_calls
    ]
    silent = bool(calls or delta.reasoning) and not delta.text
    return Message(
        content=UNSET if silent else delta.text, reasoning_content=delta.reasoning or UNSET, tool_calls=calls or UNSET
    )


def _chat_logprobs(listed: Sequence[sampling_pb2.TokenLogprob]) -> ChatLogprobs | None:
    return ChatLogprobs(logprobs(listed)) if listed else None


def _top(one: sampling_pb2.Logprob) -> TopLogprob:
    return TopLogprob(one.token, one.logprob, list(one.token_bytes))


def _text_logprobs(logprobs: Sequence[sampling_pb2.TokenLogprob], offset: int) -> TextLogprobs | None:
    if not logprobs:
        return None
    listed = TextLogprobs([], [], [], [])
    for one in logprobs:
        listed.tokens.append(one.chosen.token)
        listed.token_logprobs.append(one.chosen.logprob)
        listed.top_logprobs.append({other.token: other.logprob for other in one.top})
        listed.text_offset.append(offset)
        offset += len(one.chosen.token)
    return listed


def _base64(values: Iterable[float]) -> str:
    packed = array("f", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed).decode()
