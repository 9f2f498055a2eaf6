"""Which quotas a call is held to: those of its tenant, of its tenant with its model, and of its key. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from thinmesh.router.v1 import quota_service_pb2 as pb

from thinmesh_core.ranges import MILLION
from thinmesh_core.tenants import QuotaConfig, TenantConfig
from thinmesh_router.config import Price
from thinmesh_router.quota.meters import Calendar, Concurrent, Meter, SlidingMinute


class Measure(IntEnum):
    """What a quota counts; the values are those of `thinmesh.router.v1.Measure`."""

    REQUESTS = pb.MEASURE_REQUESTS_PER_MINUTE
    TOKENS = pb.MEASURE_TOKENS_PER_MINUTE
    DAY = pb.MEASURE_TOKENS_PER_DAY
    CONCURRENT = pb.MEASURE_CONCURRENT_CALLS
    INPUT = pb.MEASURE_INPUT_TOKENS
    SPEND = pb.MEASURE_SPEND_PER_MONTH

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self]

    @property
    def metric(self) -> str:
        """For metrics."""
        return self.words.replace(" ", "_")


_WORDS = {
    Measure.REQUESTS: "requests per minute",
    Measure.TOKENS: "tokens per minute",
    Measure.DAY: "tokens per day",
    Measure.CONCURRENT: "concurrent calls",
    Measure.INPUT: "input tokens per call",
    Measure.SPEND: "spend per month",
}


class Subject(NamedTuple):
    """Whose quota: a tenant's, with one model only, or by one key only."""

    tenant: str
    model: str | None
    key: str | None
    measure: Measure

    @property
    def name(self) -> str:
        """As stores know it."""
        return "\0".join((self.measure.name, self.tenant, self.model or "", self.key or ""))

    def __str__(self) -> str:
        """As errors and logs name it."""
        of = f" with model {self.model}" if self.model is not None else f" by key {self.key}" if self.key is not None else ""
        return f"{self.measure.words} of tenant {self.tenant}{of}"


class Metered(NamedTuple):
    """A quota and its count."""

    subject: Subject
    meter: Meter


class Plan(NamedTuple):
    """All that one kind of call is held to. `price` is in millionths of the currency per million tokens: input, output."""

    requests: tuple[Metered, ...]
    tokens: tuple[Metered, ...]
    spend: tuple[Metered, ...]
    concurrent: tuple[Metered, ...]
    inputs: tuple[tuple[Subject, int], ...]
    price: tuple[int, int]

    @property
    def free(self) -> bool:
        """Whether nothing is limited."""
        return not (self.requests or self.tokens or self.spend or self.concurrent or self.inputs)

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """Millionths of the currency, rounded up."""
        return -(-(input_tokens * self.price[0] + output_tokens * self.price[1]) // MILLION)


def made(measure: Measure, limit: int) -> Meter:
    """A fresh count, of this process alone."""
    match measure:
        case Measure.REQUESTS | Measure.TOKENS:
            return SlidingMinute(limit)
        case Measure.DAY:
            return Calendar(limit, monthly=False)
        case Measure.SPEND:
            return Calendar(limit, monthly=True)
        case _:
            return Concurrent(limit)


def priced(price: Price | None) -> tuple[int, int]:
    """A price table's entry as whole numbers; what has no price is free."""
    if price is None:
        return (0, 0)
    return round(price.input_per_million * MILLION), round(price.output_per_million * MILLION)


def limits(tenant: str, config: TenantConfig, model: str | None, key: str | None) -> Iterator[tuple[Subject, int]]:
    """Every quota that the tenant's entry sets for calls to this model by this key."""
    yield from _of(tenant, None, None, config.quota)
    if model is not None and model in config.models:
        yield from _of(tenant, model, None, config.models[model])
    if key is not None:
        yield from _of(tenant, None, key, config.keys)


def everything(tenants: Mapping[str, TenantConfig]) -> Iterator[tuple[Subject, int]]:
    """Every quota that is not a single key's."""
    for tenant, config in sorted(tenants.items()):
        yield from _of(tenant, None, None, config.quota)
        for model, quota in sorted(config.models.items()):
            yield from _of(tenant, model, None, quota)


def _of(tenant: str, model: str | None, key: str | None, quota: QuotaConfig) -> Iterator[tuple[Subject, int]]:
    spend = None if quota.spend_per_month is None else round(quota.spend_per_month * MILLION)
    for measure, limit in (
        (Measure.REQUESTS, quota.requests_per_minute),
        (Measure.TOKENS, quota.tokens_per_minute),
        (Measure.DAY, quota.tokens_per_day),
        (Measure.CONCURRENT, quota.concurrent_calls),
        (Measure.INPUT, quota.input_tokens),
        (Measure.SPEND, spend),
    ):
        if limit is not None:
            yield Subject(tenant, model, key, measure), limit
