"""What is said to a Triton and what its words mean, without one; with one: tests/integration/test_tensors.py."""

from __future__ import annotations

import json
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_adapters.triton.config import TextNames
from thinmesh_adapters.triton.engine import WORDS
from thinmesh_adapters.triton.load import Queue
from thinmesh_adapters.triton.translate import Signature, embed_request, outputs_of, queued, said, text_request, vectors
from thinmesh_core import tensors
from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.priority import Priority

VLLM = Signature(
    "llm",
    {
        "text_input": ("BYTES", (1,)),
        "stream": ("BOOL", (1,)),
        "sampling_parameters": ("BYTES", (1,)),
        "return_finish_reason": ("BOOL", (1,)),
    },
)
TRT = Signature("trt", {"text_input": ("BYTES", (-1, 1)), "p_max": ("INT32", (-1, 1)), "p_stop": ("BYTES", (-1, -1))})
TRT_NAMES = TextNames(stream=None, parameters=None, knobs={"max_tokens": "p_max", "stop": "p_stop", "top_k": "p_k"}, flags=())


def inputs(request: tensor_pb.ModelInferRequest) -> dict[str, tuple[list[int], bytes]]:
    return {one.name: (list(one.shape), raw) for one, raw in zip(request.inputs, request.raw_input_contents, strict=True)}


def response(**outputs: Any) -> tensor_pb.ModelInferResponse:
    made = tensor_pb.ModelInferResponse()
    for name, (datatype, raw) in outputs.items():
        made.outputs.add(name=name, datatype=datatype)
        made.raw_output_contents.append(raw)
    return made


def asked(**fields: Any) -> pb.GenerateRequest:
    request = pb.GenerateRequest(model="m", text="x", **fields)
    request.stopping.max_tokens = 5
    request.stopping.stop.extend(["a", "b"])
    return request


def test_vllms_knobs_travel_as_json() -> None:
    request = asked()
    request.sampling.temperature = 0.7
    tensors_ = text_request(request, "hé", TextNames(), VLLM)
    tensors.check(tensors_)
    found = inputs(tensors_)
    assert found["text_input"] == ([1], tensors.pack_bytes(["hé".encode()]))
    assert found["stream"] == found["return_finish_reason"] == ([1], b"\1")
    (knobs,) = tensors.unpack_bytes(found["sampling_parameters"][1])
    assert json.loads(knobs) == {"temperature": 0.7, "max_tokens": 5, "stop": ["a", "b"]}


def test_the_engines_queue_is_told_how_long_and_how_urgent_unless_the_caller_said_so() -> None:
    tensors_ = tensor_pb.ModelInferRequest()
    first = Call("r-1", "t", "p", priority=Priority.CRITICAL, step="job-1.1")
    queued(tensors_, 1.5, first)
    assert (tensors_.parameters["timeout"].int64_param, tensors_.parameters["priority"].uint64_param) == (1_500_000, 1)
    assert tensors_.id == "job-1.1"
    queued(tensors_, 9, Call("r-2", "t", "p", priority=Priority.BATCH, step="job-2.1"))
    assert tensors_.id == "job-1.1"
    assert (tensors_.parameters["timeout"].int64_param, tensors_.parameters["priority"].uint64_param) == (1_500_000, 1)


def test_other_names_are_configuration() -> None:
    found = inputs(text_request(asked(), "x", TRT_NAMES, TRT))
    assert found["text_input"][0] == [1, 1]
    assert found["p_max"] == ([1, 1], np.array([5], dtype="<i4").tobytes())
    assert found["p_stop"] == ([1, 2], tensors.pack_bytes([b"a", b"b"]))
    request = asked()
    request.sampling.top_k = 3
    with pytest.raises(MeshError) as raised:
        text_request(request, "x", TRT_NAMES, TRT)
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, "top_k")


def test_a_response_is_read() -> None:
    answer = response(
        text_output=("BYTES", tensors.pack_bytes(["가".encode()])),
        finish_reason=("BYTES", tensors.pack_bytes([b"length"])),
        num_input_tokens=("UINT32", np.array([7], dtype="<u4").tobytes()),
    )
    told = said(answer, TextNames())
    assert (told.text, told.reason, told.prompt_tokens, told.completion_tokens) == ("가", pb.FINISH_REASON_LENGTH, 7, None)


@given(st.binary(max_size=40), st.sampled_from(["BYTES", "FP32", "BOOL", "INT64", "BF16", "?"]))
def test_any_output_is_read_or_the_engines_fault(raw: bytes, datatype: str) -> None:
    try:
        outputs_of(response(x=(datatype, raw)))
    except MeshError as error:
        assert error.reason is Reason.ENGINE_PROTOCOL


FLOATS = {"nan": np.nan, "infinite": np.inf, "negative": -1, "huge": 1 << 40}


@pytest.mark.parametrize(
    "outputs",
    [
        {"text_output": ("FP32", b"\0" * 4)},
        {"finish_reason": ("INT32", b"\0" * 4)},
        {"num_input_tokens": ("BYTES", tensors.pack_bytes([b"x"]))},
        *({"num_output_tokens": ("FP64", np.array([one], dtype="<f8").tobytes())} for one in FLOATS.values()),
    ],
    ids=["a text", "a reason", "a count", *FLOATS],
)
def test_a_response_of_other_types_or_values_is_the_engines_fault(outputs: Any) -> None:
    with pytest.raises(MeshError) as raised:
        said(response(**outputs), TextNames())
    assert raised.value.reason is Reason.ENGINE_PROTOCOL


@pytest.mark.parametrize(
    "output",
    [
        ("BYTES", tensors.pack_bytes([b"a", b"b"])),
        *(("FP64", np.array([0, one], dtype="<f8").tobytes()) for one in (np.nan, np.inf, -np.inf, 1e300)),
    ],
    ids=["texts", "nan", "infinite", "negatively so", "huge"],
)
def test_vectors_of_other_types_or_values_are_too(output: Any) -> None:
    with pytest.raises(MeshError) as raised:
        vectors(response(v=output), "v", 1)
    assert raised.value.reason is Reason.ENGINE_PROTOCOL


def test_so_is_a_model_without_the_input_that_it_is_said_to_have() -> None:
    without = Signature("llm", {})
    for asking in (
        lambda: text_request(asked(), "x", TextNames(), without),
        lambda: embed_request(["x"], "text", without),
        lambda: without.batches("text"),
    ):
        with pytest.raises(MeshError) as raised:
            asking()
        assert raised.value.reason is Reason.ENGINE_PROTOCOL


@pytest.mark.parametrize("sampling", [{"seed": -1}, {"logit_bias": {1: 2.0}}])
def test_a_knob_that_does_not_fit_its_tensor_is_the_callers_to_mend(sampling: Any) -> None:
    signature = Signature("m", {"text_input": ("BYTES", (1,)), "p": ("UINT64", (1,))})
    (knob,) = sampling
    names = TextNames(stream=None, parameters=None, knobs={knob: "p"}, flags=())
    with pytest.raises(MeshError) as raised:
        text_request(pb.GenerateRequest(text="x", sampling=sampling_pb2.Sampling(**sampling)), "x", names, signature)
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, knob)


def test_vectors_are_cut_by_their_number() -> None:
    answer = response(v=("FP32", np.arange(6, dtype="<f4").tobytes()))
    assert [list(one.values) for one in vectors(answer, "v", 2)] == [[0, 1, 2], [3, 4, 5]]
    for name, count in (("v", 4), ("w", 2)):
        with pytest.raises(MeshError):
            vectors(answer, name, count)


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Request timeout expired", Reason.DEADLINE_EXCEEDED),
        (grpc.StatusCode.UNAVAILABLE, "[request id: k] Exceeds maximum queue size", Reason.BACKEND_FULL),
        (grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses; 10.0.0.1", Reason.ENGINE_UNAVAILABLE),
        (grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'x' is not found", Reason.MODEL_NOT_FOUND),
        (grpc.StatusCode.UNIMPLEMENTED, "ModelInfer RPC doesn't support models with decoupled", Reason.CAPABILITY_MISSING),
        (grpc.StatusCode.INTERNAL, "boom", Reason.ENGINE_ERROR),
        (None, "Request for unknown model: 'x' is not found", Reason.MODEL_NOT_FOUND),
        (None, "The decoder prompt (length 9) is longer than the maximum model length of 4.", Reason.CONTEXT_LENGTH_EXCEEDED),
        (None, "unexpected shape for input 'X' for model 'm'", Reason.INVALID_REQUEST),
        (None, "Failed to process the request(s), message: KeyError", Reason.ENGINE_ERROR),
    ],
)
def test_its_failures_have_a_meaning_and_keep_their_words(code: Any, text: str, reason: Reason) -> None:
    error = WORDS.meaning(code, text)
    assert error.reason is reason
    assert text not in error.message


def test_the_queue_is_known_by_littles_law() -> None:
    queue = Queue()
    assert queue.look(5_000_000_000, 10.0) == 0
    assert queue.look(5_000_000_000 + 6_000_000_000, 12.0) == 3
    assert queue.look(0, 13.0) == 0  # the engine restarted
