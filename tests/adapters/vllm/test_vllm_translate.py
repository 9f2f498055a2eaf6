"""What is said to a vLLM: every knob where it belongs, what is unset left unset, and the engine's quirks minded."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from smg_grpc_proto.generated import common_pb2
from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2

from fakes.vllm_engine import drifted
from thinmesh_adapters.vllm.drift import drift
from thinmesh_adapters.vllm.served import SPOKEN
from thinmesh_adapters.vllm.translate import defaults_of, generate_request
from thinmesh_core.errors import MeshError, Reason


def asked(spelt: str = "", tag: str | None = None, **fields: Any) -> vllm.SamplingParams:
    request = pb.GenerateRequest(model="m", text="x", **fields)
    made = generate_request(request, [1, 2], defaults=defaults_of(spelt), structural_tag=tag, stream=True)
    assert (list(made.tokenized.input_ids), made.stream) == ([1, 2], True)
    return made.sampling_params


def test_what_is_unset_stays_unset() -> None:
    assert asked() == vllm.SamplingParams(skip_special_tokens=True, n=1)


def test_every_knob_is_sent() -> None:
    sampling: dict[str, Any] = {
        "temperature": 0.5, "top_p": 0.75, "top_k": 7, "min_p": 0.25, "frequency_penalty": -1.0, "presence_penalty": 1.5,
        "repetition_penalty": 1.25, "n": 2, "logit_bias": {3: -100.0},
    }  # fmt: skip
    stopping: dict[str, Any] = {"max_tokens": 5, "min_tokens": 2, "stop": ["a", "b"], "stop_token_ids": [9], "ignore_eos": True}
    params = asked(sampling=sampling_pb2.Sampling(**sampling, seed=11), stopping=sampling_pb2.Stopping(**stopping))
    assert params == vllm.SamplingParams(skip_special_tokens=True, seed=11, **sampling, **stopping)


def test_greedy_is_said_and_asked_for_once() -> None:
    params = asked(sampling=sampling_pb2.Sampling(temperature=0, n=4))
    assert (params.HasField("temperature"), params.temperature, params.n) == (True, 0, 1)


def test_a_top_p_of_nothing_is_not_everything() -> None:
    assert 0 < asked(sampling=sampling_pb2.Sampling(top_p=0)).top_p < 0.001


@pytest.mark.parametrize("seed", [-1, 1 << 40, (1 << 31) - 1])
def test_every_seed_fits(seed: int) -> None:
    params = asked(sampling=sampling_pb2.Sampling(seed=seed))
    assert params.HasField("seed")
    assert params.seed == seed % (1 << 31)


@pytest.mark.parametrize(("top", "logprobs"), [(0, 0), (1, 2), (19, 20), (20, 20)])
def test_the_chosen_token_gets_a_place_of_its_own(top: int, logprobs: int) -> None:
    params = asked(logprobs=sampling_pb2.LogprobOptions(top=top))
    assert (params.HasField("logprobs"), params.logprobs) == (True, logprobs)


def test_the_makers_sampling_holds_where_the_caller_sets_none() -> None:
    params = asked('{"temperature":0.5,"top_k":20,"top_p":0.75}', sampling=sampling_pb2.Sampling(top_k=3))
    assert (params.temperature, params.top_k, params.top_p) == (0.5, 3, 0.75)


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"json_object": sampling_pb2.JsonObject()}, {"json_object": True}),
        ({"json_schema": sampling_pb2.JsonSchema(name="s", schema_json='{ "a":1}')}, {"json_schema": '{ "a":1}'}),
        ({"regex": "a+"}, {"regex": "a+"}),
        ({"grammar": "root ::= x"}, {"grammar": "root ::= x"}),
        ({"choice": sampling_pb2.Choices(texts=["a", "b"])}, {"choice": vllm.ChoiceConstraint(choices=["a", "b"])}),
    ],
)
def test_every_form_is_a_constraint(form: Any, sent: Any) -> None:
    response_format = sampling_pb2.ResponseFormat(**form)
    assert asked(response_format=response_format) == vllm.SamplingParams(skip_special_tokens=True, n=1, **sent)
    assert asked(tag="{}", response_format=response_format).WhichOneof("constraint") == "structural_tag"


def test_the_engines_own_options_are_refused_by_name() -> None:
    with pytest.raises(MeshError) as raised:
        asked(engine_options_json='{"a": 1}')
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, "engine_options")


def files(pool: Any = None) -> list[FileDescriptorProto]:
    told = []
    for module in (common_pb2, vllm):
        file = FileDescriptorProto()
        found = module.DESCRIPTOR if pool is None else pool.FindFileByName(module.DESCRIPTOR.name)
        found.CopyToProto(file)
        told.append(file)
    return told


def test_drift_is_told_by_field() -> None:
    assert drift(files(), SPOKEN) == []
    assert drift(files(drifted()), SPOKEN) == ["SamplingParams.n", "GenerateStreamChunk.index"]
    assert "GenerateRequest.tokenized" in drift([], SPOKEN)


def test_what_only_the_engine_knows_is_no_drift() -> None:
    newer = files()
    added = DescriptorProto(name="Novelty")
    newer[1].message_type.append(added)
    newer[1].message_type[0].field.add(name="novelty", number=500)
    assert drift(newer, SPOKEN) == []


@pytest.mark.parametrize(("told", "top_k"), [("-1", 0), ("0", 0), ("1e300", 0), ("20", 20), ("20.0", 20)])
def test_a_recommendation_to_take_every_token_is_none(told: str, top_k: int) -> None:
    params = asked(f'{{"top_k": {told}, "top_p": 0.5}}')
    assert (params.top_k, params.top_p) == (top_k, 0.5)
