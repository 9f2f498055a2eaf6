"""What an engine serves, asked of it when it is met: its protocol, its model, and the model's tokenizer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import grpc
from smg_grpc_proto.generated import vllm_engine_pb2 as vllm
from thinmesh.inference.v1 import capability_pb2 as cap

from thinmesh_adapters.contract import Model
from thinmesh_adapters.rpc import ASK_SECONDS
from thinmesh_adapters.text.files import unpacked
from thinmesh_adapters.text.language import Language, StyleName
from thinmesh_adapters.vllm.drift import drift, reflected
from thinmesh_adapters.vllm.engine import Engine
from thinmesh_adapters.vllm.translate import defaults_of
from thinmesh_core.capabilities import Capability
from thinmesh_core.errors import MeshError, Reason

log = logging.getLogger(__name__)

SERVICE = "vllm.grpc.engine.VllmEngine"
SPOKEN = {
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
"""The fields that mean something here: an engine that lacks one would pass over it in silence."""

GENERATES: frozenset[Capability] = frozenset(
    {
        cap.CAPABILITY_COMPLETION,
        cap.CAPABILITY_TOKEN_IDS,
        cap.CAPABILITY_JSON_OBJECT,
        cap.CAPABILITY_JSON_SCHEMA,
        cap.CAPABILITY_REGEX,
        cap.CAPABILITY_GRAMMAR,
        cap.CAPABILITY_CHOICE,
        cap.CAPABILITY_LOGPROBS,
        cap.CAPABILITY_N,
        cap.CAPABILITY_LOGIT_BIAS,
    }
)
EMBEDS: frozenset[Capability] = frozenset({cap.CAPABILITY_EMBED, cap.CAPABILITY_TOKEN_IDS, cap.CAPABILITY_COUNT_TOKENS})
SEATS = 64
"""Calls at once where an engine does not say its max_num_seqs."""
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

    def fits(self, tokens: int, param: str) -> None:
        """CONTEXT_LENGTH_EXCEEDED for an input that can't fit."""
        if self.model.context_length is not None and tokens > self.model.context_length:
            raise MeshError(
                Reason.CONTEXT_LENGTH_EXCEEDED,
                f"The input has {tokens} tokens, the model's context {self.model.context_length}.",
                param=param,
            )


async def learn(
    engine: Engine,
    files: Mapping[str, bytes] | None,
    template: bytes | None,
    style: StyleName | None,
    reasoning: bool | None,
) -> Served:
    """Asks for all of it, for the tokenizer unless there are `files`; MeshError that says what is wrong with the engine."""
    try:
        server = await engine.ask(engine.stub.GetServerInfo(vllm.GetServerInfoRequest(), timeout=ASK_SECONDS))
        info = await engine.ask(engine.stub.GetModelInfo(vllm.GetModelInfoRequest(), timeout=ASK_SECONDS))
        await _speaks(engine)
    except MeshError as error:
        if error.reason is Reason.CAPABILITY_MISSING:
            raise MeshError(Reason.ENGINE_UNAVAILABLE, f"the server at this address does not serve {SERVICE}") from None
        raise
    archive = await _archive(engine) if files is None else b""
    try:
        found = unpacked(archive) if files is None else files
        make = partial(Language, found, template=template, style=style, reasoning=reasoning)
        language = await asyncio.to_thread(make)  # a large vocabulary takes a second
        defaults = defaults_of(info.default_sampling_params_json)
    except ValueError as error:
        raise MeshError(Reason.ENGINE_PROTOCOL, f"the model can't be spoken with: {error}") from error
    return Served(
        model=Model(
            info.served_model_name,
            GENERATES | language.capabilities if info.is_generation else EMBEDS,
            info.max_context_length or None,
        ),
        language=language,
        seats=server.max_num_seqs or SEATS,
        ends=frozenset(info.eos_token_ids),
        defaults=defaults,
        thinks_before_form=server.constrained_decoding_start == AFTER_REASONING,
    )


async def _speaks(engine: Engine) -> None:
    """Refuses an engine of another revision of the protocol; one that does not tell its own is taken at its word."""
    try:
        files = await reflected(engine.channel, SERVICE)
    except grpc.aio.AioRpcError as error:
        raise engine.words.meaning(error.code(), error.details() or "") from None
    if files is None:
        log.warning("the engine does not tell which revision of %s it speaks; it is taken to be the one known here", SERVICE)
        return
    found = drift(files, SPOKEN)
    if found:
        raise MeshError(
            Reason.ENGINE_UNAVAILABLE,
            f"the engine speaks another revision of {SERVICE}, without or with other {', '.join(found)}; "
            "use a vLLM of this mesh's release, or a mesh of its",
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
