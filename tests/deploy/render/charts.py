"""The chart, rendered by a real Helm and judged by the tools that know Kubernetes' and KEDA's words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject

from thinmesh_deploy.config import read
from thinmesh_deploy.render.helm import helm_values

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy" / "helm" / "thinmesh"
EXAMPLE = ROOT / "deploy" / "examples" / "kubernetes.yaml"

Object = dict[str, Any]


def values(file: Path, tmp_path: Path) -> Object:
    """What `thinmesh render helm-values` writes."""
    found: Object = yaml.safe_load(helm_values(read(file, tmp_path / "state")))
    return found


def objects(given: Object) -> list[Object]:
    """Every object that Helm would install, from the text that it would send."""
    with helm.Chart.load(str(CHART)) as chart:
        texts = chart.render(given, name="mesh", namespace="ai").values()
    return [one for text in texts for one in yaml.safe_load_all(text) if one is not None]


def check(given: Object, tmp_path: Path) -> None:
    """Fails where Helm, Kubernetes' schemas or KEDA's models find anything."""
    told = helm.lint(str(CHART), given, strict=True, namespace="ai", quiet=True)
    assert not told["errors"], told
    found = objects(given)
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(one for one in found if one["kind"] != "ScaledObject"))
    tool = Path(sys.executable).parent / "kubernetes-validate"
    checked = subprocess.run([tool, "--strict", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for one in found:
        if one["kind"] == "ScaledObject":
            ScaledObject.model_validate(one)


def named(found: Iterable[Object], kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    (one,) = [one for one in found if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return one


def containers(workload: Object) -> dict[str, Object]:
    """The containers of a workload's pods, sidecars among them, by their names."""
    spec = workload["spec"]["template"]["spec"]
    return {one["name"]: one for one in (*spec.get("initContainers", ()), *spec["containers"])}
