"""OpenAI's surface as a table."""

from __future__ import annotations

from thinmesh_gateway.openai import bodies, job_bodies, requests
from thinmesh_gateway.openai.errors import ErrorBody
from thinmesh_gateway.operations import Operation, Surface

SURFACE = Surface(
    "/v1",
    (
        Operation(
            "chat",
            "POST",
            "/v1/chat/completions",
            "Answer a conversation.",
            bodies.ChatCompletion,
            requests.ChatCompletion,
            bodies.ChatCompletion,
            later=job_bodies.Job,
        ),
        Operation(
            "completions",
            "POST",
            "/v1/completions",
            "Go on from a text.",
            bodies.TextCompletion,
            requests.TextCompletion,
            bodies.TextCompletion,
            later=job_bodies.Job,
        ),
        Operation(
            "embeddings",
            "POST",
            "/v1/embeddings",
            "Turn texts into vectors.",
            bodies.Embeddings,
            requests.Embeddings,
            later=job_bodies.Job,
        ),
        Operation(
            "rerank",
            "POST",
            "/v1/rerank",
            "Order documents by a query.",
            bodies.Ranking,
            requests.Rerank,
            later=job_bodies.Job,
        ),
        Operation("models", "GET", "/v1/models", "List the models.", bodies.Models),
        Operation("model", "GET", "/v1/models/{model}", "One model, by name or alias.", bodies.Model),
    ),
    ErrorBody,
)
