"""The rendered rules are what Prometheus takes, name metrics that there are, and follow the objectives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from promtool import promtool
from scraped import declared

from thinmesh_deploy.config import DEFAULT, MeshConfig
from thinmesh_deploy.seeing.alerts import ALERTS
from thinmesh_deploy.seeing.rules import rules

MODEL = "gen_ai_request_model"
NAMES = re.compile(r"\b(?:thinmesh|gen_ai)_\w+")


def config(**objectives: Any) -> MeshConfig:
    return msgspec.convert(yaml.safe_load(DEFAULT.read_text()) | {"objectives": objectives}, MeshConfig)


def rendered(**objectives: Any) -> list[dict[str, Any]]:
    groups = yaml.safe_load(rules(config(**objectives)))["groups"]
    return [rule for group in groups for rule in group["rules"]]


OBJECTIVES: list[dict[str, Any]] = [
    {},
    {"availability": 0.99, "first_token_seconds": 1.0},
    {"models": {"echo": {"availability": 0.5, "first_token_seconds": 0.25, "first_token_share": 0.99}}},
]


@pytest.mark.parametrize("objectives", OBJECTIVES)
def test_promtool_takes_the_rules(tmp_path: Path, objectives: dict[str, Any]) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(rules(config(**objectives)))
    assert "SUCCESS" in promtool("check", "rules", file)


def test_every_metric_that_a_rule_names_is_told_by_the_mesh() -> None:
    named = {name for rule in rendered() for name in NAMES.findall(re.sub(r"thinmesh:\w+", "", rule["expr"]))} - {MODEL}
    assert named
    assert named <= declared()


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    assert len({one.name for one in ALERTS}) == len(ALERTS)
    assert all(one.summary.endswith(".") and one.action.endswith(".") for one in ALERTS)


def test_a_model_with_an_objective_of_its_own_has_its_own_budget_and_time() -> None:
    of_echo = {"availability": 0.5, "first_token_seconds": 0.25}
    found = rendered(models={"echo": of_echo})
    budgets = [rule["expr"] for rule in found if rule["labels"].get(MODEL) == "echo"]
    assert budgets == ["vector(0.5)", "vector(0.05)"]
    (late,) = (rule["expr"] for rule in found if rule.get("record", "").endswith("rate5m") and "le=" in rule["expr"])
    times = late.split(" or ")
    assert len(times) == 2
    assert 'gen_ai_request_model=~"echo", le="0.25"' in times[0]
    assert "echo" not in times[1]


def test_a_model_by_any_name_is_one_that_prometheus_reads(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    odd = {name: {"backends": ["x"]} for name in ("🙂", 'a"b', "{{ $x }}", "a\\b", "-x", "a\nb")}
    config = {"tenants": {}, "backends": {"x": {"adapter": "echo"}}, "models": odd}
    file.write_text(rules(msgspec.convert(config, MeshConfig)))
    promtool("check", "rules", file)
