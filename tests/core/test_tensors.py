"""A tensor request holds what its shapes and types say, or is refused by the name of its tensor."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as pb

from thinmesh_core import tensors
from thinmesh_core.errors import MeshError, Reason


def request(*inputs: dict[str, Any], raw: list[bytes] | None = None, **fields: Any) -> pb.ModelInferRequest:
    built = [pb.ModelInferRequest.InferInputTensor(**one) for one in inputs]
    return pb.ModelInferRequest(**({"model_name": "m", "inputs": built, "raw_input_contents": raw} | fields))


def x(datatype: str, *shape: int, **contents: Any) -> dict[str, Any]:
    held = pb.InferTensorContents(**contents) if contents else None
    return {"name": "x", "datatype": datatype, "shape": shape, "contents": held}


def parameter(name: str, **value: Any) -> pb.ModelInferRequest:
    made = request(x("BOOL", 1), raw=[b"\1"])
    made.parameters[name].MergeFrom(pb.InferParameter(**value))
    return made


def shared(made: pb.ModelInferRequest) -> pb.ModelInferRequest:
    made.inputs[0].parameters["shared_memory_region"].string_param = "r"
    return made


@pytest.mark.parametrize(
    "good",
    [
        request(x("FP32", 2, 3), raw=[bytes(24)]),
        request(x("FP32", 0, 3), raw=[b""]),
        request(x("FP16", 2), raw=[bytes(4)]),
        request(x("BYTES", 2), raw=[tensors.pack_bytes([b"", "가".encode()])]),
        request(x("INT64", 2, int64_contents=[1, 2])),
        request(x("BYTES", 1, bytes_contents=[b"a"])),
        request(x("INT8", int_contents=[1])),
        parameter(tensors.WANT_EMPTY_FINAL, bool_param=True),
        parameter("priority", uint64_param=1),
    ],
)
def test_what_agrees_passes(good: pb.ModelInferRequest) -> None:
    tensors.check(good)


@pytest.mark.parametrize(
    ("param", "bad"),
    [
        ("model_name", request(x("BOOL", 1), raw=[b"\1"], model_name="")),
        ("inputs", request()),
        ("raw_input_contents", request(x("BOOL", 1), x("BOOL", 1), raw=[b"\1"])),
        ("x", request(x("FP32", 2, 3), raw=[bytes(23)])),
        ("x", request(x("FP32", -1, 3), raw=[bytes(24)])),
        ("x", request(x("FP32", *([1] * 17)), raw=[bytes(4)])),
        ("x", request(x("FP128", 1), raw=[bytes(16)])),
        ("x", request(x("FP32", 1, fp32_contents=[1]), raw=[bytes(4)])),
        ("x", request(x("FP16", 1, fp32_contents=[1]))),
        ("x", request(x("FP32", 2, fp32_contents=[1]))),
        ("x", request(x("FP32", 1, int_contents=[1]))),
        ("x", request(x("FP32", 1))),
        ("x", request(x("BYTES", 1), raw=[struct.pack("<I", 9) + b"a"])),
        ("x", request(x("BYTES", 1), raw=[b"abc"])),
        ("x", request(x("BYTES", 2), raw=[tensors.pack_bytes([b"a"])])),
        ("x", request(x("FP32", 1 << 40, 1 << 40), raw=[b""])),
        ("triton_final_response", parameter("triton_final_response", bool_param=True)),
        ("thinmesh_reason", parameter("thinmesh_reason", string_param="x")),
    ],
)
def test_what_does_not_agree_is_refused_by_name(param: str, bad: pb.ModelInferRequest) -> None:
    with pytest.raises(MeshError) as raised:
        tensors.check(bad)
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, param)


@pytest.mark.parametrize("bad", [parameter("sequence_id", int64_param=1), shared(request(x("BOOL", 1)))])
def test_what_the_mesh_does_not_carry_is_said(bad: pb.ModelInferRequest) -> None:
    with pytest.raises(MeshError) as raised:
        tensors.check(bad)
    assert raised.value.reason is Reason.CAPABILITY_MISSING


@given(st.lists(st.binary(max_size=300)))
def test_bytes_come_back_as_they_were_packed(values: list[bytes]) -> None:
    assert tensors.unpack_bytes(tensors.pack_bytes(values)) == values


@given(st.binary(max_size=64))
def test_any_bytes_are_unpacked_or_refused(raw: bytes) -> None:
    with suppress(ValueError):
        assert tensors.pack_bytes(tensors.unpack_bytes(raw)) == raw


def test_elements_of_bytes_are_bounded_for_each_is_looked_at() -> None:
    most = tensors.pack_bytes([b""] * tensors.MAX_BYTES_ELEMENTS)
    assert len(tensors.unpack_bytes(most)) == tensors.MAX_BYTES_ELEMENTS
    with pytest.raises(ValueError, match="more than"):
        tensors.unpack_bytes(most + bytes(4))
