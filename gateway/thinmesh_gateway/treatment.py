"""What a tenant's policies do with the texts of one call, on their way in and out: mask, ask guardrails, note, restore."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self, TypeAlias, TypeVar, cast

from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.capabilities import Request, choices
from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.fold import Folding
from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.guardrails.guards import Guards
from thinmesh_gateway.privacy.places import Place
from thinmesh_gateway.privacy.policy import NO_NAMES
from thinmesh_gateway.privacy.tenants import Opened
from thinmesh_gateway.prompts.record import Record

A = TypeVar("A")
R = TypeVar("R", bound=Request)

Find: TypeAlias = Callable[[Sequence[str]], Awaitable[Mapping[str, Sequence[Place]]]]
"""Finds persons' names in texts."""

MAX_HELD_BYTES = 4 << 20
"""The largest streamed answer that is held for guardrails."""


class Treatment:
    """One call's, while it is entered. The engine and guardrails see what privacy leaves, the log what guardrails leave."""

    __slots__ = ("_call", "_find", "_guards", "_held", "_held_bytes", "_opened", "_record", "_session")

    def __init__(
        self,
        call: AuthorizedCall,
        opened: AbstractContextManager[Opened | None],
        guards: Guards | None,
        record: Record | None,
        find: Find,
    ) -> None:
        self._call = call
        self._opened = opened
        self._session: Opened | None = None
        self._guards = guards
        self._record = record
        self._find = find
        self._held: Folding | None = None
        self._held_bytes = 0

    def __enter__(self) -> Self:
        """The call goes on."""
        self._session = self._opened.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """It ends."""
        if self._record is not None:
            self._record.end(error)
        self._opened.__exit__(kind, error, trace)

    async def request(self, request: R) -> R:
        """The request as the engine may see it; MeshError where it may not."""
        session = self._session
        if session is not None:
            names = await self._find(await session.texts(request)) if session.names else NO_NAMES
            request = await session.request(request, names)
        if self._guards is not None:
            request = await self._guards.request(request)
            if self._guards.holds and isinstance(request, pb.GenerateRequest):
                self._held = Folding(choices(request))
        if self._record is not None:
            self._record.asked(request)
        return request

    async def answer(self, answer: A) -> A:
        """A whole answer as the caller may see it; vectors, orders, counts and tensors are no texts."""
        if isinstance(answer, pb.GenerateResponse):
            answer = cast("A", await self._judged(answer))
        return answer if self._session is None else await self._session.response(answer)

    def event(self, event: pb.GenerateEvent) -> pb.GenerateEvent | None:
        """What can be passed on of a streamed event now; nothing until its end, where guardrails judge the answer."""
        if self._held is not None:
            self._hold(self._held, event)
            return None
        if self._record is not None:
            self._record.event(event)
        if self._session is None:
            return event
        event = self._session.event(event)
        return event if event.deltas or event.finishes or event.HasField("usage") else None

    async def rest(self) -> Iterator[pb.GenerateEvent]:
        """What was held until a stream's end."""
        if self._held is None:
            return iter(())
        return iter((_event(await self.answer(self._held.whole())),))

    async def _judged(self, answer: pb.GenerateResponse) -> pb.GenerateResponse:
        if self._guards is not None:
            answer = await self._guards.answer(answer, self._call.trail.failed)
        if self._record is not None:
            self._record.answered(answer)
        return answer

    def _hold(self, held: Folding, event: pb.GenerateEvent) -> None:
        self._held_bytes += event.ByteSize()
        if self._held_bytes > MAX_HELD_BYTES:
            message = "The answer is longer than guardrails are shown: ask for fewer tokens."
            raise MeshError(Reason.GUARDRAIL_UNAVAILABLE, message, param="max_tokens")
        held.add(event)


def _event(answer: pb.GenerateResponse) -> pb.GenerateEvent:
    """A whole answer as the one event of a stream."""
    event = pb.GenerateEvent(usage=answer.usage if answer.HasField("usage") else None)
    for choice in answer.choices:
        calls = [
            pb.ToolCallDelta(index=index, id=call.id, name=call.name, arguments_json=call.arguments_json)
            for index, call in enumerate(choice.tool_calls)
        ]
        event.deltas.add(
            index=choice.index, text=choice.text, reasoning=choice.reasoning, tool_calls=calls, logprobs=choice.logprobs
        )
        event.finishes.add(
            index=choice.index, reason=choice.finish_reason, note=choice.note if choice.HasField("note") else None
        )
    return event
