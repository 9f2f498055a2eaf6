"""The alerts: what two people want to be told of, when, and what they are to do then. Pure.

`page` wakes somebody: callers notice. `ticket` waits for the morning.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from thinmesh_deploy.seeing.objectives import FAST, MODEL, REQUESTS, SLOW, burning


class Alert(NamedTuple):
    """One alert: its condition, how long that must hold, and what the person who is told reads."""

    name: str
    expr: str
    hold: str
    severity: Literal["page", "ticket"]
    summary: str
    action: str


_BUDGET = "{{ $labels.objective }} {{ $labels.gen_ai_request_model }}"

ALERTS = (
    Alert(
        "ErrorBudgetBurnsFast",
        burning(FAST),
        "0m",
        "page",
        f"The budget for errors of {_BUDGET} is used up in days.",
        "`thinmesh status` and the dashboard's row of errors say which backend; `thinmesh_calls_total` by outcome says why.",
    ),
    Alert(
        "ErrorBudgetBurnsSlowly",
        burning(SLOW),
        "0m",
        "ticket",
        f"The budget for errors of {_BUDGET} will be used up before its 30 days are over.",
        "See which outcomes have grown since when; first tokens that come late ask for another backend or a shorter queue.",
    ),
    Alert(
        "ProcessDown",
        'up{job="thinmesh"} == 0',
        "1m",
        "page",
        "The process at {{ $labels.instance }} can't be scraped.",
        "See whether it runs, and what it said last; others take its calls where there are several.",
    ),
    Alert(
        "ModelUnavailable",
        f'sum by ({MODEL}) (rate({REQUESTS}{{error_type="no_backend"}}[5m])) > 0',
        "1m",
        "page",
        "Calls to {{ $labels.gen_ai_request_model }} find no backend.",
        "`thinmesh status` says what became of its backends; a `fallback` model takes such calls.",
    ),
    Alert(
        "BackendDown",
        "thinmesh_backend_ready == 0 unless on (backend) thinmesh_autoscale_replica",
        "5m",
        "ticket",
        "The backend {{ $labels.backend }} takes no calls.",
        "`thinmesh status` says why: its adapter or its engine is gone, starts too slowly, or somebody drained it.",
    ),
    Alert(
        "BackendEjected",
        "increase(thinmesh_backend_ejections_total[15m]) > 2",
        "0m",
        "ticket",
        "The backend {{ $labels.backend }} keeps failing and is left alone.",
        "`thinmesh_backend_calls_total` by outcome says how it fails; look into its engine's log.",
    ),
    Alert(
        "QueueStanding",
        "sum by (model) (min_over_time(thinmesh_queue_calls[10m])) > 0",
        "5m",
        "ticket",
        "Calls to {{ $labels.model }} have waited without a break for 10 minutes.",
        "`thinmesh queue` says whose calls: add a backend, or lower a tenant's weight or quota.",
    ),
    Alert(
        "NoCapacity",
        f'sum by ({MODEL}) (rate({REQUESTS}{{error_type="overloaded"}}[5m])) > 0',
        "5m",
        "page",
        "Calls to {{ $labels.gen_ai_request_model }} are refused: its queue is full or too long.",
        "Add a backend; until it is there, quotas of the busiest tenant make room.",
    ),
    Alert(
        "QuotaStoreLost",
        "thinmesh_quota_store_reachable == 0",
        "1m",
        "page",
        "The router at {{ $labels.instance }} does not reach the store of quotas.",
        "Until it does, `quotas.when_unreachable` decides: budgets refuse unless it says otherwise.",
    ),
    Alert(
        "JobsUnavailable",
        "thinmesh_temporal_reachable == 0",
        "2m",
        "page",
        "The worker at {{ $labels.instance }} does not reach Temporal: jobs wait.",
        "See whether Temporal runs and answers at `jobs.temporal`; nothing is lost meanwhile.",
    ),
    Alert(
        "JobStepsWait",
        'histogram_quantile(0.9, sum by (le) (rate(thinmesh_job_step_wait_seconds_bucket{priority!="batch"}[15m]))) > 60',
        "10m",
        "ticket",
        "A tenth of the steps of jobs wait for more than a minute.",
        "Add workers, or raise `jobs.at_once` where the backends have room.",
    ),
    Alert(
        "CertificateExpires",
        "thinmesh_certificate_expires_unix_seconds > 0 and thinmesh_certificate_expires_unix_seconds - time() < 7 * 86400",
        "0m",
        "ticket",
        "The certificate of {{ $labels.instance }} ends within 7 days.",
        "Put a new one into its file; it is read without a restart.",
    ),
    Alert(
        "ConfigurationRefused",
        "thinmesh_config_stale == 1",
        "5m",
        "ticket",
        "The configuration file of {{ $labels.instance }} is wrong, the one before it is in force.",
        "`/readyz` says what is wrong; a restart would fail.",
    ),
    Alert(
        "LoopBlocked",
        "thinmesh_event_loop_lag_seconds > 1",
        "0m",
        "ticket",
        "The process at {{ $labels.instance }} stood still for more than a second, and all of its calls with it.",
        "Its log says when; a machine that is too small does it, else it is a bug.",
    ),
)
