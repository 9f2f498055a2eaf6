"""The backends: as the routers see them, or, where none answers, as their adapters and engines answer here."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

import grpc
from thinmesh.adapter.v1 import adapter_service_pb2 as adapter_pb
from thinmesh.adapter.v1 import adapter_service_pb2_grpc as adapter_grpc
from thinmesh.router.v1 import backend_service_pb2 as pb
from thinmesh.router.v1 import backend_service_pb2_grpc as backend_grpc

from thinmesh_adapters.contract import Adapter, EngineStatus, Place
from thinmesh_adapters.registry import create, find
from thinmesh_core.channel import dial
from thinmesh_core.config import ConfigError
from thinmesh_core.errors import MeshError
from thinmesh_deploy.config import Setting
from thinmesh_deploy.doctor.engine import engine_address, trouble
from thinmesh_deploy.doctor.finding import Finding, note, ok, warning, wrong
from thinmesh_deploy.routers import SECONDS, ask_all, failure

ADAPTER_SECONDS = 1.0
ENGINE_SECONDS = 4.0

UNREAD = "has the file been read? /readyz says; was the mesh started with this one?"


async def look(setting: Setting, only: Collection[str] | None = None) -> list[Finding]:
    """What is found of each backend, or of these, and of the routers."""
    names = setting.config.backends if only is None else only
    try:
        answers = await ask_all(setting, _list)
    except ConfigError as error:
        return [wrong("router", str(error), "put an operator's certificate there: docs/tls.md")]
    lost = {at: one for at, one in answers.items() if isinstance(one, grpc.aio.AioRpcError)}
    found = [one for one in answers.values() if not isinstance(one, grpc.aio.AioRpcError)]
    if not found and all(error.code() is grpc.StatusCode.UNAVAILABLE for error in lost.values()):
        down = note("router", "no router answers: the mesh is down here", "`thinmesh up` starts it")
        return [down, *await _each(_direct(setting, name) for name in names)]
    routers = [wrong("router", failure(at, error), "start it again, and look into its log") for at, error in lost.items()]
    known = [one for answer in found for one in answer.backends]
    seen = await _each(_seen(setting, one) for one in known if only is None or one.name in only)
    return [*routers, *(unread(names, known) if found else ()), *seen]


def unread(names: Iterable[str], known: Iterable[pb.Backend]) -> list[Finding]:
    """What is to be said of a file's backends that no router has."""
    unknown = sorted(set(names).difference(one.name for one in known))
    return [wrong(f"backends.{name}", "the file has it, the running mesh has not", UNREAD) for name in unknown]


def judge(where: str, one: pb.Backend, wanted: Iterable[str]) -> Finding | None:
    """What is to be said of a backend that a router knows; None where its engine is to be asked for more."""
    state, status = one.status.state, one.status
    if state == adapter_pb.STATE_DRAINING:
        return note(where, status.message or "it drains", f"`thinmesh undrain {one.name}` where nobody stops it")
    if state != adapter_pb.STATE_READY:
        return None
    served = [model.name for model in status.models]
    if missing := sorted(set(wanted).difference(served)) if len(served) > 1 else []:
        what = f"its engine serves no {', '.join(missing)}; it serves {', '.join(served)}"
        return wrong(where, what, "name one of those as `model` of the target")
    if one.health == pb.HEALTH_EJECTED:
        what = f"{one.failures} calls in a row failed; it gets one more in {one.retry_seconds:.0f} s"
        return wrong(where, what, "look into its log; `thinmesh diagnose down` says what failed")
    return ok(where, f"ready, {one.running} of {one.limit} calls run")


def wanted(setting: Setting, backend: str) -> set[str]:
    """The engine's names of the models that are asked of a backend."""
    models = setting.config.models.items()
    return {one.model or name for name, model in models for one in model.targets if one.backend == backend}


async def _list(channel: grpc.aio.Channel) -> pb.ListBackendsResponse:
    return await backend_grpc.BackendServiceStub(channel).ListBackends(pb.ListBackendsRequest(), timeout=SECONDS)


async def _seen(setting: Setting, one: pb.Backend) -> Finding:
    entry = setting.config.backends.get(one.name)
    where = f"backends.{one.name}"
    if entry is None:
        return note(where, "the running mesh has it, the file has not", UNREAD)
    said = judge(where, one, wanted(setting, one.name))
    if said is not None:
        return said
    models = setting.config.models.items()
    scaled = [name for name, model in models if model.autoscale and one.name in {target.backend for target in model.targets}]
    if scaled and one.status.state != adapter_pb.STATE_READY:
        explain = f"`thinmesh autoscale explain {scaled[0]}` says how many there should be"
        return note(where, f"a replica that may be missing: {one.status.message}", explain)
    if one.status.state == adapter_pb.STATE_STARTING and engine_address(entry.options) is None:
        return warning(where, f"it starts: {one.status.message}", "wait; large models take minutes")
    return wrong(where, *await trouble(entry, one.status.message))


async def _direct(setting: Setting, name: str) -> Finding:
    """Asks the adapter where one runs; else makes one here and asks its engine, unless that would load a model."""
    entry, where = setting.config.backends[name], f"backends.{name}"
    status = await _status(setting.backend_address(name))
    if status is not None and status.state == adapter_pb.STATE_READY:
        return ok(where, "its adapter is ready")
    if status is None and entry.address is not None:
        return warning(where, f"no adapter answers at {entry.address}", f"`thinmesh adapter {name}` starts it, on its machine")
    try:
        make = partial(create, entry, Place(name, setting.sockets, entry.insecure))
        if find(entry.adapter).isolated:
            await asyncio.to_thread(make)
            return ok(where, "its model's files are there")
        engine = await _ask(make())  # here, as gRPC's channels are made on the loop that they serve
    except ConfigError as error:
        return wrong(where, str(error), "correct the backend's entry")
    except (MeshError, TimeoutError) as error:
        return wrong(where, *await trouble(entry, str(error)))
    models = [adapter_pb.ServedModel(name=one.name) for one in engine.models]
    status = adapter_pb.Status(state=adapter_pb.STATE_READY, models=models)
    known = pb.Backend(name=name, status=status, limit=engine.max_concurrency)
    return judge(where, known, wanted(setting, name)) or ok(where, "its engine is ready")


async def _ask(adapter: Adapter[Any]) -> EngineStatus:
    async with asyncio.timeout(ENGINE_SECONDS), adapter:
        return await adapter.status()


async def _status(address: str) -> adapter_pb.Status | None:
    try:
        async with dial(address) as channel:
            stub = adapter_grpc.AdapterServiceStub(channel)
            return (await stub.GetStatus(adapter_pb.GetStatusRequest(), timeout=ADAPTER_SECONDS)).status
    except grpc.aio.AioRpcError:
        return None


async def _each(looks: Iterable[Any]) -> list[Finding]:
    return list(await asyncio.gather(*looks))
