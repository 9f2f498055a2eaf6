"""nginx.conf, out of thinmesh.yaml. Pure: what it says depends on the configuration and nginx's version alone."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thinmesh_core import address
from thinmesh_core.config import ConfigError
from thinmesh_core.peers import EDGE, GATEWAY, SUFFIX
from thinmesh_deploy.config import Setting
from thinmesh_deploy.edge.config import IDLE_SECONDS, REUSE_SECONDS, Behind, EdgeConfig
from thinmesh_deploy.render.refusals import REFUSALS
from thinmesh_deploy.render.template import fill

Version = tuple[int, int]
"""Of nginx: 1.22 is (1, 22)."""

OLDEST: Version = (1, 22)
NEWEST: Version = (1, 31)

HTTP2_IS_A_DIRECTIVE: Version = (1, 25)
"""From here on `http2 on;` says what was a word of `listen` before."""

IDLE_CONNECTIONS_ARE_KEPT: Version = (1, 28)
"""From here on a reload may leave callers' idle connections to them for a while: `keepalive_min_timeout`, new in 1.27.4."""

PATIENCE_SECONDS = 10
"""What nginx waits longer than any call may take, so that it is the mesh that says so."""

FORM_BYTES = 64 * 1024
"""What a form has beside its file."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The gateways' listeners of one surface."""

    name: str
    servers: Sequence[str]
    leaving: Sequence[str]
    tls: bool


def nginx_conf(
    setting: Setting,
    version: Version,
    *,
    gateways: Sequence[Behind] | None = None,
    leaving: Sequence[str] = (),
    user: str | None = None,
) -> str:
    """The whole file. `gateways` and `user` stand in for the configuration's; addresses in `leaving` get no new calls."""
    edge = edge_of(setting)
    behind = gateways or edge.gateways or (Behind(http=setting.config.listen.http, grpc=setting.config.listen.grpc),)
    known = {text for one in behind for text in (one.http, one.grpc)}
    if unknown := set(leaving) - known:
        raise ConfigError(f"no gateway is at {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}")
    folder, traces = folder_of(setting), setting.config.traces
    words = {
        "edge": edge,
        "source": setting.path.name,
        "user": user or edge.user,
        "folder": folder,
        "access_log": edge.access_log or str(folder / "access.log"),
        "http2_directive": version >= HTTP2_IS_A_DIRECTIVE,
        "keeps_idle_connections": version >= IDLE_CONNECTIONS_ARE_KEPT,
        "listen": {"rest": address.parse(edge.http), "grpc": address.parse(edge.grpc)},
        "rest": _upstream("rest", [one.http for one in behind], leaving, setting),
        "grpc": _upstream("grpc", [one.grpc for one in behind], leaving, setting),
        "tls": setting.config.tls,
        "role": EDGE,
        "gateway": GATEWAY + SUFFIX,
        "call_seconds": math.ceil(setting.config.call_seconds) + PATIENCE_SECONDS,
        "slow_seconds": math.ceil(edge.slow_seconds),
        "idle_seconds": IDLE_SECONDS,
        "reuse_seconds": REUSE_SECONDS,
        "upload_bytes": None if setting.config.jobs is None else setting.config.jobs.files.max_bytes + FORM_BYTES,
        "refusals": REFUSALS,
        "traced": None if traces is None else round(traces.sample * 100, 2),
    }
    return fill("nginx", "nginx.conf.j2", words, {"quoted": quoted})


def edge_of(setting: Setting) -> EdgeConfig:
    """What the file says of the edge; ConfigError where it says nothing."""
    if setting.config.edge is None:
        raise ConfigError(f"{setting.path}: there is no `edge`: say at least its certificate and key (docs/edge.md)")
    return setting.config.edge


def folder_of(setting: Setting) -> Path:
    """Where nginx has its own files."""
    edge = edge_of(setting)
    return setting.state / "edge" if edge.folder is None else Path(edge.folder).absolute()


def quoted(value: object) -> str:
    """A value as one word of nginx.conf. ConfigError where no quotes could keep it from meaning something else."""
    text = str(value)
    if re.search(r"[\"$\\\x00-\x1f\x7f]", text):
        raise ConfigError(f"edge: {text!r} can't be said in nginx.conf: it must have no \", $, \\ or control characters")
    return f'"{text}"'


def _upstream(name: str, texts: Sequence[str], leaving: Sequence[str], setting: Setting) -> Upstream:
    found = [address.parse(text) for text in texts]
    if len({one.local for one in found}) > 1:
        raise ConfigError("edge.gateways: they are either all on this machine, or all on others")
    far, tls = not found[0].local, setting.config.tls is not None
    if far and not tls and not setting.config.insecure:
        raise ConfigError("edge.gateways: on other machines they need `tls`, or `insecure: true` where the network is private")
    gone = [quoted(one) for text, one in zip(texts, found, strict=True) if text in leaving]
    return Upstream(name, [quoted(one) for one in found], gone, far and tls)
