"""What letting a call in costs: CPU-microseconds for quota, queue, balancer and ticket, in one process with counts in memory.

`make bench` runs it.
"""

from __future__ import annotations

import asyncio
import time
from random import Random

from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.inference.v1 import capability_pb2 as cap
from thinmesh.inference.v1 import inference_service_pb2 as pb
from thinmesh.inference.v1 import usage_pb2

from thinmesh_core.call import Call
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_core.tenants import QuotaConfig, TenantConfig
from thinmesh_router.admission import Admission
from thinmesh_router.backends import Backends
from thinmesh_router.config import ModelConfig, RouterConfig
from thinmesh_router.placement import Placement
from thinmesh_router.quota.local import LocalCounts
from thinmesh_router.quota.quotas import Quotas
from thinmesh_router.routes import RouteTable

CALLS, ROUNDS = 5_000, 5
BACKENDS = ("a", "b", "c")
REQUEST = pb.GenerateRequest(model="m", text="Say something about the sea.")
CALL = Call("req-1", "t", "key-1")
USAGE = usage_pb2.Usage(prompt_tokens=7, completion_tokens=30)
LIMITED = QuotaConfig(requests_per_minute=10**9, tokens_per_minute=10**9, concurrent_calls=10**6)


def admission(tenant: TenantConfig) -> Admission:
    """Three idle backends of one model, and one tenant."""
    models, addresses = {"m": ModelConfig(backends=BACKENDS)}, {name: name for name in BACKENDS}
    random = Random(1)
    backends = Backends(addresses, lambda _: InProcessChannel(InProcessServer("idle", [])), random)
    for backend in backends.values():
        served = adapter_pb.ServedModel(name="m", capabilities=[cap.CAPABILITY_COMPLETION])
        backend.status = adapter_pb.Status(state=adapter_pb.STATE_READY, models=[served])
        backend.limit.maximum = 64
    config = RouterConfig(models=models, backends=addresses, tenants={"t": tenant})
    return Admission(
        Placement(RouteTable(models, BACKENDS), backends, random), Quotas(config.tenants, {}, LocalCounts()), config
    )


async def call(into: Admission) -> None:
    """One call from its admission to its end."""
    with await into.admit(REQUEST, CALL, 60.0, streaming=False) as ticket, await ticket.attempt() as attempt:
        attempt.heard()
        ticket.answered(USAGE)


async def microseconds(into: Admission) -> float:
    """CPU time of one call, the best of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(CALLS):
            await call(into)
        rounds.append(time.process_time() - before)
    return min(rounds) / CALLS * 1e6


async def main() -> None:
    """Prints the table."""
    print("| admission | CPU-us per call |\n|---|---|")
    print(f"| without quotas | {await microseconds(admission(TenantConfig())):.1f} |")
    print(
        f"| with calls and tokens a minute and calls at once | {await microseconds(admission(TenantConfig(quota=LIMITED))):.1f} |"
    )


if __name__ == "__main__":
    asyncio.run(main())
