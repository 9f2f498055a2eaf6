"""A call of somebody who is known, and who may do what is asked, with some of the models."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import msgspec

from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.roles import Models


class AuthorizedCall(Call, frozen=True, kw_only=True):
    """What the gateway knows of a call beyond what the next hop is told: who makes it, and with which models.

    Leaving it ends its trail.
    """

    holder: Principal
    models: Models
    trail: Trail

    def __enter__(self) -> Self:
        """The call goes on."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """The call ends."""
        self.trail.end(error)

    def each(self) -> Self:
        """One of the calls that are made within this one."""
        trail = self.trail.each()
        return msgspec.structs.replace(self, trail=trail, traceparent=trail.traced(self.traceparent))

    def check(self, model: str) -> None:
        """PERMISSION_DENIED unless it may use the model, whether there is one of the name or not."""
        self.trail.model, self.trail.priority = model, self.priority.word
        if model not in self.models:
            raise MeshError(
                Reason.PERMISSION_DENIED, "This key may not use that model; ask for a role that has it.", param="model"
            )
