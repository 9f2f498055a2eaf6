"""What the dashboard shows, row by row: what a team of two looks at first is at the top. Pure.

`$model` and `$tenant` are what is chosen above the dashboard, `$window` Grafana's own interval for rates.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from thinmesh_deploy.seeing.objectives import FAULTS, FIRST_TOKENS, MODEL, REQUESTS

Unit = Literal["short", "reqps", "s", "percentunit", "ops", "bytes", "d"]

WINDOW = "$__rate_interval"
_OF = f'{MODEL}=~"$model"'
_OUTPUT = "gen_ai_server_time_per_output_token_seconds"


class Query(NamedTuple):
    """An expression, and what its lines are called."""

    expr: str
    legend: str


class Panel(NamedTuple):
    """One graph; `now` is a single number instead."""

    title: str
    unit: Unit
    queries: tuple[Query, ...]
    now: bool = False


class Row(NamedTuple):
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


class Choice(NamedTuple):
    """What may be chosen above the dashboard: the values of a label."""

    name: str
    metric: str
    label: str


CHOICES = (Choice("model", REQUESTS, MODEL), Choice("tenant", "thinmesh_tenant_tokens_total", "tenant"))


def _rate(metric: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{where}}}[{WINDOW}]))"


def _within(share: float, metric: str, by: str, where: str = "") -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', f'le, {by}', where)})"


def _shares(metric: str) -> tuple[Query, ...]:
    return tuple(
        Query(_within(share, metric, MODEL, _OF), f"{share * 100:.0f} % {{{{{MODEL}}}}}") for share in (0.5, 0.95, 0.99)
    )


ROWS = (
    Row(
        "Now",
        (
            Panel("Calls", "reqps", (Query(f"sum(rate(thinmesh_calls_total[{WINDOW}]))", ""),), now=True),
            Panel(
                "Failed by the mesh",
                "percentunit",
                (
                    Query(
                        f'(sum(rate(thinmesh_calls_total{{outcome=~"{FAULTS}"}}[{WINDOW}])) or vector(0))'
                        f" / sum(rate(thinmesh_calls_total[{WINDOW}]))",
                        "",
                    ),
                ),
                now=True,
            ),
            Panel("First token, 95 %", "s", (Query(_within(0.95, FIRST_TOKENS, MODEL, _OF), f"{{{{{MODEL}}}}}"),), now=True),
            Panel("Waiting", "short", (Query("sum(thinmesh_queue_calls)", ""),), now=True),
            Panel(
                "Backends that take no calls",
                "short",
                (Query("count(thinmesh_backend_ready == 0) or vector(0)", ""),),
                now=True,
            ),
        ),
    ),
    Row(
        "Objectives and calls",
        (
            Panel(
                "How many times too fast budgets are used up (1 h)",
                "short",
                (
                    Query(
                        f"thinmesh:objective_errors:ratio_rate1h / on (objective, {MODEL}) thinmesh:objective_budget:ratio",
                        f"{{{{objective}}}} {{{{{MODEL}}}}}",
                    ),
                ),
            ),
            Panel("Calls by outcome", "reqps", (Query(_rate("thinmesh_calls_total", "outcome"), "{{outcome}}"),)),
            Panel(
                "Errors by model",
                "reqps",
                (
                    Query(
                        _rate(REQUESTS, f"{MODEL}, error_type", f'{_OF}, error_type!=""'), f"{{{{{MODEL}}}}} {{{{error_type}}}}"
                    ),
                ),
            ),
            Panel("Calls inside", "short", (Query("sum by (instance) (thinmesh_calls_running)", "{{instance}}"),)),
        ),
    ),
    Row(
        "Models",
        (
            Panel("Time to first token", "s", _shares(FIRST_TOKENS)),
            Panel("Time per output token", "s", _shares(_OUTPUT)),
            Panel("Time of calls", "s", _shares("gen_ai_server_request_duration_seconds")),
            Panel(
                "Tokens per second",
                "ops",
                (Query(_rate("thinmesh_tokens_total", "model, type", 'model=~"$model"'), "{{model}} {{type}}"),),
            ),
        ),
    ),
    Row(
        "Queue, tenants and quotas",
        (
            Panel(
                "Waiting by model and class",
                "short",
                (Query('sum by (model, priority) (thinmesh_queue_calls{model=~"$model"})', "{{model}} {{priority}}"),),
            ),
            Panel(
                "Wait, 95 %, by class",
                "s",
                (Query(_within(0.95, "thinmesh_queue_seconds", "priority", 'model=~"$model"'), "{{priority}}"),),
            ),
            Panel(
                "Waiting by tenant",
                "short",
                (Query('sum by (tenant) (thinmesh_tenant_queue_calls{tenant=~"$tenant"})', "{{tenant}}"),),
            ),
            Panel(
                "Tokens per second by tenant",
                "ops",
                (Query(_rate("thinmesh_tenant_tokens_total", "tenant, type", 'tenant=~"$tenant"'), "{{tenant}} {{type}}"),),
            ),
            Panel(
                "Quotas in use",
                "percentunit",
                (
                    Query(
                        'max by (tenant, model, quota) (thinmesh_quota_used_ratio{tenant=~"$tenant"})',
                        "{{tenant}} {{model}} {{quota}}",
                    ),
                ),
            ),
            Panel(
                "Refused for quotas",
                "reqps",
                (Query(_rate("thinmesh_quota_refusals_total", "tenant, quota", 'tenant=~"$tenant"'), "{{tenant}} {{quota}}"),),
            ),
        ),
    ),
    Row(
        "Backends",
        (
            Panel(
                "Takes calls, is left alone",
                "short",
                (
                    Query("min by (backend) (thinmesh_backend_ready)", "{{backend}} takes calls"),
                    Query("max by (backend) (thinmesh_backend_ejected)", "{{backend}} is left alone"),
                ),
            ),
            Panel(
                "Places in use",
                "percentunit",
                (
                    Query(
                        "sum by (backend) (thinmesh_backend_running) / sum by (backend) (thinmesh_backend_limit)", "{{backend}}"
                    ),
                ),
            ),
            Panel(
                "Attempts that failed",
                "reqps",
                (Query(_rate("thinmesh_backend_calls_total", "backend, outcome", 'outcome!="ok"'), "{{backend}} {{outcome}}"),),
            ),
            Panel(
                "Retries",
                "reqps",
                (Query(_rate("thinmesh_retries_total", "model, reason", 'model=~"$model"'), "{{model}} {{reason}}"),),
            ),
            Panel("Waiting inside engines", "short", (Query("max by (backend) (thinmesh_engine_queued)", "{{backend}}"),)),
            Panel(
                "KV cache in use", "percentunit", (Query("max by (backend) (thinmesh_engine_kv_cache_ratio)", "{{backend}}"),)
            ),
        ),
    ),
    Row(
        "Jobs",
        (
            Panel(
                "Made and ended",
                "reqps",
                (
                    Query(_rate("thinmesh_jobs_created_total", "kind"), "made {{kind}}"),
                    Query(_rate("thinmesh_jobs_ended_total", "kind, state"), "{{state}} {{kind}}"),
                ),
            ),
            Panel("Steps that run", "short", (Query("sum by (instance) (thinmesh_job_steps_running)", "{{instance}}"),)),
            Panel(
                "Wait of steps, 90 %", "s", (Query(_within(0.9, "thinmesh_job_step_wait_seconds", "priority"), "{{priority}}"),)
            ),
        ),
    ),
    Row(
        "Processes",
        (
            Panel("Late event loops", "s", (Query("thinmesh_event_loop_lag_seconds", "{{instance}}"),)),
            Panel("Memory", "bytes", (Query('process_resident_memory_bytes{job="thinmesh"}', "{{instance}}"),)),
            Panel("Refused configuration", "short", (Query("thinmesh_config_stale", "{{instance}}"),)),
            Panel(
                "Certificates end in",
                "d",
                (Query("(thinmesh_certificate_expires_unix_seconds > 0) / 86400 - time() / 86400", "{{instance}}"),),
            ),
        ),
    ),
)
