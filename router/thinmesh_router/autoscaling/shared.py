"""What other routers know of models, through the store that they share for quotas. Needs the extra `redis`."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from importlib.resources import files

import msgspec
from redis.exceptions import RedisError

from thinmesh_router.autoscaling.policy import Figures
from thinmesh_router.store import connected, within

log = logging.getLogger(__name__)

ASK_SECONDS = 0.25
"""What the store may take to answer."""

KEPT_MS = 3_000
"""So long the word of a router counts that says nothing more."""

KEYS = ("thinmesh:autoscale:routers", "thinmesh:autoscale:figures")

Word = dict[str, Figures]
"""What one router says, by model."""

_LUA = (files("thinmesh_router") / "autoscaling" / "exchange.lua").read_text()


class SharedFigures:
    """The figures of all routers that name the same store."""

    def __init__(self, store: str) -> None:
        self._redis = connected(store)
        self._exchange = self._redis.register_script(_LUA)
        self._router = secrets.token_hex(8).encode()
        self._others: list[Word] = []
        self.heard = False
        """Whether the store was asked."""
        self.partial = False
        """Whether others' figures are missing."""

    async def exchange(self, own: Word) -> None:
        """Says this router's figures and hears the others'; while the store can't be reached there are none."""
        try:
            said = await self._said(own, KEPT_MS)
            self._others = [msgspec.msgpack.decode(word, type=Word) for router, word in said.items() if router != self._router]
        except (RedisError, OSError, TimeoutError, msgspec.DecodeError) as error:
            self._others = []
            self._became(partial=True, why=type(error).__name__)
        else:
            self._became(partial=False)
        self.heard = True

    async def leave(self) -> None:
        """This router's calls are over: the others need not wait to find that out. If the store can't be reached, they do."""
        try:
            await self._said({}, 0)
        except (RedisError, OSError, TimeoutError) as error:
            log.info("the store was not told that this router stops: %s", type(error).__name__)
        finally:
            await self._redis.aclose()

    def of(self, model: str) -> list[Figures]:
        """What the others say of a model."""
        return [word[model] for word in self._others if model in word]

    async def _said(self, own: Word, kept_ms: int) -> Mapping[bytes, bytes]:
        asked = self._exchange(keys=KEYS, args=[self._router, kept_ms, msgspec.msgpack.encode(own)])
        flat = await within(ASK_SECONDS, asked)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def _became(self, *, partial: bool, why: str = "") -> None:
        """Told once, not with every round."""
        if partial is self.partial:
            return
        self.partial = partial
        if partial:
            log.warning("other routers' figures are missing (%s): replicas follow this router's calls, and are no fewer", why)
        else:
            log.warning("other routers' figures are there again")
