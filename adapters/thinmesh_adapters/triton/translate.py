"""Requests of the contract as a model's tensors, and its tensors as events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_adapters.fields import MOST, fits
from thinmesh_adapters.triton.config import TextNames
from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.tensors import BYTES, pack_bytes, unpack_bytes

_DTYPES: dict[str, str] = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_SAMPLING = (
    "temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty", "seed",
)  # fmt: skip
_REASONS = {"stop": pb.FINISH_REASON_STOP, "length": pb.FINISH_REASON_LENGTH}

TIMEOUT = "timeout"
"""Request parameter: microseconds that a request may wait in the engine's queue."""

PRIORITY = "priority"
"""Request parameter: 1 goes first. A model without priority levels in its configuration takes no notice of it."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A model's inputs, by name: type and shape as the engine tells them."""

    model: str
    inputs: Mapping[str, tuple[str, tuple[int, ...]]]

    @classmethod
    def of(cls, metadata: tensor_pb.ModelMetadataResponse) -> Signature:
        """What a model's metadata says."""
        return cls(metadata.name, {one.name: (one.datatype, tuple(one.shape)) for one in metadata.inputs})

    def input(self, name: str) -> tuple[str, tuple[int, ...]]:
        """An input's type and shape; ENGINE_PROTOCOL where the model has none of that name."""
        if name not in self.inputs:
            raise _broken(f"has no input {name!r}")
        return self.inputs[name]

    def batches(self, name: str) -> bool:
        """Whether an input's first dimension is open: a batch."""
        _, shape = self.input(name)
        return bool(shape) and shape[0] < 0

    def put(self, request: tensor_pb.ModelInferRequest, name: str, values: list[Any]) -> None:
        """Adds an input that holds `values`, in the type that the model wants; -1 in its shape becomes what is needed."""
        datatype, shape = self.input(name)
        rest = len(values)
        exact: list[int] = []
        for dimension in reversed(shape):  # the innermost open dimension takes the values, those around it are one
            exact.append(dimension if dimension > 0 else rest)
            rest = 1 if dimension <= 0 else rest
        request.inputs.add(name=name, datatype=datatype, shape=reversed(exact))
        request.raw_input_contents.append(_pack(datatype, values))


def text_request(
    request: pb.GenerateRequest, prompt: str, names: TextNames, signature: Signature
) -> tensor_pb.ModelInferRequest:
    """A generation as tensors; INVALID_REQUEST with the name of a knob that the model does not take."""
    tensors = tensor_pb.ModelInferRequest(model_name=signature.model)
    tensors.parameters["triton_enable_empty_final_response"].bool_param = True
    signature.put(tensors, names.prompt, [prompt.encode()])
    if names.stream is not None:
        signature.put(tensors, names.stream, [True])
    for flag in names.flags:
        if flag in signature.inputs:
            signature.put(tensors, flag, [True])
    knobs = knobs_of(request)
    if names.parameters is not None:
        signature.put(tensors, names.parameters, [msgspec.json.encode(knobs)])
        return tensors
    for knob, value in knobs.items():
        tensor = names.knobs.get(knob)
        if tensor is None or tensor not in signature.inputs:
            raise invalid(knob, f"The model does not take {knob}; leave it out.")
        values = value if isinstance(value, list) else [value]
        try:
            signature.put(tensors, tensor, [one.encode() if isinstance(one, str) else one for one in values])
        except (TypeError, ValueError, OverflowError) as error:
            raise invalid(knob, f"The model takes no such {knob}; send another, or leave it out.") from error
    return tensors


def queued(tensors: tensor_pb.ModelInferRequest, seconds: float, call: Call) -> None:
    """Says which job's step the request is of, and how it is to wait in the engine's queue; what its caller said stays."""
    if call.step is not None and not tensors.id:
        tensors.id = call.step
    if TIMEOUT not in tensors.parameters:
        tensors.parameters[TIMEOUT].int64_param = int(seconds * 1e6)
    if PRIORITY not in tensors.parameters:
        tensors.parameters[PRIORITY].uint64_param = call.priority


def knobs_of(request: pb.GenerateRequest) -> dict[str, Any]:
    """The knobs that the caller set, by the names that engines share."""
    knobs: dict[str, Any] = dict(_set(request.sampling, _SAMPLING))
    if request.sampling.logit_bias:
        knobs["logit_bias"] = {str(token): bias for token, bias in request.sampling.logit_bias.items()}
    knobs |= dict(_set(request.stopping, ("max_tokens", "min_tokens", "ignore_eos")))
    if request.stopping.stop:
        knobs["stop"] = list(request.stopping.stop)
    if request.stopping.stop_token_ids:
        knobs["stop_token_ids"] = list(request.stopping.stop_token_ids)
    if request.HasField("engine_options_json"):
        knobs |= msgspec.json.decode(request.engine_options_json, type=dict[str, msgspec.Raw])
    return knobs


@dataclass(frozen=True, slots=True)
class Said:
    """What one response of a text model says; counts are the engine's own, of this response or so far."""

    text: str
    reason: pb.FinishReason.ValueType | None
    prompt_tokens: int | None
    completion_tokens: int | None


def said(response: tensor_pb.ModelInferResponse, names: TextNames) -> Said:
    """A response of a text model; ENGINE_PROTOCOL for tensors that are not what they should be."""
    outputs = outputs_of(response)
    return Said(
        text=_text(outputs, names.text),
        reason=_REASONS.get(_text(outputs, names.finish_reason)),
        prompt_tokens=_count(outputs, names.prompt_tokens),
        completion_tokens=_count(outputs, names.completion_tokens),
    )


def embed_request(texts: Iterable[str], name: str, signature: Signature) -> tensor_pb.ModelInferRequest:
    """Texts as one input; a model that batches takes several."""
    tensors = tensor_pb.ModelInferRequest(model_name=signature.model)
    values = [text.encode() for text in texts]
    datatype, shape = signature.input(name)
    exact = [len(values), *(1 for _ in shape[1:])] if signature.batches(name) else [1 for _ in shape]
    tensors.inputs.add(name=name, datatype=datatype, shape=exact)
    tensors.raw_input_contents.append(pack_bytes(values))
    return tensors


def vectors(response: tensor_pb.ModelInferResponse, name: str, count: int) -> list[pb.Embedding]:
    """`count` vectors of one length; ENGINE_PROTOCOL where the output is no such thing."""
    values = outputs_of(response).get(name, [])
    if not values or isinstance(values[0], bytes) or len(values) % count or not fits(values):
        raise _broken("sent no vectors")
    width = len(values) // count
    return [pb.Embedding(values=values[at : at + width]) for at in range(0, len(values), width)]


def outputs_of(response: tensor_pb.ModelInferResponse) -> dict[str, list[Any]]:
    """Every output's elements by name, flat."""
    if len(response.raw_output_contents) != len(response.outputs):
        raise _broken("sent outputs without contents")
    return {
        output.name: _unpack(output.datatype, raw)
        for output, raw in zip(response.outputs, response.raw_output_contents, strict=True)
    }


def _set(message: sampling_pb2.Sampling | sampling_pb2.Stopping, names: Iterable[str]) -> Iterable[tuple[str, Any]]:
    for name in names:
        if message.HasField(name):  # type: ignore[arg-type]  # the names are the message's own
            value = getattr(message, name)
            yield name, float(f"{value:.7g}") if isinstance(value, float) else value


def _pack(datatype: str, values: list[Any]) -> bytes:
    if datatype == BYTES:
        return pack_bytes(values)
    if datatype not in _DTYPES:
        raise _broken(f"wants {datatype}, which has no numbers here")
    return np.asarray(values, dtype=_DTYPES[datatype]).tobytes()


def _unpack(datatype: str, raw: bytes) -> list[Any]:
    try:
        if datatype == BYTES:
            return list(unpack_bytes(raw))
        return list(np.frombuffer(raw, dtype=_DTYPES[datatype]).tolist())
    except (KeyError, ValueError) as error:
        raise _broken(f"sent {datatype} that is none") from error


def _count(outputs: Mapping[str, list[Any]], name: str | None) -> int | None:
    values = [] if name is None else outputs.get(name, [])
    if not values:
        return None
    if not isinstance(values[0], (int, float)) or not 0 <= values[0] <= MOST:
        raise _broken("counts in what is no number")
    return int(values[0])


def _text(outputs: Mapping[str, list[Any]], name: str | None) -> str:
    values = [] if name is None else outputs.get(name, [])
    if not values:
        return ""
    if not isinstance(values[0], bytes):
        raise _broken("sent a text that is none")
    return values[0].decode(errors="replace")


def _broken(what: str) -> MeshError:
    return MeshError(Reason.ENGINE_PROTOCOL, f"The model's engine {what}.")
