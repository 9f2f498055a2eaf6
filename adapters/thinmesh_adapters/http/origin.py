"""Where an engine's HTTP is: what its URL says, the head of a request to it, and a connection there."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from thinmesh_adapters.http.connection import Connection
from thinmesh_core.config import ConfigError

Headers = Mapping[str, str]
"""What an engine is told about a call."""

CONNECT_SECONDS = 5.0
"""For the name, the connection and TLS together."""

_PORTS = {"http": 80, "https": 443}


class Origin:
    """An engine's base URL with what every request to it repeats; `socket` replaces the URL's host."""

    def __init__(self, base_url: str, key: str | None, socket: Path | None = None) -> None:
        url = urlsplit(base_url)
        if url.scheme not in _PORTS or not url.hostname or url.query or url.fragment or "@" in url.netloc:
            raise ConfigError(f"{base_url} is no engine's URL: write it as http://HOST:PORT/PATH")
        self.socket = socket
        self._host = url.hostname
        self._port = url.port or _PORTS[url.scheme]
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._path = url.path.rstrip("/")
        authorization = "" if key is None else f"authorization: Bearer {key}\r\n"
        self._repeated = f"host: {url.netloc}\r\ncontent-type: application/json\r\n{authorization}"
        if not (self._repeated + self._path).replace("\r\n", "").isprintable():
            raise ConfigError("an engine's URL and key must not have characters that are not seen")

    def request(self, method: str, path: str, body: bytes, headers: Headers) -> bytes:
        """A whole request; the headers have been looked at."""
        known = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"{method} {self._path}{path} HTTP/1.1\r\n{self._repeated}{known}content-length: {len(body)}\r\n\r\n"
        return head.encode("latin-1") + body

    async def connect(self) -> Connection:
        """A new connection; OSError, of which TimeoutError is one."""
        loop = asyncio.get_running_loop()
        connection = Connection(loop)
        async with asyncio.timeout(CONNECT_SECONDS):
            if self.socket is not None:
                await loop.create_unix_connection(lambda: connection, str(self.socket))
            else:
                await loop.create_connection(lambda: connection, self._host, self._port, ssl=self._tls)
        return connection
