"""Strangers whose keys are not known, counted by their address: after some the answer is to come back later. Pure.

It is the answer to unknown keys alone that changes. A known key is looked up first, at the price of an HMAC whatever was
sent, so that nobody can lock out others behind the same address.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import ip_address
from typing import NamedTuple

from thinmesh_core.errors import MeshError, Reason

MOST = 100
"""Unknown keys that an address may send within the time before its answer changes."""

SECONDS = 60.0

ADDRESSES = 4096
"""Addresses that are counted; the one that was heard of last longest ago is forgotten first."""

FORWARDED = "x-forwarded-for"

QUOTA = "unknown keys"

TOO_MANY = f"More than {MOST} keys or tokens that are not known came from this address within a minute; known ones still work."


class _Count(NamedTuple):
    began: float
    number: int


class Guesses:
    """Counts failures. `now` is seconds, monotonic."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are counted."""
        return len(self._counts)

    def told(self, error: MeshError, origin: str, now: float) -> MeshError:
        """What somebody at the address is told of an error: itself, or QUOTA_EXCEEDED after too many unknown keys."""
        if error.reason is not Reason.INVALID_KEY:
            return error
        count = self._counts.pop(origin, None)
        if count is None or now - count.began >= SECONDS:
            count = _Count(now, 0)
        self._counts[origin] = count = _Count(count.began, count.number + 1)
        if len(self._counts) > ADDRESSES:
            self._counts.popitem(last=False)
        if count.number <= MOST:
            return error
        return MeshError(Reason.QUOTA_EXCEEDED, TOO_MANY, retry_after=count.began + SECONDS - now, quota=QUOTA)


def origin(peer: str, forwarded: str | None) -> str:
    """What to count a stranger by: its address, or the network that one IPv6 customer has.

    A peer on this machine is the edge, and knows for whom it speaks: the last that its x-forwarded-for says. What any other
    peer says of that is its own invention.
    """
    try:
        address = ip_address(peer.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address  # as a socket for both kinds names IPv4
    except ValueError:
        address = None
    if forwarded and (address is None or address.is_loopback):
        return origin(forwarded.rpartition(",")[2].strip(), None)
    if address is None:
        return ""
    return str(address) if address.version == 4 else address.exploded[:19]


def grpc_host(peer: str) -> str:
    """The address in gRPC's name for a peer: `ipv4:10.0.0.1:5000`, `ipv6:%5B::1%5D:5000`, `unix:`."""
    kind, _, rest = peer.partition(":")
    host = rest.rpartition(":")[0]
    return host if kind == "ipv4" else host.removeprefix("%5B").removesuffix("%5D") if kind == "ipv6" else ""
