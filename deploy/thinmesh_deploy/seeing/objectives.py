"""Recording rules: how much of each objective's budget for errors is used up, over the windows that alerts look at.

Multi-window burn rates after Google's Site Reliability Workbook, chapter 5: the long window says that it matters, the short
one that it goes on. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from thinmesh_core.config import ConfigError
from thinmesh_core.errors import TABLE
from thinmesh_core.telemetry import FIRST_TOKEN_BOUNDS
from thinmesh_deploy.seeing.config import ModelObjectives, ObjectivesConfig

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
MODEL = "gen_ai_request_model"
FAULTS = "|".join(sorted(reason.name.lower() for reason, row in TABLE.items() if row.http >= 500))
"""How calls end by the mesh's fault, as `outcome` and `error_type` say it."""

CALLS = "thinmesh_calls_total"
REQUESTS = "gen_ai_server_request_duration_seconds_count"
FIRST_TOKENS = "gen_ai_server_time_to_first_token_seconds"


class Recorded(NamedTuple):
    """A recording rule."""

    record: str
    expr: str
    labels: Mapping[str, str]


class Burn(NamedTuple):
    """So many times as fast as the budget lasts it is used up, over a long and a short window."""

    factor: float
    long: str
    short: str


FAST = (Burn(14.4, "1h", "5m"), Burn(6, "6h", "30m"))
SLOW = (Burn(3, "1d", "2h"), Burn(1, "3d", "6h"))


def burning(burns: Iterable[Burn]) -> str:
    """The condition that a budget is used up so fast."""
    return "\nor\n".join(
        f"({_above(one.long, one.factor)} and on (objective, {MODEL}) {_above(one.short, one.factor)})" for one in burns
    )


def recorded(objectives: ObjectivesConfig, models: Iterable[str]) -> list[Recorded]:
    """The rules. ConfigError where the objectives name no model, or a time that is not measured."""
    models = tuple(models)
    if unknown := objectives.models.keys() - set(models):
        raise ConfigError(f"objectives.models: there is no model {', '.join(sorted(unknown))}")
    by_seconds: dict[float, list[str]] = {}
    for model in models:
        own = objectives.models.get(model, ModelObjectives())
        seconds = own.first_token_seconds or objectives.first_token_seconds
        if seconds not in FIRST_TOKEN_BOUNDS:
            bounds = ", ".join(f"{one:g}" for one in FIRST_TOKEN_BOUNDS)
            raise ConfigError(f"objectives: first_token_seconds is measured at {bounds}, not at {seconds:g}")
        by_seconds.setdefault(seconds, []).append(model)
    return [*_budgets(objectives, models), *(rule for window in WINDOWS for rule in _errors(window, by_seconds))]


def _budgets(objectives: ObjectivesConfig, models: Iterable[str]) -> Iterator[Recorded]:
    yield _budget(objectives.availability, {"objective": "calls"})
    for model in models:
        own = objectives.models.get(model, ModelObjectives())
        yield _budget(own.availability or objectives.availability, {"objective": "availability", MODEL: model})
        yield _budget(own.first_token_share or objectives.first_token_share, {"objective": "first_token", MODEL: model})


def _budget(promised: float, labels: Mapping[str, str]) -> Recorded:
    return Recorded("thinmesh:objective_budget:ratio", f"vector({1 - promised:.6g})", labels)


def _errors(window: str, by_seconds: Mapping[float, list[str]]) -> Iterator[Recorded]:
    """What share of calls did not keep each objective."""
    name = f"thinmesh:objective_errors:ratio_rate{window}"
    yield Recorded(name, _share(CALLS, f'outcome=~"{FAULTS}"', window, ""), {"objective": "calls"})
    yield Recorded(name, _share(REQUESTS, f'error_type=~"{FAULTS}"', window, f" by ({MODEL})"), {"objective": "availability"})
    late = " or ".join(f"({_late(window, seconds, models)})" for seconds, models in sorted(by_seconds.items()))
    yield Recorded(name, late, {"objective": "first_token"})


def _late(window: str, seconds: float, models: Iterable[str]) -> str:
    of = f"{MODEL}=~{json.dumps('|'.join(re.escape(one) for one in models), ensure_ascii=False)}"
    soon = f'sum by ({MODEL}) (rate({FIRST_TOKENS}_bucket{{{of}, le="{seconds}"}}[{window}]))'
    return f"1 - {soon} / sum by ({MODEL}) (rate({FIRST_TOKENS}_count{{{of}}}[{window}]))"


def _share(metric: str, faulty: str, window: str, by: str) -> str:
    every = f"sum{by} (rate({metric}[{window}]))"
    return f"(sum{by} (rate({metric}{{{faulty}}}[{window}])) or 0 * {every}) / {every}"


def _above(window: str, factor: float) -> str:
    matched = f"on (objective, {MODEL})"
    return f"thinmesh:objective_errors:ratio_rate{window} > {matched} {factor:g} * thinmesh:objective_budget:ratio"
