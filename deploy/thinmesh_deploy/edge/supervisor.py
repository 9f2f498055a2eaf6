"""`thinmesh up --edge`: nginx, the workers behind it, and what exists once beside them, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import yaml

from thinmesh_adapters.registry import find as adapter
from thinmesh_core import address
from thinmesh_core.admin import admin
from thinmesh_core.beside import beside
from thinmesh_core.config import ConfigError
from thinmesh_core.exposure import LOCAL
from thinmesh_core.http import serve_http
from thinmesh_core.joined_metrics import JoinedMetrics
from thinmesh_deploy.children import Children
from thinmesh_deploy.config import Setting
from thinmesh_deploy.edge.asked import ask
from thinmesh_deploy.edge.derived import MEMORY, admin_socket, of_worker, place
from thinmesh_deploy.edge.found import find
from thinmesh_deploy.edge.judging import check
from thinmesh_deploy.edge.valkey import valkey
from thinmesh_deploy.hosted import Hosted, Hosting
from thinmesh_deploy.kept import Kept, Program, keeping
from thinmesh_deploy.reload import LOOK_SECONDS, Reloader
from thinmesh_deploy.render.nginx import folder_of, nginx_conf
from thinmesh_deploy.temporal import Temporal

ASK_SECONDS = 0.5
"""How often workers are asked whether they are ready."""

TURNS = 10
"""After how many such questions they are asked what they have counted: a worker that is killed takes no more with it."""

FOLLOWED_SECONDS = 4 * LOOK_SECONDS
"""In which workers have put a changed file in force."""


class Supervisor:
    """Built from what exists once to what faces strangers, and undone in reverse. `setting` has an edge."""

    def __init__(self, setting: Setting, workers: int, log_level: str) -> None:
        self._setting = setting
        self._numbers = range(1, workers + 1)
        self._log_level = log_level
        self._reloader = Reloader(setting, self._apply)
        self._children = Children(setting.state, log_level)
        self._hosting: Hosting | None = None
        self._ended: list[Hosted] = []  # workers call them until they have other files
        self._store = ""
        self._temporal: Temporal | None = None
        self._files = setting.state / "workers"
        self._nginx = find()
        self._conf = folder_of(setting) / "nginx.conf"
        self._kept: dict[str, Kept] = {}
        self._problems = {number: ["starting"] for number in self._numbers}
        self._metrics = JoinedMetrics()

    @property
    def console(self) -> str | None:
        """The page of the Temporal that the mesh brought along."""
        return None if self._temporal is None else self._temporal.console

    @asynccontextmanager
    async def serving(self, admin_at: str, reload: asyncio.Event) -> AsyncIterator[str]:
        """Runs all of it until left; gives where its admin port is."""
        setting, grace = self._setting, self._setting.config.grace_seconds
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            self._hosting = Hosting(tasks, self._children)
            stack.callback(self._hosting.end_all)
            self._start(setting)
            if setting.config.jobs is not None and setting.config.jobs.temporal is None:
                self._temporal = Temporal(setting.state)
                await stack.enter_async_context(beside(self._temporal.keep()))
            if MEMORY in {setting.config.quotas.store, setting.config.idempotency.store}:
                program, self._store = valkey(setting.sockets, setting.state / "valkey")
                await self._keep(stack, program)
            self._write(setting)
            await self._keep(stack, *(self._worker(number, grace) for number in self._numbers))
            await self._keep(stack, self._front(grace))
            await stack.enter_async_context(beside(self._look()))
            await stack.enter_async_context(beside(self._reloader.follow(reload)))
            at = address.parse(admin_at)
            app = admin(at, self.problems, self.notes, metrics=self._joined)
            yield str(await stack.enter_async_context(serve_http(app, at, grace=1, exposure=LOCAL)))

    def problems(self) -> list[str]:
        """Why nobody can take calls now; empty where a worker does."""
        return self.starting() if all(self._problems.values()) else []

    def notes(self) -> list[str]:
        """Which workers take no calls while others do, and what is wrong with the file."""
        return [*([] if self.problems() else self.starting()), *self._reloader.notes()]

    def starting(self) -> list[str]:
        """What is not there yet."""
        return [f"worker {number}: {one}" for number, found in self._problems.items() for one in found]

    def check_started(self) -> None:
        """ConfigError where a part refused what it was started with, or can't have its ports."""
        if self._children.refused:
            raise ConfigError(f"the adapter of backend {min(self._children.refused)!r} refused its configuration")
        for name, kept in self._kept.items():
            if kept.refused or kept.restarts > 1:
                raise ConfigError(f"{name} does not start; what it said is above")

    def _start(self, setting: Setting) -> list[Hosted]:
        """Starts the engines that run inside their adapters; workers have the others, and would refuse nothing of it."""
        assert self._hosting is not None
        check(setting)
        return self._hosting.start(_isolated(setting))

    def _write(self, setting: Setting) -> None:
        """Puts down the workers' files and nginx's; those who follow theirs see that. ConfigError where there is no room."""
        try:
            written = [self._written(path, text) for path, text in self._texts(setting).items()]
            for new, path in written:
                new.replace(path)
        except OSError as error:
            raise ConfigError(f"{error.filename} can't be written: {error.strerror}") from error

    def _written(self, path: Path, text: str) -> tuple[Path, Path]:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(text)
        return new, path

    def _texts(self, setting: Setting) -> dict[Path, str]:
        assert self._hosting is not None
        data: dict[str, Any] = yaml.safe_load(setting.text)
        engines = self._hosting.addresses(_isolated(setting))
        temporal = None if self._temporal is None else self._temporal.address
        workers = {
            self._files / f"{number}.yaml": of_worker(
                setting, data, number, len(self._numbers), backends=engines, store=self._store, temporal=temporal
            )
            for number in self._numbers
        }
        behind = [place(setting, number) for number in self._numbers]
        # The workers' sockets are their owner's alone, and nginx would be nobody where root starts it.
        user = pwd.getpwuid(os.geteuid()).pw_name if os.geteuid() == 0 else None
        return {self._conf: nginx_conf(setting, self._nginx.version, gateways=behind, user=user)} | workers

    async def _apply(self, new: Setting) -> None:
        """Starts what is new, has the workers and nginx read theirs again, then ends what is gone."""
        assert self._hosting is not None
        setting = replace(new, config=msgspec.structs.replace(new.config, edge=self._setting.config.edge))
        self._ended += self._start(setting)
        self._write(setting)
        ended, self._ended = self._ended, []
        for kept in self._kept.values():
            kept.retry()
        self._kept["nginx"].tell(signal.SIGHUP)
        await asyncio.sleep(FOLLOWED_SECONDS)
        self._hosting.end(ended)

    async def _keep(self, stack: AsyncExitStack, *programs: Program) -> None:
        new = {program.name: Kept(program) for program in programs}
        self._kept |= new
        await stack.enter_async_context(keeping(list(new.values())))

    def _worker(self, number: int, grace: float) -> Program:
        words = (sys.executable, "-m", "thinmesh_deploy", "up", "--lifeline", "--config", str(self._files / f"{number}.yaml"))
        flags = ("--state", str(self._setting.state), "--log-level", self._log_level)
        return Program(f"worker {number}", (*words, *flags), ours=True, stop_seconds=grace + 10)

    def _front(self, grace: float) -> Program:
        words = (str(self._nginx.program), "-c", str(self._conf), "-g", "daemon off;")
        return Program("nginx", words, end=signal.SIGQUIT, stop_seconds=grace + 1)

    async def _look(self) -> None:
        """Asks the workers for ever."""
        for turn in count():
            if turn % TURNS == 0:
                await self._count()
            for number in self._numbers:
                try:
                    status, said = await ask(admin_socket(self._setting, number), "/readyz")
                    self._problems[number] = [] if status == 200 else said.splitlines()
                except (OSError, TimeoutError, ValueError, IndexError):
                    self._problems[number] = ["does not answer"]
            await asyncio.sleep(ASK_SECONDS)

    async def _joined(self) -> bytes:
        """What all workers count, added up."""
        await self._count()
        return self._metrics.exposition()

    async def _count(self) -> None:
        for number in self._numbers:
            try:
                _, text = await ask(admin_socket(self._setting, number), "/metrics")
            except (OSError, TimeoutError, ValueError, IndexError):
                continue  # it starts again; what it had counted is remembered
            self._metrics.tell(str(number), text)


def _isolated(setting: Setting) -> Setting:
    """The setting with no backends but those whose engines run inside their adapters, here."""
    backends = {
        name: one for name, one in setting.config.backends.items() if one.address is None and adapter(one.adapter).isolated
    }
    return replace(setting, config=msgspec.structs.replace(setting.config, backends=backends))
