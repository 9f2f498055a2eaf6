"""What the edge has to be told where it is a container beside its gateway. Pure."""

from __future__ import annotations

from thinmesh_core import address
from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.edge.config import EdgeConfig

LOGS = ("/dev/stdout", "off")


def contained(config: MeshConfig) -> EdgeConfig:
    """The edge of a file that is for containers; ConfigError where it could not serve, or the gateway would be open."""
    edge = config.edge
    if edge is None:
        raise ConfigError("edge: only nginx faces strangers: say at least its certificate and key (docs/edge.md)")
    if edge.gateways:
        raise ConfigError("edge.gateways: leave it out: each gateway has an edge beside it")
    if edge.access_log not in LOGS:
        raise ConfigError("edge.access_log: say /dev/stdout, or off: files of a container fill its memory, and go with it")
    for key in ("http", "grpc"):
        if not address.parse(getattr(config.listen, key)).local:
            raise ConfigError(f"listen.{key}: the edge is beside the gateway, so nobody else has to reach it: 127.0.0.1:PORT")
    return edge
