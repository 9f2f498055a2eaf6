"""What the router takes a request to cost, and when it takes two to begin alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import chat_pb2, sampling_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb
from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core.cost import DEFAULT_OUTPUT, PREFIX_BYTES, Cost, cost, prefix_key


def chat(*texts: str, model: str = "m") -> pb.GenerateRequest:
    messages = [chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text=text)]) for text in texts]
    return pb.GenerateRequest(model=model, chat=chat_pb2.ChatInput(messages=messages))


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (pb.GenerateRequest(text="12345678"), Cost(2, DEFAULT_OUTPUT)),
        (pb.GenerateRequest(text="123456789", stopping=sampling_pb2.Stopping(max_tokens=7)), Cost(3, 7)),
        (pb.GenerateRequest(token_ids=pb.TokenIds(ids=[1, 2, 3]), sampling=sampling_pb2.Sampling(n=3)), Cost(3, 3 * 256)),
        (chat("1234", "1234"), Cost(2 * (4 + 1), DEFAULT_OUTPUT)),
        (pb.EmbedRequest(inputs=[pb.EmbedInput(text="12345"), pb.EmbedInput(token_ids=pb.TokenIds(ids=[1]))]), Cost(3, 0)),
        (pb.RerankRequest(query="1234", documents=["1234", "12345678"]), Cost(2 + 3, 0)),
        (tensor_pb.ModelInferRequest(), Cost(0, 0)),
    ],
)
def test_the_estimate_counts_every_part(request_: pb.GenerateRequest, expected: Cost) -> None:
    assert cost(request_) == expected


@given(st.text(max_size=2000), st.text(max_size=200), st.text(max_size=200))
def test_prompts_that_share_a_long_beginning_have_one_key(start: str, one: str, other: str) -> None:
    head = start + "x" * PREFIX_BYTES
    assert prefix_key(chat(head + one)) == prefix_key(chat(head + other))
    assert prefix_key(chat("a" + head)) != prefix_key(chat("b" + head))
    assert prefix_key(chat(head, model="n")) != prefix_key(chat(head))
