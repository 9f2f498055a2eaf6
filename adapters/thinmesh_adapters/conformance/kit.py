"""The table of cases, and running them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

import grpc
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.conformance import generation
from thinmesh_adapters.conformance.target import CALL_SECONDS, Target, expect, refusal
from thinmesh_core.capabilities import Capability, name
from thinmesh_core.errors import MeshError

CASE_SECONDS = 120.0
LONGEST_CONTEXT = 100_000
"""Above this the input that would not fit is too large to send."""


class Verdict(Enum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """`needs`: every capability; `generates`: any kind of generation. `unless` gives the reason to skip it on a target."""

    run: Callable[[Target], Awaitable[None]]
    needs: frozenset[Capability] = frozenset()
    generates: bool = False
    unless: Callable[[Target], str | None] = lambda target: None

    @property
    def name(self) -> str:
        """What it proves."""
        return self.run.__name__

    def reason_to_skip(self, target: Target) -> str | None:
        """Why it can't be run on the target, if so."""
        missing = self.needs - target.capabilities
        if missing:
            return f"undeclared: {', '.join(sorted(name(one) for one in missing))}"
        if self.generates and not generation.GENERATE & target.capabilities:
            return "undeclared: chat, completion"
        return self.unless(target)


@dataclass(frozen=True, slots=True)
class Result:
    """One case's verdict; `why` it was skipped or how it failed."""

    case: str
    verdict: Verdict
    why: str = ""


async def vectors_come_in_order(target: Target) -> None:
    """One vector an input, of one length, the same for the same text."""
    inputs = [pb.EmbedInput(text=text) for text in ("a cat", "the sea", "a cat")]
    request = pb.EmbedRequest(model=target.model, inputs=inputs)
    answer = await target.stub.Embed(request, metadata=target.metadata, timeout=CALL_SECONDS)
    first, second, third = (list(one.values) for one in answer.embeddings)
    assert len(first) == len(second) > 0, "the vectors differ in length"
    assert max(abs(a - b) for a, b in zip(first, third, strict=True)) < 0.01, "one text has two vectors"
    assert answer.usage.prompt_tokens > 0, "no prompt tokens"


async def documents_come_best_first(target: Target) -> None:
    """Each once, by falling score, no more than asked for."""
    request = pb.RerankRequest(model=target.model, query="a cat", documents=["a dog", "a cat", "stocks"], top_n=2)
    answer = await target.stub.Rerank(request, metadata=target.metadata, timeout=CALL_SECONDS)
    scores = [one.score for one in answer.results]
    assert scores == sorted(scores, reverse=True), "the scores do not fall"
    assert len({one.index for one in answer.results}) == 2, "not two documents"


async def counted_tokens_are_used_tokens(target: Target) -> None:
    """CountTokens says what a generation's usage says."""
    request = target.request(max_tokens=1)
    counting = pb.CountTokensRequest(model=target.model)
    if request.HasField("text"):
        counting.text = request.text
    else:
        counting.chat.CopyFrom(request.chat)
    counted = await target.stub.CountTokens(counting, metadata=target.metadata, timeout=CALL_SECONDS)
    used = (await target.generate(request)).usage.prompt_tokens
    assert counted.tokens == used, f"{counted.tokens} counted, {used} used"


async def an_undeclared_capability_is_refused_by_name(target: Target) -> None:
    """UNIMPLEMENTED with the capability's name."""
    for capability, request in _requests(target).items():
        if capability not in target.capabilities:
            error = await refusal(target.generate(request))
            expect(error, grpc.StatusCode.UNIMPLEMENTED)
            assert name(capability) in (error.details() or ""), f"{name(capability)} is not named"


async def an_unknown_model_is_not_found(target: Target) -> None:
    """NOT_FOUND for a name that nobody gave."""
    request = target.request()
    request.model = "no-such-model"
    expect(await refusal(target.generate(request)), grpc.StatusCode.NOT_FOUND)


async def status_is_watched(target: Target) -> None:
    """WatchStatus sends at once and again."""
    assert target.adapter is not None
    call = target.adapter.WatchStatus(adapter_pb.WatchStatusRequest(), metadata=target.metadata, timeout=CALL_SECONDS)
    for _ in range(2):
        status = (await call.read()).status
        assert status.state == adapter_pb.STATE_READY, "not ready"
        assert status.max_concurrency > 0, "no max_concurrency"
    call.cancel()


def _requests(target: Target) -> dict[Capability, pb.GenerateRequest]:
    """A request that needs each capability and otherwise what the target has."""
    tools = target.request()
    tools.chat.messages.add(role=chat_pb2.ROLE_USER).content.add(text="x")
    tools.chat.tools.add(name="f")
    several = target.request()
    several.sampling.n = 2
    return {
        cap.CAPABILITY_TOOLS: tools,
        cap.CAPABILITY_N: several,
        cap.CAPABILITY_LOGPROBS: target.request(logprobs=sampling_pb2.LogprobOptions()),
        cap.CAPABILITY_REGEX: target.request(response_format=sampling_pb2.ResponseFormat(regex="a")),
    }


def _adapters_only(target: Target) -> str | None:
    return "not an adapter" if target.adapter is None else None


def _with_models_only(target: Target) -> str | None:
    return None if target.listed else "serves one model under any name"


def _short_context_only(target: Target) -> str | None:
    if target.context_length is None:
        return "the context's length is not known"
    return "the context is too long to overflow" if target.context_length > LONGEST_CONTEXT else None


CASES = (
    Case(generation.events_keep_the_rules, generates=True),
    Case(generation.a_whole_answer_is_its_stream, generates=True),
    Case(generation.usage_adds_up, generates=True),
    Case(generation.max_tokens_ends_with_length, generates=True),
    Case(generation.a_stop_text_ends_and_is_left_out, generates=True),
    Case(generation.characters_stay_whole, generates=True),
    Case(generation.a_deadline_ends_a_stream, generates=True),
    Case(generation.a_deadline_in_the_past_is_exceeded, generates=True),
    Case(generation.a_cancelled_stream_is_let_go, generates=True),
    Case(generation.a_slow_reader_loses_nothing, generates=True),
    Case(generation.parallel_streams_do_not_mix, generates=True),
    Case(generation.several_choices_all_end, frozenset({cap.CAPABILITY_N}), generates=True),
    Case(generation.logprobs_spell_the_text, frozenset({cap.CAPABILITY_LOGPROBS}), generates=True),
    Case(generation.a_schema_is_kept, frozenset({cap.CAPABILITY_JSON_SCHEMA}), generates=True),
    Case(generation.a_required_tool_is_called, frozenset({cap.CAPABILITY_TOOLS, cap.CAPABILITY_CHAT})),
    Case(generation.too_long_an_input_is_refused, generates=True, unless=_short_context_only),
    Case(counted_tokens_are_used_tokens, frozenset({cap.CAPABILITY_COUNT_TOKENS}), generates=True),
    Case(vectors_come_in_order, frozenset({cap.CAPABILITY_EMBED})),
    Case(documents_come_best_first, frozenset({cap.CAPABILITY_RERANK})),
    Case(an_undeclared_capability_is_refused_by_name, generates=True),
    Case(an_unknown_model_is_not_found, generates=True, unless=_with_models_only),
    Case(status_is_watched, unless=_adapters_only),
)


async def judge(case: Case, target: Target) -> Result:
    """Runs one case; a failure's words are for whoever writes the server."""
    reason = case.reason_to_skip(target)
    if reason is not None:
        return Result(case.name, Verdict.SKIPPED, reason)
    try:
        async with asyncio.timeout(CASE_SECONDS):
            await case.run(target)
    except grpc.aio.AioRpcError as error:
        return Result(case.name, Verdict.FAILED, f"{error.code().name}: {error.details()}")
    except TimeoutError:
        return Result(case.name, Verdict.FAILED, f"not done after {CASE_SECONDS:g} s")
    except (AssertionError, ValueError, MeshError) as error:
        return Result(case.name, Verdict.FAILED, str(error) or type(error).__name__)
    return Result(case.name, Verdict.PASSED)


async def judge_all(target: Target) -> AsyncIterator[Result]:
    """Runs every case in order."""
    for case in CASES:
        yield await judge(case, target)
