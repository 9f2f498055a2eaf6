"""What operators see of a router, as plain values: for tables and for programs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.router.v1 import backend_service_pb2 as pb
from thinmesh.router.v1 import quota_service_pb2 as quota_pb

from thinmesh_core.ranges import MILLION
from thinmesh_deploy import tables
from thinmesh_deploy.config import MeshConfig
from thinmesh_router.config import ModelConfig


@dataclass(frozen=True, slots=True)
class BackendSeen:
    """A backend; `kv_cache_use` is from 0 to 1, and None is what its engine does not say."""

    backend: str
    adapter: str
    state: str
    health: str
    running: int
    limit: int
    queued: int | None
    kv_cache_use: float | None
    latency_seconds: float | None
    failures: int
    message: str


@dataclass(frozen=True, slots=True)
class ModelSeen:
    """A model: which of its backends take calls, what they run, and who waits, by class."""

    model: str
    backends: tuple[str, ...]
    ready: tuple[str, ...]
    running: int
    waiting: Mapping[str, int]
    waiting_tokens: int
    longest_wait_seconds: float


@dataclass(frozen=True, slots=True)
class LineSeen:
    """A tenant's calls of one class that wait; `wait_seconds` is how long one that came now would."""

    priority: str
    tenant: str
    calls: int
    tokens: int
    waited_seconds: float
    wait_seconds: float | None


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """Who waits for a model."""

    model: str
    calls: int
    tokens: int
    tokens_per_second: float | None
    lines: tuple[LineSeen, ...]


@dataclass(frozen=True, slots=True)
class QuotaSeen:
    """A quota: of the tenant, or of one of its models or keys."""

    tenant: str
    measure: str
    used: float | None
    limit: float
    model: str | None = None
    key: str | None = None
    expires_in_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class TenantSeen:
    """A tenant: what it has waiting by class, and the share that is used of each quota of its own."""

    tenant: str
    waiting: Mapping[str, int]
    used: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Sight:
    """One router at one moment. `trouble` is why it does not answer."""

    router: str
    trouble: str | None = None
    models: tuple[ModelSeen, ...] = ()
    backends: tuple[BackendSeen, ...] = ()
    tenants: tuple[TenantSeen, ...] = ()


def backend(one: pb.Backend) -> BackendSeen:
    """A backend."""
    status = one.status
    return BackendSeen(
        backend=one.name,
        adapter=status.adapter,
        state=tables.word(adapter_pb.State.Name(status.state)),
        health=tables.word(pb.Health.Name(one.health)),
        running=one.running,
        limit=one.limit,
        queued=status.queued if status.HasField("queued") else None,
        kv_cache_use=status.kv_cache_use if status.HasField("kv_cache_use") else None,
        latency_seconds=one.latency_seconds if one.HasField("latency_seconds") else None,
        failures=one.failures,
        message=status.message,
    )


def queue(one: pb.Queue) -> QueueSeen:
    """A queue."""
    lines = [
        LineSeen(
            priority=line.priority,
            tenant=line.tenant,
            calls=line.calls,
            tokens=line.tokens,
            waited_seconds=line.waited_seconds,
            wait_seconds=line.wait_seconds if line.HasField("wait_seconds") else None,
        )
        for line in one.lines
    ]
    rate = one.tokens_per_second if one.HasField("tokens_per_second") else None
    return QueueSeen(one.model, one.calls, one.tokens, rate, tuple(lines))


def quota(one: quota_pb.Quota) -> QuotaSeen:
    """A quota, money in whole units."""
    unit = MILLION if one.measure == quota_pb.MEASURE_SPEND_PER_MONTH else 1
    return QuotaSeen(
        tenant=one.tenant,
        measure=tables.measure(one.measure),
        used=one.used / unit if one.HasField("used") else None,
        limit=one.limit / unit,
        model=one.model if one.HasField("model") else None,
        key=one.key if one.HasField("key") else None,
        expires_in_seconds=one.expires_in.ToSeconds() if one.HasField("expires_in") else None,
    )


def sight(
    router: str,
    config: MeshConfig,
    backends: Iterable[pb.Backend],
    queues: Iterable[pb.Queue],
    quotas: Iterable[quota_pb.Quota],
) -> Sight:
    """All of it, put together from what a router answers; `config` says which model has which backends."""
    seen = {one.name: backend(one) for one in backends}
    waiting = {one.model: one for one in queues}
    models = [_model(name, one, seen, waiting.get(name)) for name, one in config.models.items()]
    lines = [(line.tenant, line.priority, line.calls) for one in waiting.values() for line in one.lines]
    shares = [quota(one) for one in quotas]
    tenants = [_tenant(name, lines, shares) for name in config.tenants]
    return Sight(router, None, tuple(models), tuple(seen.values()), tuple(tenants))


def _model(name: str, config: ModelConfig, seen: Mapping[str, BackendSeen], queue: pb.Queue | None) -> ModelSeen:
    targets = tuple(one.backend for one in config.targets)
    there = [seen[one] for one in targets if one in seen]
    lines = () if queue is None else queue.lines
    waiting: Counter[str] = Counter()
    for line in lines:
        waiting[line.priority] += line.calls
    return ModelSeen(
        model=name,
        backends=targets,
        ready=tuple(one.backend for one in there if one.state == "ready"),
        running=sum(one.running for one in there),
        waiting=dict(waiting),
        waiting_tokens=0 if queue is None else queue.tokens,
        longest_wait_seconds=max((line.waited_seconds for line in lines), default=0.0),
    )


def _tenant(name: str, lines: Iterable[tuple[str, str, int]], quotas: Iterable[QuotaSeen]) -> TenantSeen:
    waiting: Counter[str] = Counter()
    for tenant, priority, calls in lines:
        if tenant == name:
            waiting[priority] += calls
    own = [one for one in quotas if one.tenant == name and one.model is None and one.key is None]
    used = {one.measure: one.used / one.limit for one in own if one.used is not None and one.limit}
    return TenantSeen(name, dict(waiting), used)
