"""thinmesh.yaml as a whole, and the part of it that each process is built from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from thinmesh_adapters.config import AdapterConfig
from thinmesh_core import address
from thinmesh_core.config import ConfigError, Section, parse, text_of
from thinmesh_core.exposure import TlsConfig
from thinmesh_core.ranges import Pause, Seconds
from thinmesh_core.tenants import QuotaConfig
from thinmesh_core.traces.config import TracesConfig
from thinmesh_deploy.containers.config import DeployConfig
from thinmesh_deploy.edge.config import KEPT_SECONDS, EdgeConfig
from thinmesh_deploy.seeing.config import ObjectivesConfig
from thinmesh_deploy.seeing.objectives import recorded
from thinmesh_gateway.actions import DONE
from thinmesh_gateway.config import DatabaseUrl, GatewayConfig, LogConfig, Tenant
from thinmesh_gateway.idempotency.config import IdempotencyConfig
from thinmesh_gateway.media.config import MediaConfig
from thinmesh_gateway.oidc.config import OidcConfig
from thinmesh_gateway.roles import RoleConfig, RoleName, Roles
from thinmesh_pipelines.config import JobsConfig, WorkerConfig
from thinmesh_pipelines.webhooks.config import WebhookConfig
from thinmesh_router.config import ModelConfig, QueueConfig, QuotaStoreConfig, RouterConfig, WatchdogConfig
from thinmesh_router.routes import RouteTable

DEFAULT = Path(str(files("thinmesh_deploy") / "default.yaml"))

DEV_TENANT = "dev"


Several = str | Annotated[tuple[str, ...], Meta(min_length=1)]
"""One address, or a list of them."""


class BackendEntry(AdapterConfig, frozen=True, kw_only=True):
    """A backend: its adapter, and where that is served. Without an address it runs on this machine.

    `deploy` says how its engine is run, to `thinmesh render` alone.
    """

    address: str | None = None
    deploy: DeployConfig | None = None


class TenantEntry(Tenant, frozen=True, kw_only=True):
    """A tenant: what the gateway and the router read of it, and where it is told that its jobs have ended."""

    webhooks: tuple[WebhookConfig, ...] = ()


class ModelEntry(ModelConfig, frozen=True, kw_only=True):
    """A model's entry with what is the gateway's: what becomes of a whole REST call that is refused for load."""

    overflow: Literal["refuse", "job"] = "refuse"


class Listen(Section, frozen=True, kw_only=True):
    """Where the processes listen; flags go before it. The inner ones default to sockets in the state folder.

    Several routers are a list, and several workers too; gateways use all of them, and each is started with its own
    `--listen`. `inner` is where a gateway takes the calls of workers.
    """

    http: str = "127.0.0.1:8080"
    grpc: str = "127.0.0.1:8081"
    admin: str = "127.0.0.1:9464"
    router: Several | None = None
    inner: str | None = None
    worker: Several | None = None


class MeshConfig(Section, frozen=True, kw_only=True):
    """The whole file.

    `call_seconds` is the longest a call may take, `grace_seconds` how long running calls may go on at a stop,
    `drain_seconds` how long load balancers have before that to see that a process is told to stop. `database` is a PostgreSQL
    for what gateways share; without one it is a file of the state folder. While it is gone, known keys stay good for
    `keys_stale_seconds`. Without `jobs` there are none. `edge` is the nginx in front, where thinmesh is to say what that does.
    `objectives` is what is promised of calls, for `thinmesh render alerts`. Without `traces` no spans are made.
    """

    tenants: dict[str, TenantEntry]
    backends: dict[str, BackendEntry]
    models: Annotated[dict[str, ModelEntry], Meta(min_length=1)]
    roles: dict[RoleName, RoleConfig] = field(default_factory=dict)
    listen: Listen = Listen()
    quotas: QuotaStoreConfig = QuotaStoreConfig()
    queue: QueueConfig = QueueConfig()
    watchdog: WatchdogConfig = WatchdogConfig()
    idempotency: IdempotencyConfig = IdempotencyConfig()
    media: MediaConfig = MediaConfig()
    database: DatabaseUrl | None = None
    oidc: OidcConfig | None = None
    jobs: JobsConfig | None = None
    keys_stale_seconds: Pause = 3600.0
    call_seconds: Seconds = 600.0
    grace_seconds: Pause = 30.0
    drain_seconds: Pause = 0.0
    tls: TlsConfig | None = None
    insecure: bool = False
    edge: EdgeConfig | None = None
    objectives: ObjectivesConfig = ObjectivesConfig()
    log: LogConfig = LogConfig()
    traces: TracesConfig | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A configuration, the file it came from, the state folder that it runs with, and the text that it was made of."""

    config: MeshConfig
    path: Path
    state: Path
    text: str = dataclasses.field(repr=False)

    @property
    def sockets(self) -> Path:
        """The folder for sockets, readable by its owner only."""
        return self.state / "run"

    @property
    def router_addresses(self) -> tuple[str, ...]:
        """Where routers listen when they are processes of their own."""
        return self._several(self.config.listen.router, "router")

    @property
    def worker_addresses(self) -> tuple[str, ...]:
        """Where workers listen when they are processes of their own."""
        return self._several(self.config.listen.worker, "worker")

    @property
    def inner_address(self) -> str:
        """Where a gateway that is a process of its own takes the calls of workers."""
        return self.config.listen.inner or f"unix:{self.sockets / 'gateway.sock'}"

    @property
    def kept_seconds(self) -> float:
        """How long those in front of a gateway that leaves still send calls over the connections that they have."""
        return 0 if self.config.edge is None else KEPT_SECONDS

    def _several(self, given: Several | None, name: str) -> tuple[str, ...]:
        given = given or f"unix:{self.sockets / name}.sock"
        return (given,) if isinstance(given, str) else given

    def backend_address(self, name: str) -> str:
        """Where a backend's adapter listens when it is a process of its own."""
        return self.config.backends[name].address or f"unix:{self.sockets / name}.sock"

    def backend_addresses(self) -> dict[str, str]:
        """Where each backend's adapter listens when all are processes of their own."""
        return {name: self.backend_address(name) for name in self.config.backends}

    def gateway(self, router: str, workers: str) -> GatewayConfig:
        """The gateway's part."""
        config = self.config
        return GatewayConfig(
            tenants=dict(config.tenants),
            router=router,
            state=self.state,
            call_seconds=config.call_seconds,
            idempotency=config.idempotency,
            media=config.media,
            database=config.database,
            roles=config.roles,
            oidc=config.oidc,
            keys_stale_seconds=config.keys_stale_seconds,
            jobs=None if config.jobs is None else workers,
            overflow=tuple(_overflowing(config)),
            log=config.log,
        )

    def worker(
        self, jobs: JobsConfig, temporal: str, gateway: str, console: str | None = None, version: str | None = None
    ) -> WorkerConfig:
        """A worker's part. `temporal` is where that is, `console` its own page, `gateway` where steps are sent to."""
        config = self.config
        return WorkerConfig(
            jobs=jobs,
            temporal=temporal,
            gateway=gateway,
            state=self.state,
            weights={name: tenant.weight for name, tenant in config.tenants.items()},
            webhooks=self.webhooks,
            call_seconds=config.call_seconds,
            grace_seconds=config.grace_seconds,
            console=console,
            version=version,
        )

    @property
    def webhooks(self) -> dict[str, tuple[WebhookConfig, ...]]:
        """Where each tenant is told of its jobs' ends."""
        return {name: tenant.webhooks for name, tenant in self.config.tenants.items()}

    @property
    def running(self) -> Path:
        """A copy of the text as it was put in force, for child processes that start later."""
        return self.sockets / f"running-{self.path.name}"

    def router(self, addresses: dict[str, str], name: str) -> RouterConfig:
        """The router's part, with each backend's address; `name` tells it from others of this state folder."""
        config = self.config
        return RouterConfig(
            models=dict(config.models),
            backends=addresses,
            tenants=dict(config.tenants),
            quotas=config.quotas,
            queue=config.queue,
            watchdog=config.watchdog,
            call_seconds=config.call_seconds,
            name=name,
            ledger=self.state / "quotas.db",
        )


def checked(path: Path | None, state: Path) -> Setting:
    """The checked configuration of a file, or the default one. ConfigError where anything is wrong."""
    source = DEFAULT if path is None else path
    return judged(text_of(source), source, state)


def judged(text: str, path: Path, state: Path) -> Setting:
    """The same of a text that is to be the file."""
    setting = Setting(parse(text, MeshConfig, source=str(path)), path.absolute(), state.absolute(), text)
    _check(setting, setting.config.backends)
    return setting


def read(path: Path | None, state: Path) -> Setting:
    """The same; makes the state folder too."""
    setting = checked(path, state)
    try:
        setting.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        setting.state.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"the state folder {state} can't be made: {error.strerror}; give another with --state") from error
    return setting


def _check(setting: Setting, backends: Mapping[str, BackendEntry]) -> None:
    try:
        table = RouteTable(setting.config.models, backends)
        for name, tenant in setting.config.tenants.items():
            for model in tenant.models:
                table.check(model, f"tenants.{name}.models")
        for name in backends:
            with _at(f"backends.{name}.address"):
                address.parse(setting.backend_address(name))
        for name in ("http", "grpc", "admin"):
            with _at(f"listen.{name}"):
                address.parse(getattr(setting.config.listen, name))
        with _at("listen.router"):
            address.target(setting.router_addresses)
        with _at("listen.worker"):
            address.target(setting.worker_addresses)
        with _at("listen.inner"):
            address.parse(setting.inner_address)
        _check_edge(setting.config.edge)
        _check_roles(setting.config)
        _check_prices(setting.config)
        _check_overflow(setting.config)
        recorded(setting.config.objectives, setting.config.models)
    except ConfigError as error:
        raise ConfigError(f"{setting.path}: {error}") from error


@contextmanager
def _at(key: str) -> Iterator[None]:
    """Says at which key an address is wrong."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from error


def _check_edge(edge: EdgeConfig | None) -> None:
    if edge is None:
        return
    for key, at in (("http", edge.http), ("grpc", edge.grpc)):
        with _at(f"edge.{key}"):
            address.parse(at)
    for number, one in enumerate(edge.gateways):
        with _at(f"edge.gateways[{number}]"):
            address.parse(one.http)
            address.parse(one.grpc)


def _check_roles(config: MeshConfig) -> None:
    for name, configured in config.roles.items():
        for action in configured.actions:
            if action not in DONE:
                raise ConfigError(f"roles.{name}.actions: nothing in this version does {action.value!r}; leave it out")
    roles = Roles(config.roles)
    for tenant, entry in config.tenants.items():
        for role in entry.roles:
            if role not in roles:
                raise ConfigError(f"tenants.{tenant}.roles: there is no role {role!r}; there are: {', '.join(roles.names)}")


def _check_prices(config: MeshConfig) -> None:
    """A budget that nothing is charged to would never be used up."""
    priced = {name for name, model in config.models.items() if model.price is not None}
    for tenant, entry in config.tenants.items():
        for key, quota, models in _quotas(entry):
            of = models or tuple(config.models)
            if quota.spend_per_month is not None and priced.isdisjoint(of):
                where = f"tenants.{tenant}.{key}.spend_per_month"
                raise ConfigError(f"{where}: nothing that it is for has a price; give models.{of[0]}.price, or leave it out")


def _quotas(tenant: Tenant) -> Iterator[tuple[str, QuotaConfig, tuple[str, ...]]]:
    """A tenant's quotas by their keys, each with the models that it is for; none means all."""
    yield "quota", tenant.quota, ()
    yield "keys", tenant.keys, ()
    for model, quota in tenant.models.items():
        yield f"models.{model}", quota, (model,)


def _overflowing(config: MeshConfig) -> Iterator[str]:
    """Every name of the models whose calls become jobs where they are refused for load."""
    for name, model in config.models.items():
        if model.overflow == "job":
            yield from (name, *model.aliases)


def _check_overflow(config: MeshConfig) -> None:
    if config.jobs is None and (name := next(_overflowing(config), None)) is not None:
        raise ConfigError(f"models.{name}.overflow: there are no jobs; put `jobs: {{}}` into the file, or leave it out")
