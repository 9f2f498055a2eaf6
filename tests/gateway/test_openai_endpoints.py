"""What a body means, found out without asking for it, is what its endpoint would ask for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from canaries import PROMPT
from hypothesis import given
from hypothesis import strategies as st
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.openai import requests, translate
from thinmesh_gateway.openai.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, RERANK, meant

SAID = {"messages": [{"role": "user", "content": PROMPT}]}
BODIES: dict[str, dict[str, Any]] = {
    CHAT: SAID,
    COMPLETIONS: {"prompt": PROMPT},
    EMBEDDINGS: {"input": PROMPT},
    RERANK: {"query": PROMPT, "documents": ["b"]},
}


def written(endpoint: str, **fields: Any) -> bytes:
    return msgspec.json.encode({"model": "m", **BODIES[endpoint], **fields})


def test_each_endpoint_has_its_own_requests() -> None:
    kinds = {endpoint: [type(one) for one in meant(endpoint, written(endpoint)).requests] for endpoint in BODIES}
    assert kinds == {
        CHAT: [pb.GenerateRequest],
        COMPLETIONS: [pb.GenerateRequest],
        EMBEDDINGS: [pb.EmbedRequest],
        RERANK: [pb.RerankRequest],
    }


@given(st.text(max_size=20), st.integers(0, 9), st.sampled_from([None, "flex", "auto"]))
def test_a_chat_means_what_its_translation_does(model: str, n: int, tier: str | None) -> None:
    body = written(CHAT, model=model, n=n, service_tier=tier)
    found = meant(CHAT, body)
    assert (found.model, found.tier) == (model, tier)
    assert found.requests == [translate.chat(requests.decode(body, requests.ChatCompletion))]


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5))
def test_several_prompts_are_several_requests(prompts: list[str]) -> None:
    found = meant(COMPLETIONS, written(COMPLETIONS, prompt=prompts))
    assert [one.text for one in found.requests if isinstance(one, pb.GenerateRequest)] == prompts


@pytest.mark.parametrize(
    ("endpoint", "fields", "param"),
    [
        (CHAT, {"stream": True}, "stream"),
        (COMPLETIONS, {"stream": True}, "stream"),
        (CHAT, {"audio": {}}, "audio"),
        (CHAT, {"top_logprobs": 2}, "top_logprobs"),
        (EMBEDDINGS, {"input": []}, "input"),
        (RERANK, {"extra": 1}, "extra"),
    ],
)
def test_what_the_endpoint_refuses_is_refused_by_the_same_name(endpoint: str, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(MeshError) as refused:
        meant(endpoint, written(endpoint, **fields))
    assert (refused.value.reason, refused.value.param) == (Reason.INVALID_REQUEST, param)
