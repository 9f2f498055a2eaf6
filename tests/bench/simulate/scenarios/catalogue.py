"""All scenarios, in the report's order."""

from __future__ import annotations

from bench.simulate.outcome import Scenario
from bench.simulate.scenarios.autoscaling import bursts
from bench.simulate.scenarios.failures import dead_for_a_while, flapping, random_failures
from bench.simulate.scenarios.fairness import floods, gap, light
from bench.simulate.scenarios.limits import adaptive
from bench.simulate.scenarios.overload import mixed
from bench.simulate.scenarios.placement import prefixes, slow_backend
from bench.simulate.scenarios.quota import minute
from bench.simulate.scenarios.storm import storm

SCENARIOS: tuple[Scenario, ...] = (
    *(gap, light, floods, mixed),
    *(storm, random_failures, dead_for_a_while, flapping),
    *(slow_backend, prefixes, adaptive, minute, bursts),
)
