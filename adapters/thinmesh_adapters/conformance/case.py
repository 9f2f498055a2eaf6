"""A case, what it needs of a target, and how it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from thinmesh.inference.v1 import capability_pb2 as cap

from thinmesh_adapters.conformance.target import Target
from thinmesh_core.capabilities import Capability, name

Need = Callable[[Target], str | None]
"""Why a target does not have what a case needs; None where it has."""

LONGEST_CONTEXT = 100_000
"""Above this the input that would not fit is too large to send."""

GENERATE = frozenset({cap.CAPABILITY_CHAT, cap.CAPABILITY_COMPLETION})


class Verdict(Enum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class InapplicableError(Exception):
    """A case finds out while it runs that it can't be run on the target; the message says why."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something that every server of the contract does, where it has what the case needs."""

    run: Callable[[Target], Awaitable[None]]
    needs: tuple[Need, ...] = ()

    @property
    def name(self) -> str:
        """What it proves."""
        return self.run.__name__

    def reason_to_skip(self, target: Target) -> str | None:
        """Why it can't be run on the target, if so."""
        return next((reason for need in self.needs if (reason := need(target)) is not None), None)


@dataclass(frozen=True, slots=True)
class Result:
    """One case's verdict; `why` it was skipped or how it failed."""

    case: str
    verdict: Verdict
    why: str = ""


def capability(*capabilities: Capability) -> Need:
    """All of these declared."""

    def need(target: Target) -> str | None:
        missing = set(capabilities) - target.capabilities
        return f"undeclared: {', '.join(sorted(name(one) for one in missing))}" if missing else None

    return need


def generation(target: Target) -> str | None:
    """Text is generated, from a prompt or from a conversation."""
    return None if GENERATE & target.capabilities else "undeclared: chat, completion"


def an_adapter(target: Target) -> str | None:
    """It serves AdapterService."""
    return "not an adapter" if target.adapter is None else None


def models_by_name(target: Target) -> str | None:
    """It knows models by name."""
    return None if target.listed else "serves one model under any name"


def a_short_context(target: Target) -> str | None:
    """A context that a request can overflow."""
    if target.context_length is None:
        return "the context's length is not known"
    return "the context is too long to overflow" if target.context_length > LONGEST_CONTEXT else None


def engine_switches(target: Target) -> str | None:
    """A fake engine behind it that does as it is told."""
    return "needs the engine's switches" if target.engine is None else None


def its_process(target: Target) -> str | None:
    """Its process can be looked at."""
    return "its process is not ours to measure" if target.pid is None else None


def a_spare(target: Target) -> str | None:
    """Another one like it, to be drained."""
    return "needs a spare to drain" if target.spare is None else None


def in_process(target: Target) -> str | None:
    """It is reached without a wire, which hands messages over instead of copying them."""
    return "a wire copies every message" if target.beside is None else None
