"""The REST surface as a table: what there is, what it takes and what it gives. Routes and OpenAPI file are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from thinmesh_gateway.openai import bodies, requests


@dataclass(frozen=True, slots=True)
class Operation:
    """One route; `name` is the method of `Routes` that answers it. `chunk`: the events of its stream, where it can stream."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    summary: str
    answer: Any
    body: type[requests.Body] | None = None
    chunk: type[msgspec.Struct] | None = None


OPERATIONS = (
    Operation(
        "chat",
        "POST",
        "/v1/chat/completions",
        "Answer a conversation.",
        bodies.ChatCompletion,
        requests.ChatCompletion,
        bodies.ChatCompletion,
    ),
    Operation(
        "completions",
        "POST",
        "/v1/completions",
        "Go on from a text.",
        bodies.TextCompletion,
        requests.TextCompletion,
        bodies.TextCompletion,
    ),
    Operation("embeddings", "POST", "/v1/embeddings", "Turn texts into vectors.", bodies.Embeddings, requests.Embeddings),
    Operation("rerank", "POST", "/v1/rerank", "Order documents by a query.", bodies.Ranking, requests.Rerank),
    Operation("models", "GET", "/v1/models", "List the models.", bodies.Models),
    Operation("model", "GET", "/v1/models/{id}", "One model, by name or alias.", bodies.Model),
    Operation("openapi", "GET", "/openapi.json", "This description.", dict[str, Any]),
)
