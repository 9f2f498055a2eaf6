"""By which names a listener may be asked for, so that no web page reaches it by a name of its own (DNS rebinding). Pure."""

from __future__ import annotations

import ipaddress

from thinmesh_core.address import Address

LOOPBACK = "localhost"


def meant(host: str | None, at: Address) -> bool:
    """Whether a Host header is an address itself, this machine's own name, or the name that the listener was given.

    Whoever makes a browser believe that a name is this machine's has a name of their own in it.
    """
    if host is None:
        return False
    name = _name(host)
    if name in {LOOPBACK, (at.host or LOOPBACK).lower()}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name(host: str) -> str:
    """A header's host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
