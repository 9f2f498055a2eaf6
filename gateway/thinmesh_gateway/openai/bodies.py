"""OpenAI's response bodies, typed: whole answers and chunks. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from thinmesh_gateway.wishes import Given


class PromptDetails(Struct):
    """Details of the prompt's tokens."""

    cached_tokens: int


class CompletionDetails(Struct):
    """Details of the answer's tokens."""

    reasoning_tokens: int


class Usage(Struct, omit_defaults=True):
    """Tokens of a call."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class TopLogprob(Struct):
    """A token's log probability."""

    token: str
    logprob: float
    bytes: list[int]


class ChatLogprob(TopLogprob):
    """A chosen token with its alternatives."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(Struct):
    """Log probabilities of a chat choice."""

    content: list[ChatLogprob]
    refusal: None = None


class TextLogprobs(Struct):
    """Log probabilities of a text choice, as parallel lists; offsets count characters from `text`'s beginning."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class FunctionCall(Struct):
    """A function and its arguments as JSON text; in chunks the name comes with the first piece."""

    arguments: str
    name: str | UnsetType = UNSET


class ToolCall(Struct):
    """A call of a tool; `index` only in chunks."""

    function: FunctionCall
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = "function"
    index: int | UnsetType = UNSET


class Message(Struct):
    """What the assistant says: whole in `message`, a piece in `delta`."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    refusal: UnsetType | None = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET


class ChatChoice(Struct):
    """One choice; `message` in whole answers, `delta` in chunks. `finish_note` says why the mesh ended it."""

    index: int
    finish_reason: str | None
    message: Message | UnsetType = UNSET
    delta: Message | UnsetType = UNSET
    logprobs: ChatLogprobs | None = None
    finish_note: str | UnsetType = UNSET


class TextChoice(Struct):
    """One choice of a text completion, or a piece of it."""

    index: int
    text: str
    finish_reason: str | None
    logprobs: TextLogprobs | None = None
    finish_note: str | UnsetType = UNSET


class ChatCompletion(Struct):
    """A chat completion, whole or a chunk: `object` says which. `service_tier` is the class that the call got."""

    id: str
    object: Literal["chat.completion", "chat.completion.chunk"]
    created: int
    model: str
    service_tier: Given
    choices: list[ChatChoice]
    usage: Usage | UnsetType | None = UNSET
    system_fingerprint: None = None


class TextCompletion(Struct):
    """A text completion, whole or a chunk."""

    id: str
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage | UnsetType | None = UNSET
    object: Literal["text_completion"] = "text_completion"
    system_fingerprint: None = None


class Embedding(Struct):
    """One vector: numbers, or base64 of little-endian float32."""

    index: int
    embedding: list[float] | str
    object: Literal["embedding"] = "embedding"


class EmbeddingUsage(Struct):
    """Tokens of an embedding call."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(Struct):
    """Vectors, in the inputs' order."""

    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
    object: Literal["list"] = "list"


class Document(Struct):
    """A document's text."""

    text: str


class Ranked(Struct):
    """A document's place."""

    index: int
    relevance_score: float
    document: Document | UnsetType = UNSET


class Ranking(Struct):
    """Documents, best first."""

    id: str
    model: str
    results: list[Ranked]
    usage: EmbeddingUsage


class Model(Struct):
    """A model; the last three are thinmesh's own."""

    id: str
    created: int
    owned_by: str
    aliases: list[str]
    capabilities: list[str]
    ready: bool
    context_length: int | None
    object: Literal["model"] = "model"


class Models(Struct):
    """All models."""

    data: list[Model]
    object: Literal["list"] = "list"
