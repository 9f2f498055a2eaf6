"""What a running process says of itself at its admin address: why it takes no calls, and what operators should know."""

from __future__ import annotations

from http import HTTPStatus
from http.client import HTTPException

from thinmesh_deploy.admin import fetch
from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.doctor.finding import Finding, ok, warning, wrong

WHERE = "/readyz"


def look(config: MeshConfig, at: str | None) -> list[Finding]:
    """What is said there; nothing where nobody listens, which the ports tell."""
    try:
        status, text = fetch(config, at, "/readyz")
    except (OSError, HTTPException):
        return []
    first, *others = text.splitlines() or [""]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return [wrong(WHERE, line, "calls are refused until this is over") for line in (first, *others)]
    return [ok(WHERE, first), *(warning(WHERE, line, "calls are served; mend this before the next start") for line in others)]
