"""What stands between values and Temporal: every payload is sealed for its tenant, and a large one lies elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import msgspec
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError

from thinmesh_core.errors import Reason
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.keys import KeyRing, UnknownKeyError
from thinmesh_pipelines.payloads.objects import PAYLOADS, MissingError, Objects, StoreUnavailableError
from thinmesh_pipelines.payloads.place import Place, place
from thinmesh_pipelines.payloads.seal import ForgedError, Seal, seal

INLINE, CLAIM = "binary/encrypted", "binary/encrypted-claim"
"""The two encodings: the payload itself, and where it lies."""

ENCODING, KEY = "encoding", "encryption-key-id"
"""What is told in clear of a payload."""

NOT_STARTED = Payload(metadata={ENCODING: b"json/plain"}, data=b'"ACTIVITY_ID_NOT_STARTED"')
"""Temporal's own word for a step that was cancelled before anybody had begun it; it comes in clear, and carries nothing."""


class Claim(msgspec.Struct, frozen=True):
    """The name of an object, the key that opens it, and its size in bytes."""

    name: str
    key: str
    size: int


@dataclass(frozen=True)
class Codec(PayloadCodec, WithSerializationContext):
    """Seals and opens payloads of one place, which Temporal's library says before each use.

    Its errors are Temporal's, so that a job that can't go on ends, and one that may go on later waits.
    """

    ring: KeyRing
    objects: Objects
    config: PayloadsConfig
    turns: asyncio.Semaphore
    """Of large payloads: how many are in memory twice."""
    place: Place | None = None

    def with_context(self, context: SerializationContext) -> Self:
        """The same for the place of a workflow, of its activities, or of an activity that stands alone."""
        match context:
            case WorkflowSerializationContext():
                at = place(context.workflow_id)
            case ActivitySerializationContext():
                at = place(context.workflow_id or context.activity_id or "")
            case _:
                at = None
        return self if at == self.place else replace(self, place=at)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads as Temporal may see them."""
        return [await self._encoded(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads as they were; what is not sealed is refused too, unless it is Temporal's own."""
        return [payload if payload == NOT_STARTED else await self._decoded(payload) for payload in payloads]

    async def _encoded(self, payload: Payload) -> Payload:
        at = self._at()
        ours = seal(self.ring.newest, at.tenant)
        if payload.ByteSize() <= self.config.large_bytes:
            return _told(ours, payload.SerializeToString(), INLINE)
        async with self.turns:
            name, data = await asyncio.to_thread(_object, ours, payload, at)
            try:
                await self.objects.put(name, data)
            except StoreUnavailableError as error:
                raise _gone() from error
        return _told(ours, msgspec.json.encode(Claim(name, ours.key, len(data))), CLAIM)

    async def _decoded(self, payload: Payload) -> Payload:
        at, encoding = self._at(), payload.metadata.get(ENCODING, b"").decode(errors="replace")
        if encoding not in {INLINE, CLAIM}:
            raise _refused("A payload is not encrypted; whoever sends to a job must do so through the mesh.")
        key = payload.metadata.get(KEY, b"").decode(errors="replace")
        plain = _opened(self._seal(key, at), payload.data, encoding)
        if encoding == INLINE:
            return Payload.FromString(plain)
        return await self._fetched(msgspec.json.decode(plain, type=Claim), at)

    async def _fetched(self, claim: Claim, at: Place) -> Payload:
        theirs = self._seal(claim.key, at)
        async with self.turns:
            try:
                data = await self.objects.get(claim.name, claim.size)
            except MissingError as error:
                raise _waiting("A large payload is not in payloads.store; have all workers use the same one.") from error
            except StoreUnavailableError as error:
                raise _gone() from error
            if data is None:
                raise _refused("A large payload in the store was cut or altered.")
            plain = await asyncio.to_thread(_opened, theirs, memoryview(data), claim.name)
            return Payload.FromString(plain)

    def _seal(self, key: str, at: Place) -> Seal:
        try:
            return seal(self.ring.find(key), at.tenant)
        except UnknownKeyError as error:
            raise _waiting("A payload's key is not in this worker's payload-keys; give all workers the same file.") from error

    def _at(self) -> Place:
        if self.place is None:
            raise _refused("A payload has no tenant: ids of workflows are TENANT/JOB or TENANT/JOB~PART.")
        return self.place


def _told(ours: Seal, plain: bytes, encoding: str) -> Payload:
    return Payload(metadata={ENCODING: encoding.encode(), KEY: ours.key.encode()}, data=ours.sealed(plain, encoding))


def _object(ours: Seal, payload: Payload, at: Place) -> tuple[str, bytes]:
    """A large payload's name and bytes. The same payload under the same key has the same name: it is kept once a job."""
    plain = payload.SerializeToString(deterministic=True)
    name = f"{PAYLOADS}/{at.prefix}/{ours.digest(plain)}"
    return name, ours.sealed(plain, name)


def _opened(theirs: Seal, sealed: bytes | memoryview, use: str) -> bytes:
    try:
        return theirs.opened(sealed, use)
    except ForgedError as error:
        raise _refused("A payload was altered, or is another tenant's.") from error


def _refused(message: str) -> ApplicationError:
    """What no other attempt makes better."""
    return ApplicationError(message, type=Reason.INTERNAL.name, non_retryable=True)


def _waiting(message: str) -> ApplicationError:
    """What an operator can mend; until then it is tried again."""
    return ApplicationError(message, type=Reason.INTERNAL.name)


def _gone() -> ApplicationError:
    return _waiting("The store of payloads.store does not answer.")
