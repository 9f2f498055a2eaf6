"""One call of several that are the same: the first makes the answer, the others wait for it or find it kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.idempotency.key import checked, conflict, name
from thinmesh_gateway.idempotency.store import Store

OWN = frozenset({Reason.CANCELLED, Reason.DEADLINE_EXCEEDED})
"""Failures that are one caller's alone: another who waits makes the answer then."""

Outcome: TypeAlias = "bytes | MeshError"


class Given(NamedTuple):
    """An answer, and whether it was made for an earlier call."""

    answer: bytes
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Making:
    """An answer on its way; `outcome` is cancelled where its maker left without one."""

    fingerprint: bytes
    outcome: asyncio.Future[Outcome]


class Once:
    """Makes each answer once. It is made in the task of the first caller, whose leaving makes one who waits the first.

    Whoever waits in this process gets the first's failure too; no failure is kept, so that the next call tries again.
    `call_seconds` bounds a call with its waiting.
    """

    def __init__(self, store: Store, call_seconds: float) -> None:
        self.call_seconds = call_seconds
        self._store = store
        self._making: dict[bytes, _Making] = {}

    async def once(self, call: Call, key: str, fingerprint: bytes, make: Callable[[], Awaitable[bytes]]) -> Given:
        """The answer for the key of the call's tenant; IDEMPOTENCY_CONFLICT where the key stands for another request."""
        known_by = name(call.tenant, checked(key))
        try:
            async with asyncio.timeout(self.call_seconds):
                return await self._once(known_by, fingerprint, make)
        except TimeoutError:
            raise MeshError(Reason.DEADLINE_EXCEEDED, "The deadline passed before the answer was there.") from None

    async def _once(self, known_by: bytes, fingerprint: bytes, make: Callable[[], Awaitable[bytes]]) -> Given:
        while (making := self._making.get(known_by)) is not None:
            if making.fingerprint != fingerprint:
                raise conflict()
            await asyncio.wait((making.outcome,))  # awaiting it would cancel it with this caller
            if not making.outcome.cancelled():
                return Given(_opened(making.outcome.result()), replayed=True)
        return await self._first(known_by, fingerprint, make)

    async def _first(self, known_by: bytes, fingerprint: bytes, make: Callable[[], Awaitable[bytes]]) -> Given:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._making[known_by] = _Making(fingerprint, outcome)
        try:
            given = await self._made(known_by, fingerprint, make)
            outcome.set_result(given.answer)
            return given
        except MeshError as error:
            if error.reason not in OWN:
                outcome.set_result(error)
            raise
        finally:
            del self._making[known_by]
            outcome.cancel()  # nothing, where it has a result

    async def _made(self, known_by: bytes, fingerprint: bytes, make: Callable[[], Awaitable[bytes]]) -> Given:
        kept = await self._store.claim(known_by, fingerprint)
        if kept is not None:
            return Given(kept, replayed=True)
        try:
            answer = await make()
        except BaseException:
            await self._store.free(known_by)
            raise
        keeping = asyncio.ensure_future(self._store.keep(known_by, fingerprint, answer))
        try:
            await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await keeping  # it is made and paid for: whoever left asks for it again
            raise
        return Given(answer, replayed=False)


def _opened(outcome: Outcome) -> bytes:
    if isinstance(outcome, MeshError):
        raise outcome
    return outcome
