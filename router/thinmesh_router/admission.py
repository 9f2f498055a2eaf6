"""The one place where calls are let in: quota reserved, a turn in the queue, a slot on a backend; a ticket settles it all."""

from __future__ import annotations

import time

from tritonclient.grpc import service_pb2 as tensor_pb

from thinmesh_core import capabilities
from thinmesh_core.call import Call
from thinmesh_core.capabilities import Request, required
from thinmesh_core.cost import Cost, cost, prefix_key
from thinmesh_core.tenants import TenantConfig
from thinmesh_router.config import RouterConfig
from thinmesh_router.line import Entry
from thinmesh_router.placement import Placement, Wanted
from thinmesh_router.queues import Queues, expired
from thinmesh_router.quota.quotas import UNLIMITED, Quotas
from thinmesh_router.quota.reservation import Reservation
from thinmesh_router.routes import Route, RouteTable
from thinmesh_router.shadow import Shadows
from thinmesh_router.ticket import Ticket, Waiting

LEAST_SECONDS = 0.002
"""A call that has less left is not begun. gRPC counts in milliseconds, rounding up at both ends: so much seems to be left of a
deadline that is over."""

NOBODY = TenantConfig()
"""Whoever is not named in the configuration: a call of another router's tenant, or a bare stub's."""


class Admission:
    """Lets calls in."""

    def __init__(self, placement: Placement, quotas: Quotas, config: RouterConfig) -> None:
        self.config = config
        self.placement = placement
        self.queues = Queues(placement, config.queue)
        self.shadows = Shadows(placement, self.queues)
        self._quotas = quotas

    def update(self, table: RouteTable, config: RouterConfig) -> None:
        """Puts another configuration in force; running and waiting calls go on."""
        self.config = config
        self._quotas.update(config.tenants, config.prices)
        self.queues.update(table, config.queue)

    async def admit(self, request: Request, call: Call, seconds: float | None, *, streaming: bool) -> Ticket:
        """The call's ticket, its quotas reserved; `seconds` is what is left of its deadline, if it has one.

        INVALID_REQUEST, MODEL_NOT_FOUND, REQUEST_TOO_LARGE, or QUOTA_EXCEEDED and its kin where it is not let in.
        """
        now = time.monotonic()
        route = self.placement.table.resolve(capabilities.model(request))
        route.check_options(request)
        if seconds is None:
            seconds = self.config.call_seconds
        if seconds < LEAST_SECONDS:
            raise expired()
        estimate = Cost(route.call_tokens, 0) if isinstance(request, tensor_pb.ModelInferRequest) else cost(request)
        wanted = Wanted(route.model, required(request), set(), _key(route, request, call))
        weight = self.config.tenants.get(call.tenant, NOBODY).weight
        reservation: Reservation = UNLIMITED
        if call.hops == 0:  # the first router has taken the quota of what passes several
            reservation = await self._quotas.reserve(call.tenant, call.principal, route.model, estimate, streaming=streaming)
        deadline = now + seconds
        entry = Entry(Waiting(wanted), call.priority, call.tenant, weight, estimate.input, estimate.total, now, deadline)
        self.queues.begin(route.model, now)
        if route.shadow is not None:
            self.shadows.follow(request, call, route, seconds)
        return Ticket(self, call, route, entry, reservation, deadline)


def _key(route: Route, request: Request, call: Call) -> bytes | None:
    """What the call shares with those that should go to the same backend."""
    if route.affinity == "session":
        return None if call.session is None else call.session.encode()
    return prefix_key(request) if route.affinity == "prefix" else None
