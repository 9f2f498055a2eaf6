"""A tenant's guardrails of one moment, asked in their order."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.telemetry import GUARDRAIL_DECISIONS
from thinmesh_gateway.guardrails.config import When
from thinmesh_gateway.guardrails.contract import Allow, Decision, Deny, Replace, Text, Word
from thinmesh_gateway.guardrails.pool import Failed, Pool

log = logging.getLogger(__name__)

Judge = Callable[[Sequence[Text]], Decision]


@dataclass(frozen=True, slots=True)
class Link:
    """One guardrail at its place: its method of this moment, its time limit, and whether the call ends where it fails."""

    name: str
    judge: Judge
    seconds: float
    closed: bool


class Chain:
    """Each sees what the ones before it left."""

    def __init__(self, when: When, links: Sequence[Link], pool: Pool) -> None:
        self._when = when
        self._links = tuple(links)
        self._pool = pool

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._links)

    async def judged(self, texts: Sequence[Text]) -> Sequence[Text]:
        """The texts that go on: the very same where nothing is changed.

        CONTENT_DENIED names the guardrail and its reason, GUARDRAIL_UNAVAILABLE the one that failed.
        """
        for link in self._links if texts else ():
            texts = await self._asked(link, texts)
        return texts

    async def _asked(self, link: Link, texts: Sequence[Text]) -> Sequence[Text]:
        given = tuple(texts)
        try:
            decision = await self._pool.run(lambda: _decided(link.judge, given), link.seconds)
        except Failed as error:
            self._count(link, "failed_closed" if link.closed else "failed_open")
            log.warning("the guardrail %s failed %s the engine: %s", link.name, self._when, error)
            if link.closed:
                raise unavailable(link.name) from None
            return texts
        self._count(link, type(decision).__name__.lower())
        match decision:
            case Deny():
                what = "request" if self._when == "before" else "answer"
                raise MeshError(Reason.CONTENT_DENIED, f"The guardrail {link.name!r} denies the {what}: {decision.reason}.")
            case Replace():
                return [msgspec.structs.replace(old, text=new) for old, new in zip(given, decision.texts, strict=True)]
        return texts

    def _count(self, link: Link, decision: str) -> None:
        GUARDRAIL_DECISIONS.labels(link.name, self._when, decision).inc()


def unavailable(name: str) -> MeshError:
    """What a caller is told where a guardrail fails that no call goes on without."""
    message = f"The guardrail {name!r} can't be asked now; try again shortly."
    return MeshError(Reason.GUARDRAIL_UNAVAILABLE, message, retry_after=1)


def _decided(judge: Judge, texts: Sequence[Text]) -> Decision:
    """A decision as the contract has it; Failed where it is none. It runs in a thread, and takes time."""
    decision = judge(texts)
    try:
        match decision:
            case Deny():
                msgspec.convert(decision.reason, Word)
            case Replace():
                msgspec.convert(decision.texts, tuple[str, ...], strict=True)
                if len(decision.texts) != len(texts):
                    raise Failed("it gave more or fewer texts than there are")
                if any(_broken(old, new) for old, new in zip(texts, decision.texts, strict=True)):
                    raise Failed("what it gave in place of JSON is none")
            case _ if not isinstance(decision, Allow):
                raise Failed("what it gave is no decision")
    except msgspec.ValidationError:
        raise Failed("what it gave is no decision") from None
    return decision


def _broken(old: Text, new: str) -> bool:
    """Whether a text was JSON, and is none any more."""
    return old.json and old.text != new and _is_json(old.text) and not _is_json(new)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
