"""What a request hands on to its engine is vetted whichever surface it came by, and named where it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.vetting import request as vetting

PATTERNS = '{"title": "%d", "allOf": ' + json.dumps([{"pattern": "(ab)*" * 200}] * 4) + "}"
LOOP = json.dumps({"$ref": "#"})


def chat(**fields: Any) -> pb.GenerateRequest:
    text = chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text="hi")])
    return pb.GenerateRequest(model="m", chat=chat_pb2.ChatInput(**({"messages": [text]} | fields)))


def shown(url: str) -> list[chat_pb2.Message]:
    return [chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(image=chat_pb2.Image(url=url))])]


def formed(**fields: Any) -> pb.GenerateRequest:
    return pb.GenerateRequest(model="m", text="x", response_format=sampling_pb2.ResponseFormat(**fields))


@pytest.mark.parametrize(
    ("param", "request_"),
    [
        ("tools", chat(tools=[chat_pb2.Tool(name="t", parameters_json=LOOP)])),
        ("tools", chat(tools=[chat_pb2.Tool(name="t", parameters_json="[]")])),
        ("tools", chat(tools=[chat_pb2.Tool(name="t", parameters_json="[" * 100_000)])),
        ("tools", chat(tools=[chat_pb2.Tool(name="t", parameters_json='{"a":"' + "x" * 60_000 + '"}')] * 5)),
        ("tools", chat(tools=[chat_pb2.Tool(name=f"t{one}", parameters_json=PATTERNS % one) for one in range(5)])),
        ("response_format", formed(json_schema=sampling_pb2.JsonSchema(name="s", schema_json="1"))),
        ("response_format", formed(json_schema=sampling_pb2.JsonSchema(name="s", schema_json=LOOP))),
        ("response_format", formed(regex="(a+)+$")),
        ("response_format", formed(grammar="(" * 100)),
        ("messages[0].content", chat(messages=shown("http://169.254.169.254/"))),
        (
            "messages[0].content",
            pb.CountTokensRequest(model="m", chat=chat_pb2.ChatInput(messages=shown("file:///etc/passwd"))),
        ),
        ("temperature", pb.GenerateRequest(model="m", text="x", sampling=sampling_pb2.Sampling(temperature=9))),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_may_not_go_to_an_engine_is_refused_by_name(param: str, request_: pb.GenerateRequest) -> None:
    with pytest.raises(MeshError) as raised:
        vetting.check(request_)
    assert (raised.value.reason, raised.value.param) == (Reason.INVALID_REQUEST, param)


@pytest.mark.parametrize(
    "request_",
    [
        chat(tools=[chat_pb2.Tool(name="t", parameters_json='{"type": "object"}'), chat_pb2.Tool(name="u")]),
        formed(json_schema=sampling_pb2.JsonSchema(name="s", schema_json="{}")),
        formed(regex="a+"),
        formed(json_object=sampling_pb2.JsonObject()),
        pb.EmbedRequest(model="m", inputs=[pb.EmbedInput(text="x")]),
    ],
    ids=str,
)
def test_the_usual_passes(request_: pb.GenerateRequest) -> None:
    vetting.check(request_)
