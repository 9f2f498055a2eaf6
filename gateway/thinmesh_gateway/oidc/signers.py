"""The signing keys as they are known here: fetched beside the calls, by one task, and good for a time without a provider."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.oidc.jwks import Signer, parse

log = logging.getLogger(__name__)

REFRESH_SECONDS = 300.0
"""How soon a key that was taken back is not known any more."""

PAUSE_SECONDS = 30.0
"""The least between two fetches: tokens that name keys which are not there can't make it less."""

WAIT_SECONDS = 2.0
"""How long a call waits for the fetch that its token's key asked for."""


class Signers:
    """Who signs. `now` is seconds, monotonic."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[bytes]],
        max_stale_seconds: float,
        *,
        pause_seconds: float = PAUSE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trouble: str | None = "the signing keys of tokens are not fetched yet"
        self.versions = 0
        """How often other keys were fetched than before: what was verified under an older set may not be under this one."""
        self._fetch = fetch
        self._max_stale_seconds = max_stale_seconds
        self._pause_seconds = pause_seconds
        self._now = now
        self._document = b""
        self._known: dict[str, Signer] = {}
        self._fetched = float("-inf")
        self._listening = False
        self._asked = asyncio.Event()
        self._looked = asyncio.Event()

    async def signer(self, kid: str) -> Signer | None:
        """The key of that id; where it is not known, after one more look, unless the last was just now.

        IDENTITY_UNAVAILABLE where no key is known any more, or that look takes too long.
        """
        self._check_fresh()
        if kid not in self._known and self._listening:
            self._asked.set()
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._looked.wait()
            except TimeoutError:
                raise _unavailable() from None
            self._check_fresh()
        return self._known.get(kid)

    async def follow(self) -> None:
        """Keeps the keys fresh for ever. The only one that fetches, so that there is never more than one fetch."""
        while True:
            await self.refresh()
            self._looked.set()
            self._listening = False
            await asyncio.sleep(self._pause_seconds)
            self._asked.clear()
            self._looked = asyncio.Event()
            self._listening = True
            with suppress(TimeoutError):
                async with asyncio.timeout(0 if self.trouble is not None else REFRESH_SECONDS):
                    await self._asked.wait()

    async def refresh(self) -> None:
        """Fetches the keys; those known so far stay good where that fails."""
        try:
            document = await self._fetch()
            if document != self._document:
                self._known = parse(document)
                self._document = document
                self.versions += 1
            self._fetched, self.trouble = self._now(), None
        except (OSError, ValueError) as error:
            trouble = f"the signing keys of tokens can't be fetched: {error}"
            if trouble != self.trouble:
                log.warning("%s", trouble)
            self.trouble = trouble

    def _check_fresh(self) -> None:
        if self._now() - self._fetched > self._max_stale_seconds:
            raise _unavailable()


def _unavailable() -> MeshError:
    return MeshError(Reason.IDENTITY_UNAVAILABLE, "Tokens can't be checked now; try again shortly.", retry_after=1)
