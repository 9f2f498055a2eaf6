"""Requests of the contract as those of vLLM's Rust frontend. Pure."""

from __future__ import annotations

from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import sampling_pb2
from thinmesh.third_party.vllm import inference_pb2 as vllm

from thinmesh_adapters.text.language import Prompt
from thinmesh_adapters.vllm.known import LEAST_TOP_P, refuse_options
from thinmesh_core.capabilities import choices

_OPTIONAL = ("top_k", "min_p", "seed")
_PENALTIES = ("presence_penalty", "frequency_penalty", "repetition_penalty")


def generate_request(
    request: pb.GenerateRequest,
    prompt: Prompt | None,
    *,
    model: str,
    context_length: int,
    structural_tag: str | None,
    priority: int | None,
) -> vllm.GenerateRequest:
    """A generation: with a prompt by its tokens and answered in tokens, else as the caller wrote it and answered in text."""
    refuse_options(request)
    asked = vllm.GenerateRequest(
        model=model,
        decoding=_decoding(request),
        stopping=_stopping(request.stopping),
        priority=priority or 0,
    )
    if prompt is None and request.HasField("text"):
        asked.text = request.text
    else:
        asked.token_ids.ids.extend(request.token_ids.ids if prompt is None else prompt.ids)
    if not request.stopping.HasField("max_tokens"):  # unset would mean 20
        asked.stopping.max_new_tokens = max(context_length - len(asked.token_ids.ids), 1)
    _sampling(asked, request)
    if structural_tag is not None:
        asked.decoding.structural_tag = structural_tag
    else:
        _form(asked.decoding, request.response_format)
    asked.response.output_text = prompt is None
    asked.response.output_token_ids = prompt is not None
    if request.HasField("logprobs"):
        asked.response.output_logprobs = True
        asked.response.output_candidates.top_n = request.logprobs.top
    return asked


def _sampling(asked: vllm.GenerateRequest, request: pb.GenerateRequest) -> None:
    sampling = request.sampling
    asked.sampling.num_sequences = choices(request)
    if sampling.HasField("temperature"):
        asked.temperature = sampling.temperature
        if sampling.temperature == 0:
            asked.sampling.num_sequences = 1  # greedy choices are all the same
    if sampling.HasField("top_p"):
        asked.sampling.top_p = max(sampling.top_p, LEAST_TOP_P)
    for name in _OPTIONAL:
        if sampling.HasField(name):  # type: ignore[arg-type]  # the names are the message's own
            setattr(asked.sampling, name, getattr(sampling, name))


def _decoding(request: pb.GenerateRequest) -> vllm.DecodingParameters:
    decoding = vllm.DecodingParameters(logit_bias=dict(request.sampling.logit_bias))
    for name in _PENALTIES:
        setattr(decoding, name, getattr(request.sampling, name))  # 0 is none, on both sides
    return decoding


def _stopping(stopping: sampling_pb2.Stopping) -> vllm.StoppingCriteria:
    return vllm.StoppingCriteria(
        max_new_tokens=stopping.max_tokens,
        min_new_tokens=stopping.min_tokens,
        stop_token_ids=stopping.stop_token_ids,
        stop_strings=stopping.stop,
        ignore_eos=stopping.ignore_eos,
    )


def _form(decoding: vllm.DecodingParameters, form: sampling_pb2.ResponseFormat) -> None:
    match form.WhichOneof("format"):
        case "json_object":
            decoding.json_object = True
        case "json_schema":
            decoding.json = form.json_schema.schema_json
        case "regex":
            decoding.regex = form.regex
        case "grammar":
            decoding.grammar = form.grammar
        case "choice":
            decoding.choice.choices.extend(form.choice.texts)
