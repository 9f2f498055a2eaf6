"""Every tenant's policies, made from the configuration, opened for each of its calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from thinmesh_gateway.authorized import AuthorizedCall
from thinmesh_gateway.config import Tenant
from thinmesh_gateway.guardrails.guards import Guards
from thinmesh_gateway.guardrails.pool import Pool
from thinmesh_gateway.privacy.names.process import NamesProcess
from thinmesh_gateway.privacy.tenants import Privacies
from thinmesh_gateway.prompts.record import Record
from thinmesh_gateway.prompts.redaction import Redaction
from thinmesh_gateway.treatment import Find, Treatment

_UNTREATED: AbstractContextManager[None] = nullcontext()


class _Kept(NamedTuple):
    """What a tenant whose prompts are logged needs for that."""

    redaction: Redaction
    most: int


class Policies:
    """By tenant; one without any costs its calls one look-up."""

    def __init__(self, tenants: Mapping[str, Tenant], pool: Pool, take: Callable[[Record], None], find: Find) -> None:
        """ConfigError names the key of the policy that can't be served.

        `take` is given what goes into the log of prompts; `find` finds names, where `names` says that a policy needs them.
        """
        self._take = take
        self._find = find
        self._privacies = Privacies({name: tenant.privacy for name, tenant in tenants.items()})
        self._guards = {
            name: Guards(f"tenants.{name}.guardrails", tenant.guardrails, tenant.privacy.tensor_models, pool)
            for name, tenant in tenants.items()
            if tenant.guardrails
        }
        self._kept = {
            name: _Kept(Redaction(tenant.privacy), tenant.prompts.max_characters)
            for name, tenant in tenants.items()
            if tenant.prompts.log
        }
        self._treated: frozenset[str] = self._privacies.tenants | self._guards.keys() | self._kept.keys()

    @property
    def names(self) -> bool:
        """Whether a policy needs names found."""
        return self._privacies.names

    def open(self, call: AuthorizedCall) -> AbstractContextManager[Treatment | None]:
        """One call's treatment while it is entered; None where nothing is done with its texts."""
        if call.tenant not in self._treated:
            return _UNTREATED
        return Treatment(call, self._privacies.open(call), self._guards.get(call.tenant), self._record(call), self._find)

    def _record(self, call: AuthorizedCall) -> Record | None:
        kept = self._kept.get(call.tenant)
        return None if kept is None else Record(call, kept.redaction, kept.most, self._take)


NO_POLICIES = Policies({}, Pool(), lambda _: None, NamesProcess().find)
"""Nothing is done with anybody's texts."""
