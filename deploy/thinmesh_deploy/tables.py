"""How a terminal shows backends, queues, quotas, keys and the audit log. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from rich.table import Table
from rich.text import Text
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.router.v1 import backend_service_pb2 as pb
from thinmesh.router.v1 import quota_service_pb2 as quota_pb

from thinmesh_core.config import ConfigError
from thinmesh_core.ranges import MILLION, MOST
from thinmesh_gateway.audit.entry import ALLOWED, Entry
from thinmesh_gateway.identity.principal import Key
from thinmesh_gateway.roles import Action, Models

_STATES = {
    adapter_pb.STATE_READY: "green",
    adapter_pb.STATE_STARTING: "yellow",
    adapter_pb.STATE_DRAINING: "yellow",
    adapter_pb.STATE_FAILED: "red",
}
_HEALTHS = {pb.HEALTH_HEALTHY: "green", pb.HEALTH_RECOVERING: "yellow", pb.HEALTH_PROBING: "yellow", pb.HEALTH_EJECTED: "red"}


class Measure(StrEnum):
    """What a quota counts, as the command line names it."""

    REQUESTS = "requests-per-minute"
    TOKENS = "tokens-per-minute"
    DAY = "tokens-per-day"
    CONCURRENT = "concurrent-calls"
    INPUT = "input-tokens"
    SPEND = "spend-per-month"


_MEASURES: dict[Measure, quota_pb.Measure.ValueType] = {
    Measure.REQUESTS: quota_pb.MEASURE_REQUESTS_PER_MINUTE,
    Measure.TOKENS: quota_pb.MEASURE_TOKENS_PER_MINUTE,
    Measure.DAY: quota_pb.MEASURE_TOKENS_PER_DAY,
    Measure.CONCURRENT: quota_pb.MEASURE_CONCURRENT_CALLS,
    Measure.INPUT: quota_pb.MEASURE_INPUT_TOKENS,
    Measure.SPEND: quota_pb.MEASURE_SPEND_PER_MONTH,
}
_WORDS = {number: word for word, number in _MEASURES.items()}


def number(measure: Measure) -> quota_pb.Measure.ValueType:
    """The proto's value."""
    return _MEASURES[measure]


def measure(number: quota_pb.Measure.ValueType) -> str:
    """The command line's word for the proto's value."""
    return _WORDS[number].value


def amount(measure: Measure, given: float) -> int:
    """A limit as the proto has it: money in millionths. ConfigError where it is no whole number, or too large to be counted."""
    units = given * MILLION if measure is Measure.SPEND else given
    if units > MOST:
        raise ConfigError(f"a limit is at most {_quantity(_MEASURES[measure], MOST)}")
    if measure is not Measure.SPEND and given != round(given):
        raise ConfigError(f"{measure.value} is a whole number, not {given:g}")
    return round(units)


def backends(router: str, found: Iterable[pb.Backend]) -> Table:
    """One line a backend. `priority` is what its engine is told; where that is nothing, only the queue keeps to it."""
    table = _table(f"router {router}", "backend", "state", "health", "running", "queued", "cache", "latency", "priority")
    for one in found:
        status = one.status
        state = Text(word(adapter_pb.State.Name(status.state)), _STATES.get(status.state, ""))
        health = Text(word(pb.Health.Name(one.health)), _HEALTHS.get(one.health, ""))
        told = status.priority == adapter_pb.PRIORITY_MAPPING_LOWER_FIRST
        table.add_row(
            one.name,
            state,
            health,
            f"{one.running}/{one.limit}",
            str(status.queued) if status.HasField("queued") else "-",
            f"{status.kv_cache_use:.0%}" if status.HasField("kv_cache_use") else "-",
            lasting(one.latency_seconds) if one.HasField("latency_seconds") else "-",
            "1 is first" if told else Text("queue only", "dim"),
        )
    return table


def troubles(found: Iterable[pb.Backend]) -> list[str]:
    """A line for each backend that has a reason to get fewer calls or none."""
    lines = []
    for one in found:
        if one.status.state != adapter_pb.STATE_READY and one.status.message:
            lines.append(f"{one.name}: {one.status.message}")
        if one.HasField("retry_seconds"):
            lines.append(f"{one.name}: {one.failures} failures in a row, one call tries it in {one.retry_seconds:.0f} s")
        if one.limit < one.status.max_concurrency:
            lines.append(f"{one.name}: gets {one.limit} calls at once of {one.status.max_concurrency}, for it refused some")
    return lines


def queues(router: str, found: Iterable[pb.Queue]) -> Table:
    """One line for each tenant and class that waits, below the model's total.

    `waits` is how long its first call has waited so far, `a new call` how long one that came now would.
    """
    table = _table(f"router {router}", "model", "class", "tenant", "calls", "tokens", "waits", "a new call")
    for one in found:
        rate = f"{one.tokens_per_second:.0f} tokens/s" if one.HasField("tokens_per_second") else ""
        table.add_row(Text(one.model, "bold"), "", "", str(one.calls), str(one.tokens), rate, "")
        for line in one.lines:
            wait = lasting(line.wait_seconds) if line.HasField("wait_seconds") else "-"
            waited = lasting(line.waited_seconds)
            table.add_row("", line.priority, line.tenant, str(line.calls), str(line.tokens), waited, wait)
    return table


def quotas(router: str, found: Iterable[quota_pb.Quota]) -> Table:
    """One line a quota."""
    table = _table(f"router {router}", "tenant", "of", "measure", "used", "limit", "")
    for one in found:
        of = f"model {one.model}" if one.HasField("model") else f"key {one.key}" if one.HasField("key") else "all"
        used = _quantity(one.measure, one.used) if one.HasField("used") else "-"
        share = one.used / one.limit if one.limit else 0.0
        note = f"set for {lasting(one.expires_in.ToSeconds())} yet" if one.HasField("expires_in") else ""
        colour = "red" if share >= 1 else "yellow" if share >= 0.8 else ""
        table.add_row(one.tenant, of, measure(one.measure), Text(used, colour), _quantity(one.measure, one.limit), note)
    return table


def keys(found: Iterable[Key], now: float) -> Table:
    """One line a key; `now` is seconds since 1970."""
    table = _table("keys", "id", "tenant", "principal", "roles", "made", "used", "ends")
    for one in found:
        ends = "-" if one.expires is None else f"in {lasting(one.expires - now)}"
        if one.revoked is not None:
            ends = f"revoked {_ago(one.revoked, now)}"
        elif not one.active(now):
            ends = "expired"
        used = "never" if one.last_used is None else _ago(one.last_used, now)
        of = one.principal if one.principal != one.id else "-"
        style = "" if one.active(now) else "dim"
        table.add_row(one.id, one.tenant, of, ", ".join(one.roles), _ago(one.created, now), used, ends, style=style)
    return table


def entries(found: Iterable[Entry]) -> Table:
    """One line an entry of the audit log, in this machine's time."""
    table = _table("audit", "when", "tenant", "principal", "by", "what", "model", "decision", "found")
    for one in found:
        when = datetime.fromtimestamp(one.unix_ms / 1000).astimezone().isoformat(" ", "milliseconds")
        what = " ".join(filter(None, (one.operation, one.object, f"x{one.times}" if one.times > 1 else "")))
        personal = ", ".join(f"{kind} {count}" for kind, count in sorted(one.personal_data.items()))
        decided = Text(one.decision, "" if one.decision == ALLOWED else "red")
        told = (one.tenant, one.principal, one.surface, what, one.model)
        table.add_row(when, *(Text(word or "-") for word in told), decided, personal or "-")
    return table


def grants(granted: Mapping[Action, Models]) -> Table:
    """One line an action, with the models it may be done with."""
    table = _table("may", "action", "models")
    for action, models in sorted(granted.items()):
        table.add_row(action.value, " ".join(models.patterns))
    return table


def _ago(then: float, now: float) -> str:
    return f"{lasting(max(now - then, 0))} ago"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="dim", header_style="bold", box=None)
    right = {"running", "calls", "tokens", "used", "limit", "queued", "cache", "latency", "waits", "a new call"}
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return table


def _quantity(measure: quota_pb.Measure.ValueType, value: int) -> str:
    return f"{value / MILLION:.2f}" if measure == quota_pb.MEASURE_SPEND_PER_MONTH else f"{value:,}"


def word(name: str) -> str:
    """`STATE_READY` is ready."""
    return name.partition("_")[2].lower()


def lasting(seconds: float) -> str:
    """A time in the unit that it is read in."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
