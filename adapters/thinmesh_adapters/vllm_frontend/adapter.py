"""vLLM behind the contract, by the gRPC of its Rust frontend (`vllm-rs serve --grpc-port`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Self

from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.third_party.vllm import control_pb2 as control
from thinmesh.third_party.vllm import inference_pb2 as vllm

from thinmesh_adapters.contract import Adapter, EngineStatus, Model, Place
from thinmesh_adapters.rpc import ASK_SECONDS
from thinmesh_adapters.text.answer import TextAnswer
from thinmesh_adapters.text.choices import Choices
from thinmesh_adapters.text.language import Language, fits
from thinmesh_adapters.text.token_answer import TokenAnswer
from thinmesh_adapters.vllm.config import Options, Speech
from thinmesh_adapters.vllm.drift import Spoken, speaks
from thinmesh_adapters.vllm.known import GENERATES, SEATS
from thinmesh_adapters.vllm.learning import Learning
from thinmesh_adapters.vllm_frontend.answer import Answer, CountedText
from thinmesh_adapters.vllm_frontend.engine import Engine
from thinmesh_adapters.vllm_frontend.translate import generate_request
from thinmesh_core.call import Call
from thinmesh_core.capabilities import Capability, choices
from thinmesh_core.errors import MeshError, Reason

SERVICE = "vllm.Inference"
SPOKEN: Spoken = {
    vllm.GenerateRequest: (
        "request_id",
        "model",
        "text",
        "token_ids",
        "temperature",
        "sampling",
        "decoding",
        "stopping",
        "response",
        "priority",
    ),
    vllm.RandomSampling: ("num_sequences", "top_k", "top_p", "min_p", "seed"),
    vllm.DecodingParameters: (
        *("presence_penalty", "frequency_penalty", "repetition_penalty", "logit_bias"),
        *("json", "regex", "choice", "grammar", "json_object", "structural_tag"),
    ),
    vllm.StoppingCriteria: ("max_new_tokens", "min_new_tokens", "stop_token_ids", "stop_strings", "ignore_eos"),
    vllm.ResponseOptions: ("output_text", "output_token_ids", "output_logprobs", "output_candidates"),
    vllm.SequenceOutput: ("index", "text", "num_tokens", "token_ids", "logprobs", "candidate_tokens", "finish_info"),
    vllm.PromptInfo: ("num_prompt_tokens",),
    vllm.FinishInfo: ("finish_reason",),
}
WITH_TOKENIZER: frozenset[Capability] = frozenset({cap.CAPABILITY_LOGPROBS})
"""What needs to know the tokens' bytes."""


@dataclass(frozen=True, slots=True)
class Served:
    """The frontend's model, and its language where the operator named a tokenizer: the frontend does not give its own."""

    model: Model
    context_length: int
    seats: int
    language: Language | None
    thinks_before_form: bool


class FrontendOptions(Options, frozen=True, kw_only=True):
    """`priority`: the engine was started with `--scheduling-policy priority`, and is told each call's."""

    priority: bool = False


class VllmFrontendAdapter(Adapter[FrontendOptions]):
    """With a tokenizer the answer's tokens are read as the vllm adapter reads them; without one its text goes through."""

    options_type = FrontendOptions

    def __init__(self, options: FrontendOptions, place: Place) -> None:
        super().__init__(options, place)
        self._engine = Engine(place.engine(options.address))
        self._served = Learning(partial(_learn, self._engine, Speech(options)))

    async def __aenter__(self) -> Self:
        """Nothing to start: the channel connects by itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Closes the channel."""
        self._served.forget()
        await self._engine.close()

    async def status(self) -> EngineStatus:
        """The model; the frontend does not say how busy it is."""
        served = await self._served.learned()
        try:
            await self._engine.ask(self._engine.control.GetServerInfo(control.GetServerInfoRequest(), timeout=ASK_SECONDS))
        except MeshError:
            self._served.forget()
            raise
        seats = self.options.max_concurrency or served.seats
        return EngineStatus((served.model,), seats, lower_first=self.options.priority)

    async def generate(self, request: pb.GenerateRequest, call: Call) -> AsyncGenerator[pb.GenerateEvent, None]:
        """One event a message."""
        served = await self._served.learned()
        language = served.language
        prompt = None if language is None else await language.prompt(request, now=datetime.now(UTC))
        if prompt is not None:
            fits(len(prompt.ids), served.context_length, prompt.field)
        asked = generate_request(
            request,
            prompt,
            model=served.model.name,
            context_length=served.context_length,
            structural_tag=None if language is None else language.constraint(request),
            priority=int(call.priority) if self.options.priority else None,
        )
        several: Choices[TokenAnswer] | Choices[CountedText]
        if language is None or prompt is None:
            least = request.stopping.min_tokens
            texts = [CountedText(TextAnswer(one, request.stopping.stop), least=least) for one in range(choices(request))]
            several = Choices(texts, mirrored=len(texts) > asked.sampling.num_sequences)
        else:
            thinks = served.thinks_before_form or asked.decoding.WhichOneof("structured_output") is None
            several = language.choices(request, prompt, made=asked.sampling.num_sequences, ends=(), thinks=thinks)
        answer = Answer(several, top=request.logprobs.top)
        async with (
            self._engine.attempts.ids(call) as (asked.request_id,),
            aclosing(self._engine.stream(asked, self.options.seconds(call))) as responses,
        ):
            async for response in responses:
                event = answer.feed(response)
                if event is not None:
                    yield event
                if several.enough:
                    break
        yield answer.end()

    async def count_tokens(self, request: pb.CountTokensRequest, call: Call) -> pb.CountTokensResponse:
        """By the tokenizer that the operator named, a conversation by its template."""
        language = (await self._served.learned()).language
        assert language is not None, "counting is not declared"
        return pb.CountTokensResponse(tokens=await language.count(request, now=datetime.now(UTC)))


async def _learn(engine: Engine, speech: Speech) -> Served:
    """Asks for all of it; MeshError that says what is wrong with the engine."""
    try:
        server = await engine.ask(engine.control.GetServerInfo(control.GetServerInfoRequest(), timeout=ASK_SECONDS))
        info = await engine.ask(engine.control.GetModelInfo(control.GetModelInfoRequest(), timeout=ASK_SECONDS))
    except MeshError as error:
        if error.reason is Reason.CAPABILITY_MISSING:
            message = f"the server at this address does not serve {SERVICE} and vllm.Control, as vLLM does from 0.27 on"
            raise MeshError(Reason.ENGINE_UNAVAILABLE, message) from None
        raise
    await speaks(engine, SERVICE, SPOKEN)
    language = None if speech.files is None else await speech.language(dict)
    can = GENERATES - WITH_TOKENIZER if language is None else GENERATES | language.capabilities
    name = info.served_model_name or info.model_id
    return Served(
        Model(name, can, server.max_model_len or None),
        context_length=server.max_model_len,
        seats=int(server.max_running_requests) or SEATS,
        language=language,
        thinks_before_form=bool(info.reasoning_parser),
    )
