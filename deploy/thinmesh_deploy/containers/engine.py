"""The container that an engine runs in: its image, its command, and the loopback port that its adapter beside it asks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from thinmesh_adapters.config import AdapterConfig
from thinmesh_core import address
from thinmesh_core.config import ConfigError
from thinmesh_deploy.containers.config import DeployConfig

VLLM = "vllm/vllm-openai:v0.32.0"
"""The version whose protocols are known here."""

TRITON = "nvcr.io/nvidia/tritonserver:26.09-py3"
"""The release of the tritonclient that the mesh has: 2.73."""

MODELS = "/models"
"""Where engines and adapters find the files of models."""

UNTOLD = {
    "HOME": "/tmp",  # noqa: S108  # the one folder that can be written, a container's own
    "USER": "thinmesh",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "SMG_VLLM_SERVICER_KV_EVENTS": "0",  # it would listen beyond loopback
}
"""A vLLM that writes only into its temporary folder, listens on loopback alone, and fetches and tells nothing."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What a container's runtime is told."""

    image: str
    port: int
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def engine_of(name: str, entry: AdapterConfig, deploy: DeployConfig) -> Engine:
    """The engine of a backend. ConfigError where the entry does not say enough, by its key."""
    at = f"backends.{name}"
    port = _port(at, entry)
    kind = deploy.engine or {"vllm": "vllm", "triton": "triton"}.get(entry.adapter)
    match kind:
        case "vllm":
            own, image, environment = _vllm(at, entry, deploy, port), VLLM, UNTOLD
        case "triton":
            own, image, environment = _triton(port), TRITON, {"HOME": UNTOLD["HOME"]}
        case _ if deploy.image is None or not deploy.command:
            raise ConfigError(f"{at}.deploy: say which `engine` it is (vllm or triton), or give its `image` and `command`")
        case _:
            own, image, environment = (), deploy.image, {}
    return Engine(deploy.image or image, port, (*(deploy.command or own), *deploy.args), environment)


def _port(at: str, entry: AdapterConfig) -> int:
    """Of the loopback address at which the adapter asks its engine."""
    key = "base_url" if "base_url" in entry.options else "address"
    told = str(entry.options.get(key, ""))
    try:
        found = address.parse(urlsplit(told).netloc if key == "base_url" else told)
    except ConfigError as error:
        raise ConfigError(f"{at}.options.{key}: {error}") from error
    if found.path is not None or not found.local:
        raise ConfigError(
            f"{at}.options.{key}: {told} is not beside the adapter; an engine that is deployed with it is on 127.0.0.1"
        )
    return found.port


def _vllm(at: str, entry: AdapterConfig, deploy: DeployConfig, port: int) -> tuple[str, ...]:
    if deploy.command:
        return ()
    if deploy.model is None:
        raise ConfigError(f"{at}.deploy.model: say which model it serves, such as {MODELS}/qwen")
    protocol = ("--grpc",) if entry.adapter == "vllm" else ()
    served = f"--host 127.0.0.1 --port {port} --scheduling-policy priority --tensor-parallel-size {max(deploy.gpus, 1)}"
    return ("vllm", "serve", deploy.model, *protocol, *served.split())


def _triton(port: int) -> tuple[str, ...]:
    """Its metrics and HTTP are on loopback too."""
    beside = [f"--{surface}-address=127.0.0.1" for surface in ("grpc", "http", "metrics")]
    return (
        "tritonserver",
        f"--model-repository={MODELS}",
        *beside,
        f"--grpc-port={port}",
        "--http-port=9000",
        "--metrics-port=9002",
    )
