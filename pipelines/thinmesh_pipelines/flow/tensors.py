"""A step that asks a model for tensors."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tritonclient.grpc import service_pb2 as oip

from thinmesh_core.errors import Reason
from thinmesh_core.tensors import BYTES, FORMATS, pack_bytes, unpack_bytes
from thinmesh_pipelines.flow.run import Refused, current
from thinmesh_pipelines.steps import Steps

Elements = Sequence[float] | Sequence[int] | Sequence[bool] | Sequence[bytes]


@dataclass(frozen=True)
class Tensor:
    """A tensor: its datatype as the Open Inference Protocol names it, its shape, and its elements in row-major order."""

    datatype: str
    shape: Sequence[int]
    data: Elements


async def infer(model: str, inputs: Mapping[str, Tensor], *, seconds: float | None = None) -> dict[str, Tensor]:
    """What a model makes of tensors, by the names of its outputs."""
    request = oip.ModelInferRequest(model_name=model)
    for name, tensor in inputs.items():
        request.inputs.add(name=name, datatype=tensor.datatype, shape=tensor.shape)
        request.raw_input_contents.append(_packed(name, tensor))
    answer = await current().ask(Steps.infer_tensors, oip.ModelInferResponse, request, seconds=seconds)
    return {
        one.name: Tensor(one.datatype, list(one.shape), _unpacked(one.datatype, raw))
        for one, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
    }


def _packed(name: str, tensor: Tensor) -> bytes:
    if tensor.datatype == BYTES:
        return pack_bytes([bytes(one) for one in tensor.data if isinstance(one, bytes)])
    try:
        return struct.pack(f"<{len(tensor.data)}{FORMATS[tensor.datatype]}", *tensor.data)
    except (KeyError, struct.error) as error:
        raise Refused(f"The tensor {name!r} has an element that is no {tensor.datatype}: {error}.", Reason.INTERNAL) from None


def _unpacked(datatype: str, raw: bytes) -> Elements:
    if datatype == BYTES:
        return unpack_bytes(raw)
    form = FORMATS[datatype]
    return struct.unpack(f"<{len(raw) // struct.calcsize(form)}{form}", raw)
