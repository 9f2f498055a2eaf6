"""The bodies of the Open Inference Protocol's REST surface.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md, with Triton's binary
tensor data: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import UNSET, Struct, UnsetType

Parameters: TypeAlias = dict[str, bool | int | float | str]


class Input(Struct, forbid_unknown_fields=True):
    """A tensor sent: `data` row by row, nested or flat; none where its bytes follow the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters = {}
    data: list[Any] | None = None


class Output(Struct, forbid_unknown_fields=True):
    """A tensor asked for."""

    name: str
    parameters: Parameters = {}


class InferRequest(Struct, forbid_unknown_fields=True):
    """POST …/infer."""

    inputs: list[Input]
    id: str = ""
    parameters: Parameters = {}
    outputs: list[Output] = []


class Tensor(Struct, omit_defaults=True):
    """A tensor answered: flat `data`, or the size of its bytes behind the JSON. A number that JSON lacks (NaN) is null."""

    name: str
    datatype: str
    shape: list[int]
    parameters: Parameters = {}
    data: list[bool | int | float | str | None] | UnsetType = UNSET


class InferAnswer(Struct, omit_defaults=True):
    """The answer to an inference."""

    model_name: str
    outputs: list[Tensor]
    model_version: str = ""
    id: str = ""
    parameters: Parameters = {}


class TensorMetadata(Struct):
    """A tensor as its model declares it; -1 is a dimension of any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Struct):
    """GET /v2/models/{model}."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(Struct):
    """GET /v2."""

    name: str
    version: str
    extensions: list[str]


class Live(Struct):
    """GET /v2/health/live."""

    live: bool


class Ready(Struct):
    """GET /v2/health/ready; status 503 where it is false."""

    ready: bool


class ModelReady(Struct):
    """GET …/ready; status 503 where it is false."""

    name: str
    ready: bool


class ErrorBody(Struct):
    """What went wrong."""

    error: str
