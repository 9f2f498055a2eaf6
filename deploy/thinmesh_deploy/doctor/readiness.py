"""What a running process says of itself at its admin address: why it takes no calls, and what operators should know."""

from __future__ import annotations

import ssl
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from thinmesh_core import address
from thinmesh_core.peers import OPERATOR
from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.doctor.finding import Finding, ok, warning, wrong

WHERE = "/readyz"
SECONDS = 3.0


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


def fetch(config: MeshConfig, at: str | None, path: str) -> tuple[int, str]:
    """What the admin address, or `at`, answers; OSError or HTTPException where it does not."""
    asked = address.parse(at or config.listen.admin)
    host = asked.host or ""
    if asked.local or config.tls is None:
        connection = HTTPConnection(host, asked.port, timeout=SECONDS)
    else:
        files = (one.replace("{role}", OPERATOR) for one in (config.tls.certificate, config.tls.key))
        context = ssl.create_default_context(cafile=config.tls.authority)
        context.check_hostname = False  # a part's certificate names its role
        context.load_cert_chain(*files)
        connection = HTTPSConnection(host, asked.port, timeout=SECONDS, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()
