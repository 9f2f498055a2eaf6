"""AuditService: principals who may read what was done in their own tenant."""

from __future__ import annotations

import asyncio
import re

from thinmesh.gateway.v1 import audit_service_pb2 as pb
from thinmesh.gateway.v1 import audit_service_pb2_grpc as audit_grpc

from thinmesh_core.errors import invalid
from thinmesh_gateway.audit.account import shown
from thinmesh_gateway.audit.chain import Sealed
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.store import AuditStore, Place
from thinmesh_gateway.reception import Context, Reception

USUAL, MOST = 100, 1000
"""Entries of one answer."""

_TOKEN = re.compile(r"([0-9]{1,18})-([0-9a-f]{16})-([0-9]{1,18})")


class AuditService(audit_grpc.AuditServiceServicer):
    """Reads the database in threads: nothing here is on the way of a call."""

    def __init__(self, reception: Reception, store: AuditStore) -> None:
        self._reception = reception
        self._store = store

    async def ListEntries(self, request: pb.ListEntriesRequest, context: Context) -> pb.ListEntriesResponse:
        """One page of the tenant's entries."""
        with self._reception.admit(context) as call:
            if not 0 <= request.page_size <= MOST:
                raise invalid("page_size", f"page_size must be 1 to {MOST}, or 0 for {USUAL}.")
            size, before = request.page_size or USUAL, _place(request.page_token)
            since = request.since_unix_ms if request.HasField("since_unix_ms") else None
            one = request.request_id if request.HasField("request_id") else None
            found = await asyncio.to_thread(self._store.newest, size + 1, call.tenant, since, before, one)
            token = "-".join(map(str, found[size - 1][0])) if len(found) > size else ""
            return pb.ListEntriesResponse(entries=[_told(sealed) for _, sealed in found[:size]], next_page_token=token)


def _place(token: str) -> Place | None:
    found = _TOKEN.fullmatch(token)
    if token and found is None:
        raise invalid("page_token", "page_token must be the last answer's next_page_token.")
    return None if found is None else Place(int(found[1]), found[2], int(found[3]))


def _told(sealed: Sealed) -> pb.AuditEntry:
    entry = shown(sealed)
    return pb.AuditEntry(
        unix_ms=entry.unix_ms,
        surface=entry.surface,
        operation=entry.operation,
        decision=entry.decision,
        action=entry.action,
        principal=entry.principal,
        key_id=entry.key,
        model=entry.model,
        request_id=entry.request_id,
        object=entry.object,
        personal_data=entry.personal_data,
        priority=entry.priority,
        trace_id=entry.trace_id,
        backend=entry.backend,
        input_tokens=entry.input_tokens,
        output_tokens=entry.output_tokens,
        timing=_timing(entry) if entry.total_ms else None,
    )


def _timing(entry: Entry) -> pb.Timing:
    return pb.Timing(
        total_ms=entry.total_ms,
        gateway_ms=entry.gateway_ms,
        queue_ms=entry.queue_ms,
        retries_ms=entry.retries_ms,
        first_token_ms=entry.first_token_ms,
        generation_ms=entry.generation_ms,
    )
