"""How `thinmesh top` shows what it sees. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from thinmesh_core.priority import PRIORITIES
from thinmesh_deploy.sight import BackendSeen, ModelSeen, Sight, TenantSeen
from thinmesh_deploy.tables import lasting

NEARLY = 0.8
"""The share of a quota from which it is shown as nearly used up."""

COLOURS = {
    "ready": "green", "starting": "yellow", "draining": "yellow", "failed": "red",
    "healthy": "green", "recovering": "yellow", "probing": "yellow", "ejected": "red",
}  # fmt: skip


def screen(found: Iterable[Sight]) -> RenderableType:
    """Every router below the other."""
    parts: list[RenderableType] = []
    for one in found:
        parts.append(Text(f"router {one.router}", "dim"))
        if one.trouble is not None:
            parts.append(Text(one.trouble, "red"))
        else:
            parts += [_models(one.models), _backends(one.backends), _tenants(one.tenants)]
    return Group(*parts)


def _models(models: Iterable[ModelSeen]) -> Table:
    shown = _table("model", "ready", *_right("running"), *_waiting(), *_right("tokens", "longest"))
    for one in models:
        share = f"{len(one.ready)}/{len(one.backends)}"
        ready = Text(share, "green" if len(one.ready) == len(one.backends) else "yellow" if one.ready else "red")
        longest = lasting(one.longest_wait_seconds) if one.waiting else ""
        shown.add_row(one.model, ready, str(one.running), *_calls(one.waiting), str(one.waiting_tokens or ""), longest)
    return shown


def _backends(backends: Iterable[BackendSeen]) -> Table:
    shown = _table("backend", "adapter", "state", "health", *_right("running", "queued", "cache", "latency"), "")
    for one in backends:
        shown.add_row(
            one.backend,
            one.adapter,
            *(Text(word, COLOURS.get(word, "")) for word in (one.state, one.health)),
            f"{one.running}/{one.limit}",
            "" if one.queued is None else str(one.queued),
            "" if one.kv_cache_use is None else f"{one.kv_cache_use:.0%}",
            "" if one.latency_seconds is None else lasting(one.latency_seconds),
            Text(one.message, "yellow"),
        )
    return shown


def _tenants(tenants: Iterable[TenantSeen]) -> Table:
    shown = _table("tenant", *_waiting(), "of its quotas")
    for one in tenants:
        used = Text(", ").join(Text(f"{measure} {share:.0%}", _colour(share)) for measure, share in one.used.items())
        shown.add_row(one.tenant, *_calls(one.waiting), used)
    return shown


def _waiting() -> list[Column]:
    return _right(*(f"{word} waits" for word in PRIORITIES))


def _calls(waiting: Mapping[str, int]) -> list[str]:
    return [str(waiting.get(word) or "") for word in PRIORITIES]


def _colour(share: float) -> str:
    return "red" if share >= 1 else "yellow" if share >= NEARLY else ""


def _right(*names: str) -> list[Column]:
    return [Column(name, justify="right", no_wrap=True) for name in names]


def _table(*columns: str | Column) -> Table:
    return Table(*columns, header_style="bold", box=None, padding=(0, 2, 0, 0))
