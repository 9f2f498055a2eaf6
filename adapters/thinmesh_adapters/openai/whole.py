"""A whole completion of an engine as the contract's answer, without the detour of a stream of one chunk. Pure."""

from __future__ import annotations

from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.openai.answer import Chunk, ChunkChoice, broken, failed, logprobs, reason, said, usage
from thinmesh_adapters.text.calls import new_id


def whole(completion: Chunk, choices: int) -> pb.GenerateResponse:
    """The answer of so many choices; ENGINE_PROTOCOL unless each is there once, and has ended."""
    if completion.error is not None:
        raise failed()
    found = sorted(completion.choices, key=lambda choice: choice.index)
    if [choice.index for choice in found] != list(range(choices)):
        raise broken("did not answer every choice once")
    answer = pb.GenerateResponse(usage=usage(completion.usage, choices))
    for choice in found:
        _add(answer, choice)
    return answer


def _add(answer: pb.GenerateResponse, choice: ChunkChoice) -> None:
    if choice.finish_reason is None:
        raise broken("ended its answer without an end")
    text, reasoning, calls = said(choice)
    added = answer.choices.add(index=choice.index, text=text, finish_reason=reason(choice.finish_reason))
    if reasoning:
        added.reasoning = reasoning
    for call in calls:
        added.tool_calls.add(id=call.id or new_id(), name=call.function.name, arguments_json=call.function.arguments)
    if choice.logprobs is not None:
        added.logprobs.extend(logprobs(choice.logprobs))
