"""OpenAI's Responses API as a table."""

from __future__ import annotations

from thinmesh_gateway.openai.errors import ErrorBody
from thinmesh_gateway.operations import Operation, Surface
from thinmesh_gateway.replies import bodies, events, requests

SURFACE = Surface(
    "/v1",
    (
        Operation(
            "respond",
            "POST",
            "/v1/responses",
            "Answer a conversation, and keep the answer.",
            bodies.Response,
            requests.CreateResponse,
            events.Created,
        ),
        Operation("response", "GET", "/v1/responses/{response}", "One response.", bodies.Response),
        Operation(
            "input_items",
            "GET",
            "/v1/responses/{response}/input_items",
            "What a response was asked with.",
            bodies.InputItems,
        ),
        Operation("cancel_response", "POST", "/v1/responses/{response}/cancel", "End one in the background.", bodies.Response),
        Operation("delete_response", "DELETE", "/v1/responses/{response}", "Remove a response.", bodies.Deleted),
    ),
    ErrorBody,
)
