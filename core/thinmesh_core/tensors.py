"""What a tensor request must be before any engine sees it: its shapes, types and bytes agree. Pure.

Open Inference Protocol: https://github.com/kserve/open-inference-protocol, and Triton's binary tensor data.
"""

from __future__ import annotations

import math
import struct
from typing import Literal

from tritonclient.grpc import service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason, invalid

MAX_NAME_CHARACTERS = 128
MAX_TENSORS = 256
MAX_DIMENSIONS = 16
MAX_PARAMETERS = 64

BYTES = "BYTES"
SIZES = {
    "BOOL": 1,
    "UINT8": 1,
    "UINT16": 2,
    "UINT32": 4,
    "UINT64": 8,
    "INT8": 1,
    "INT16": 2,
    "INT32": 4,
    "INT64": 8,
    "FP16": 2,
    "BF16": 2,
    "FP32": 4,
    "FP64": 8,
}
"""Bytes of one element; those of BYTES say their own length."""

MAX_BYTES_ELEMENTS = 1 << 18
"""Elements of a BYTES tensor: each is looked at."""

FORMATS = {
    "BOOL": "?", "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q", "INT8": "b", "INT16": "h", "INT32": "i",
    "INT64": "q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip
"""How `struct` calls the types that JSON can write; BF16 travels as bytes alone."""

Contents = Literal[
    "bool_contents", "uint_contents", "uint64_contents", "int_contents", "int64_contents",
    "fp32_contents", "fp64_contents", "bytes_contents",
]  # fmt: skip

CONTENTS: dict[str, Contents] = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}
"""Where typed elements stand; FP16 and BF16 travel as bytes alone."""

FINAL = "triton_final_response"
"""Response parameter: the last response to its request."""

WANT_EMPTY_FINAL = "triton_enable_empty_final_response"
"""Request parameter: end with an empty response where the engine has no data left to say FINAL with."""

_SEQUENCE = ("sequence_id", "sequence_start", "sequence_end")
_SHARED_MEMORY = "shared_memory_region"
_INTERNAL = ("triton_", "thinmesh_")


def check(request: pb.ModelInferRequest) -> None:
    """INVALID_REQUEST with the tensor's name unless every input holds what its shape and type say.

    CAPABILITY_MISSING for what the mesh does not carry: shared memory, which names memory of the engine's own machine,
    and sequences, whose requests must all reach one engine.
    """
    if not 0 < len(request.model_name) <= MAX_NAME_CHARACTERS:
        raise invalid("model_name", f"model_name must have 1 to {MAX_NAME_CHARACTERS} characters.")
    if not 0 < len(request.inputs) <= MAX_TENSORS or len(request.outputs) > MAX_TENSORS:
        raise invalid("inputs", f"A request has 1 to {MAX_TENSORS} inputs and at most {MAX_TENSORS} outputs.")
    _parameters(request)
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise invalid("raw_input_contents", f"{len(request.inputs)} inputs, but {len(raw)} of raw_input_contents.")
    for index, tensor in enumerate(request.inputs):
        _tensor(tensor, raw[index] if raw else None)
    for output in request.outputs:
        if _SHARED_MEMORY in output.parameters:
            raise _no_shared_memory(output.name)


def elements(shape: list[int]) -> int:
    """How many elements a shape has; [] is one."""
    return math.prod(shape)


def pack_bytes(values: list[bytes]) -> bytes:
    """BYTES elements as raw contents: each behind its length, 4 bytes little-endian."""
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


def unpack_bytes(raw: bytes) -> list[bytes]:
    """The BYTES elements of raw contents; ValueError where the lengths do not add up."""
    values: list[bytes] = []
    at = 0
    while at < len(raw):
        if len(values) == MAX_BYTES_ELEMENTS:
            raise ValueError(f"more than {MAX_BYTES_ELEMENTS} elements")
        if at + 4 > len(raw):
            raise ValueError("cut within a length")
        (length,) = struct.unpack_from("<I", raw, at)
        at += 4
        if at + length > len(raw):
            raise ValueError("cut within an element")
        values.append(raw[at : at + length])
        at += length
    return values


def _parameters(request: pb.ModelInferRequest) -> None:
    if len(request.parameters) > MAX_PARAMETERS:
        raise invalid("parameters", f"At most {MAX_PARAMETERS} parameters are allowed.")
    for name in request.parameters:
        if name in _SEQUENCE:
            raise MeshError(Reason.CAPABILITY_MISSING, "Sequences are not carried by the mesh.", param=name)
        if name.startswith(_INTERNAL) and name != WANT_EMPTY_FINAL:
            raise invalid(name, f"The parameter {name!r} is not a caller's to set.")


def _tensor(tensor: pb.ModelInferRequest.InferInputTensor, raw: bytes | None) -> None:
    if _SHARED_MEMORY in tensor.parameters:
        raise _no_shared_memory(tensor.name)
    if tensor.datatype not in SIZES and tensor.datatype != BYTES:
        raise invalid(tensor.name, f"The input {tensor.name!r} has the unknown type {tensor.datatype!r}.")
    if len(tensor.shape) > MAX_DIMENSIONS or any(dimension < 0 for dimension in tensor.shape):
        raise invalid(tensor.name, f"The input {tensor.name!r} needs at most {MAX_DIMENSIONS} dimensions, none below 0.")
    count = elements(list(tensor.shape))
    if raw is None:
        _typed(tensor, count)
    elif any(field.name for field, _ in tensor.contents.ListFields()):
        raise invalid(tensor.name, f"The input {tensor.name!r} has both contents and raw contents.")
    elif tensor.datatype == BYTES:
        _packed(tensor, raw, count)
    elif len(raw) != count * SIZES[tensor.datatype]:
        raise invalid(
            tensor.name,
            f"The input {tensor.name!r} has {len(raw)} bytes; {tensor.datatype} of shape {list(tensor.shape)} "
            f"is {count * SIZES[tensor.datatype]}.",
        )


def _typed(tensor: pb.ModelInferRequest.InferInputTensor, count: int) -> None:
    field = CONTENTS.get(tensor.datatype)
    if field is None:
        raise invalid(tensor.name, f"The input {tensor.name!r} is {tensor.datatype}: send it as raw contents.")
    if any(other.name != field for other, _ in tensor.contents.ListFields()):
        raise invalid(tensor.name, f"The input {tensor.name!r} is {tensor.datatype}: its elements belong into {field}.")
    given = len(getattr(tensor.contents, field))
    if given != count:
        raise invalid(tensor.name, f"The input {tensor.name!r} has {given} elements; shape {list(tensor.shape)} is {count}.")


def _packed(tensor: pb.ModelInferRequest.InferInputTensor, raw: bytes, count: int) -> None:
    try:
        given = len(unpack_bytes(raw))
    except ValueError as error:
        raise invalid(tensor.name, f"The input {tensor.name!r} is {error}.") from error
    if given != count:
        raise invalid(tensor.name, f"The input {tensor.name!r} has {given} elements; shape {list(tensor.shape)} is {count}.")


def _no_shared_memory(name: str) -> MeshError:
    return MeshError(Reason.CAPABILITY_MISSING, "Shared memory is not carried by the mesh: send the tensor.", param=name)
