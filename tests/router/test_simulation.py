"""The bounds of the simulated workloads hold on short runs too, and a run is the same every time."""

from __future__ import annotations

import pytest

from bench.simulate.outcome import Scenario
from bench.simulate.report import markdown
from bench.simulate.scenarios.catalogue import SCENARIOS
from bench.simulate.scenarios.fairness import light

SHORT = 0.15


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_what_is_required_of_the_router_holds(scenario: Scenario) -> None:
    result = scenario(SHORT)
    assert result.figures
    assert [figure for figure in result.figures if not figure.holds] == []
    assert all(plot.svg().startswith("<svg") for plot in result.plots.values())


def test_a_run_is_the_same_every_time() -> None:
    first, second = light(SHORT), light(SHORT)
    assert markdown([first]) == markdown([second])
    assert [plot.svg() for plot in first.plots.values()] == [plot.svg() for plot in second.plots.values()]
