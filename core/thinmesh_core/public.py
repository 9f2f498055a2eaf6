"""Which addresses are everybody's: what strangers name may lead to no other ones."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv6Address, IPv6Network, ip_address

AT_ONCE = 8
"""Names that are looked up together."""

_LOOKING_UP = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lookup")
"""Whose name a stranger gives may let us wait for it as long as the resolver does: that takes no thread of anything else."""

_NAT64 = IPv6Network("64:ff9b::/96")


def public(address: str) -> bool:
    """Whether an address is everybody's; those that wrap another one are not."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and (ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip in _NAT64):
        return False
    return ip.is_global and not ip.is_multicast


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, by the machine's own resolver."""
    looking_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKING_UP, looking_up)
    return [str(address[0]) for *_, address in found]
