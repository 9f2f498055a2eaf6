"""Whose turn a job's steps have: strictly by class, and within one by tenant and weight."""

from __future__ import annotations

from temporalio.common import Priority as TemporalPriority

from thinmesh_core.priority import Priority
from thinmesh_pipelines.config import WorkerConfig

_KEYS = {Priority.CRITICAL: 1, Priority.STANDARD: 3, Priority.BATCH: 5}
"""Temporal's word for a class; the lower number goes first, as ours does."""

CLASSES = {key: priority for priority, key in _KEYS.items()}
"""A class by Temporal's word for it."""


def turn(config: WorkerConfig, tenant: str, priority: Priority) -> TemporalPriority:
    """What Temporal gives a tenant's steps of a class out by."""
    return TemporalPriority(priority_key=_KEYS[priority], fairness_key=tenant, fairness_weight=config.weights.get(tenant, 1.0))
