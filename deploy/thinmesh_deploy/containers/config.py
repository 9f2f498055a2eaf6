"""What thinmesh.yaml says of how a backend's engine is run, for renders alone: no running process looks at it. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from thinmesh_core.config import Section
from thinmesh_core.ranges import Seconds

Image = Annotated[str, Meta(pattern=r"^(?!.*:latest$)[a-z0-9][\w./:-]*(:[\w.-]+|@sha256:[0-9a-f]{64})$")]
"""With a tag that is not `latest`, or a digest."""

Amount = Annotated[str, Meta(pattern="^[1-9][0-9]{0,8}(Mi|Gi)$")]
"""Of memory."""

Cpus = Annotated[float, Meta(ge=0.1, le=1024)]
Gpus = Annotated[int, Meta(ge=0, le=64)]


class Toleration(Section, frozen=True, kw_only=True):
    """A taint of nodes that the engine may run on all the same, in Kubernetes' words; without a value any."""

    key: Annotated[str, Meta(min_length=1)]
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class DeployConfig(Section, frozen=True, kw_only=True):
    """Where and how a backend's engine runs.

    `engine` has an image and a command of its own; unset, the adapter tells it. `image` and `command` stand in for those,
    `args` are added to it. `model` is what a vLLM serves, a folder below `/models`, where the models' volume is. An engine has
    `startup_seconds` to begin to listen. `spot_notice_seconds`: its node may be taken back with so much notice, in which
    running calls have to end. `gpus` are NVIDIA's; `node_selector` and `tolerations` choose nodes of Kubernetes.
    """

    engine: Literal["vllm", "triton"] | None = None
    image: Image | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    model: str | None = None
    gpus: Gpus = 0
    cpus: Cpus | None = None
    memory: Amount | None = None
    shared_memory: Amount = "1Gi"
    startup_seconds: Seconds = 600.0
    spot_notice_seconds: Seconds | None = None
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
