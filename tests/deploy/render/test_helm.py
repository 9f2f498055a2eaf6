"""What Helm would install from the example: valid, locked down, and nothing lost when a pod goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.render.charts import EXAMPLE, Object, check, containers, named, objects, values

from thinmesh_deploy.edge.config import KEPT_SECONDS

WORKLOADS = ("Deployment", "StatefulSet")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    return objects(values(EXAMPLE, tmp_path_factory.mktemp("helm")))


def test_helm_and_kubernetes_schemas_find_nothing(tmp_path: Path) -> None:
    check(values(EXAMPLE, tmp_path), tmp_path)


def test_every_container_is_without_rights(found: list[Object]) -> None:
    pods = [one for one in found if one["kind"] in WORKLOADS]
    assert len(pods) == 6
    for pod in pods:
        spec = pod["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["automountServiceAccountToken"] is False
        for one in containers(pod).values():
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert one["resources"]["limits"]


def test_an_engine_is_a_sidecar_on_the_loopback_of_its_adapter_and_outlives_it(found: list[Object]) -> None:
    spec = named(found, "StatefulSet", "qwen")["spec"]["template"]["spec"]
    (engine,) = spec["initContainers"]
    assert engine["restartPolicy"] == "Always"
    assert "--host 127.0.0.1" in " ".join(engine["command"])
    assert "ports" not in engine
    assert [one["name"] for one in spec["containers"]] == ["adapter"]


@pytest.mark.parametrize("name", ["qwen", "tensors", "embed", "provider"])
def test_only_routers_reach_an_adapter(found: list[Object], name: str) -> None:
    policy = named(found, "NetworkPolicy", name)["spec"]
    labels = named(found, "StatefulSet", name)["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    (ingress,) = policy["ingress"]
    (peer,) = ingress["from"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "router"
    assert [one["port"] for one in ingress["ports"]] == [7001]


def test_engines_reach_nobody_but_for_those_that_are_somebody_elses(found: list[Object]) -> None:
    egress = {name: named(found, "NetworkPolicy", name)["spec"].get("egress", []) for name in ("qwen", "tensors", "embed")}
    assert not any(egress.values())
    assert named(found, "NetworkPolicy", "provider")["spec"]["egress"]


def test_what_no_policy_allows_is_forbidden(found: list[Object]) -> None:
    whole = named(found, "NetworkPolicy", "thinmesh")["spec"]
    assert whole["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in whole
    assert "egress" not in whole
    for one in found:
        if one["kind"] in WORKLOADS:
            assert whole["podSelector"]["matchLabels"].items() <= one["spec"]["template"]["metadata"]["labels"].items()


def test_strangers_reach_nginx_alone(found: list[Object]) -> None:
    ingress = named(found, "NetworkPolicy", "gateway")["spec"]["ingress"]
    assert ingress == [{"ports": [{"port": 8443}, {"port": 8444}]}]
    pod = containers(named(found, "Deployment", "gateway"))
    assert {one["name"] for one in pod["edge"]["ports"]} == {"https", "grpcs"}
    assert "ports" not in pod["gateway"]
    assert [one["metadata"]["name"] for one in found if one["kind"] == "Service" and one["spec"].get("type")] == ["gateway"]


def test_a_big_model_has_its_time_to_start_and_is_not_ended_for_being_busy(found: list[Object]) -> None:
    pod = containers(named(found, "StatefulSet", "qwen"))
    probe = pod["engine"]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 900
    assert "livenessProbe" not in pod["engine"]
    assert "readyz" in pod["adapter"]["readinessProbe"]["exec"]["command"][-1]
    assert "healthz" in pod["adapter"]["livenessProbe"]["exec"]["command"][-1]


def test_an_engine_inside_its_adapter_has_its_time_too(found: list[Object]) -> None:
    adapter = containers(named(found, "StatefulSet", "embed"))["adapter"]
    assert adapter["startupProbe"]["periodSeconds"] * adapter["startupProbe"]["failureThreshold"] == 120
    assert adapter["resources"]["limits"] == {"cpu": "2.0", "memory": "2Gi"}


def test_nginx_leaves_before_its_gateway_and_both_after_their_service(found: list[Object]) -> None:
    """nginx ends on SIGQUIT, the image's signal: it tells callers to come again, and what runs goes on."""
    pod = containers(named(found, "Deployment", "gateway"))
    first, second = (pod[name]["lifecycle"]["preStop"]["sleep"]["seconds"] for name in ("edge", "gateway"))
    assert 0 < first < second
    spec = named(found, "Deployment", "gateway")["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] >= second + 2 + KEPT_SECONDS + 60


@pytest.mark.parametrize(("kind", "name"), [("Deployment", "router"), ("StatefulSet", "qwen")])
def test_running_calls_have_their_time_at_a_stop(found: list[Object], kind: str, name: str) -> None:
    """Two seconds of drain and sixty of grace."""
    assert named(found, kind, name)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 5 + 2 + 60


def test_a_spot_node_takes_back_what_has_ended_within_its_notice(found: list[Object]) -> None:
    tensors = named(found, "StatefulSet", "tensors")
    spec = tensors["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] == 30
    args = containers(tensors)["adapter"]["args"]
    assert float(args[args.index("--grace") + 1]) + 2 < 30
    assert {"key": "cloud.example.com/spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"} in spec[
        "tolerations"
    ]


def test_gpus_are_asked_for_and_their_nodes_tolerated(found: list[Object]) -> None:
    qwen = named(found, "StatefulSet", "qwen")
    assert containers(qwen)["engine"]["resources"]["limits"]["nvidia.com/gpu"] == 1
    spec = qwen["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"gpu": "h100"}
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"]


def test_each_workload_has_a_budget_for_disruptions_and_a_class(found: list[Object]) -> None:
    classes = {one["metadata"]["name"]: one["value"] for one in found if one["kind"] == "PriorityClass"}
    assert classes["ai-thinmesh-serving"] > classes["ai-thinmesh-engines"]
    for one in found:
        if one["kind"] in WORKLOADS:
            name = one["metadata"]["name"]
            budget = named(found, "PodDisruptionBudget", name)["spec"]
            assert budget["maxUnavailable"] == 1
            assert budget["selector"] == one["spec"]["selector"]
            assert one["spec"]["template"]["spec"]["priorityClassName"] in classes


def test_the_file_is_carried_as_it_is_and_each_replica_is_a_backend_of_it(found: list[Object]) -> None:
    text = named(found, "ConfigMap", "thinmesh")["data"]["thinmesh.yaml"]
    assert text == EXAMPLE.read_text()
    backends: dict[str, Any] = yaml.safe_load(text)["backends"]
    for one in found:
        if one["kind"] == "StatefulSet":
            name = one["metadata"]["name"]
            replicas = {f"{name}-{number}" for number in range(one["spec"].get("replicas", 2))}
            assert replicas == {backend for backend in backends if backend.rpartition("-")[0] == name}


def test_kustomize_patches_what_helm_renders(found: list[Object], tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(yaml.safe_dump_all(found))
    patch = {
        "target": {"kind": "Deployment", "name": "router"},
        "patch": '[{"op": "replace", "path": "/spec/replicas", "value": 3}]',
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["mesh.yaml"], "patches": [patch]}))
    tool = Path(sys.executable).parent / "kubectl"
    made = subprocess.run([tool, "kustomize", tmp_path], capture_output=True, text=True, check=True)
    patched = list(yaml.safe_load_all(made.stdout))
    assert named(patched, "Deployment", "router")["spec"]["replicas"] == 3
    assert len(patched) == len(found)


def test_a_set_whose_model_autoscales_has_the_replicas_that_its_router_wants(found: list[Object]) -> None:
    assert "replicas" not in named(found, "StatefulSet", "qwen")["spec"]
    assert [one["metadata"]["name"] for one in found if one["kind"] == "ScaledObject"] == ["qwen"]
    spec = named(found, "ScaledObject", "qwen")["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 2)
    assert spec["triggers"] == [
        {
            "type": "external-push",
            "metadata": {"scalerAddress": "router.ai:7000", "model": "qwen"},
            "authenticationRef": {"name": "thinmesh"},
        }
    ]
