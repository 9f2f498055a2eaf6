"""Who is told of what: the webhooks of every tenant, as the configuration in force has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from thinmesh_core.config import ConfigError
from thinmesh_pipelines.webhooks.config import WebhookConfig
from thinmesh_pipelines.webhooks.event import TEST, TYPES
from thinmesh_pipelines.webhooks.signature import Secret


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of them. `setting` is its key in thinmesh.yaml: an URL may hold what is not for a log."""

    setting: str
    url: str
    secrets: tuple[Secret, ...]
    events: frozenset[str]

    @property
    def name(self) -> str:
        """What tells it from others, also after the configuration has changed."""
        return sha256(self.url.encode()).hexdigest()[:16]


class Endpoints:
    """Those of all tenants."""

    def __init__(self, known: Mapping[str, Sequence[Endpoint]]) -> None:
        self._known = known

    @classmethod
    def of(cls, webhooks: Mapping[str, Sequence[WebhookConfig]], environment: Mapping[str, str]) -> Endpoints:
        """Those of a configuration; ConfigError where a secret is not in the environment or is none, or an URL comes twice."""
        for tenant, those in webhooks.items():
            urls = [one.url for one in those]
            for at, url in enumerate(urls):
                if url in urls[:at]:
                    raise ConfigError(f"tenants.{tenant}.webhooks[{at}]: the same url is there already: list its events in one")
        return cls(
            {
                tenant: [_endpoint(f"tenants.{tenant}.webhooks[{at}]", one, environment) for at, one in enumerate(those)]
                for tenant, those in webhooks.items()
            }
        )

    def wanting(self, tenant: str, event_type: str) -> list[Endpoint]:
        """The endpoints of a tenant that want events of a type."""
        return [one for one in self._known.get(tenant, ()) if event_type in one.events]

    def find(self, tenant: str, name: str) -> Endpoint | None:
        """One of a tenant; none where there is none any more."""
        return next((one for one in self._known.get(tenant, ()) if one.name == name), None)


def _endpoint(setting: str, config: WebhookConfig, environment: Mapping[str, str]) -> Endpoint:
    given = environment.get(config.secret_env, "").split()
    if not given:
        raise ConfigError(f"{setting}: the environment variable {config.secret_env} is not set")
    try:
        secrets = tuple(map(Secret.parse, given))
    except ValueError as error:
        raise ConfigError(f"{setting}: {config.secret_env}: {error}; `thinmesh webhook secret` makes one") from error
    return Endpoint(setting, config.url, secrets, frozenset((*(config.events or TYPES), TEST)))
