"""The dashboard as Grafana reads it. Pure."""

from __future__ import annotations

from string import ascii_uppercase

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

from thinmesh_deploy.seeing.panels import CHOICES, ROWS, Choice, Panel

SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
WIDTH = 24
"""Columns of Grafana's grid."""

HEIGHT, HEIGHT_NOW = 8, 4


def dashboard_json() -> str:
    """The file's text, to be imported."""
    made = (
        dashboard.Dashboard("thinmesh")
        .uid("thinmesh")
        .tags(["thinmesh"])
        .refresh("30s")
        .time("now-3h", "now")
        .with_variable(dashboard.DatasourceVariable("source").type("prometheus").label("Prometheus"))
    )
    for choice in CHOICES:
        made = made.with_variable(_variable(choice))
    for row in ROWS:
        made = made.with_row(dashboard.Row(row.title))
        span = WIDTH // min(len(row.panels), 5 if row.panels[0].now else 3)
        for panel in row.panels:
            made = made.with_panel(_shown(panel, span))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def _variable(choice: Choice) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(choice.name)
        .datasource(SOURCE)
        .query(f"label_values({choice.metric}, {choice.label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value(".*")
        .multi(True)
    )


def _shown(panel: Panel, span: int) -> stat.Panel | timeseries.Panel:
    shown: stat.Panel | timeseries.Panel
    if panel.now:
        shown = stat.Panel().height(HEIGHT_NOW).graph_mode(BigValueGraphMode.AREA)
    else:
        below = VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
        shown = timeseries.Panel().height(HEIGHT).legend(below)
    shown = shown.title(panel.title).unit(panel.unit).span(span).datasource(SOURCE).min(0)
    for letter, query in zip(ascii_uppercase, panel.queries, strict=False):
        shown = shown.with_target(prometheus.Dataquery().ref_id(letter).expr(query.expr).legend_format(query.legend))
    return shown
