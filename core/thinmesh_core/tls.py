"""Certificates between hops: this process's own, and the authority that its peers' must come from; read again when they change.

Needs the extra `tls`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from pathlib import Path
from typing import NamedTuple

import grpc
from cryptography import x509

from thinmesh_core.config import ConfigError
from thinmesh_core.telemetry import CERTIFICATE_EXPIRES

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the files are looked at."""

DAY = 86_400
WARN_DAYS = 7
"""So long before its end a certificate is warned of, once a day."""


class _Read(NamedTuple):
    """What was read at one time, and is known to fit."""

    authority: bytes
    certificate: bytes
    key: bytes
    context: ssl.SSLContext
    expires: float


class Certificates:
    """What the files hold now. `generation` counts their changes; `follow` must run for it to notice them."""

    def __init__(self, authority: Path, certificate: Path, key: Path) -> None:
        self.generation = 0
        self._authority, self._certificate, self._key = authority, certificate, key
        self._stamps = self._stamp()
        self._warned = 0.0
        self._files = self._read()

    def context(self) -> ssl.SSLContext:
        """For a connection that an HTTP listener takes now: a client without a certificate of the authority is not let in."""
        return self._files.context

    def server(self) -> grpc.ServerCredentials:
        """For gRPC listeners: new connections get the certificate of the moment."""
        return grpc.dynamic_ssl_server_credentials(self._server(), self._server, require_client_authentication=True)

    def channel(self) -> grpc.ChannelCredentials:
        """For a channel that is made now."""
        return grpc.ssl_channel_credentials(self._files.authority, self._files.key, self._files.certificate)

    async def follow(self) -> None:
        """Reads the files again whenever they change; what can't be used changes nothing and is told."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            stamps = await asyncio.to_thread(self._stamp)
            if stamps == self._stamps:
                self._warn(time.time())
                continue
            self._stamps = stamps
            try:
                self._files = self._read()
            except ConfigError as error:
                log.warning("%s; the certificates before it stay in use", error)
                continue
            self.generation += 1
            log.info("the certificates were read again")

    def _server(self) -> grpc.ServerCertificateConfiguration:
        files = self._files
        return grpc.ssl_server_certificate_configuration([(files.key, files.certificate)], files.authority)

    def _stamp(self) -> tuple[tuple[int, int] | None, ...]:
        found: list[tuple[int, int] | None] = []
        for path in (self._authority, self._certificate, self._key):
            try:
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_ino))
            except OSError:
                found.append(None)
        return tuple(found)

    def _read(self) -> _Read:
        """The files, once they are known to fit each other; ConfigError names the one that does not."""
        paths = (self._authority, self._certificate, self._key)
        try:
            authority, certificate, key = (path.read_bytes() for path in paths)
            expires = x509.load_pem_x509_certificate(certificate).not_valid_after_utc.timestamp()
        except OSError as error:
            raise ConfigError(f"tls: {error.filename} can't be read: {error.strerror}") from error
        except ValueError as error:
            raise ConfigError(f"tls.certificate: {self._certificate} holds no PEM certificate") from error
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_cert_chain(self._certificate, self._key)
            context.load_verify_locations(self._authority)
        except ssl.SSLError as error:
            raise ConfigError(
                f"tls: {self._certificate}, {self._key} and {self._authority} don't fit: {error.reason}"
            ) from error
        except OSError as error:  # it was there a moment ago
            raise ConfigError(f"tls: a file of {', '.join(map(str, paths))} can't be read: {error.strerror}") from error
        if expires <= time.time():
            raise ConfigError(f"tls.certificate: {self._certificate} has expired")
        CERTIFICATE_EXPIRES.set(expires)
        return _Read(authority, certificate, key, context, expires)

    def _warn(self, now: float) -> None:
        if self._files.expires - now < WARN_DAYS * DAY and now - self._warned >= DAY:
            self._warned = now
            log.warning("the certificate %s ends in %.1f days", self._certificate, (self._files.expires - now) / DAY)
