"""Following the configuration's file: what is right is put in force, what is wrong changes nothing and is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from thinmesh_core.config import ConfigError, text_of
from thinmesh_core.telemetry import CONFIG_RELOADS, CONFIG_STALE
from thinmesh_deploy.config import Setting, read

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How often the file is looked at."""

FIXED = ("listen", "insecure", "tls", "quotas", "idempotency", "database", "oidc", "jobs", "traces")
"""What a running process can't change."""

Signature = tuple[int, int, int]
NO_FILE: Signature = (0, 0, 0)


class Reloader:
    """Holds the configuration in force, and replaces it when its file changes or SIGHUP asks for it.

    `apply` puts a checked setting in force, or raises ConfigError and has changed nothing.
    """

    def __init__(self, setting: Setting, apply: Callable[[Setting], Awaitable[None]]) -> None:
        self.setting = setting
        self._apply = apply
        self._trouble: str | None = None

    def notes(self) -> list[str]:
        """What operators should know of the file; empty when what it says is in force."""
        return [] if self._trouble is None else [self._trouble]

    async def follow(self, asked: asyncio.Event) -> None:
        """Looks at the file for ever."""
        seen = await asyncio.to_thread(_known, self.setting)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await asked.wait()
            now = _signature(self.setting.path)
            if asked.is_set() or now != seen:
                asked.clear()
                seen = now
                await self.reload()

    async def reload(self) -> None:
        """Reads the file and puts it in force, or says why not."""
        try:
            setting = await asyncio.to_thread(read, self.setting.path, self.setting.state)
            self._check_fixed(setting)
            await self._apply(setting)
        except ConfigError as error:
            self._trouble = f"the configuration file is not in force, the one before it is: {error}"
            log.error("%s", self._trouble)  # noqa: TRY400  # the reason is the whole story
        except Exception as error:  # the mesh serves on, and the next file may be better
            self._trouble = f"the configuration file could not be put in force: {error!r}"
            log.exception("%s", self._trouble)
        else:
            self.setting, self._trouble = setting, None
            log.warning("the configuration of %s is in force", setting.path)
        CONFIG_RELOADS.labels("ok" if self._trouble is None else "refused").inc()
        CONFIG_STALE.set(self._trouble is not None)

    def _check_fixed(self, setting: Setting) -> None:
        for name in FIXED:
            if getattr(setting.config, name) != getattr(self.setting.config, name):
                raise ConfigError(f"{setting.path}: {name} can't change while the process runs: restart it")


def _known(setting: Setting) -> Signature:
    """That of the file which the setting was made of; none where it has changed since, while the process started."""
    signature = _signature(setting.path)
    try:
        return signature if text_of(setting.path) == setting.text else NO_FILE
    except ConfigError:
        return NO_FILE


def _signature(path: Path) -> Signature:
    try:
        status = path.stat()
    except OSError:  # between two writes of an editor; reading it tells
        return NO_FILE
    return (status.st_mtime_ns, status.st_size, status.st_ino)
