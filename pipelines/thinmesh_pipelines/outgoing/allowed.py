"""Whether a stranger may be called: by https at public addresses, and as the configuration allows. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self

from thinmesh_core.public import public

_HOST = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*", re.IGNORECASE)
"""A name; one without a letter is taken for a network."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The hosts and networks that are trusted: private ones may be called there, and without TLS."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, entries: Sequence[str]) -> Self:
        """Those of a configuration; ValueError names the entry that is neither."""
        hosts, networks = set(), []
        for entry in entries:
            if _HOST.fullmatch(entry) and ":" not in entry:
                hosts.add(entry.lower())
                continue
            try:
                networks.append(ip_network(entry))
            except ValueError:
                raise ValueError(f"allow: {entry!r} is no host, address or network such as 10.0.0.0/8") from None
        return cls(frozenset(hosts), tuple(networks))

    def refusal(self, scheme: str, host: str, addresses: Sequence[str]) -> str | None:
        """Why a host, which stands for these addresses, may not be called so; None where it may."""
        if not addresses:
            return "It has no address."
        if host.lower() in self.hosts or all(map(self._inside, addresses)):
            return None
        if scheme != "https":
            return "It must be called by https."
        if not all(public(address) or self._inside(address) for address in addresses):
            return "It is at a private address."
        return None

    def _inside(self, address: str) -> bool:
        ip = ip_address(address)
        return any(ip in network for network in self.networks)
