"""What a run waits for: a person's word, or any other from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from thinmesh_core.errors import Reason
from thinmesh_pipelines.flow.run import Refused, current

A = TypeVar("A")


@dataclass(frozen=True)
class Approval:
    """A person's decision: what, who (the principal), and why, where they said so."""

    approved: bool
    by: str
    note: str


class _Decision(msgspec.Struct, forbid_unknown_fields=True):
    approved: bool
    note: str = ""


async def approval(question: str, *, name: str = "approval", seconds: float | None = None) -> Approval:
    """What somebody with the action `approvals` decides. Ends the run with DEADLINE_EXCEEDED where nobody does in time."""
    said = await current().hear(name, question, seconds)
    decision = _read(said.value, _Decision)
    return Approval(decision.approved, said.principal, decision.note)


async def signal(name: str, kind: type[A], *, question: str = "", seconds: float | None = None) -> A:
    """What is said to the run under a name, as a value of a type. TimeoutError where nothing is in time."""
    said = await current().hear(name, question, seconds)
    return _read(said.value, kind)


def _read(value: str, kind: type[A]) -> A:
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.DecodeError as error:
        raise Refused(f"What was said to the run is not what it waited for: {error}.", Reason.INVALID_REQUEST) from None
