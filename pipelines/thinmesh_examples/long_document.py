"""A summary of a document that no model could read at once."""

from __future__ import annotations

from dataclasses import dataclass

from thinmesh_pipelines import flow


@dataclass(frozen=True)
class Document:
    """A text, the model that reads it, and how many words of it at once."""

    text: str
    model: str = "smollm2"
    words: int = 400
    at_once: int = 4


@flow.pipeline("example-long-document")
async def long_document(document: Document) -> str:
    """Summarises a long text: each part of it, and then the summaries, until they are one."""

    async def summary(part: str) -> str:
        prompt = f"Summarise in at most two sentences:\n\n{part}"
        return (await flow.chat(document.model, prompt, max_tokens=80, temperature=0.0)).text.strip()

    text = document.text
    while True:
        parts = _parts(text, document.words)
        summaries = await flow.map(summary, parts, at_once=document.at_once)
        if len(summaries) == 1:
            return summaries[0]
        shorter = "\n".join(summaries)
        if len(shorter.split()) >= len(text.split()):
            raise flow.Refused("The summaries are no shorter than the text; raise `words`, or choose another model.")
        text = shorter


def _parts(text: str, words: int) -> list[str]:
    every = text.split()
    if not every or words < 1:
        raise flow.Refused("There is nothing to summarise: give a text, and `words` of at least 1.")
    return [" ".join(every[at : at + words]) for at in range(0, len(every), words)]
