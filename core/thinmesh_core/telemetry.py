"""Logs and metrics: the one home of every metric's name, and of what a log line may hold (never a prompt, never a key)."""

from __future__ import annotations

import logging
import time
from functools import cache
from math import nan
from types import TracebackType
from typing import ClassVar, TextIO

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Summary, generate_latest

from thinmesh_core.errors import MeshError
from thinmesh_core.log_lines import LineFormatter, quotes_nobody

CALLS = Counter("thinmesh_calls", "Calls that ended at the gateway.", ["operation", "outcome"])
CALL_SECONDS = Histogram(
    "thinmesh_call_seconds",
    "Time from a call's arrival at the gateway to its end.",
    ["operation"],
    buckets=(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
CALLS_RUNNING = Gauge("thinmesh_calls_running", "Calls inside the gateway.")
TOKENS = Counter("thinmesh_tokens", "Tokens of ended calls.", ["model", "type"])
TENANT_TOKENS = Counter("thinmesh_tenant_tokens", "The same by tenant; the unnamed ones together.", ["tenant", "type"])
REQUEST_SECONDS = Histogram(
    "gen_ai_server_request_duration_seconds",
    "Time from a call's admission at the router to its end; error_type where it failed.",
    ["gen_ai_request_model", "error_type"],
    buckets=(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
FIRST_TOKEN_BOUNDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0)
TIME_TO_FIRST_TOKEN = Histogram(
    "gen_ai_server_time_to_first_token_seconds",
    "Time from a stream's arrival at the router to its first token.",
    ["gen_ai_request_model"],
    buckets=FIRST_TOKEN_BOUNDS,
)
TIME_PER_OUTPUT_TOKEN = Histogram(
    "gen_ai_server_time_per_output_token_seconds",
    "Time of each token of a stream after its first.",
    ["gen_ai_request_model"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5),
)
QUEUE_SECONDS = Histogram(
    "thinmesh_queue_seconds",
    "How long calls waited for a place on a backend, those that did not among them.",
    ["model", "priority"],
    buckets=(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
TENANT_QUEUE_SECONDS = Summary("thinmesh_tenant_queue_seconds", "The same by tenant; the unnamed ones together.", ["tenant"])
JOBS_CREATED = Counter("thinmesh_jobs_created", "Jobs made at this worker.", ["kind"])
JOBS_ENDED = Counter("thinmesh_jobs_ended", "Jobs whose end this worker brought about.", ["kind", "state"])
TEMPORAL_REACHABLE = Gauge("thinmesh_temporal_reachable", "Whether Temporal answers this worker; no number at others.")
JOB_STEPS_RUNNING = Gauge("thinmesh_job_steps_running", "Steps of jobs that this worker runs.")
JOB_STEP_WAIT_SECONDS = Histogram(
    "thinmesh_job_step_wait_seconds",
    "How long attempts of jobs' steps waited for a worker.",
    ["priority"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0),
)
JOB_STEP_RETRIES = Counter("thinmesh_job_step_retries", "Attempts of jobs' steps after the first.", ["step"])
ADAPTER_RESTARTS = Counter("thinmesh_adapter_restarts", "Adapters that ended and were started again.", ["backend"])
BACKEND_RUNNING = Gauge("thinmesh_backend_running", "Calls this router has running on a backend.", ["backend"])
BACKEND_LIMIT = Gauge("thinmesh_backend_limit", "Calls that this router lets run on a backend at once.", ["backend"])
BACKEND_CALLS = Counter("thinmesh_backend_calls", "Attempts of calls that ended on a backend.", ["backend", "outcome"])
BACKEND_EJECTED = Gauge("thinmesh_backend_ejected", "Whether the breaker leaves a backend alone.", ["backend"])
BACKEND_EJECTIONS = Counter("thinmesh_backend_ejections", "How often the breaker shut for a backend.", ["backend"])
ENGINE_QUEUED = Gauge("thinmesh_engine_queued", "Calls that wait inside a backend's engine, by its own word.", ["backend"])
ENGINE_KV_CACHE = Gauge(
    "thinmesh_engine_kv_cache_ratio", "Share of an engine's KV cache in use; 0 if it is untold.", ["backend"]
)
SHADOW_CALLS = Counter("thinmesh_shadow_calls", "Copies of calls made on a backend.", ["model", "backend", "code"])
SHADOW_TOKENS = Counter("thinmesh_shadow_tokens", "Tokens that such copies used.", ["model", "backend"])
BACKEND_READY = Gauge("thinmesh_backend_ready", "Whether a backend takes calls, as this router sees it.", ["backend"])
QUOTA_REFUSALS = Counter("thinmesh_quota_refusals", "Calls refused for a quota that is used up.", ["tenant", "quota"])
QUOTA_USED = Gauge(
    "thinmesh_quota_used_ratio",
    "Share of a quota that is granted, as this router knows; not of keys.",
    ["tenant", "model", "quota"],
)
QUOTA_STORE_REACHABLE = Gauge("thinmesh_quota_store_reachable", "Whether the store of quotas answers; no number without one.")
QUOTA_STORE_ROUNDS = Counter("thinmesh_quota_store_rounds", "Answers of that store.")
CERTIFICATE_EXPIRES = Gauge("thinmesh_certificate_expires_unix_seconds", "When this process's own certificate ends.")
PERSONAL_DATA = Counter("thinmesh_personal_data", "Values found in texts, by kind; never the values.", ["entity", "where"])
GUARDRAIL_DECISIONS = Counter("thinmesh_guardrail_decisions", "What guardrails decided.", ["guardrail", "when", "decision"])
GUARDRAIL_THREADS_LEFT = Gauge("thinmesh_guardrail_threads_left", "Guardrails that outlived their time limit and still run.")
PROMPTS_DROPPED = Counter("thinmesh_prompts_dropped", "Calls that are not in the log of prompts: too many waited, or no disk.")
AUDIT_LOST = Counter("thinmesh_audit_entries_lost", "Audit entries that are not in a place: memory, file, database.", ["place"])
LOOP_LAG = Gauge("thinmesh_event_loop_lag_seconds", "How late the event loop is; one that was blocked, for a while.")
QUEUE_CALLS = Gauge("thinmesh_queue_calls", "Calls that wait at this router.", ["model", "priority"])
QUEUE_TOKENS = Gauge("thinmesh_queue_tokens", "Their estimated tokens.", ["model"])
TENANT_QUEUE_CALLS = Gauge("thinmesh_tenant_queue_calls", "The same calls by tenant; the unnamed ones together.", ["tenant"])
AUTOSCALE_WANTED = Gauge("thinmesh_autoscale_wanted_replicas", "Replicas that a model should have.", ["model"])
AUTOSCALE_READY = Gauge("thinmesh_autoscale_ready_replicas", "Replicas of it that take calls.", ["model"])
AUTOSCALE_CALLS = Gauge("thinmesh_autoscale_calls", "Its calls, at all routers that share a store.", ["model", "state"])
AUTOSCALE_REPLICA = Gauge("thinmesh_autoscale_replica", "1 for each backend that may be there or not.", ["model", "backend"])
AUTOSCALE_WAIT = Gauge("thinmesh_autoscale_wait_seconds", "How long its calls wait.", ["model"])
RETRIES = Counter("thinmesh_retries", "Calls that this router tried once more.", ["model", "reason"])
CONFIG_RELOADS = Counter("thinmesh_config_reloads", "Reloads of the configuration file.", ["outcome"])
SPANS_DROPPED = Counter("thinmesh_spans_dropped", "Spans that the collector of traces did not get.")
LOG_LINES_DROPPED = Counter("thinmesh_log_lines_dropped", "Lines that could not be written to standard error.")
CONFIG_STALE = Gauge("thinmesh_config_stale", "Whether the configuration file is wrong and the one before it in force.")

for _gauge in (QUOTA_STORE_REACHABLE, TEMPORAL_REACHABLE):
    _gauge.set(nan)  # a process that has none has not lost it

# Looking a child up costs twice what counting does, and their labels are few.
_calls = cache(CALLS.labels)
_call_seconds = cache(CALL_SECONDS.labels)


class _Lines(logging.StreamHandler[TextIO]):
    """Counts what it can't write: there is no other place to tell of a full disk."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drops the line."""
        LOG_LINES_DROPPED.inc()


def configure_logging(level: str) -> None:
    """Sends everything to standard error, one line a record."""
    handler = _Lines()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("grpc._cython.cygrpc").addFilter(quotes_nobody)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its starts and stops are ours to tell


def job_ended(kind: str, state: str) -> None:
    """Counts a job's end; workflows, whose code is imported anew for each, call it from outside of their sandbox."""
    JOBS_ENDED.labels(kind, state).inc()


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)


def tenant_tokens() -> dict[str, dict[str, int]]:
    """Tokens of each tenant's ended calls since the process began, by `input` and `output`."""
    found: dict[str, dict[str, int]] = {}
    for sample in (one for family in TENANT_TOKENS.collect() for one in family.samples if one.name.endswith("_total")):
        found.setdefault(sample.labels["tenant"], {})[sample.labels["type"]] = int(sample.value)
    return found


class Observed:
    """Counts and times one call, however it ends. A class and no generator: a third of the price, on every call."""

    __slots__ = ("_began", "_operation")

    running: ClassVar[int] = 0

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def __enter__(self) -> None:
        """The call begins."""
        self._began = time.perf_counter()
        Observed.running += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """The call ended."""
        seconds = time.perf_counter() - self._began
        ended = outcome(error)
        Observed.running -= 1
        _calls(self._operation, ended).inc()
        _call_seconds(self._operation).observe(seconds)


CALLS_RUNNING.set_function(lambda: Observed.running)  # asked when scraped, not told with every call


def outcome(error: BaseException | None) -> str:
    """How a call ended, in a word: ok, or why not."""
    if error is None:
        return "ok"
    if isinstance(error, MeshError):
        return error.reason.name.lower()
    return "internal" if isinstance(error, Exception) else "cancelled"
