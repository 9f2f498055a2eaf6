"""The same change as in changed_pipelines, as it should be made: runs that are under way go on as they began."""

from __future__ import annotations

from temporalio import workflow

from thinmesh_examples.index import Texts
from thinmesh_examples.passages import keep
from thinmesh_pipelines import flow


@flow.pipeline("example-index")
async def index(given: Texts) -> int:
    """Looks at how alike the passages are before it keeps them."""
    texts = [one.text for one in given.passages]
    if workflow.patched("alike"):
        await flow.rerank(given.embedder, texts[0], texts)
    return await keep(given.passages, await flow.embed(given.embedder, texts))
