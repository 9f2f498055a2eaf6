"""The store that a configuration asks for."""

from __future__ import annotations

import time
from pathlib import Path

from thinmesh_core.config import ConfigError
from thinmesh_gateway.idempotency.answers import Answers
from thinmesh_gateway.idempotency.config import IdempotencyConfig
from thinmesh_gateway.idempotency.memory import MemoryStore
from thinmesh_gateway.idempotency.store import Store
from thinmesh_gateway.pepper import pepper


def build(config: IdempotencyConfig, state: Path) -> Store:
    """The store; nothing is dialled before it is asked. ConfigError without its extra or a usable address."""
    if config.store == "memory":
        return MemoryStore(Answers(config.window_seconds, config.max_bytes), time.monotonic)
    try:
        from thinmesh_gateway.idempotency.cipher import Cipher  # noqa: PLC0415  # the extra `redis`, for who asks for it
        from thinmesh_gateway.idempotency.redis import RedisStore  # noqa: PLC0415  # likewise
    except ImportError as error:
        raise ConfigError("idempotency.store: install the extra `redis` to share answers, or leave it at `memory`") from error
    try:
        return RedisStore(config.store, Cipher(pepper(state)), config.window_seconds)
    except (ValueError, TypeError) as error:  # redis hands unknown options on to what does not take them
        raise ConfigError(f"idempotency.store: write memory, redis://HOST:PORT/DB or unix:///PATH; {error}") from error
