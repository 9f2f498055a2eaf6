"""The vllm-frontend adapter: with a tokenizer and without one, its traps minded, and everything that is left aborted by its id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.third_party.vllm import inference_pb2 as vllm

from fakes.tokenizers import THINKING_TEMPLATE, model_files
from fakes.vllm_frontend import TOKENIZER, FakeFrontend, fake_frontend
from thinmesh_adapters.conformance.engine import Fault, Trouble
from thinmesh_adapters.contract import Place
from thinmesh_adapters.text.language import Prompt
from thinmesh_adapters.vllm_frontend.adapter import FrontendOptions, VllmFrontendAdapter
from thinmesh_adapters.vllm_frontend.translate import generate_request
from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.fold import fold
from thinmesh_core.priority import Priority

CALL = Call("r-1", "t", "p", model="tiny", seconds=10.0)
TEXT = pb.GenerateRequest(model="m", text="x")
SAID = "The sea is blue, 바다 🌊!"
TOKENS = len(TOKENIZER.encode(SAID, special=False)) + 1
SECONDS = 5.0


@asynccontextmanager
async def served(engine: FakeFrontend, **options: Any) -> AsyncIterator[VllmFrontendAdapter]:
    async with VllmFrontendAdapter(FrontendOptions(address=engine.address, **options), Place("f", Path("/nowhere"))) as adapter:
        yield adapter


def folder(path: Path, template: str) -> str:
    for name, content in model_files(template).items():
        (path / name).write_bytes(content)
    return str(path / "tokenizer.json")


@pytest.fixture
async def engine() -> AsyncIterator[FakeFrontend]:
    async with fake_frontend() as engine:
        yield engine


@pytest.fixture(params=["tokens", "text"])
async def adapter(engine: FakeFrontend, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VllmFrontendAdapter]:
    tokenizer = folder(tmp_path, THINKING_TEMPLATE) if request.param == "tokens" else None
    async with served(engine, tokenizer=tokenizer) as adapter:
        yield adapter


async def stream(adapter: VllmFrontendAdapter, request: pb.GenerateRequest = TEXT, call: Call = CALL) -> pb.GenerateResponse:
    async with aclosing(adapter.generate(request, call)) as events:
        return await fold(events, max(request.sampling.n, 1))


async def fails(adapter: VllmFrontendAdapter, call: Call = CALL) -> MeshError:
    async with asyncio.timeout(SECONDS):
        with pytest.raises(MeshError) as raised:
            await stream(adapter, call=call)
    return raised.value


async def test_an_answer_with_its_usage(engine: FakeFrontend, adapter: VllmFrontendAdapter) -> None:
    for told in (await stream(adapter), await adapter.answer(TEXT, CALL)):
        assert (told.choices[0].text, told.choices[0].finish_reason) == (SAID, pb.FINISH_REASON_STOP)
        assert (told.usage.prompt_tokens, told.usage.completion_tokens, told.usage.cached_prompt_tokens) == (1, TOKENS, 1)
    assert engine.requests[0].stopping.max_new_tokens > 4000
    assert engine.aborted == []


async def test_stops_choices_and_limits(engine: FakeFrontend, adapter: VllmFrontendAdapter) -> None:
    stopping = sampling_pb2.Stopping(stop=["blue, "])
    request = pb.GenerateRequest(text="x", sampling=sampling_pb2.Sampling(n=2), stopping=stopping)
    assert [one.text for one in (await stream(adapter, request)).choices] == ["The sea is "] * 2
    request.sampling.temperature = 0
    assert [one.text for one in (await stream(adapter, request)).choices] == ["The sea is "] * 2
    assert [one.sampling.num_sequences for one in engine.requests] == [2, 1]
    cut = pb.GenerateRequest(text="x", stopping=sampling_pb2.Stopping(max_tokens=2))
    told = await stream(adapter, cut)
    assert (told.choices[0].finish_reason, told.usage.completion_tokens) == (pb.FINISH_REASON_LENGTH, 2)


async def test_the_engine_is_told_who_goes_first_where_the_operator_says_so(engine: FakeFrontend) -> None:
    urgent = msgspec.structs.replace(CALL, priority=Priority.CRITICAL)
    async with served(engine) as plain, served(engine, priority=True) as told:
        await stream(plain, call=urgent)
        await stream(told, call=urgent)
        assert [(await one.status()).lower_first for one in (plain, told)] == [False, True]
    assert [one.priority for one in engine.requests] == [0, 1]


async def test_its_status_says_what_the_operator_added(engine: FakeFrontend, tmp_path: Path) -> None:
    async with served(engine) as bare, served(engine, tokenizer=folder(tmp_path, THINKING_TEMPLATE)) as told:
        (plain,), (full,) = (await bare.status()).models, (await told.status()).models
    assert (plain.name, plain.context_length) == ("tiny", 4096)
    assert full.capabilities - plain.capabilities == {
        cap.CAPABILITY_CHAT, cap.CAPABILITY_TOOLS, cap.CAPABILITY_LOGPROBS, cap.CAPABILITY_COUNT_TOKENS,
    }  # fmt: skip
    assert cap.CAPABILITY_EMBED not in full.capabilities


async def test_with_a_tokenizer_it_chats_calls_and_knows_probabilities(engine: FakeFrontend, tmp_path: Path) -> None:
    async with served(engine, tokenizer=folder(tmp_path, THINKING_TEMPLATE)) as adapter:
        engine.text = "hm</think>Yes"
        request = pb.GenerateRequest(logprobs=sampling_pb2.LogprobOptions(top=2))
        request.chat.messages.add(role=chat_pb2.ROLE_USER).content.add(text="hi")
        choice = (await stream(adapter, request)).choices[0]
        assert (choice.reasoning, choice.text) == ("hm", "Yes")
        assert b"".join(one.chosen.token_bytes for one in choice.logprobs) == b"hm</think>Yes"
        assert [round(one.logprob, 3) for one in choice.logprobs[0].top] == [-0.5, -0.6]
        request.chat.tools.add(name="f")
        request.chat.tool_choice.function = "f"
        forced = (await stream(adapter, request)).choices[0]
        assert ([one.name for one in forced.tool_calls], forced.reasoning) == (["f"], "")
        counted = await adapter.count_tokens(pb.CountTokensRequest(text="xx"), CALL)
        assert counted.tokens == 2


@pytest.mark.parametrize("after", [0, 3])
async def test_what_is_left_is_aborted(engine: FakeFrontend, adapter: VllmFrontendAdapter, after: int) -> None:
    await adapter.status()
    engine.fault = Fault(Trouble.STALL, after)
    running = asyncio.ensure_future(stream(adapter))
    async with asyncio.timeout(SECONDS):
        await engine.working_on(1)
        running.cancel()
        await engine.working_on(0)
        await asyncio.wait([running])
    assert engine.aborted == [engine.requests[0].request_id]


async def test_attempts_of_a_step_have_one_id_and_a_later_one_ends_the_earlier(
    engine: FakeFrontend, adapter: VllmFrontendAdapter
) -> None:
    """The engine would abort both by it: so the first is over before the second begins, and the second is whole."""
    await adapter.status()
    engine.fault = Fault(Trouble.STALL, 1)
    step = msgspec.structs.replace(CALL, step="job-1.1")
    first = asyncio.ensure_future(stream(adapter, call=step))
    async with asyncio.timeout(SECONDS):
        await engine.began.wait()
        await asyncio.sleep(0)  # in the next turn it stalls
        engine.fault = None
        second = await stream(adapter, call=step)
        (ended,) = await asyncio.gather(first, return_exceptions=True)
    assert isinstance(ended, MeshError)
    assert second.choices[0].text == SAID
    assert [one.request_id for one in engine.requests] == ["job-1.1", "job-1.1"]


async def test_a_deadline_aborts_too(engine: FakeFrontend, adapter: VllmFrontendAdapter) -> None:
    await adapter.status()
    engine.fault = Fault(Trouble.STALL, 1)
    error = await fails(adapter, msgspec.structs.replace(CALL, seconds=0.3))
    assert error.reason is Reason.DEADLINE_EXCEEDED
    assert len(engine.aborted) == 1


@pytest.mark.parametrize(
    ("trouble", "reason"), [(Trouble.LOSS, Reason.ENGINE_UNAVAILABLE), (Trouble.FAILURE, Reason.ENGINE_ERROR)]
)
@pytest.mark.parametrize("after", [0, 2])
async def test_a_fault_is_one_clean_error(
    engine: FakeFrontend, adapter: VllmFrontendAdapter, trouble: Trouble, reason: Reason, after: int
) -> None:
    engine.fault = Fault(trouble, after, "CUDA error at 10.1.2.3")
    error = await fails(adapter)
    assert error.reason is reason
    assert "10.1.2.3" not in str(error)


async def test_its_own_abort_is_an_error(engine: FakeFrontend, adapter: VllmFrontendAdapter) -> None:
    engine.finish = vllm.FinishInfo.ABORTED
    assert (await fails(adapter)).reason is Reason.ENGINE_ERROR


async def test_an_older_vllm_is_refused() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with VllmFrontendAdapter(FrontendOptions(address=f"127.0.0.1:{port}"), Place("f", Path("/nowhere"))) as adapter:
        with pytest.raises(MeshError, match=r"does not serve vllm\.Inference.* from 0\.27 on"):
            await adapter.status()
    await server.stop(0)


def test_every_knob_is_sent() -> None:
    request = pb.GenerateRequest(
        text="x",
        sampling=sampling_pb2.Sampling(
            temperature=0.5, top_p=0.0, top_k=0, min_p=0.25, seed=-(1 << 40), frequency_penalty=1.0, presence_penalty=-1.0,
            repetition_penalty=1.25, n=3, logit_bias={3: -1.0},
        ),
        stopping=sampling_pb2.Stopping(max_tokens=5, min_tokens=2, stop=["a"], stop_token_ids=[9], ignore_eos=True),
        response_format=sampling_pb2.ResponseFormat(regex="a+"),
        logprobs=sampling_pb2.LogprobOptions(top=2),
    )  # fmt: skip
    made = generate_request(request, Prompt("x", [4]), model="m", context_length=99, structural_tag=None, priority=3)
    assert made.priority == 3
    made.ClearField("priority")
    assert made.sampling.HasField("top_k")
    assert 0 < made.sampling.top_p < 0.001
    made.sampling.ClearField("top_p")
    assert made == vllm.GenerateRequest(
        model="m", token_ids=vllm.TokenIds(ids=[4]), temperature=0.5,
        sampling=vllm.RandomSampling(num_sequences=3, top_k=0, min_p=0.25, seed=-(1 << 40)),
        decoding=vllm.DecodingParameters(
            presence_penalty=-1.0, frequency_penalty=1.0, repetition_penalty=1.25, logit_bias={3: -1.0}, regex="a+"
        ),
        stopping=vllm.StoppingCriteria(max_new_tokens=5, min_new_tokens=2, stop_strings=["a"], stop_token_ids=[9], ignore_eos=True),
        response=vllm.ResponseOptions(
            output_text=False, output_token_ids=True, output_logprobs=True, output_candidates=vllm.CandidateTokens(top_n=2)
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"json_object": sampling_pb2.JsonObject()}, {"json_object": True}),
        ({"json_schema": sampling_pb2.JsonSchema(name="s", schema_json="{}")}, {"json": "{}"}),
        ({"grammar": "root ::= x"}, {"grammar": "root ::= x"}),
        ({"choice": sampling_pb2.Choices(texts=["a"])}, {"choice": vllm.DecodingParameters.StringChoices(choices=["a"])}),
    ],
)
def test_every_form_is_a_structure(form: Any, sent: Any) -> None:
    request = pb.GenerateRequest(text="x", response_format=sampling_pb2.ResponseFormat(**form))
    made = generate_request(request, None, model="m", context_length=99, structural_tag=None, priority=None)
    assert made.decoding == vllm.DecodingParameters(**sent)
    assert (made.text, made.response.output_text, made.stopping.max_new_tokens) == ("x", True, 99)
