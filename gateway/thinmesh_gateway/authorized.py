"""A call of somebody who is known, and who may do what is asked, with some of the models."""

from __future__ import annotations

from thinmesh_core.call import Call
from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.roles import Models


class AuthorizedCall(Call, frozen=True, kw_only=True):
    """What the gateway knows of a call beyond what the next hop is told: who makes it, and with which models."""

    holder: Principal
    models: Models

    def check(self, model: str) -> None:
        """PERMISSION_DENIED unless it may use the model, whether there is one of the name or not."""
        if model not in self.models:
            raise MeshError(
                Reason.PERMISSION_DENIED, "This key may not use that model; ask for a role that has it.", param="model"
            )
