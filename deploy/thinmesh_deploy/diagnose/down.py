"""Why a model is down: what retries, what its backends are like, and what failed last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from thinmesh.inference.v1 import error_reason_pb2
from thinmesh.router.v1 import backend_service_pb2 as pb

from thinmesh_core.scraped import Scraped
from thinmesh_core.telemetry import ADAPTER_RESTARTS, JOB_STEP_RETRIES, RETRIES
from thinmesh_deploy.doctor.finding import Finding, note, warning
from thinmesh_deploy.tables import lasting


def retries(model: str, metrics: Scraped) -> list[Finding]:
    """What is tried again by itself, which is to be known before anything is done: jobs first, then calls."""
    steps, calls = metrics.counted(JOB_STEP_RETRIES), metrics.counted(RETRIES, model=model)
    jobs = f"{steps:.0f} attempts of steps were made again since the start"
    return [
        note("jobs", jobs, "they go on by themselves once the model is back: leave them" if steps else ""),
        note("calls", f"{calls:.0f} of the model's calls were tried on another backend since the start"),
    ]


def history(seen: Iterable[pb.Backend], metrics: Scraped) -> Iterator[Finding]:
    """What its backends have been through: starts, and failures of calls."""
    for one in seen:
        where = f"backends.{one.name}"
        if again := metrics.counted(ADAPTER_RESTARTS, backend=one.name):
            what = f"its adapter was started again {again:.0f} times since the start"
            yield warning(where, what, "an engine that dies needs memory, or another build: its log says which")
        if one.HasField("last_failure"):
            reason = error_reason_pb2.ErrorReason.Name(one.last_failure).removeprefix("ERROR_REASON_")
            what = f"a call failed there {lasting(one.last_failure_seconds)} ago: {reason}"
            yield warning(where, what, WHAT_TO_DO.get(one.last_failure, "look into the log of its adapter, and of its engine"))
        if one.health != pb.HEALTH_HEALTHY:
            state = pb.Health.Name(one.health).removeprefix("HEALTH_").lower()
            what = f"its breaker is {state}, after {one.failures} failures in a row"
            yield note(where, what, "it closes by itself when one call succeeds")


WHAT_TO_DO = {
    error_reason_pb2.ERROR_REASON_ENGINE_UNAVAILABLE: "is the engine's process there, and does it listen where the entry says?",
    error_reason_pb2.ERROR_REASON_ENGINE_ERROR: "the engine itself failed: its log says why; memory is the usual reason",
    error_reason_pb2.ERROR_REASON_ENGINE_PROTOCOL: "the engine speaks otherwise than its adapter: compare their versions",
}
