"""The page on metrics and the metrics are the same."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from thinmesh_core import telemetry

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\| (.+) \|$", re.MULTILINE)


def test_the_page_lists_every_metric_with_its_type_and_labels_and_no_other() -> None:
    rows = ROW.findall(PAGE.read_text())
    written = {name: (kind, tuple(re.findall(r"\w+", labels))) for name, kind, labels, _ in rows}
    assert len(written) == len(rows)
    metrics = [one for one in vars(telemetry).values() if isinstance(one, MetricWrapperBase)]
    assert written == {_name(one): (one._type, tuple(one._labelnames)) for one in metrics}


def _name(metric: MetricWrapperBase) -> str:
    return f"{metric._name}_total" if metric._type == "counter" else metric._name
