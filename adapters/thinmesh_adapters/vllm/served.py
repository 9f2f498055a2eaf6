"""What an engine serves, asked of it when it is met: its protocol, its model, and the model's tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from thinmesh.inference.v1 import capability_pb2 as cap

from thinmesh_adapters.contract import Model
from thinmesh_adapters.rpc import ASK_SECONDS
from thinmesh_adapters.text.files import unpacked
from thinmesh_adapters.text.language import Language
from thinmesh_adapters.vllm.config import Speech
from thinmesh_adapters.vllm.drift import Spoken, speaks
from thinmesh_adapters.vllm.engine import Engine
from thinmesh_adapters.vllm.known import GENERATES, SEATS
from thinmesh_adapters.vllm.translate import defaults_of
from thinmesh_core.capabilities import Capability
from thinmesh_core.errors import MeshError, Reason

SERVICE = "vllm.grpc.engine.VllmEngine"
SPOKEN: Spoken = {
    vllm.GenerateRequest: ("request_id", "tokenized", "sampling_params", "stream"),
    vllm.TokenizedInput: ("input_ids",),
    vllm.SamplingParams: (
        *("temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "repetition_penalty"),
        *("max_tokens", "min_tokens", "stop", "stop_token_ids", "skip_special_tokens", "ignore_eos", "n", "logprobs", "seed"),
        *("logit_bias", "json_schema", "regex", "grammar", "structural_tag", "json_object", "choice"),
    ),
    vllm.GenerateStreamChunk: ("token_ids", "prompt_tokens", "cached_tokens", "output_logprobs", "index"),
    vllm.GenerateComplete: ("output_ids", "finish_reason", "prompt_tokens", "cached_tokens", "output_logprobs", "index"),
    vllm.OutputLogProbs: ("token_logprobs", "token_ids", "top_logprobs"),
    vllm.EmbedRequest: ("request_id", "tokenized"),
    vllm.EmbedResponse: ("embedding", "prompt_tokens"),
    vllm.GetModelInfoResponse: ("is_generation", "max_context_length", "eos_token_ids"),
    vllm.SchedulerLoad: ("num_waiting_reqs", "token_usage"),
}
EMBEDS: frozenset[Capability] = frozenset({cap.CAPABILITY_EMBED, cap.CAPABILITY_TOKEN_IDS, cap.CAPABILITY_COUNT_TOKENS})
AFTER_REASONING = "after_reasoning"


@dataclass(frozen=True, slots=True)
class Served:
    """A model and how it speaks. `ends`: its end tokens; `defaults`: the sampling that its makers recommend.

    `thinks_before_form`: the engine holds an answer to its form only once its thoughts are over.
    """

    model: Model
    language: Language
    seats: int
    ends: frozenset[int]
    defaults: Mapping[str, float]
    thinks_before_form: bool


async def learn(engine: Engine, speech: Speech) -> Served:
    """Asks for all of it, for the tokenizer unless the operator named one; MeshError that says what is wrong."""
    try:
        server = await engine.ask(engine.stub.GetServerInfo(vllm.GetServerInfoRequest(), timeout=ASK_SECONDS))
        info = await engine.ask(engine.stub.GetModelInfo(vllm.GetModelInfoRequest(), timeout=ASK_SECONDS))
        await speaks(engine, SERVICE, SPOKEN)
    except MeshError as error:
        if error.reason is Reason.CAPABILITY_MISSING:
            raise MeshError(Reason.ENGINE_UNAVAILABLE, f"the server at this address does not serve {SERVICE}") from None
        raise
    archive = None if speech.files is not None else await _archive(engine)
    language = await speech.language(lambda: unpacked(archive or b""))
    try:
        defaults = defaults_of(info.default_sampling_params_json)
    except ValueError as error:
        raise MeshError(Reason.ENGINE_PROTOCOL, "the engine's sampling defaults are none") from error
    return Served(
        model=Model(
            info.served_model_name,
            GENERATES | language.capabilities if info.is_generation else EMBEDS,
            info.max_context_length or None,
        ),
        language=language,
        seats=server.max_num_seqs if server.max_num_seqs > 0 else SEATS,
        ends=frozenset(info.eos_token_ids),
        defaults=defaults,
        thinks_before_form=server.constrained_decoding_start == AFTER_REASONING,
    )


async def _archive(engine: Engine) -> bytes:
    try:
        return await engine.tokenizer()
    except MeshError as error:
        if error.reason not in {Reason.ENGINE_ERROR, Reason.CAPABILITY_MISSING}:
            raise
        # It can only send what lies in a folder of its machine, not what it named by a hub's id.
        message = "the engine does not give its tokenizer; name a tokenizer.json in options.tokenizer"
        raise MeshError(Reason.ENGINE_UNAVAILABLE, message) from None
