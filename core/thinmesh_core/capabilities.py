"""Which capabilities a request needs: asked by the router to choose a backend and by every adapter before its engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core.errors import MeshError, Reason

Capability: TypeAlias = cap.Capability.ValueType
Request: TypeAlias = (
    pb.GenerateRequest | pb.EmbedRequest | pb.RerankRequest | pb.CountTokensRequest | tensor_pb.ModelInferRequest
)

_INPUT: dict[str | None, Capability] = {
    "chat": cap.CAPABILITY_CHAT,
    "text": cap.CAPABILITY_COMPLETION,
    "token_ids": cap.CAPABILITY_TOKEN_IDS,
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
            return frozenset(_of_generate(request))
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


def _of_generate(request: pb.GenerateRequest) -> Iterable[Capability]:
    kind = request.WhichOneof("input")
    if kind is not None:
        yield _INPUT[kind]
    if kind == "chat":
        if request.chat.tools:
            yield cap.CAPABILITY_TOOLS
        if any(part.HasField("image") for message in request.chat.messages for part in message.content):
            yield cap.CAPABILITY_IMAGES
    if request.HasField("sampling"):
        if request.sampling.n > 1:
            yield cap.CAPABILITY_N
        if request.sampling.logit_bias:
            yield cap.CAPABILITY_LOGIT_BIAS
    if request.HasField("response_format"):
        constraint = request.response_format.WhichOneof("format")
        if constraint is not None:
            yield _FORMAT[constraint]
    if request.HasField("logprobs"):
        yield cap.CAPABILITY_LOGPROBS


def _of_embed(request: pb.EmbedRequest) -> Iterable[Capability]:
    yield cap.CAPABILITY_EMBED
    if request.HasField("dimensions"):
        yield cap.CAPABILITY_EMBED_DIMENSIONS
    if any(one.HasField("token_ids") for one in request.inputs):
        yield cap.CAPABILITY_TOKEN_IDS
