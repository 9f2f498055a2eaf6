"""Whether workers would refuse a configuration, known before anything of it is in force."""

from __future__ import annotations

import os

import thinmesh_gateway.app
from thinmesh_adapters.app import build
from thinmesh_adapters.contract import Place
from thinmesh_adapters.registry import find
from thinmesh_core.inprocess import InProcessChannel, InProcessServer
from thinmesh_deploy.config import Setting
from thinmesh_pipelines.webhooks.endpoints import Endpoints


def check(setting: Setting) -> None:
    """Builds what workers build, and enters none of it: ConfigError where they could not."""
    for name, entry in setting.config.backends.items():
        if entry.address is None and not find(entry.adapter).isolated:
            build(entry, Place(name, setting.sockets, entry.insecure))
    thinmesh_gateway.app.build(setting.gateway("router", "worker"), _nowhere)
    if setting.config.jobs is not None:
        Endpoints.of(setting.webhooks, os.environ)


def _nowhere(_: str) -> InProcessChannel:
    return InProcessChannel(InProcessServer("nowhere", []))
