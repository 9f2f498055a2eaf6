"""What an engine's container is told, and what an entry that says too little is refused with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import read
from thinmesh_deploy.containers.engine import TRITON, VLLM, Engine, engine_of

VLLM_GRPC = {"adapter": "vllm", "options": {"address": "127.0.0.1:50051"}}
VLLM_HTTP = {"adapter": "openai", "options": {"base_url": "http://127.0.0.1:8000/v1"}}
TENSORS = {"adapter": "triton", "options": {"address": "127.0.0.1:8001"}}


def engine(tmp_path: Path, entry: dict[str, Any], deploy: dict[str, Any]) -> Engine:
    file = tmp_path / "thinmesh.yaml"
    whole = {"tenants": {}, "backends": {"one": entry | {"deploy": deploy}}, "models": {"one": {"backends": ["one"]}}}
    file.write_text(yaml.safe_dump(whole))
    found = read(file, tmp_path / "state").config.backends["one"]
    assert found.deploy is not None
    return engine_of("one", found, found.deploy)


def test_a_vllm_is_pinned_schedules_by_priority_and_listens_on_loopback(tmp_path: Path) -> None:
    found = engine(tmp_path, VLLM_GRPC, {"model": "/models/qwen", "gpus": 2, "args": ["--max-model-len", "8192"]})
    assert (found.image, found.port) == (VLLM, 50051)
    told = " ".join(found.command)
    assert told.startswith("vllm serve /models/qwen --grpc --host 127.0.0.1 --port 50051 --scheduling-policy priority")
    assert told.endswith("--tensor-parallel-size 2 --max-model-len 8192")
    assert found.environment["SMG_VLLM_SERVICER_KV_EVENTS"] == "0"


def test_a_vllm_behind_the_openai_adapter_speaks_http(tmp_path: Path) -> None:
    found = engine(tmp_path, VLLM_HTTP, {"engine": "vllm", "model": "/models/qwen"})
    assert found.port == 8000
    assert "--grpc" not in found.command


def test_a_triton_listens_on_loopback_with_all_its_ports(tmp_path: Path) -> None:
    found = engine(tmp_path, TENSORS, {"gpus": 1})
    assert found.image == TRITON
    assert {one for one in found.command if "-address=" in one} == {
        "--grpc-address=127.0.0.1",
        "--http-address=127.0.0.1",
        "--metrics-address=127.0.0.1",
    }


def test_an_image_and_a_command_of_ones_own_stand_in(tmp_path: Path) -> None:
    found = engine(tmp_path, VLLM_HTTP, {"image": "example.org/sglang:v1", "command": ["serve"], "args": ["--quiet"]})
    assert (found.image, found.command, found.environment) == ("example.org/sglang:v1", ("serve", "--quiet"), {})


@pytest.mark.parametrize("image", ["vllm/vllm-openai", "vllm/vllm-openai:latest", "example.org:5000/vllm", "a b:1"])
def test_an_image_that_is_not_pinned_is_refused(tmp_path: Path, image: str) -> None:
    with pytest.raises(ConfigError, match=r"at `\$\.backends\.one\.deploy\.image`"):
        engine(tmp_path, VLLM_GRPC, {"image": image})


@pytest.mark.parametrize(
    ("entry", "deploy", "told"),
    [
        (VLLM_GRPC, {}, r"backends\.one\.deploy\.model: say which model"),
        (VLLM_HTTP, {}, r"backends\.one\.deploy: say which `engine`"),
        (VLLM_GRPC, {"modle": "x"}, "modle"),
        (
            TENSORS | {"options": {"address": "10.0.0.4:8001"}},
            {},
            r"backends\.one\.options\.address: .* is not beside the adapter",
        ),
        (VLLM_HTTP | {"options": {"base_url": "nope"}}, {}, r"backends\.one\.options\.base_url: '' is no address"),
    ],
)
def test_an_entry_that_says_too_little_is_told_by_its_key(
    tmp_path: Path, entry: dict[str, Any], deploy: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        engine(tmp_path, entry, deploy)
