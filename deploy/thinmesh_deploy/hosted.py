"""The backends whose adapters run on this machine, each beside the mesh or in a process of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from msgspec.structs import replace

from thinmesh_adapters.app import AdapterApp, build
from thinmesh_adapters.contract import Place
from thinmesh_adapters.registry import find
from thinmesh_core.config import ConfigError
from thinmesh_core.inprocess import InProcessServer
from thinmesh_core.interceptors import ErrorInterceptor
from thinmesh_deploy.children import Children
from thinmesh_deploy.config import BackendEntry, Setting


@dataclass(slots=True)
class Hosted:
    """One adapter: the entry that it runs, where it is reached, and what ends it."""

    entry: BackendEntry
    address: str
    task: asyncio.Task[None]
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class Hosting:
    """Starts, replaces and ends adapters as the configuration says. `servers` are those that are reached in-process."""

    def __init__(self, tasks: asyncio.TaskGroup, children: Children) -> None:
        self.servers: dict[str, InProcessServer] = {}
        self._tasks = tasks
        self._children = children
        self._hosted: dict[str, Hosted] = {}
        self._count = 0

    def addresses(self, setting: Setting) -> dict[str, str]:
        """Where each backend of the configuration is, hosted here or elsewhere."""
        return {
            name: self._hosted[name].address if name in self._hosted else setting.backend_address(name)
            for name in setting.config.backends
        }

    def start(self, setting: Setting) -> list[Hosted]:
        """Starts what is new or changed, and gives what is to be ended once nobody calls it any more.

        ConfigError where an entry makes no sense, or the copy for children can't be written; nothing has been started then.
        """
        wanted = {
            name: replace(entry, deploy=None)  # what only renders read restarts nothing
            for name, entry in setting.config.backends.items()
            if entry.address is None
        }
        new = {name: entry for name, entry in wanted.items() if name not in self._hosted or self._hosted[name].entry != entry}
        here = {
            name: build(entry, Place(name, setting.sockets, entry.insecure))
            for name, entry in new.items()
            if not find(entry.adapter).isolated
        }
        _put_down(setting)
        gone = [name for name in self._hosted if name not in wanted or name in new]
        ended = [self._hosted.pop(name) for name in gone]
        for name, entry in new.items():
            self._hosted[name] = (
                self._serve(name, entry, here[name], setting) if name in here else self._keep(name, entry, setting)
            )
        return ended

    def end(self, ended: list[Hosted]) -> None:
        """Ends them once their running calls have, however long those may take; nobody sends them new ones."""
        for one in ended:
            one.stop.set()

    def end_all(self) -> None:
        """Ends everything: the mesh stops."""
        self._children.hurry()
        self.end(list(self._hosted.values()))

    def _serve(self, name: str, entry: BackendEntry, app: AdapterApp, setting: Setting) -> Hosted:
        address = self._next(name)
        server = InProcessServer(name, [ErrorInterceptor()])
        app.register(server)
        self.servers[address] = server
        stop = asyncio.Event()
        return Hosted(
            entry, address, self._tasks.create_task(self._run(app, address, setting.config.grace_seconds, stop)), stop
        )

    async def _run(self, app: AdapterApp, address: str, longest_call: float, stop: asyncio.Event) -> None:
        async with app:
            await stop.wait()
            await self.servers[address].stop(longest_call)
        del self.servers[address]

    def _keep(self, name: str, entry: BackendEntry, setting: Setting) -> Hosted:
        address = f"unix:{setting.sockets / self._next(name)}.sock"
        stop = asyncio.Event()
        return Hosted(entry, address, self._tasks.create_task(self._keep_until(name, address, setting, stop)), stop)

    async def _keep_until(self, name: str, address: str, setting: Setting, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._children.keep(name, address, setting))
            await stop.wait()
            keeping.cancel()

    def _next(self, name: str) -> str:
        """A name for an address that no other adapter has had: the router tells a replaced one by it."""
        self._count += 1
        return f"{name}-{self._count}"


def _put_down(setting: Setting) -> None:
    """Writes the file's text for children that start from here on."""
    new = setting.running.with_name(f"{setting.running.name}.new")
    try:
        new.write_text(setting.text, encoding="utf-8")
        new.replace(setting.running)
    except OSError as error:
        raise ConfigError(f"the copy {setting.running} can't be written: {error.strerror}") from error
