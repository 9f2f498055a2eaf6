"""How a process is reached from beyond its machine, and reaches others there: not at all, by mutual TLS, or in the clear."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from thinmesh_core.address import Address
from thinmesh_core.beside import beside
from thinmesh_core.channel import Channels, dial, dial_tls
from thinmesh_core.config import ConfigError, Section

if TYPE_CHECKING:
    from thinmesh_core.tls import Certificates


class TlsConfig(Section, frozen=True, kw_only=True):
    """PEM files: the authority of all parts, and this part's certificate and key. A router's is for `router.thinmesh`.

    `{role}` in a path is the part's role, so that one file serves all of them.
    """

    authority: str
    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """Sockets and loopback are this machine's own and in the clear; every other address needs `certificates` or `insecure`."""

    insecure: bool = False
    certificates: Certificates | None = None

    def check(self, address: Address) -> None:
        """ConfigError where an address must not be listened on."""
        if not (address.local or self.certificates is not None or self.insecure):
            raise ConfigError(
                f"refusing to listen on {address} without TLS: give `tls` in thinmesh.yaml, use 127.0.0.1 or a unix socket "
                "behind nginx, or set `insecure: true` if the network itself is private"
            )

    def credentials(self, address: Address) -> grpc.ServerCredentials | None:
        """For a gRPC listener; None in the clear."""
        return None if address.local or self.certificates is None else self.certificates.server()

    def context(self, address: Address) -> Callable[[], ssl.SSLContext] | None:
        """What an HTTP listener asks at each connection; None in the clear."""
        return None if address.local or self.certificates is None else self.certificates.context

    def channels(self, role: str) -> Channels:
        """What dials peers of a role."""
        return dial if self.certificates is None else partial(dial_tls, role, self.certificates)


LOCAL = Exposure()
"""Reached from this machine only."""


@asynccontextmanager
async def exposed(tls: TlsConfig | None, role: str, *, insecure: bool) -> AsyncIterator[Exposure]:
    """What the configuration says to a part; its certificates are followed until left. ConfigError where they can't be used."""
    if tls is None:
        yield Exposure(insecure)
        return
    try:
        from thinmesh_core.tls import Certificates  # noqa: PLC0415  # it needs the extra `tls`
    except ImportError as error:
        raise ConfigError("tls: install the extra `tls`") from error
    certificates = Certificates(*(Path(one.replace("{role}", role)) for one in (tls.authority, tls.certificate, tls.key)))
    async with beside(certificates.follow()):
        yield Exposure(insecure, certificates)
