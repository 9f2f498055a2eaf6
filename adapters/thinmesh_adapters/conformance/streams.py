"""Cases of streams: the order of events, whole characters, slow readers, and several streams at once."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.conformance.case import Case, engine_switches, generation, in_process, its_process
from thinmesh_adapters.conformance.target import CALL_SECONDS, Target
from thinmesh_core.channel import cancelling
from thinmesh_core.fold import fold
from thinmesh_core.rules import StreamRules

WIDE = "Repeat: 바다 🌊 바다 🌊 바다 🌊"
VERBATIM = '  Say \\n "this":\n\tas it is, \u00e9\u0301 바다 🌊  '
"""What is easily lost on the way: white space at both ends, quotes, escapes, characters that could be composed."""

READERS = 4
UNREAD_SECONDS = 1.5
LOOK_SECONDS = 0.1
MOST_UNREAD_BYTES = 64 * 1024 * 1024
"""What may be held for so many readers: gRPC's own windows have about 5 MiB for each. Who does not wait is soon above it."""

LONG_WORD_CHARACTERS = 64 * 1024


async def events_keep_the_rules(target: Target) -> None:
    """Pieces, exactly one finish per choice, the usage last."""
    await target.read(target.request())


async def a_whole_answer_is_its_stream(target: Target) -> None:
    """Generate gives what StreamGenerate spells."""
    folded = await fold(target.stream(target.request()), 1)
    whole = await target.generate(target.request())
    assert whole.choices[0].text == folded.choices[0].text, "the texts differ"
    assert whole.choices[0].finish_reason == folded.choices[0].finish_reason, "the finishes differ"
    assert whole.usage.completion_tokens == folded.usage.completion_tokens, "the counts differ"


async def characters_stay_whole(target: Target) -> None:
    """A character is never split over pieces, however the engine's tokens split it."""
    async for event in target.stream(target.request(WIDE, max_tokens=24)):
        for delta in event.deltas:
            assert "\ufffd" not in delta.text, f"a broken character in {delta.text!r}"


async def parallel_streams_do_not_mix(target: Target) -> None:
    """Each of four answers at once is what it is alone."""
    prompts = [f"{word} {word} {word}" for word in ("alpha", "beta", "gamma", "delta")]
    answers = await asyncio.gather(*(fold(target.stream(target.request(prompt, max_tokens=3)), 1) for prompt in prompts))
    for prompt, answer in zip(prompts, answers, strict=True):
        alone = await target.generate(target.request(prompt, max_tokens=3))
        assert alone.choices[0].text == answer.choices[0].text, f"{prompt!r} is answered otherwise alone"


async def a_slow_reader_loses_nothing(target: Target) -> None:
    """A reader that pauses gets every event."""
    rules = StreamRules(1)
    call = target.stream(target.request())
    while (event := await call.read()) is not grpc.aio.EOF:
        await asyncio.sleep(0.05)
        rules.check(event)
    rules.end()


async def a_reader_that_stops_costs_no_memory(target: Target) -> None:
    """What is not read is not made: the wait of the reader reaches the engine."""
    assert target.pid is not None
    request = target.endless("x" * min(LONG_WORD_CHARACTERS, (target.context_length or LONG_WORD_CHARACTERS) // 4))
    async with AsyncExitStack() as stack:
        before = _memory(target.pid)
        for _ in range(READERS):
            call = await stack.enter_async_context(cancelling(target.stream(request)))
            await call.read()
        for _ in range(int(UNREAD_SECONDS / LOOK_SECONDS)):
            await asyncio.sleep(LOOK_SECONDS)
            held = _memory(target.pid) - before
            assert held <= MOST_UNREAD_BYTES, f"{held / 2**20:.0f} MiB for {READERS} readers that do not read"


async def the_engine_reads_what_was_written(target: Target) -> None:
    """The prompt reaches the engine letter by letter."""
    assert target.engine is not None
    await target.generate(target.request(VERBATIM))
    assert target.engine.prompts[-1] == VERBATIM, f"the engine was asked {target.engine.prompts[-1]!r}"


async def the_request_is_left_as_it_was(target: Target) -> None:
    """A request is its sender's: in one process it is handed over, and may be sent to another backend next."""
    assert target.beside is not None
    request, sent = target.request(), pb.GenerateRequest()
    sent.CopyFrom(request)
    await target.beside.Generate(request, metadata=target.metadata, timeout=CALL_SECONDS)
    assert request == sent, "Generate changed the request"
    async for _ in target.beside.StreamGenerate(request, metadata=target.metadata, timeout=CALL_SECONDS):
        pass
    assert request == sent, "StreamGenerate changed the request"


def _memory(pid: int) -> int:
    resident = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(resident) * os.sysconf("SC_PAGE_SIZE")


CASES = (
    Case(events_keep_the_rules, (generation,)),
    Case(a_whole_answer_is_its_stream, (generation,)),
    Case(characters_stay_whole, (generation,)),
    Case(parallel_streams_do_not_mix, (generation,)),
    Case(a_slow_reader_loses_nothing, (generation,)),
    Case(a_reader_that_stops_costs_no_memory, (generation, its_process)),
    Case(the_engine_reads_what_was_written, (generation, engine_switches)),
    Case(the_request_is_left_as_it_was, (generation, in_process)),
)
