"""What a conversation is made of in OpenAI's Responses API, as callers send it and as it is kept. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from thinmesh_core import bounds
from thinmesh_gateway.openai.requests import Body, Unsupported


class Breakpoint(Body):
    """Where a cache of prompts might end, which is the engine's to say."""

    mode: str | None = None
    ttl: str | None = None


class InputText(Body, tag_field="type", tag="input_text"):
    """Text that the model is told."""

    text: str
    prompt_cache_breakpoint: Breakpoint | UnsetType | None = UNSET


class InputImage(Body, tag_field="type", tag="input_image"):
    """An image that the model is shown."""

    image_url: str | None = None
    detail: Literal["auto", "low", "high"] | None = None
    file_id: Unsupported = None
    prompt_cache_breakpoint: Breakpoint | UnsetType | None = UNSET


class OutputText(Body, tag_field="type", tag="output_text"):
    """Text that the model said; what else SDKs send back of it is ignored."""

    text: str
    annotations: Annotated[list[Any], Meta(max_length=bounds.MAX_PARTS)] | None = None
    logprobs: list[Any] | UnsetType | None = UNSET


class Refusal(Body, tag_field="type", tag="refusal"):
    """A refusal that the model said."""

    refusal: str


class SummaryText(Body, tag_field="type", tag="summary_text"):
    """What the model thought, in short."""

    text: str


class ReasoningText(Body, tag_field="type", tag="reasoning_text"):
    """What the model thought."""

    text: str


Part: TypeAlias = InputText | InputImage | OutputText | Refusal | ReasoningText
Parts: TypeAlias = Annotated[list[Part], Meta(max_length=bounds.MAX_PARTS)]


class Item(Body, omit_defaults=True):
    """One item. Which fields it needs is its type's: `message`, where it says none.

    What SDKs send back of answers they were given (`phase`, `summary`) is accepted; reasoning is not told to the model again.
    """

    type: Literal["message", "function_call", "function_call_output", "reasoning"] | UnsetType = UNSET
    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | Parts | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | Parts | None = None
    summary: Annotated[list[SummaryText], Meta(max_length=bounds.MAX_PARTS)] | None = None
    encrypted_content: str | None = None
    phase: str | None = None
    namespace: None = None
    caller: None = None


Items: TypeAlias = Annotated[list[Item], Meta(max_length=bounds.MAX_MESSAGES)]
