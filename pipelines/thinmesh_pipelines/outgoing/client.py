"""Calls strangers by HTTP: a name is looked up once, and the connection goes to the very addresses that were looked at."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from thinmesh_core.errors import MeshError, Reason, invalid
from thinmesh_core.public import Resolver
from thinmesh_pipelines.outgoing.allowed import Allowed
from thinmesh_pipelines.outgoing.config import OutgoingConfig

_resolve = Resolver("calls")

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
MAX_URL = 8192

OURS = frozenset({"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"})
"""Headers that say how a request travels; they are the client's alone."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+", re.IGNORECASE)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered, whatever its status. Names of headers are in lower case; a redirect is an answer too."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def pause(self) -> float | None:
        """The seconds of `retry-after`; none where it says none, or a date."""
        text = self.headers.get("retry-after", "")
        return float(text) if text.isdecimal() else None


class Outgoing:
    """INVALID_REQUEST for what may not be called, and what another attempt may mend where it can't be reached.

    Nothing of a URL, a header or a body is in the errors: they are told and logged.
    """

    def __init__(self, config: OutgoingConfig, resolve: Resolve = _resolve) -> None:
        self._allowed = Allowed.of(config.allow)
        self._most = config.max_bytes
        self._resolve = resolve
        self._tls = ssl.create_default_context()

    async def ask(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Answered:
        """The answer to one request, which may take so long from the look at its name to the last byte."""
        where = _target(method, url)
        _check(headers)
        try:
            async with asyncio.timeout(seconds):
                return await self._asked(method, where, await self._looked_up(where), headers, body)
        except TimeoutError:
            raise MeshError(Reason.DEADLINE_EXCEEDED, f"The called host did not answer within {seconds:g} s.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise MeshError(
                Reason.ENGINE_UNAVAILABLE, f"The called host can't be reached, or does not answer as HTTP: {_kind(error)}."
            ) from None

    async def _looked_up(self, where: URL) -> list[str]:
        host, port = where.host, where.port
        assert host is not None
        assert port is not None
        try:
            addresses = [str(ip_address(host))]
        except ValueError:
            try:
                addresses = await self._resolve(host, port)
            except UnicodeError:
                raise _refused("Its host is no name.") from None
        refusal = self._allowed.refusal(where.scheme, host, addresses)
        if refusal is not None:
            raise _refused(f"{refusal} jobs.outgoing.allow says what else may be called.")
        return addresses

    async def _asked(
        self, method: str, where: URL, addresses: Sequence[str], headers: Mapping[str, str], body: bytes | None
    ) -> Answered:
        connector = aiohttp.TCPConnector(resolver=_LookedAt(addresses), ssl=self._tls, use_dns_cache=False, force_close=True)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"user-agent": "thinmesh", "accept-encoding": "identity"},
                auto_decompress=False,  # a small answer would become a large one
                timeout=aiohttp.ClientTimeout(None),
            ) as session,
            session.request(method, where, headers=headers, data=body, allow_redirects=False) as response,
        ):
            held = bytearray()
            async for piece in response.content.iter_any():
                held += piece
                if len(held) > self._most:
                    raise MeshError(
                        Reason.REQUEST_TOO_LARGE, f"The answer is above the {self._most} bytes of jobs.outgoing.max_bytes."
                    )
            told: dict[str, str] = {}
            for name, value in response.headers.items():
                told[name.lower()] = f"{told[name.lower()]}, {value}" if name.lower() in told else value
            return Answered(response.status, told, bytes(held))


class _LookedAt(AbstractResolver):
    """Knows the addresses that were looked at, and asks nobody."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def _target(method: str, url: str) -> URL:
    if method not in METHODS:
        raise invalid("method", f"method must be one of {', '.join(sorted(METHODS))}.")
    try:
        where = URL(url) if len(url) <= MAX_URL and url.isprintable() else URL()
    except ValueError:
        where = URL()
    if where.scheme not in {"https", "http"} or not where.host or where.port in {None, 0}:
        raise _refused(f"It must be an absolute https:// URL of at most {MAX_URL} characters.")
    if where.user is not None or where.password is not None:
        raise _refused("It may not name a user; send a header.")
    return where.with_fragment(None)


def _check(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in OURS:
            raise invalid("headers", "A header must have a plain name and value, and may not say how the request travels.")


def _refused(why: str) -> MeshError:
    return invalid("url", f"The URL may not be called. {why}")


def _kind(error: Exception) -> str:
    """What went wrong, in words that are ours: a library's name the URL."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "its certificate is not trusted"
        case aiohttp.ClientConnectorError() | socket.gaierror():
            return "no connection"
        case _:
            return "its answer was cut or makes no sense"
