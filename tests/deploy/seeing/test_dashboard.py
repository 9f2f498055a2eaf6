"""The dashboard asks for metrics that there are, in words that Prometheus takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from promtool import promtool
from scraped import declared
from series.kept import RULES

from thinmesh_deploy.seeing.dashboard import dashboard_json

NAMES = re.compile(r"\b(?:thinmesh|gen_ai|process|python)_\w+")
RECORDED = re.compile(r"\bthinmesh:[\w:]+")
GRAFANAS = {"$__rate_interval": "5m", "$model": ".*", "$tenant": ".*"}


def queries() -> list[str]:
    panels = json.loads(dashboard_json())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def test_every_query_names_metrics_and_rules_that_there_are() -> None:
    labels = {"gen_ai_request_model"}
    for query in queries():
        names = set(NAMES.findall(RECORDED.sub("", query))) - labels
        assert names <= declared(), query
        assert all(f"record: {name}\n" in RULES for name in RECORDED.findall(query)), query
        assert names or RECORDED.search(query), query


def test_what_can_be_chosen_are_labels_of_metrics_that_there_are() -> None:
    choices = [one for one in json.loads(dashboard_json())["templating"]["list"] if one["type"] == "query"]
    found = [re.fullmatch(r"label_values\((\w+), \w+\)", one["query"]) for one in choices]
    assert found
    assert all(one is not None and one[1] in declared() for one in found)


def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = []
    for number, query in enumerate(queries()):
        expr = re.sub(r"\$\w+", lambda word: GRAFANAS[word[0]], query)
        rules.append({"record": f"query_{number}", "expr": expr})
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


def test_every_panel_has_a_place_of_its_own_and_every_query_a_letter() -> None:
    panels = json.loads(dashboard_json())["panels"]
    places = [(at["x"], at["y"]) for panel in panels if (at := panel["gridPos"])]
    assert len(set(places)) == len(panels)
    assert all(
        len({target["refId"] for target in panel.get("targets", ())}) == len(panel.get("targets", ())) for panel in panels
    )
    assert all("options" not in panel or panel["options"] is not None for panel in panels)
