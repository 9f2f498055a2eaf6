"""What the body of one of OpenAI's endpoints means, without asking for it: for jobs, which are answered later. Pure."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from thinmesh_core.capabilities import Request
from thinmesh_core.errors import invalid
from thinmesh_gateway.openai import requests, translate

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
EMBEDDINGS = "/v1/embeddings"
RERANK = "/v1/rerank"

G = TypeVar("G", bound=requests.Generation)


class Meant(NamedTuple):
    """The requests of a body, all of one model, and the class that it wishes in OpenAI's words."""

    model: str
    requests: list[Request]
    tier: str | None = None


def meant(endpoint: str, body: bytes) -> Meant:
    """What a body asks of an endpoint; INVALID_REQUEST as the endpoint would say it, and where a stream is asked for."""
    match endpoint:
        case "/v1/completions":
            text = _whole(requests.decode(body, requests.TextCompletion))
            return Meant(text.model, [*translate.completions(text)])
        case "/v1/embeddings":
            embeddings = requests.decode(body, requests.Embeddings)
            return Meant(embeddings.model, [translate.embed(embeddings)])
        case "/v1/rerank":
            rerank = requests.decode(body, requests.Rerank)
            return Meant(rerank.model, [translate.rerank(rerank)])
        case _:
            chat = _whole(requests.decode(body, requests.ChatCompletion))
            return Meant(chat.model, [translate.chat(chat)], chat.service_tier)


def _whole(body: G) -> G:
    if body.stream:
        raise invalid("stream", "A job's answer is not streamed: leave `stream` out, or call without `Prefer: respond-async`.")
    return body
