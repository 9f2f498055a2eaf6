"""An admission whose backends' states are set by hand."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import chat_pb2
from thinmesh.inference.v1 import inference_service_pb2 as pb

from fakes.adapter import ScriptedAdapter
from thinmesh_core.call import Call, from_metadata
from thinmesh_router.admission import Admission
from thinmesh_router.attempt import Attempt
from thinmesh_router.backends import Backends
from thinmesh_router.config import ModelConfig, QueueConfig, RouterConfig
from thinmesh_router.placement import Placement
from thinmesh_router.quota.local import LocalCounts
from thinmesh_router.quota.quotas import Quotas
from thinmesh_router.routes import RouteTable
from thinmesh_router.ticket import Ticket

TEXT = pb.GenerateRequest(model="m", text="x")
TOOLS = pb.GenerateRequest(model="m", chat=chat_pb2.ChatInput(tools=[chat_pb2.Tool(name="t")]))
CALL = from_metadata(())


class Held:
    """A call that was let in and has its place, until it is closed."""

    def __init__(self, ticket: Ticket, attempt: Attempt) -> None:
        self.ticket = ticket
        self.attempt = attempt

    def close(self) -> None:
        with self.ticket, self.attempt:
            pass


class Hall:
    """An admission whose backends' states the test sets by hand."""

    def __init__(self, limits: dict[str, int], models: dict[str, ModelConfig] | None = None, **settings: Any) -> None:
        models = models or {"m": ModelConfig(backends=tuple(limits))}
        addresses = {name: name for name in limits}
        self.backends = Backends(addresses, lambda _: ScriptedAdapter().channel(), Random(1))
        placement = Placement(RouteTable(models, limits), self.backends, Random(1))
        tenants = settings.pop("tenants", {})
        config = RouterConfig(models=models, backends=addresses, queue=QueueConfig(**settings), tenants=tenants)
        self.admission = Admission(placement, Quotas(tenants, {}, LocalCounts()), config)
        self.backends.on_change = self.admission.queues.dispatch
        for name, limit in limits.items():
            self.set(name, adapter_pb.STATE_READY, limit)

    def set(self, name: str, state: adapter_pb.State.ValueType, limit: int = 1) -> None:
        """What the backend's watch would have heard."""
        model = adapter_pb.ServedModel(name="m", capabilities=[cap.CAPABILITY_COMPLETION])
        self.backends[name].status = adapter_pb.Status(state=state, models=[model])
        self.backends[name].limit.maximum = limit
        self.backends.on_change()

    def lose(self, name: str) -> None:
        """Its adapter can't be reached any more."""
        self.set(name, adapter_pb.STATE_FAILED)
        self.backends[name].absent = True

    async def admit(self, request: pb.GenerateRequest = TEXT, call: Call = CALL, seconds: float = 600) -> Held:
        ticket = await self.admission.admit(request, call, seconds, streaming=True)
        try:
            return Held(ticket, await ticket.attempt())
        except BaseException:
            with ticket:
                pass
            raise

    @property
    def running(self) -> int:
        return sum(backend.limit.running for backend in self.backends.values())


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
