"""What an adapter asks of its engine once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Learning(Generic[T]):
    """Asks when it is first wanted, beside those who wait: it may take longer than they have. What failed is asked again."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[T] | None = None

    async def learned(self) -> T:
        """The answer."""
        if self._asking is None or (self._asking.done() and self._asking.exception() is not None):
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    def forget(self) -> None:
        """Asks again when it is wanted next: another engine may answer at this address."""
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
