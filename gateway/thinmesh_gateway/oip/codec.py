"""Bodies of the Open Inference Protocol's REST surface into its gRPC messages and back. Pure.

Tensors travel on as raw bytes, little-endian; `thinmesh_core.tensors` then checks that they are what shape and type say.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
from tritonclient.grpc import service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.tensors import BYTES, CONTENTS, FORMATS, MAX_DIMENSIONS, elements, pack_bytes, unpack_bytes
from thinmesh_core.wire import MAX_REQUEST_BYTES
from thinmesh_gateway.decoding import decoded
from thinmesh_gateway.oip.bodies import InferAnswer, InferRequest, Input, Parameters, Tensor

_SIZE = "binary_data_size"
_WANTED = "binary_data"
_WANTED_ALL = "binary_data_output"

MAX_JSON_ELEMENTS = 1 << 20
"""Of an output that is written as JSON: more of them take seconds, and are ten times as long as their bytes."""

_DECODER = msgspec.json.Decoder(InferRequest)


@dataclass(frozen=True, slots=True)
class Binary:
    """Which outputs the caller wants as bytes behind the JSON."""

    others: bool
    named: dict[str, bool]

    def wants(self, name: str) -> bool:
        """Whether `name` goes as bytes."""
        return self.named.get(name, self.others)


def decode(body: bytes, json_bytes: int | None, model: str, version: str) -> tuple[pb.ModelInferRequest, Binary]:
    """The request for `model`; the first `json_bytes` of the body are JSON, the rest tensors; None: all is JSON."""
    size = len(body) if json_bytes is None else json_bytes
    if not 0 <= size <= len(body):
        raise invalid("inference-header-content-length", f"The body has {len(body)} bytes, fewer than its JSON's {size}.")
    given = decoded(_DECODER, body[:size])
    request = pb.ModelInferRequest(model_name=model, model_version=version, id=given.id)
    at = size
    for tensor in given.inputs:
        sent = tensor.parameters.get(_SIZE)
        if sent is None:
            raw = _packed(tensor)
        else:
            raw = _slice(body, at, sent, tensor)
            at += len(raw)
        added = request.inputs.add(name=tensor.name, datatype=tensor.datatype)
        _extend(added.shape, tensor.shape, tensor.name)
        _put(added.parameters, tensor.parameters, _SIZE)
        request.raw_input_contents.append(raw)
    if at != len(body):
        raise invalid("inputs", f"{len(body) - at} bytes follow the JSON that no input claims by {_SIZE}.")
    for output in given.outputs:
        _put(request.outputs.add(name=output.name).parameters, output.parameters, _WANTED)
    _put(request.parameters, given.parameters, _WANTED_ALL)
    if request.ByteSize() > MAX_REQUEST_BYTES:
        raise MeshError(Reason.REQUEST_TOO_LARGE, f"The tensors of the body are larger than {MAX_REQUEST_BYTES} bytes.")
    named = {one.name: _flag(one.parameters, _WANTED) for one in given.outputs if _WANTED in one.parameters}
    return request, Binary(_flag(given.parameters, _WANTED_ALL), named)


def encode(response: pb.ModelInferResponse, binary: Binary) -> tuple[bytes, int | None]:
    """The body, and how many of its first bytes are JSON; None: all. ENGINE_PROTOCOL where the answer contradicts itself."""
    outputs: list[Tensor] = []
    behind: list[bytes] = []
    contents = response.raw_output_contents
    if contents and len(contents) != len(response.outputs):
        raise MeshError(Reason.ENGINE_PROTOCOL, f"The engine answered {len(response.outputs)} outputs in {len(contents)}.")
    for index, tensor in enumerate(response.outputs):
        raw = contents[index] if contents else _typed(tensor)
        encoded = Tensor(tensor.name, tensor.datatype, list(tensor.shape), _got(tensor.parameters))
        if binary.wants(tensor.name):
            encoded.parameters[_SIZE] = len(raw)
            behind.append(raw)
        else:
            encoded.data = _unpacked(tensor, raw)
        outputs.append(encoded)
    answer = InferAnswer(response.model_name, outputs, response.model_version, response.id, _got(response.parameters))
    json = msgspec.json.encode(answer)
    return (b"".join((json, *behind)), len(json)) if behind else (json, None)


def _slice(body: bytes, at: int, size: bool | float | str, tensor: Input) -> bytes:
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= len(body) - at:
        raise invalid(tensor.name, f"{_SIZE} of the input {tensor.name!r} must be a count of the bytes that follow the JSON.")
    if tensor.data is not None:
        raise invalid(tensor.name, f"The input {tensor.name!r} has both data and {_SIZE}.")
    return body[at : at + size]


def _packed(tensor: Input) -> bytes:
    """The raw bytes of a tensor in JSON."""
    if tensor.data is None:
        raise invalid(tensor.name, f"The input {tensor.name!r} has neither data nor {_SIZE}.")
    values = _flat(tensor.data, tensor.name)
    if len(values) != elements(tensor.shape):
        raise invalid(tensor.name, f"The input {tensor.name!r} has {len(values)} elements, its shape says otherwise.")
    if tensor.datatype == BYTES:
        if not all(isinstance(value, str) for value in values):
            raise invalid(tensor.name, f"The input {tensor.name!r} is BYTES: its elements are strings.")
        return pack_bytes([value.encode() for value in values])
    form = FORMATS.get(tensor.datatype)
    if form is None:
        raise invalid(tensor.name, f"The input {tensor.name!r} of type {tensor.datatype!r} can't be sent as JSON.")
    if any(isinstance(value, bool) != (form == "?") for value in values):
        raise invalid(tensor.name, f"The input {tensor.name!r} has an element that is no {tensor.datatype}.")
    try:
        return struct.pack(f"<{len(values)}{form}", *values)
    except (struct.error, OverflowError) as error:
        raise invalid(tensor.name, f"The input {tensor.name!r} has an element that is no {tensor.datatype}.") from error


def _flat(data: list[Any], name: str) -> list[Any]:
    """The elements in row-major order, one level a turn: the rows of a level are of one length."""
    for _ in range(MAX_DIMENSIONS):
        lengths = {len(row) if isinstance(row, list) else None for row in data}
        if lengths <= {None}:
            return data
        if len(lengths) > 1:
            raise invalid(name, f"The input {name!r} has rows of different lengths.")
        data = list(chain.from_iterable(data))
    raise invalid(name, f"The input {name!r} is nested deeper than {MAX_DIMENSIONS} dimensions.")


def _typed(tensor: pb.ModelInferResponse.InferOutputTensor) -> bytes:
    """The raw bytes of an answer in typed contents."""
    field = CONTENTS.get(tensor.datatype)
    if field is None:
        raise _broken(tensor.name, "without contents")
    values = list(getattr(tensor.contents, field))
    if tensor.datatype == BYTES:
        return pack_bytes(values)
    try:
        return struct.pack(f"<{len(values)}{FORMATS[tensor.datatype]}", *values)
    except struct.error as error:
        raise _broken(tensor.name, f"with an element that is no {tensor.datatype}") from error


def _unpacked(tensor: pb.ModelInferResponse.InferOutputTensor, raw: bytes) -> list[bool | int | float | str | None]:
    name, form = tensor.name, FORMATS.get(tensor.datatype)
    if form is None and tensor.datatype != BYTES:
        raise invalid(name, f"The output {name!r} is {tensor.datatype}, which JSON can't hold: ask for it with {_WANTED}.")
    if elements(list(tensor.shape)) > MAX_JSON_ELEMENTS:
        raise invalid(name, f"The output {name!r} has more than {MAX_JSON_ELEMENTS} elements: ask for it with {_WANTED}.")
    try:
        values = unpack_bytes(raw) if form is None else [value for (value,) in struct.iter_unpack(f"<{form}", raw)]
    except (ValueError, struct.error) as error:
        raise _broken(name, "with cut elements") from error
    if len(values) != elements(list(tensor.shape)):
        raise _broken(name, "with elements of another shape")
    try:
        return [value.decode() if isinstance(value, bytes) else value for value in values]
    except UnicodeDecodeError as error:
        raise invalid(name, f"The output {name!r} is no text: ask for it with {_WANTED}.") from error


def _broken(name: str, how: str) -> MeshError:
    return MeshError(Reason.ENGINE_PROTOCOL, f"The engine answered {name!r} {how}.")


def _extend(shape: Any, dimensions: list[int], name: str) -> None:
    try:
        shape.extend(dimensions)
    except ValueError as error:
        raise invalid(name, f"The input {name!r} has a dimension out of range.") from error


def _flag(parameters: Parameters, name: str) -> bool:
    flag = parameters.get(name, False)
    if not isinstance(flag, bool):
        raise invalid(name, f"The parameter {name!r} is true or false.")
    return flag


def _put(parameters: Any, given: Parameters, but: str) -> None:
    """Everything `given` into the message's parameters, except the one that concerns REST alone."""
    for name, value in given.items():
        if name == but:
            continue
        match value:
            case bool():
                parameters[name].bool_param = value
            case int():
                try:
                    parameters[name].int64_param = value
                except ValueError as error:
                    raise invalid(name, f"The parameter {name!r} is out of range.") from error
            case float():
                parameters[name].double_param = value
            case str():
                parameters[name].string_param = value


def _got(parameters: Any) -> Parameters:
    chosen = {name: (value, value.WhichOneof("parameter_choice")) for name, value in parameters.items()}
    return {name: getattr(value, kind) for name, (value, kind) in chosen.items() if kind is not None}
