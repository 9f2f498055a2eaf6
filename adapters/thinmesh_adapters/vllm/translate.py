"""Requests of the contract as vLLM's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2

from thinmesh_adapters.vllm.known import LEAST_TOP_P, refuse_options
from thinmesh_core.capabilities import choices

# Where these knobs are unset, what the model's makers recommend holds, as it does at the engine's own OpenAI server.
_RECOMMENDED = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
_SAMPLING = (*_RECOMMENDED, "frequency_penalty", "presence_penalty")
_STOPPING = ("max_tokens", "min_tokens", "ignore_eos")
_MOST_LOGPROBS = 20
"""The engine's --max-logprobs, unless it was started with another."""
_SEEDS = 1 << 31
_MOST_TOP_K = 1 << 32


def generate_request(
    request: pb.GenerateRequest,
    prompt: Sequence[int],
    *,
    defaults: Mapping[str, float],
    structural_tag: str | None,
    stream: bool,
) -> vllm.GenerateRequest:
    """A generation; a structural tag goes before the answer's own form."""
    refuse_options(request)
    params = _sampling(request, defaults)
    _stopping(params, request.stopping)
    if structural_tag is not None:
        params.structural_tag = structural_tag
    else:
        _form(params, request.response_format)
    if request.HasField("logprobs"):
        params.logprobs = _logprobs(request.logprobs.top)
    return vllm.GenerateRequest(tokenized=vllm.TokenizedInput(input_ids=prompt), sampling_params=params, stream=stream)


def defaults_of(spelt: str) -> Mapping[str, float]:
    """The makers' recommendations, as the engine tells them."""
    return msgspec.json.decode(spelt, type=dict[str, float]) if spelt else {}


def _sampling(request: pb.GenerateRequest, defaults: Mapping[str, float]) -> vllm.SamplingParams:
    sampling = request.sampling
    params = vllm.SamplingParams(skip_special_tokens=True, n=choices(request), logit_bias=dict(sampling.logit_bias))
    for name in _SAMPLING:
        if sampling.HasField(name):  # type: ignore[arg-type]  # the names are the message's own
            setattr(params, name, getattr(sampling, name))
        elif name in defaults and name in _RECOMMENDED:
            setattr(params, name, _top_k(defaults[name]) if name == "top_k" else defaults[name])
    if sampling.HasField("top_p"):
        params.top_p = max(sampling.top_p, LEAST_TOP_P)
    if sampling.HasField("seed"):
        params.seed = sampling.seed % _SEEDS
    if params.HasField("temperature") and params.temperature == 0:
        params.n = 1  # greedy choices are all the same, and the engine refuses to make several
    return params


def _top_k(recommended: float) -> int:
    """0 means all tokens here; what models carry says -1 for that."""
    return int(recommended) if 0 < recommended < _MOST_TOP_K else 0


def _stopping(params: vllm.SamplingParams, stopping: sampling_pb2.Stopping) -> None:
    for name in _STOPPING:
        if stopping.HasField(name):  # type: ignore[arg-type]  # the names are the message's own
            setattr(params, name, getattr(stopping, name))
    params.stop.extend(stopping.stop)
    params.stop_token_ids.extend(stopping.stop_token_ids)


def _form(params: vllm.SamplingParams, form: sampling_pb2.ResponseFormat) -> None:
    match form.WhichOneof("format"):
        case "json_object":
            params.json_object = True
        case "json_schema":
            params.json_schema = form.json_schema.schema_json
        case "regex":
            params.regex = form.regex
        case "grammar":
            params.grammar = form.grammar
        case "choice":
            params.choice.choices.extend(form.choice.texts)


def _logprobs(top: int) -> int:
    """One more than asked for: the engine gives the chosen token one of the places, likely or not."""
    return min(top + 1, _MOST_LOGPROBS) if top else 0
