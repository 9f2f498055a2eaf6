"""OpenAI's request bodies, typed, and what they mean in the contract. Pure.

Every field of the OpenAI specification stands here: honoured, or refused by name (REFUSED), or accepted and ignored
(IGNORED). Anything else in a body is an unknown field, and refused. Ranges are not checked here but in
thinmesh_core.bounds, for REST and gRPC alike; types only make sure that a value fits the contract's field, and that no list
is longer than bounds allow, since each entry would be translated before they see it.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from thinmesh_core import bounds
from thinmesh_core.errors import invalid
from thinmesh_gateway.decoding import decoded
from thinmesh_gateway.wishes import TIERS

UInt32: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 32) - 1)]
Int64: TypeAlias = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Inputs: TypeAlias = str | list[str | UInt32 | list[UInt32]]
"""A text, several texts, the tokens of one text, or of several; a list holds one kind."""

Labels: TypeAlias = Annotated[dict[str, str], Meta(max_length=16)]
Stops: TypeAlias = Annotated[list[str], Meta(max_length=bounds.MAX_STOPS)]

Tier: TypeAlias = Annotated[str, Meta(extra_json_schema={"enum": list(TIERS)})]
"""How urgent; checked with the caller's other wishes, whose errors name the words."""

Unsupported: TypeAlias = Any
"""A field that exists in the specification and that is not served; present and not null is refused."""


class Body(Struct, kw_only=True, forbid_unknown_fields=True):
    """A JSON object of the specification."""


class StreamOptions(Body):
    """`include_obfuscation` pads events against eavesdroppers who measure them; TLS is the edge's, so it is ignored."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class TextPart(Body, tag_field="type", tag="text"):
    """Text in a message."""

    text: str


class ImageUrl(Body):
    """Where an image is."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(Body, tag_field="type", tag="image_url"):
    """An image in a message."""

    image_url: ImageUrl


class RefusalPart(Body, tag_field="type", tag="refusal"):
    """A refusal that an assistant said."""

    refusal: str


class FunctionCall(Body):
    """A function's name and its arguments as JSON text."""

    name: str
    arguments: str


class ToolCall(Body):
    """A call that an assistant made."""

    id: str
    function: FunctionCall
    type: Literal["function"] = "function"


class Message(Body):
    """One message. What SDKs send back of their own answers (annotations, null audio) is accepted."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[TextPart | ImagePart | RefusalPart], Meta(max_length=bounds.MAX_PARTS)] | None = None
    name: str | None = None
    tool_calls: Annotated[list[ToolCall], Meta(max_length=bounds.MAX_TOOLS)] | None = None
    tool_call_id: str | None = None
    refusal: str | None = None
    annotations: Annotated[list[Any], Meta(max_length=bounds.MAX_PARTS)] | None = None
    reasoning_content: str | None = None
    audio: None = None
    function_call: None = None


class Function(Body):
    """A function offered; `parameters` is kept as its verbatim JSON text."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw | UnsetType = UNSET
    strict: bool | None = None


class Tool(Body):
    """A tool offered."""

    function: Function
    type: Literal["function"] = "function"


class FunctionName(Body):
    """Names a function."""

    name: str


class NamedTool(Body):
    """The one tool to call."""

    function: FunctionName
    type: Literal["function"] = "function"


class TextFormat(Body, tag_field="type", tag="text"):
    """Free text."""


class JsonObjectFormat(Body, tag_field="type", tag="json_object"):
    """Any JSON object."""


class Schema(Body):
    """A named JSON schema, kept as its verbatim text."""

    name: str
    schema: msgspec.Raw | UnsetType = UNSET
    description: str | None = None
    strict: bool | None = None


class JsonSchemaFormat(Body, tag_field="type", tag="json_schema"):
    """JSON that satisfies a schema."""

    json_schema: Schema


class StructuredOutputs(Body):
    """vLLM's extension for constraints that OpenAI does not have; exactly one."""

    regex: str | None = None
    grammar: str | None = None
    choice: Annotated[list[str], Meta(max_length=bounds.MAX_CHOICES)] | None = None


class Generation(Body, kw_only=True):
    """What chat and text completions share. The second group are engines' well-known extensions."""

    REFUSED: ClassVar[tuple[str, ...]] = ()
    IGNORED: ClassVar[tuple[str, ...]] = ()

    model: str
    frequency_penalty: float | None = None
    logit_bias: Annotated[dict[UInt32, float], Meta(max_length=bounds.MAX_LOGIT_BIASES)] | None = None
    max_tokens: UInt32 | None = None
    n: UInt32 | None = None
    presence_penalty: float | None = None
    seed: Int64 | None = None
    stop: str | Stops | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    user: str | None = None

    top_k: UInt32 | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    min_tokens: UInt32 | None = None
    stop_token_ids: Annotated[list[UInt32], Meta(max_length=bounds.MAX_STOPS)] | None = None
    ignore_eos: bool | None = None
    structured_outputs: StructuredOutputs | None = None
    engine_options: msgspec.Raw | UnsetType = UNSET


class ChatCompletion(Generation, kw_only=True):
    """POST /v1/chat/completions."""

    REFUSED: ClassVar[tuple[str, ...]] = (
        "audio",
        "function_call",
        "functions",
        "moderation",
        "prediction",
        "reasoning_effort",
        "verbosity",
        "web_search_options",
    )
    IGNORED: ClassVar[tuple[str, ...]] = (
        "metadata",
        "modalities",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "store",
        "user",
    )

    messages: Annotated[list[Message], Meta(max_length=bounds.MAX_MESSAGES)]
    logprobs: bool | None = None
    max_completion_tokens: UInt32 | None = None
    parallel_tool_calls: bool | None = None
    prompt_cache_key: str | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    service_tier: Tier | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    tools: Annotated[list[Tool], Meta(max_length=bounds.MAX_TOOLS)] | None = None
    top_logprobs: UInt32 | None = None

    metadata: Labels | None = None
    modalities: Annotated[list[Literal["text"]], Meta(max_length=1)] | None = None
    prompt_cache_options: Annotated[dict[str, Any], Meta(max_length=16)] | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    store: Literal[False] | None = None

    audio: Unsupported = None
    function_call: Unsupported = None
    functions: Unsupported = None
    moderation: Unsupported = None
    prediction: Unsupported = None
    reasoning_effort: Unsupported = None
    verbosity: Unsupported = None
    web_search_options: Unsupported = None


class TextCompletion(Generation, kw_only=True):
    """POST /v1/completions. `max_tokens` is 16 where it is not given, as OpenAI has it."""

    REFUSED: ClassVar[tuple[str, ...]] = ("suffix",)
    IGNORED: ClassVar[tuple[str, ...]] = ("user",)

    prompt: Inputs
    best_of: Literal[1] | None = None
    echo: Literal[False] | None = None
    logprobs: UInt32 | None = None
    suffix: Unsupported = None


class Embeddings(Body):
    """POST /v1/embeddings."""

    REFUSED: ClassVar[tuple[str, ...]] = ()
    IGNORED: ClassVar[tuple[str, ...]] = ("user",)

    model: str
    input: Inputs
    dimensions: UInt32 | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None


class Rerank(Body):
    """POST /v1/rerank, as Jina, Cohere and vLLM have it."""

    REFUSED: ClassVar[tuple[str, ...]] = ()
    IGNORED: ClassVar[tuple[str, ...]] = ()

    model: str
    query: str
    documents: Annotated[list[str], Meta(max_length=bounds.MAX_INPUTS)]
    top_n: UInt32 | None = None
    return_documents: bool | None = None


B = TypeVar("B", ChatCompletion, TextCompletion, Embeddings, Rerank)

_DECODERS: dict[type[Any], msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (ChatCompletion, TextCompletion, Embeddings, Rerank)
}


def decode(data: bytes, kind: type[B]) -> B:
    """The body as `kind`; INVALID_REQUEST that names the field where JSON, a type or a field is wrong."""
    body: B = decoded(_DECODERS[kind], data)
    for name in kind.REFUSED:
        if getattr(body, name) is not None:
            raise invalid(name, f"{name!r} is not supported by this service; leave it out.")
    return body
