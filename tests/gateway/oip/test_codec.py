"""Tensors come through REST as they were sent, in JSON and as bytes; whatever else comes is refused by name."""

from __future__ import annotations

import json
import math
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as pb

from thinmesh_core import tensors
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.oip import codec
from thinmesh_gateway.oip.codec import Binary, decode, encode

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON, BYTES = Binary(others=False, named={}), Binary(others=True, named={})
ELEMENTS: dict[str, st.SearchStrategy[Any]] = {
    "BOOL": st.booleans(),
    **{f"UINT{bits}": st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": st.integers(-1 << bits - 1, (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
    "FP16": st.floats(width=16, allow_nan=False, allow_infinity=False),
    "FP32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "FP64": st.floats(allow_nan=False, allow_infinity=False),
    "BYTES": st.text(max_size=4),
}
SHAPES = st.lists(st.integers(0, 3), max_size=4)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


def x(**fields: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [1], "datatype": "FP32", "data": [1]} | fields


def body(*inputs: Any, behind: bytes = b"", **fields: Any) -> tuple[bytes, int]:
    text = json.dumps({"inputs": inputs} | fields).encode()
    return text + behind, len(text)


def taken(sent: tuple[bytes, int]) -> tuple[pb.ModelInferRequest, Binary]:
    """What the gateway makes of a body before it goes on."""
    request, binary = decode(*sent, "m", "")
    tensors.check(request)
    return request, binary


def answer(request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    """An engine that gives its inputs back."""
    response = pb.ModelInferResponse(model_name="m", raw_output_contents=request.raw_input_contents)
    for one in request.inputs:
        response.outputs.add(name=one.name, datatype=one.datatype, shape=one.shape)
    return response


def output(datatype: str, *raw: bytes, shape: tuple[int, ...] = (1,), **contents: Any) -> pb.ModelInferResponse:
    held = pb.InferTensorContents(**contents)
    tensor = pb.ModelInferResponse.InferOutputTensor(name="x", datatype=datatype, shape=shape, contents=held)
    return pb.ModelInferResponse(model_name="m", outputs=[tensor], raw_output_contents=raw)


def nested(flat: list[Any], shape: list[int]) -> Any:
    if not shape:
        return flat[0]
    rows, size = shape[0], math.prod(shape[1:])
    return [nested(flat[row * size : (row + 1) * size], shape[1:]) for row in range(rows)]


@pytest.mark.parametrize("datatype", ELEMENTS)
@UNTIMED
@given(drawn=st.data(), shape=SHAPES, deep=st.booleans())
def test_elements_come_back_from_json_nested_or_flat(datatype: str, drawn: st.DataObject, shape: list[int], deep: bool) -> None:
    size = math.prod(shape)
    flat = drawn.draw(st.lists(ELEMENTS[datatype], min_size=size, max_size=size))
    data = nested(flat, shape) if deep and shape else flat
    request, binary = taken(body(x(datatype=datatype, shape=shape, data=data)))
    told, count = encode(answer(request), binary)
    assert json.loads(told)["outputs"] == [x(datatype=datatype, shape=shape, data=flat)]
    assert count is None


@UNTIMED
@given(drawn=st.data(), inputs=st.lists(st.tuples(st.sampled_from(sorted(tensors.SIZES)), SHAPES), min_size=1, max_size=3))
def test_bytes_come_back_untouched_in_the_order_of_their_tensors(drawn: st.DataObject, inputs: list[Any]) -> None:
    sizes = [math.prod(shape) * tensors.SIZES[datatype] for datatype, shape in inputs]
    raw = [drawn.draw(st.binary(min_size=size, max_size=size)) for size in sizes]
    sent = [
        {"name": str(index), "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(raw[index])}}
        for index, (datatype, shape) in enumerate(inputs)
    ]
    request, binary = taken(body(*sent, behind=b"".join(raw), parameters={"binary_data_output": True}))
    assert list(request.raw_input_contents) == raw
    assert not any(one.parameters for one in request.inputs)
    told, count = encode(answer(request), binary)
    assert json.loads(told[:count])["outputs"] == sent
    assert told[count:] == b"".join(raw)


def test_each_output_goes_as_its_caller_wants_it() -> None:
    wanted = [{"name": "a"}, {"name": "b", "parameters": {"binary_data": False, "classification": 2}}]
    request, binary = taken(
        body(x(), outputs=wanted, parameters={"binary_data_output": True, "priority": 1, "p": 0.5, "s": "t"})
    )
    assert (binary.wants("a"), binary.wants("b"), binary.wants("c")) == (True, False, True)
    assert [dict(one.parameters) for one in request.outputs] == [{}, {"classification": pb.InferParameter(int64_param=2)}]
    kinds = {name: one.WhichOneof("parameter_choice") for name, one in request.parameters.items()}
    assert kinds == {"priority": "int64_param", "p": "double_param", "s": "string_param"}


@pytest.mark.parametrize(
    ("param", "sent"),
    [
        ("x", body(x(data=None))),
        ("x", body(x(data=[1, 2]))),
        ("x", body(x(data=[None]))),
        ("x", body(x(data=["1"]))),
        ("x", body(x(data=[True]))),
        ("x", body(x(data=[1e300]))),
        ("x", body(x(data=[10**400]))),
        ("x", body(x(data=[{}]))),
        ("x", body(x(datatype="FP16", data=[70000]))),
        ("x", body(x(datatype="BOOL"))),
        ("x", body(x(datatype="INT8", data=[128]))),
        ("x", body(x(datatype="INT32", data=[1.0]))),
        ("x", body(x(datatype="UINT64", data=[-1]))),
        ("x", body(x(datatype="BYTES"))),
        ("x", body(x(datatype="BF16"))),
        ("x", body(x(datatype="FP128"))),
        ("x", body(x(shape=[-1]))),
        ("x", body(x(shape=[1 << 70]))),
        ("x", body(x(shape=[1 << 62] * 16))),
        ("x", body(x(shape=[2, 2], data=[[1, 2, 3], [4]]))),
        ("x", body(x(shape=[2], data=[1, [2]]))),
        ("x", body(x(parameters={"binary_data_size": 4}), behind=bytes(4))),
        ("x", body(x(data=None, parameters={"binary_data_size": 4}), behind=bytes(3))),
        ("x", body(x(data=None, parameters={"binary_data_size": 3}), behind=bytes(3))),
        ("x", body(x(data=None, parameters={"binary_data_size": -4}), behind=bytes(4))),
        ("x", body(x(data=None, parameters={"binary_data_size": True}), behind=bytes(1))),
        ("x", body(x(data=None, parameters={"binary_data_size": "4"}), behind=bytes(4))),
        ("x", body(x(data=None, datatype="BYTES", parameters={"binary_data_size": 4}), behind=struct.pack("<I", 1))),
        ("inputs", body()),
        ("inputs", body(x(), behind=b"more")),
        ("inputs[0].shape[0]", body(x(shape=[1.5]))),
        ("p", body(x(), parameters={"p": 1 << 63})),
        ("binary_data_output", body(x(), parameters={"binary_data_output": 1})),
        ("binary_data", body(x(), outputs=[{"name": "y", "parameters": {"binary_data": "yes"}}])),
        ("inference-header-content-length", (b"{}", 3)),
    ],
)
def test_what_does_not_agree_is_refused_by_name(param: str, sent: tuple[bytes, int]) -> None:
    with pytest.raises(MeshError) as raised:
        taken(sent)
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, param)


@pytest.mark.parametrize(("depth", "param"), [(17, "x"), (900, "x"), (100_000, "body")])
def test_a_nest_is_no_deeper_than_a_shape(depth: int, param: str) -> None:
    head = b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": '
    with pytest.raises(MeshError, match="nested") as raised:
        decode(head + b"[" * depth + b"1" + b"]" * depth + b"}]}", None, "m", "")
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, param)


def test_json_that_grows_beyond_a_request_is_too_large() -> None:
    with pytest.raises(MeshError) as raised:
        taken(body(x(datatype="FP64", shape=[1 << 20], data=[0] * (1 << 20))))
    assert raised.value.reason is Reason.REQUEST_TOO_LARGE


@UNTIMED
@given(sent=st.binary(max_size=64), count=st.none() | st.integers(-1, 64))
def test_bytes_that_are_no_request_are_refused(sent: bytes, count: int | None) -> None:
    with pytest.raises(MeshError):
        decode(sent, count, "m", "")


@UNTIMED
@given(
    fields=st.dictionaries(st.sampled_from(["name", "shape", "datatype", "data", "parameters"]), ANYTHING),
    outer=st.dictionaries(st.sampled_from(["id", "parameters", "outputs"]), ANYTHING),
    behind=st.binary(max_size=8),
)
def test_any_json_is_taken_or_refused(fields: dict[str, Any], outer: dict[str, Any], behind: bytes) -> None:
    with suppress(MeshError):
        taken(body(x(**fields), behind=behind, **outer))


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (output("FP32", struct.pack("<f", math.nan)), [None]),
        (output("FP64", struct.pack("<d", -math.inf)), [None]),
        (output("BYTES", tensors.pack_bytes(["가".encode()])), ["가"]),
        (output("INT32", b"", shape=(0, 2)), []),
        (output("INT8", int_contents=[-1]), [-1]),
        (output("UINT64", uint64_contents=[1 << 63]), [1 << 63]),
        (output("BYTES", bytes_contents=[b"a"]), ["a"]),
    ],
)
def test_answers_come_as_json(raw: pb.ModelInferResponse, data: list[Any]) -> None:
    assert json.loads(encode(raw, JSON)[0])["outputs"][0]["data"] == data


def test_an_output_that_json_would_take_long_for_is_refused_and_goes_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_JSON_ELEMENTS", 3)
    raw = output("UINT8", b"1234", shape=(2, 2))
    with pytest.raises(MeshError, match="more than 3 elements: ask for it with binary_data") as refused:
        encode(raw, JSON)
    assert refused.value.reason is Reason.INVALID_REQUEST
    assert encode(raw, BYTES)[0].endswith(b"1234")


@pytest.mark.parametrize("raw", [output("BYTES", tensors.pack_bytes([b"\xff"])), output("BF16", b"\x80\x3f")])
def test_what_json_can_not_hold_is_refused_by_name_and_goes_as_bytes(raw: pb.ModelInferResponse) -> None:
    with pytest.raises(MeshError, match="ask for it with binary_data") as raised:
        encode(raw, JSON)
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, "x")
    told, count = encode(raw, BYTES)
    assert told[count:] == raw.raw_output_contents[0]


@pytest.mark.parametrize(
    "raw",
    [
        output("FP32", bytes(3)),
        output("FP32", bytes(8)),
        output("FP32", bytes(4), bytes(4)),
        output("FP32"),
        output("FP16"),
        output("INT8", int_contents=[300]),
        output("UINT16", uint_contents=[1 << 16]),
        output("BYTES", b"abc"),
        output("BYTES", tensors.pack_bytes([b"a", b"b"])),
    ],
)
def test_an_engine_that_contradicts_itself_is_told(raw: pb.ModelInferResponse) -> None:
    with pytest.raises(MeshError) as raised:
        encode(raw, JSON)
    assert raised.value.reason is Reason.ENGINE_PROTOCOL


@UNTIMED
@given(datatype=st.sampled_from([*tensors.SIZES, "BYTES", "?"]), raw=st.lists(st.binary(max_size=16), max_size=2), shape=SHAPES)
def test_any_answer_is_told_or_refused(datatype: str, raw: list[bytes], shape: list[int]) -> None:
    response = output(datatype, *raw, shape=tuple(shape))
    response.parameters["empty"].SetInParent()
    for binary in (JSON, BYTES):
        with suppress(MeshError):
            encode(response, binary)
