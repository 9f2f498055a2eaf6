"""Answers kept in a Redis or Valkey, for all gateways that share it and the pepper.

A name's value is a claim (who makes the answer now) or the answer, encrypted. A claim lives for seconds and is renewed
while its process lives, so that the name of a process that died is soon free.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar, cast

from cryptography.exceptions import InvalidTag
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.idempotency.cipher import DIGEST_BYTES, Cipher
from thinmesh_gateway.idempotency.key import conflict

log = logging.getLogger(__name__)

T = TypeVar("T")

DECIDE_SECONDS = 0.05
"""What the store may take to say whether a name is free."""

MOVE_SECONDS = 2.0
"""What it may take to give or take a whole answer."""

CLAIM_SECONDS = 10.0
"""How long a claim lives unless it is renewed."""

RENEW_SECONDS = 3.0
LOOK_SECONDS = 0.05
"""How often a name is looked at while another process makes its answer."""

CONNECTIONS = 64
PREFIX = b"thinmesh:once:"

_CLAIMED, _KEPT = b"\0", b"\1"
_TOKEN_BYTES = 16
_HEAD_BYTES = 1 + DIGEST_BYTES
_CLAIM_BYTES = _HEAD_BYTES + _TOKEN_BYTES

_CLAIM = f"""
if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return ARGV[1] end
return redis.call('getrange', KEYS[1], 0, {_CLAIM_BYTES - 1})
"""
_RENEW = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0"
_KEEP = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1 end return 0"
_FREE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class RedisStore:
    """Answers in the Redis at `url`, each for `window` seconds. `follow` must run while it is used."""

    def __init__(self, url: str, cipher: Cipher, window: float) -> None:
        pool = BlockingConnectionPool.from_url(
            url, max_connections=CONNECTIONS, timeout=None, retry=Retry(NoBackoff(), 1), decode_responses=False
        )
        pool.connection_class(**pool.connection_kwargs)  # an option that it does not know is told now
        self._redis = Redis.from_pool(pool)
        self._cipher = cipher
        self._window = window
        self._claims: dict[bytes, bytes] = {}
        self._claim, self._renew, self._keep, self._free = map(self._redis.register_script, (_CLAIM, _RENEW, _KEEP, _FREE))

    async def claim(self, name: bytes, fingerprint: bytes) -> bytes | None:
        """The answer kept under the name, or None and the claim to make it."""
        key = self._key(name)
        head = self._cipher.digest(fingerprint)
        claim = _CLAIMED + head + secrets.token_bytes(_TOKEN_BYTES)
        while True:
            found: bytes = await _within(DECIDE_SECONDS, self._claim([key], [claim, _milliseconds(CLAIM_SECONDS)]))
            if found == claim:
                self._claims[name] = claim
                return None
            if found[1:_HEAD_BYTES] != head:
                raise conflict()
            if found[:1] == _KEPT:
                answer = await self._fetched(key)
                if answer is not None:
                    return answer
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def keep(self, name: bytes, fingerprint: bytes, answer: bytes) -> None:
        """Keeps the answer, where the claim is still ours."""
        key = self._key(name)
        value = _KEPT + self._cipher.digest(fingerprint) + self._cipher.sealed(answer, key)
        ours = await self._settled(name, MOVE_SECONDS, self._keep, [value, _milliseconds(self._window)])
        if not ours:
            log.warning("an answer could not be kept for its idempotency key: a call that repeats it is made anew")

    async def free(self, name: bytes) -> None:
        """Gives the claim up; where that fails it ends by itself."""
        await self._settled(name, DECIDE_SECONDS, self._free, [])

    async def follow(self) -> None:
        """Renews this process's claims for ever."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                for name, claim in tuple(self._claims.items()):
                    await _within(DECIDE_SECONDS, self._renew([self._key(name)], [claim, _milliseconds(CLAIM_SECONDS)]))
            except MeshError:
                log.warning("claims to idempotency keys can't be renewed: the store does not answer")

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def _fetched(self, key: bytes) -> bytes | None:
        """The answer under a key; None where its time was over in between."""
        value: bytes | None = await _within(MOVE_SECONDS, cast("Awaitable[Any]", self._redis.get(key)))
        if value is None or value[:1] != _KEPT:
            return None
        try:
            return self._cipher.opened(value[_HEAD_BYTES:], key)
        except InvalidTag as error:
            log.error("an answer in the store of idempotency keys was not written under this pepper")  # noqa: TRY400  # all there is
            raise _unavailable() from error

    async def _settled(self, name: bytes, seconds: float, script: Any, arguments: Sequence[bytes | int]) -> bool:
        """Ends a claim by a script; false where that failed or the claim was no longer ours."""
        claim = self._claims.pop(name)
        try:
            return bool(await _within(seconds, script([self._key(name)], [claim, *arguments])))
        except MeshError:
            return False

    def _key(self, name: bytes) -> bytes:
        return PREFIX + self._cipher.digest(name).hex().encode()


async def _within(seconds: float, asked: Awaitable[T]) -> T:
    """What the store says; IDEMPOTENCY_UNAVAILABLE where it can't, or is too slow."""
    try:
        async with asyncio.timeout(seconds):
            return await asked
    except (RedisError, OSError, TimeoutError) as error:
        raise _unavailable() from error


def _unavailable() -> MeshError:
    return MeshError(
        Reason.IDEMPOTENCY_UNAVAILABLE,
        "Idempotency keys can't be looked up now, and the call was not made: try again, or send it without a key.",
        retry_after=1,
    )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
