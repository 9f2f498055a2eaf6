"""Passages by their vectors: Qdrant, in a folder of the tenant's. For several workers give its client a server's URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from thinmesh_pipelines import flow

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

STORE = "passages"

_LOCK = Lock()  # Qdrant's folder has one reader and writer


@dataclass(frozen=True)
class Passage:
    """A piece of text, by the id that answers cite."""

    id: str
    text: str


@flow.step()
def keep(passages: list[Passage], vectors: list[list[float]]) -> int:
    """Keeps passages; one that there is already is replaced. How many there are then."""
    from qdrant_client import models  # noqa: PLC0415 - it takes a second, and only these steps need it

    with _store() as store:
        if not store.collection_exists(STORE):
            store.create_collection(STORE, models.VectorParams(size=len(vectors[0]), distance=models.Distance.COSINE))
        points = [
            models.PointStruct(id=str(uuid5(NAMESPACE_URL, one.id)), vector=vector, payload={"id": one.id, "text": one.text})
            for one, vector in zip(passages, vectors, strict=True)
        ]
        store.upsert(STORE, points)
        return store.count(STORE).count


@flow.step()
def search(vector: list[float], most: int) -> list[Passage]:
    """The passages that are nearest to a vector."""
    with _store() as store:
        if not store.collection_exists(STORE):
            raise flow.Refused("There are no passages yet; run the pipeline example-index first.")
        found = store.query_points(STORE, query=vector, limit=most).points
        return [Passage(one.payload["id"], one.payload["text"]) for one in found if one.payload is not None]


@contextmanager
def _store() -> Iterator[QdrantClient]:
    from qdrant_client import QdrantClient  # noqa: PLC0415 - see keep

    with _LOCK:
        store = QdrantClient(path=str(flow.place().folder / STORE))
        try:
            yield store
        finally:
            store.close()
