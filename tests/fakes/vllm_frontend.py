"""A fake of vLLM's Rust frontend, after its proto and what is known of it: it goes on generating when its caller is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from thinmesh.third_party.vllm import control_pb2 as control
from thinmesh.third_party.vllm import control_pb2_grpc as control_grpc
from thinmesh.third_party.vllm import inference_pb2 as vllm
from thinmesh.third_party.vllm import inference_pb2_grpc as inference_grpc

from fakes.tokenizers import forced_text, script, tokenizer_json
from thinmesh_adapters.conformance.engine import EngineFailedError, EngineLostError, ScriptedEngine
from thinmesh_adapters.text.detokenizer import Detokenizer
from thinmesh_adapters.text.tokenizer import Tokenizer

Inference: Any = inference_grpc.InferenceServicer
Control: Any = control_grpc.ControlServicer
TOKENIZER = Tokenizer(tokenizer_json())
UNSET_MOST = 20
_REASONS = {"stop": vllm.FinishInfo.STOP, "length": vllm.FinishInfo.LENGTH}


@dataclass
class FakeFrontend(ScriptedEngine, Inference, Control):
    """Says `text`, a token a message; `aborted` has the ids that were aborted. `finish` replaces every reason to end."""

    text: str = "The sea is blue, 바다 🌊!"
    context_length: int = 4096
    seats: int = 16
    reasoning_parser: str = ""
    delay: float = 0
    code: grpc.StatusCode = grpc.StatusCode.INTERNAL
    finish: vllm.FinishInfo.FinishReason.ValueType | None = None
    address: str = ""
    requests: list[vllm.GenerateRequest] = field(default_factory=list)
    aborted: list[str] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ScriptedEngine.__init__(self)

    async def GenerateStream(self, request: vllm.GenerateRequest, context: Any) -> AsyncIterator[vllm.GenerateResponse]:
        self.requests.append(request)
        self.prompts.append(request.text or TOKENIZER.decode(request.token_ids.ids))
        length = len(_prompt(request))
        if length > self.context_length:
            text = f"The decoder prompt (length {length}) is longer than the maximum model length of {self.context_length}."
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
        said: asyncio.Queue[vllm.GenerateResponse | Exception | None] = asyncio.Queue()
        self.tasks[request.request_id] = asyncio.ensure_future(self._work(request, said))
        while (response := await said.get()) is not None:
            if isinstance(response, EngineLostError):
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            elif isinstance(response, EngineFailedError):
                await context.abort(self.code, str(response))
            else:
                assert isinstance(response, vllm.GenerateResponse)
                yield response

    async def Abort(self, request: control.AbortRequest, context: Any) -> control.AbortResponse:
        """Ends what runs; ids that are not known do no harm."""
        for one in request.request_ids:
            self.aborted.append(one)
            if one in self.tasks:
                self.tasks[one].cancel()
        return control.AbortResponse()

    async def GetServerInfo(self, request: Any, context: Any) -> control.ServerInfo:
        return control.ServerInfo(engine_version="0.32.0", max_model_len=self.context_length, max_running_requests=self.seats)

    async def GetModelInfo(self, request: Any, context: Any) -> control.ModelInfo:
        return control.ModelInfo(
            served_model_name="tiny",
            supports_text_input=True,
            supports_token_ids_input=True,
            reasoning_parser=self.reasoning_parser,
        )

    async def _work(self, request: vllm.GenerateRequest, said: asyncio.Queue[Any]) -> None:
        """One generation, which nobody who leaves ends."""
        try:
            with self._counted():
                await self._answer(request, said)
        except (EngineLostError, EngineFailedError) as error:
            said.put_nowait(error)
        except asyncio.CancelledError:
            finish = vllm.FinishInfo(finish_reason=vllm.FinishInfo.ABORTED)
            said.put_nowait(vllm.GenerateResponse(outputs=vllm.SequenceOutput(finish_info=finish)))
            said.put_nowait(None)
            raise
        else:
            said.put_nowait(None)
        finally:
            del self.tasks[request.request_id]

    async def _answer(self, request: vllm.GenerateRequest, said: asyncio.Queue[Any]) -> None:
        prompt, choices = _prompt(request), max(request.sampling.num_sequences, 1)
        ids, reason = self._ids(request, len(prompt))
        texts = _Texts(request)
        info = vllm.PromptInfo(num_prompt_tokens=len(prompt))
        for at, one in enumerate(ids):
            await self._suffer(at)
            await asyncio.sleep(self.delay)
            text = texts.next(one, last=at == len(ids) - 1)
            for index in range(choices):
                output = vllm.SequenceOutput(index=index, num_tokens=1)
                if request.response.output_text:
                    output.text = text
                if request.response.output_token_ids:
                    output.token_ids.append(one)
                if request.response.output_logprobs:
                    output.logprobs.append(-9.0)
                    others = range(5, 5 + request.response.output_candidates.top_n)
                    output.candidate_tokens.add(
                        tokens=[vllm.CandidateTokenInfo.TokenInfo(id=other, logprob=-0.1 * other) for other in others]
                    )
                said.put_nowait(vllm.GenerateResponse(outputs=output, prompt_info=None if at or index else info))
            self.began.set()
        for index in range(choices):
            finish = vllm.FinishInfo(
                num_output_tokens=len(ids), finish_reason=self.finish or _REASONS[reason], num_cached_tokens=1
            )
            said.put_nowait(vllm.GenerateResponse(outputs=vllm.SequenceOutput(index=index, finish_info=finish)))

    def _ids(self, request: vllm.GenerateRequest, prompt_tokens: int) -> tuple[list[int], str]:
        form = request.decoding.WhichOneof("structured_output")
        return script(
            TOKENIZER,
            forced_text(request.decoding.structural_tag, schema=form in {"json", "json_object"}) or self.text,
            most=min(request.stopping.max_new_tokens or UNSET_MOST, self.context_length - prompt_tokens),
            least=request.stopping.min_new_tokens,
            stops=request.stopping.stop_strings,
            ends=request.stopping.stop_token_ids,
            endless=request.stopping.ignore_eos,
        )


class _Texts:
    """The text of each token, whole characters, with the stop text left out: held back until it is known that it is none."""

    def __init__(self, request: vllm.GenerateRequest) -> None:
        self._stops = list(request.stopping.stop_strings)
        self._detokenizer: Detokenizer = TOKENIZER.detokenizer()
        self._held = ""

    def next(self, token: int, *, last: bool) -> str:
        self._held += self._detokenizer.feed([token]) + (self._detokenizer.end() if last else "")
        if not last:
            keep = max((len(stop) - 1 for stop in self._stops), default=0)
            said, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
            return said
        places = [self._held.find(stop) for stop in self._stops if stop in self._held]
        return self._held[: min(places)] if places else self._held


def _prompt(request: vllm.GenerateRequest) -> list[int]:
    return list(request.token_ids.ids) or TOKENIZER.encode(request.text, special=True)


@asynccontextmanager
async def fake_frontend(**fields: Any) -> AsyncIterator[FakeFrontend]:
    """A fake frontend on a free port of this machine."""
    engine = FakeFrontend(**fields)
    server = grpc.aio.server()
    inference_grpc.add_InferenceServicer_to_server(engine, server)
    control_grpc.add_ControlServicer_to_server(engine, server)
    engine.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield engine
    finally:
        for task in list(engine.tasks.values()):
            task.cancel()
        await server.stop(0)
