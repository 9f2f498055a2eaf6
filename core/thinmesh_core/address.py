"""Where a part listens or is reached: host:port, or unix:/path."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thinmesh_core.config import ConfigError

# What sockaddr_un holds, less the closing zero.
MAX_UNIX_PATH_BYTES = 107

MAX_PORT, PORT_DIGITS = 65535, 5


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address; exactly one of `path` and `host` is set."""

    host: str | None
    port: int
    path: Path | None

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.path is not None:
            return True
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host or "").is_loopback
        except ValueError:
            return False

    @property
    def scheme(self) -> str:
        """How grpc names its kind: unix, ipv4, ipv6, or dns for a name."""
        if self.path is not None:
            return "unix"
        try:
            return f"ipv{ipaddress.ip_address(self.host or '').version}"
        except ValueError:
            return "dns"

    def free(self) -> None:
        """Removes the socket that an ended process left there; nothing else that has the path's name."""
        if self.path is not None and self.path.is_socket():
            self.path.unlink(missing_ok=True)

    def __str__(self) -> str:
        """The form that grpc and people read."""
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if self.host and ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse(text: str) -> Address:
    """The address of `host:port`, `[v6]:port` or `unix:/path`; ConfigError with the fix otherwise."""
    if text.startswith("unix:") and text != "unix:":
        path = Path(text.removeprefix("unix:")).absolute()
        if len(bytes(path)) > MAX_UNIX_PATH_BYTES:
            raise ConfigError(
                f"the socket path {path} is longer than {MAX_UNIX_PATH_BYTES} bytes: give a shorter --state folder"
            )
        return Address(None, 0, path)
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or len(port) > PORT_DIGITS or int(port) > MAX_PORT:
        raise ConfigError(f"{text!r} is no address: write HOST:PORT (127.0.0.1:8080) or unix:/path/to/socket")
    return Address(host.strip("[]") or "127.0.0.1", int(port), None)


def target(texts: Sequence[str]) -> str:
    """What grpc is to connect to: one address, or several that are all sockets, all IPv4 or all IPv6."""
    found = [parse(text) for text in texts]
    if len(found) == 1:
        return str(found[0])
    schemes = {one.scheme for one in found}
    if len(schemes) > 1 or schemes == {"dns"}:
        raise ConfigError(
            f"{', '.join(texts)}: several addresses have to be all unix:/path, all IPv4 or all IPv6; "
            "or give one name that stands for all of them"
        )
    return f"{schemes.pop()}:" + ",".join(str(one).removeprefix("unix:") for one in found)
