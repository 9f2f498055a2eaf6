"""The answers of OpenAI's Responses API, typed. Pure."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType, field

from thinmesh_gateway.openai.bodies import ChatLogprob
from thinmesh_gateway.replies.items import Item
from thinmesh_gateway.replies.requests import NamedTool, TextConfig, Tool
from thinmesh_gateway.wishes import Given

Status: TypeAlias = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
ItemStatus: TypeAlias = Literal["in_progress", "completed", "incomplete"]


class OutputText(Struct, tag_field="type", tag="output_text"):
    """Text of a message."""

    text: str
    annotations: list[Any] = []
    logprobs: list[ChatLogprob] = []


class ReasoningText(Struct, tag_field="type", tag="reasoning_text"):
    """Text of the reasoning."""

    text: str


class Message(Struct, tag_field="type", tag="message"):
    """What the model says."""

    id: str
    status: ItemStatus
    content: list[OutputText]
    role: Literal["assistant"] = "assistant"


class Call(Struct, tag_field="type", tag="function_call"):
    """A function that the model calls, its arguments as JSON text."""

    id: str
    status: ItemStatus
    call_id: str
    name: str
    arguments: str


class Reasoning(Struct, tag_field="type", tag="reasoning"):
    """What the model thought before."""

    id: str
    status: ItemStatus
    content: list[ReasoningText]
    summary: list[Any] = []


Output: TypeAlias = Message | Call | Reasoning


class Failure(Struct):
    """Why a response failed."""

    code: str
    message: str


class Incomplete(Struct):
    """Why a response is not whole. `finish_note` says why the mesh ended it."""

    reason: Literal["max_output_tokens", "content_filter"]
    finish_note: str | UnsetType = UNSET


class InputDetails(Struct):
    """Details of the input's tokens; 0 where the engine says nothing."""

    cached_tokens: int
    cache_write_tokens: int = 0


class OutputDetails(Struct):
    """Details of the output's tokens; 0 where the engine says nothing."""

    reasoning_tokens: int


class Usage(Struct):
    """Tokens of a response."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class NoReasoning(Struct):
    """That no engine was told how much to think."""

    effort: None = None
    summary: None = None


class Response(Struct, kw_only=True):
    """A response. `store` says whether it is kept; `service_tier` is the class that the call got."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Status
    completed_at: int | None = None
    error: Failure | None = None
    incomplete_details: Incomplete | None = None
    model: str
    output: list[Output] = []
    usage: Usage | None = None
    service_tier: Given
    store: bool
    background: bool = False
    previous_response_id: str | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    metadata: dict[str, str] = {}
    parallel_tool_calls: bool = True
    prompt_cache_key: str | None = None
    reasoning: NoReasoning = field(default_factory=NoReasoning)
    safety_identifier: str | None = None
    temperature: float | None = None
    text: TextConfig
    tool_choice: Literal["none", "auto", "required"] | NamedTool = "auto"
    tools: list[Tool] = []
    top_logprobs: int = 0
    top_p: float | None = None
    truncation: Literal["disabled"] = "disabled"
    user: str | None = None


class InputItems(Struct):
    """What a response was asked with."""

    data: list[Item]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


class Deleted(Struct):
    """That a response is gone."""

    id: str
    object: Literal["response"] = "response"
    deleted: Literal[True] = True
