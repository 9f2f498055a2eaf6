"""Cases of what is no generation: vectors, orders and counts."""

from __future__ import annotations

from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_adapters.conformance.case import Case, capability, generation
from thinmesh_adapters.conformance.target import CALL_SECONDS, Target


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


CASES = (
    Case(vectors_come_in_order, (capability(cap.CAPABILITY_EMBED),)),
    Case(documents_come_best_first, (capability(cap.CAPABILITY_RERANK),)),
    Case(counted_tokens_are_used_tokens, (generation, capability(cap.CAPABILITY_COUNT_TOKENS))),
)
