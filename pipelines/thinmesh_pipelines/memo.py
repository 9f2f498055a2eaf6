"""What is noted of a job beside its work, which lists can tell without its history."""

from __future__ import annotations

KIND = "kind"
"""What it does."""

SAME = "same"
"""What tells it from other work under the same idempotency key."""

GOES_ON = "goes_on"
"""That this run is not the job's first."""

PIPELINE = "pipeline"
"""Which pipeline it runs; its kind, too."""


def pipeline_memo(name: str) -> dict[str, str]:
    """Of a run of a pipeline."""
    return {KIND: PIPELINE, PIPELINE: name}
