"""Cases of generation."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.conformance.target import Target, expect, refusal
from thinmesh_adapters.fold import fold
from thinmesh_core.channel import cancelling
from thinmesh_core.rules import StreamRules

SETTLE_SECONDS = 2.0
"""How soon an adapter's count of running calls follows a cancel."""


async def events_keep_the_rules(target: Target) -> None:
    """Pieces, exactly one finish per choice, the usage last."""
    rules = StreamRules(1)
    async for event in target.stream(target.request()):
        rules.check(event)
    rules.end()


async def a_whole_answer_is_its_stream(target: Target) -> None:
    """Generate gives what StreamGenerate spells."""
    folded = await fold(target.stream(target.request()), 1)
    whole = await target.generate(target.request())
    assert whole.choices[0].text == folded.choices[0].text, "the texts differ"
    assert whole.choices[0].finish_reason == folded.choices[0].finish_reason, "the finishes differ"
    assert whole.usage.completion_tokens == folded.usage.completion_tokens, "the counts differ"


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


async def characters_stay_whole(target: Target) -> None:
    """A character is never split over pieces."""
    async for event in target.stream(target.request("Repeat: 바다 🌊 바다 🌊 바다 🌊", max_tokens=24)):
        for delta in event.deltas:
            assert "\ufffd" not in delta.text, f"a broken character in {delta.text!r}"


async def a_deadline_ends_a_stream(target: Target) -> None:
    """DEADLINE_EXCEEDED, in the middle of an answer."""
    expect(await refusal(_read(target.stream(target.endless(), seconds=0.3))), grpc.StatusCode.DEADLINE_EXCEEDED)


async def a_deadline_in_the_past_is_exceeded(target: Target) -> None:
    """No answer comes after its deadline."""
    expect(await refusal(target.generate(target.request(), seconds=-1)), grpc.StatusCode.DEADLINE_EXCEEDED)


async def a_cancelled_stream_is_let_go(target: Target) -> None:
    """After a cancel the call runs no longer, and the next one is served."""
    async with cancelling(target.stream(target.endless())) as call:
        await call.read()
    if target.adapter is not None:
        async with asyncio.timeout(SETTLE_SECONDS):
            await _until_idle(target)
    await events_keep_the_rules(target)


async def a_slow_reader_loses_nothing(target: Target) -> None:
    """A reader that pauses gets every event."""
    rules = StreamRules(1)
    call = target.stream(target.request())
    while (event := await call.read()) is not grpc.aio.EOF:
        await asyncio.sleep(0.05)
        rules.check(event)
    rules.end()


async def parallel_streams_do_not_mix(target: Target) -> None:
    """Each of four answers at once is what it is alone."""
    prompts = [f"{word} {word} {word}" for word in ("alpha", "beta", "gamma", "delta")]
    answers = await asyncio.gather(*(fold(target.stream(target.request(prompt, max_tokens=3)), 1) for prompt in prompts))
    for prompt, answer in zip(prompts, answers, strict=True):
        alone = await target.generate(target.request(prompt, max_tokens=3))
        assert alone.choices[0].text == answer.choices[0].text, f"{prompt!r} is answered otherwise alone"


async def several_choices_all_end(target: Target) -> None:
    """Two choices, each with its finish."""
    request = target.request(max_tokens=3)
    request.sampling.n = 2
    answer = await fold(target.stream(request), 2)
    assert [choice.index for choice in answer.choices] == [0, 1], "the choices are not 0 and 1"
    assert answer.usage.completion_tokens <= 6, f"{answer.usage.completion_tokens} tokens of 6"


async def logprobs_spell_the_text(target: Target) -> None:
    """A log probability for each token, with the alternatives asked for."""
    answer = await target.generate(target.request(max_tokens=4, logprobs=sampling_pb2.LogprobOptions(top=2)))
    choice = answer.choices[0]
    spelled = b"".join(one.chosen.token_bytes for one in choice.logprobs).decode(errors="replace")
    assert spelled == choice.text, f"{spelled!r} is not {choice.text!r}"
    assert all(one.chosen.logprob <= 0 and len(one.top) == 2 for one in choice.logprobs), "alternatives are missing"


async def a_schema_is_kept(target: Target) -> None:
    """JSON within the schema."""
    schema = (
        '{"type":"object","properties":{"n":{"type":"integer","maximum":99}},"required":["n"],"additionalProperties":false}'
    )
    form = sampling_pb2.ResponseFormat(json_schema=sampling_pb2.JsonSchema(name="n", schema_json=schema))
    request = target.request(max_tokens=60, response_format=form)
    if cap.CAPABILITY_CHAT in target.capabilities:  # asked for in words too: small models else fill the answer with white space
        _ask(request, 'Give a number from 1 to 3 as JSON, as {"n": 1}.')
    text = (await target.generate(request)).choices[0].text
    assert json.loads(text).get("n") in {1, 2, 3}, f"{text!r} is outside the schema"


async def a_required_tool_is_called(target: Target) -> None:
    """A call of the tool with arguments that are JSON."""
    request = target.request(max_tokens=120)
    _ask(request, "What is the weather in Seoul?")
    request.chat.tools.add(name="weather", parameters_json='{"type":"object","properties":{"city":{"type":"string"}}}')
    request.chat.tool_choice.mode = chat_pb2.TOOL_MODE_REQUIRED
    choice = (await target.generate(request)).choices[0]
    assert [call.name for call in choice.tool_calls] == ["weather"], "the tool is not called"
    json.loads(choice.tool_calls[0].arguments_json)


async def too_long_an_input_is_refused(target: Target) -> None:
    """INVALID_ARGUMENT, not a cut prompt."""
    assert target.context_length is not None
    long = target.request("word " * (target.context_length + 64))
    expect(await refusal(target.generate(long)), grpc.StatusCode.INVALID_ARGUMENT)


def _ask(request: pb.GenerateRequest, text: str) -> None:
    """Makes it a conversation that begins with this."""
    request.ClearField("text")
    request.chat.Clear()
    request.chat.messages.add(role=chat_pb2.ROLE_USER).content.add(text=text)


async def _read(call: Any) -> None:
    async for _ in call:
        pass


async def _until_idle(target: Target) -> None:
    while (await target.status()).running:  # noqa: ASYNC110  # the adapter is another process: it can only be asked
        await asyncio.sleep(0.02)


GENERATE = frozenset({cap.CAPABILITY_CHAT, cap.CAPABILITY_COMPLETION})
"""One of these is needed by every case here."""
