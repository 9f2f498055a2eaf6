"""Cases of what a model may declare beside plain generation: several choices, log probabilities, schemas, tools."""

from __future__ import annotations

import json

from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.conformance.case import Case, capability, generation
from thinmesh_adapters.conformance.target import Target
from thinmesh_core.fold import fold


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


def _ask(request: pb.GenerateRequest, text: str) -> None:
    """Makes it a conversation that begins with this."""
    request.ClearField("text")
    request.chat.Clear()
    request.chat.messages.add(role=chat_pb2.ROLE_USER).content.add(text=text)


CASES = (
    Case(several_choices_all_end, (generation, capability(cap.CAPABILITY_N))),
    Case(logprobs_spell_the_text, (generation, capability(cap.CAPABILITY_LOGPROBS))),
    Case(a_schema_is_kept, (generation, capability(cap.CAPABILITY_JSON_SCHEMA))),
    Case(a_required_tool_is_called, (capability(cap.CAPABILITY_TOOLS, cap.CAPABILITY_CHAT),)),
)
