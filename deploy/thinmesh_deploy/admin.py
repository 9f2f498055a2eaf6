"""Asking a process what it says at its admin address."""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPSConnection

from thinmesh_core import address
from thinmesh_core.peers import OPERATOR
from thinmesh_deploy.config import MeshConfig

SECONDS = 3.0
"""What it may take to answer."""


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
