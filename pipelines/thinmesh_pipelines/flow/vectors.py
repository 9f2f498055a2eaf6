"""Steps that embed and order texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_pipelines.flow.run import current
from thinmesh_pipelines.steps import Steps


class Ranked(NamedTuple):
    """A document by its place among those that were given, and how well it fits."""

    place: int
    score: float


async def embed(model: str, texts: Sequence[str], *, seconds: float | None = None) -> list[list[float]]:
    """A vector of each text, in one step."""
    request = pb.EmbedRequest(model=model, inputs=[pb.EmbedInput(text=text) for text in texts])
    answer = await current().ask(Steps.embed, pb.EmbedResponse, request, seconds=seconds)
    return [list(one.values) for one in answer.embeddings]


async def rerank(
    model: str, query: str, documents: Sequence[str], *, top: int | None = None, seconds: float | None = None
) -> list[Ranked]:
    """The documents by how well they fit the query, the best first; at most `top` of them."""
    request = pb.RerankRequest(model=model, query=query, documents=documents, top_n=top)
    answer = await current().ask(Steps.rerank, pb.RerankResponse, request, seconds=seconds)
    return [Ranked(one.index, one.score) for one in answer.results]
