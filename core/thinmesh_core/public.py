"""Which addresses are everybody's: what strangers name may lead to no other ones."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv6Address, IPv6Network, ip_address

AT_ONCE = 8
"""Names that are looked up together for one purpose."""

_NAT64 = IPv6Network("64:ff9b::/96")


def public(address: str) -> bool:
    """Whether an address is everybody's; those that wrap another one are not."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and (ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip in _NAT64):
        return False
    return ip.is_global and not ip.is_multicast


class Resolver:
    """Looks names up for one purpose: a stranger's may take as long as the machine's resolver does, and no thread of others."""

    def __init__(self, purpose: str) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"lookup-{purpose}")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a name."""
        looking_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, looking_up)
        return [str(address[0]) for *_, address in found]
