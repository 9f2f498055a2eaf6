"""What keeps answers under their names, in this process or for all gateways."""

from __future__ import annotations

from typing import Protocol


class Store(Protocol):
    """Answers by name. Who claims a name either keeps an answer under it or frees it."""

    async def claim(self, name: bytes, fingerprint: bytes) -> bytes | None:
        """The answer kept under the name, or None: it is the caller's to make now.

        Waits while another process makes it. IDEMPOTENCY_CONFLICT where the name stands for another fingerprint,
        IDEMPOTENCY_UNAVAILABLE where that can't be known.
        """
        ...

    async def keep(self, name: bytes, fingerprint: bytes, answer: bytes) -> None:
        """Keeps the answer for the window's time; never raises, since the answer is there and is given anyhow."""
        ...

    async def free(self, name: bytes) -> None:
        """Gives the name up: no answer came of it. Never raises."""
        ...

    async def follow(self) -> None:
        """What has to go on beside the calls."""
        ...

    async def aclose(self) -> None:
        """Lets go of what it holds open."""
        ...
