"""The request bodies of OpenAI's Responses API, typed. Pure.

As in openai.requests every field of the specification stands here: honoured, refused by name, or accepted and ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from thinmesh_core import bounds
from thinmesh_core.errors import invalid
from thinmesh_gateway.decoding import decoded
from thinmesh_gateway.openai.requests import Body, JsonObjectFormat, TextFormat, Tier, UInt32, Unsupported
from thinmesh_gateway.replies.items import Items

LOGPROBS = "message.output_text.logprobs"

INCLUDED = frozenset({LOGPROBS, "message.input_image.image_url"})
"""What `include` may ask for; images are in input items in any case."""

Notes: TypeAlias = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]


class Tool(Body):
    """A function offered; `parameters` is kept as its verbatim JSON text."""

    name: str
    type: Literal["function"] = "function"
    description: str | None = None
    parameters: msgspec.Raw | UnsetType = UNSET
    strict: bool | None = None


class NamedTool(Body):
    """The one tool to call."""

    name: str
    type: Literal["function"] = "function"


class JsonSchemaFormat(Body, tag_field="type", tag="json_schema"):
    """JSON that satisfies a schema, which is kept as its verbatim text."""

    name: str
    schema: msgspec.Raw
    description: str | None = None
    strict: bool | None = None


class TextConfig(Body):
    """The form of the answer's text."""

    format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    verbosity: Unsupported = None


class Reasoning(Body):
    """How much the model is to think, which no engine is asked here."""

    effort: Unsupported = None
    summary: Unsupported = None
    generate_summary: Unsupported = None
    context: Unsupported = None
    mode: Unsupported = None


class StreamOptions(Body):
    """`include_obfuscation` pads events against eavesdroppers who measure them; TLS is the edge's, so it is ignored."""

    include_obfuscation: bool | None = None


class CreateResponse(Body):
    """POST /v1/responses."""

    REFUSED: ClassVar[tuple[str, ...]] = (
        "access_programs",
        "background_options",
        "context_management",
        "conversation",
        "image",
        "moderation",
        "prompt",
    )
    IGNORED: ClassVar[tuple[str, ...]] = (
        "max_tool_calls",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "stream_options",
        "user",
    )

    model: str
    input: str | Items
    background: bool | None = None
    include: Annotated[list[str], Meta(max_length=16)] | None = None
    instructions: str | None = None
    max_output_tokens: UInt32 | None = None
    metadata: Notes | None = None
    parallel_tool_calls: bool | None = None
    previous_response_id: str | None = None
    prompt_cache_key: str | None = None
    reasoning: Reasoning | None = None
    service_tier: Tier | None = None
    store: bool | None = None
    stream: bool | None = None
    temperature: float | None = None
    text: TextConfig | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    tools: Annotated[list[Tool], Meta(max_length=bounds.MAX_TOOLS)] | None = None
    top_logprobs: UInt32 | None = None
    top_p: float | None = None
    truncation: Literal["auto", "disabled"] | None = None

    max_tool_calls: UInt32 | None = None
    prompt_cache_options: Annotated[dict[str, Any], Meta(max_length=16)] | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None

    access_programs: Unsupported = None
    background_options: Unsupported = None
    context_management: Unsupported = None
    conversation: Unsupported = None
    image: Unsupported = None
    moderation: Unsupported = None
    prompt: Unsupported = None


_DECODER = msgspec.json.Decoder(CreateResponse)


def decode(data: bytes) -> CreateResponse:
    """The body; INVALID_REQUEST that names the field which is wrong, or which can't be served."""
    body = decoded(_DECODER, data)
    for name in CreateResponse.REFUSED:
        _refuse(name, getattr(body, name))
    if body.reasoning is not None:
        for name in Reasoning.__struct_fields__:
            _refuse(f"reasoning.{name}", getattr(body.reasoning, name))
    if body.text is not None:
        _refuse("text.verbosity", body.text.verbosity)
    for name in body.include or ():
        if name not in INCLUDED:
            raise invalid("include", f"{name[:64]!r} can't be included by this service; leave it out.")
    if body.truncation == "auto":
        raise invalid("truncation", "Nothing is dropped from a conversation here: leave truncation out, or say disabled.")
    if body.background and body.stream:
        raise invalid("stream", "A response in the background is not streamed: leave stream out, and ask for it by its id.")
    if body.background and body.store is False:
        raise invalid("store", "A response in the background is kept: leave store out, or background.")
    return body


def _refuse(name: str, value: object) -> None:
    if value is not None:
        raise invalid(name, f"{name!r} is not supported by this service; leave it out.")
