"""An answer from passages and a service's figures, which cites the passages that it used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from thinmesh_examples.passages import Passage, search
from thinmesh_pipelines import flow


@dataclass(frozen=True)
class Question:
    """What is asked, the service that knows the latest, and the models."""

    question: str
    api: str
    model: str = "smollm2"
    embedder: str = "minilm"
    reranker: str = "minilm"


@dataclass(frozen=True)
class Cited:
    """The answer, and the ids of the passages that it is from."""

    answer: str
    passages: list[str]


@flow.pipeline("example-rag")
async def rag(asked: Question) -> Cited:
    """Answers a question from the passages of example-index and what a service says, with citations."""
    [vector] = await flow.embed(asked.embedder, [asked.question])
    near = await search(vector, 8)
    latest = (await flow.http_call("POST", asked.api, json={"question": asked.question})).json(dict[str, str])
    best = await flow.rerank(asked.reranker, asked.question, [one.text for one in near], top=3)
    chosen = [near[one.place] for one in best]
    facts = "\n".join([*(f"[{one.id}] {one.text}" for one in chosen), *(f"{name}: {fact}" for name, fact in latest.items())])
    prompt = f"{facts}\n\nAnswer from this alone, and name the passages that you used.\nQuestion: {asked.question}"
    reply = await flow.chat(asked.model, prompt, schema=_cited(chosen), max_tokens=300, temperature=0.0)
    return reply.read(Cited)


def _cited(chosen: list[Passage]) -> dict[str, Any]:
    """The model can cite nothing but what was retrieved."""
    ids = {"type": "array", "items": {"enum": [one.id for one in chosen]}, "minItems": 1, "maxItems": len(chosen)}
    answer = {"type": "string", "minLength": 1, "maxLength": 400}
    fields = {"answer": answer, "passages": ids}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
