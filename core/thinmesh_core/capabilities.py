"""Which capabilities a request needs: asked by the router to choose a backend and by every adapter before its engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core.errors import MeshError, Reason

Capability: TypeAlias = cap.Capability.ValueType
Request: TypeAlias = (
    pb.GenerateRequest | pb.EmbedRequest | pb.RerankRequest | pb.CountTokensRequest | tensor_pb.ModelInferRequest
)

_INPUT: dict[str | None, frozenset[Capability]] = {
    "chat": frozenset({cap.CAPABILITY_CHAT}),
    "text": frozenset({cap.CAPABILITY_COMPLETION}),
    "token_ids": frozenset({cap.CAPABILITY_TOKEN_IDS}),
    None: frozenset(),
}
_FORMAT: dict[str, Capability] = {
    "json_object": cap.CAPABILITY_JSON_OBJECT,
    "json_schema": cap.CAPABILITY_JSON_SCHEMA,
    "regex": cap.CAPABILITY_REGEX,
    "grammar": cap.CAPABILITY_GRAMMAR,
    "choice": cap.CAPABILITY_CHOICE,
}


def required(request: Request) -> frozenset[Capability]:
    """What a backend must be able to do to serve the request."""
    match request:
        case pb.GenerateRequest():
            return _of_generate(request)
        case pb.EmbedRequest():
            return frozenset(_of_embed(request))
        case pb.RerankRequest():
            return frozenset({cap.CAPABILITY_RERANK})
        case pb.CountTokensRequest():
            return frozenset({cap.CAPABILITY_COUNT_TOKENS})
        case tensor_pb.ModelInferRequest():
            return frozenset({cap.CAPABILITY_TENSORS})


def model(request: Request) -> str:
    """The model that a request asks for."""
    return request.model_name if isinstance(request, tensor_pb.ModelInferRequest) else request.model


def choices(request: pb.GenerateRequest) -> int:
    """How many choices the answer has."""
    return max(request.sampling.n, 1)


def check(request: Request, declared: Iterable[Capability]) -> None:
    """CAPABILITY_MISSING, with its name, unless all that the request needs is declared."""
    missing = required(request).difference(declared)
    if missing:
        names = ", ".join(sorted(name(one) for one in missing))
        raise MeshError(Reason.CAPABILITY_MISSING, f"The model {model(request)!r} does not support: {names}.")


def name(capability: Capability) -> str:
    """The capability in lower case, without the enum's prefix."""
    return cap.Capability.Name(capability).removeprefix("CAPABILITY_").lower()


def _of_generate(request: pb.GenerateRequest) -> frozenset[Capability]:
    kind = request.WhichOneof("input")
    needs = _INPUT[kind]
    if kind == "chat":
        if request.chat.tools:
            needs |= {cap.CAPABILITY_TOOLS}
        if _shows(request.chat):
            needs |= {cap.CAPABILITY_IMAGES}
    if request.HasField("sampling"):
        sampling = request.sampling
        if sampling.n > 1:
            needs |= {cap.CAPABILITY_N}
        if sampling.logit_bias:
            needs |= {cap.CAPABILITY_LOGIT_BIAS}
    if request.HasField("response_format"):
        constraint = request.response_format.WhichOneof("format")
        if constraint is not None:
            needs |= {_FORMAT[constraint]}
    if request.HasField("logprobs"):
        needs |= {cap.CAPABILITY_LOGPROBS}
    return needs


def _shows(chat: chat_pb2.ChatInput) -> bool:
    """Whether an image is in it."""
    for message in chat.messages[:]:  # lists, and no generator: this is asked twice a call
        for part in message.content[:]:
            if part.HasField("image"):
                return True
    return False


def _of_embed(request: pb.EmbedRequest) -> Iterable[Capability]:
    yield cap.CAPABILITY_EMBED
    if request.HasField("dimensions"):
        yield cap.CAPABILITY_EMBED_DIMENSIONS
    if any(one.HasField("token_ids") for one in request.inputs):
        yield cap.CAPABILITY_TOKEN_IDS
