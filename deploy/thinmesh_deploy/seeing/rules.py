"""The file of rules that Prometheus reads, out of thinmesh.yaml. Pure."""

from __future__ import annotations

from typing import Any

import yaml

from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.seeing.alerts import ALERTS, Alert
from thinmesh_deploy.seeing.objectives import Recorded, recorded

HEAD = "# Rules for Prometheus, made by `thinmesh render alerts`: change thinmesh.yaml, not this.\n"


def rules(config: MeshConfig) -> str:
    """The file's text."""
    groups = [
        {"name": "thinmesh-objectives", "rules": [_record(one) for one in recorded(config.objectives, config.models)]},
        {"name": "thinmesh-alerts", "rules": [_alert(one) for one in ALERTS]},
    ]
    return HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=1000)


def _record(rule: Recorded) -> dict[str, Any]:
    return {"record": rule.record, "expr": rule.expr, "labels": dict(rule.labels)}


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.hold,
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "description": alert.action},
    }
