"""What the RAG example answers from."""

from __future__ import annotations

from dataclasses import dataclass

from thinmesh_examples.passages import Passage, keep
from thinmesh_pipelines import flow


@dataclass(frozen=True)
class Texts:
    """Passages, and the model that makes vectors of them."""

    passages: list[Passage]
    embedder: str = "minilm"


@flow.pipeline("example-index")
async def index(given: Texts) -> int:
    """Keeps passages for example-rag, and tells how many there are."""
    vectors = await flow.embed(given.embedder, [one.text for one in given.passages])
    return await keep(given.passages, vectors)
