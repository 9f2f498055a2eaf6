"""Alerts on series that a real mesh told while their fault was caused: each fires on its own, and none while all is well."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from promtool import promtool
from series.kept import FOLDER, RULES, promtool_test
from series.scenarios import SCENARIOS, Scenario

from thinmesh_deploy.seeing.alerts import ALERTS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.cause.__name__)
def test_exactly_the_alerts_of_a_fault_fire_on_its_recording(tmp_path: Path, scenario: Scenario) -> None:
    recorded = yaml.safe_load((FOLDER / f"{scenario.cause.__name__}.yaml").read_text())
    (tmp_path / "rules.yaml").write_text(RULES)
    test = tmp_path / "test.yaml"
    test.write_text(promtool_test(recorded | {"fires": scenario.fires}, "rules.yaml"))
    assert "SUCCESS" in promtool("test", "rules", test)


def test_every_alert_fires_on_some_recording() -> None:
    assert {name for scenario in SCENARIOS for name in scenario.fires} == {one.name for one in ALERTS}
