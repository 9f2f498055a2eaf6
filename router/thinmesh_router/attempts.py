"""One call's tries: no backend twice, none after the first event, and what the last one said if there is no other."""

from __future__ import annotations

from thinmesh_core.call import Call, Metadata
from thinmesh_core.capabilities import Capability
from thinmesh_core.errors import MeshError, Reason
from thinmesh_router.admission import Admission, Place, Ticket


class Attempts:
    """Where one call goes, and where next. `committed` once the caller has seen something: nothing is tried after that."""

    def __init__(self, admission: Admission, model: str, needs: frozenset[Capability], call: Call) -> None:
        self.committed = False
        self._admission = admission
        self._model = model
        self._needs = needs
        self._call = call
        self._tried: set[str] = set()
        self._last: MeshError | None = None

    async def admitted(self) -> Ticket:
        """The ticket of the next try."""
        try:
            return await self._admission.admit(self._model, self._needs, self._tried)
        except MeshError as error:
            raise self._last or error from None

    def metadata(self, place: Place) -> Metadata:
        """What goes with the request to this backend."""
        return self._call.forwarded(place.model).to_metadata()

    def failed(self, place: Place, error: MeshError) -> None:
        """Returns where another backend may try; raises what the caller is told otherwise."""
        if error.reason is Reason.BACKEND_FULL:
            error = MeshError(Reason.OVERLOADED, error.message, retry_after=error.retry_after)
        if self.committed or not error.row.retryable:
            raise error from None
        self._tried.add(place.backend.name)
        self._last = error
