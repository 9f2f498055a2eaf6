"""A draft that goes nowhere before a person has read it."""

from __future__ import annotations

from dataclasses import dataclass

from thinmesh_pipelines import flow


@dataclass(frozen=True)
class Order:
    """What is to be written, by which model, how often it may be written anew, and how long a person may take."""

    about: str
    model: str = "smollm2"
    drafts: int = 3
    seconds: float = 7 * 86_400.0


@dataclass(frozen=True)
class Letter:
    """The draft that was approved, and by whom."""

    text: str
    approved_by: str


@flow.pipeline("example-approved-draft")
async def approved_draft(order: Order) -> Letter:
    """Drafts a text and waits for a person's approval; what the person notes goes into the next draft."""
    prompt = f"Write a short letter about: {order.about}"
    for _ in range(order.drafts):
        draft = (await flow.chat(order.model, prompt, max_tokens=200)).text.strip()
        decision = await flow.approval(draft, seconds=order.seconds)
        if decision.approved:
            return Letter(draft, decision.by)
        prompt = f"Write a short letter about: {order.about}\nThe last draft was rejected: {decision.note or 'write it anew'}"
    raise flow.Refused(f"None of {order.drafts} drafts was approved.")
