"""Cases of how an answer ends: by itself, at a length, at a stop text, at a deadline, and when its caller leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.conformance.case import Case, engine_switches, generation
from thinmesh_adapters.conformance.engine import Trouble, faulty
from thinmesh_adapters.conformance.target import Target, expect, refusal
from thinmesh_core.channel import cancelling
from thinmesh_core.errors import Reason

SETTLE_SECONDS = 2.0
"""How soon an adapter's count of running calls, and its engine, follow a cancel."""

PATIENCE_SECONDS = 0.3
"""A deadline that an endless answer can't meet."""


async def usage_adds_up(target: Target) -> None:
    """Tokens are counted, and no more generated than allowed."""
    usage = (await target.generate(target.request(max_tokens=4))).usage
    assert usage.prompt_tokens > 0, "no prompt tokens"
    assert 0 < usage.completion_tokens <= 4, f"{usage.completion_tokens} tokens of 4"


async def max_tokens_ends_with_length(target: Target) -> None:
    """An answer that is cut says so."""
    request = target.request(max_tokens=2)
    request.stopping.ignore_eos = True
    answer = await target.generate(request)
    assert answer.choices[0].finish_reason == pb.FINISH_REASON_LENGTH, "the finish is not LENGTH"
    assert answer.usage.completion_tokens == 2, f"{answer.usage.completion_tokens} tokens of 2"


async def a_stop_text_ends_and_is_left_out(target: Target) -> None:
    """What comes before the stop text is the answer."""
    text = (await target.generate(target.request())).choices[0].text
    stop = text[len(text) // 2 :][:3]
    stopped = (await target.generate(target.request(stop=(stop,)))).choices[0]
    assert stopped.text == text[: text.index(stop)], f"{stopped.text!r} before {stop!r} in {text!r}"
    assert stopped.finish_reason == pb.FINISH_REASON_STOP, "the finish is not STOP"


async def a_deadline_in_the_past_is_exceeded(target: Target) -> None:
    """No answer comes after its deadline."""
    expect(await refusal(target.generate(target.request(), seconds=-1)), Reason.DEADLINE_EXCEEDED)


async def a_deadline_ends_a_stream(target: Target) -> None:
    """DEADLINE_EXCEEDED, in the middle of an answer."""
    async with _let_go(target):
        await _exceeded(target.read(target.endless(), seconds=PATIENCE_SECONDS))


async def a_deadline_ends_a_whole_answer(target: Target) -> None:
    """DEADLINE_EXCEEDED, and not the beginning of an answer."""
    async with _let_go(target):
        await _exceeded(target.generate(target.endless(), seconds=PATIENCE_SECONDS))


async def a_deadline_ends_the_wait_for_a_first_token(target: Target) -> None:
    """DEADLINE_EXCEEDED while the engine has not said anything yet."""
    assert target.engine is not None
    async with _let_go(target):
        with faulty(target.engine, Trouble.STALL):
            await _exceeded(target.read(target.request(), seconds=PATIENCE_SECONDS))


async def a_cancelled_stream_is_let_go(target: Target) -> None:
    """After a cancel the call runs no longer, also at the engine, and the next one is served."""
    async with _let_go(target), cancelling(target.stream(target.endless())) as call:
        await call.read()
    await target.read(target.request())


async def a_cancelled_wait_for_a_first_token_is_let_go(target: Target) -> None:
    """The engine's work ends with the call, before it has said anything."""
    await _cancelled_in_a_stall(target, target.read(target.request()), said=0)


async def a_cancelled_whole_answer_is_let_go(target: Target) -> None:
    """The engine's work ends with the call, though nothing of the answer is out yet."""
    await _cancelled_in_a_stall(target, target.generate(target.request()), said=2)


async def _cancelled_in_a_stall(target: Target, call: Awaitable[object], *, said: int) -> None:
    assert target.engine is not None
    async with _let_go(target):
        with faulty(target.engine, Trouble.STALL, after=said):
            waiting = asyncio.ensure_future(call)
            try:
                await _soon(target.engine.working_on(1), "the engine does not work on this one call")
            finally:
                waiting.cancel()
                await asyncio.wait([waiting])


async def _exceeded(call: Awaitable[object]) -> None:
    expect(await refusal(call), Reason.DEADLINE_EXCEEDED)


@asynccontextmanager
async def _let_go(target: Target) -> AsyncIterator[None]:
    """What is called inside leaves nothing running, at the adapter and at its engine, as far as they can be seen."""
    yield
    if target.engine is not None:
        await _soon(target.engine.working_on(0), "the engine goes on")
    if target.adapter is not None:
        await _soon(until_idle(target), "the adapter still counts it as running")


async def _soon(event: Awaitable[None], otherwise: str) -> None:
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            await event
    except TimeoutError:
        raise AssertionError(f"{otherwise} after {SETTLE_SECONDS:g} s") from None


async def until_idle(target: Target) -> None:
    """Waits until the adapter runs no call."""
    while (await target.status()).running:  # noqa: ASYNC110  # the adapter is another process: it can only be asked
        await asyncio.sleep(0.02)


CASES = (
    Case(usage_adds_up, (generation,)),
    Case(max_tokens_ends_with_length, (generation,)),
    Case(a_stop_text_ends_and_is_left_out, (generation,)),
    Case(a_deadline_in_the_past_is_exceeded, (generation,)),
    Case(a_deadline_ends_a_stream, (generation,)),
    Case(a_deadline_ends_a_whole_answer, (generation,)),
    Case(a_deadline_ends_the_wait_for_a_first_token, (generation, engine_switches)),
    Case(a_cancelled_stream_is_let_go, (generation,)),
    Case(a_cancelled_wait_for_a_first_token_is_let_go, (generation, engine_switches)),
    Case(a_cancelled_whole_answer_is_let_go, (generation, engine_switches)),
)
