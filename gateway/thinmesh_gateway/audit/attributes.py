"""What a gateway's span tells of a call: what its entry in the audit log does. Pure."""

from __future__ import annotations

from thinmesh_core.traces import spans
from thinmesh_gateway.audit.entry import Entry


def attributes(entry: Entry) -> dict[str, str | int | float | bool]:
    """By their names in OpenTelemetry's conventions, where those have one; what is empty is left out."""
    told: dict[str, str | int] = {
        spans.REQUEST_ID: entry.request_id,
        spans.TENANT: entry.tenant,
        spans.PRIORITY: entry.priority,
        spans.MODEL: entry.model,
        spans.BACKEND: entry.backend,
        spans.INPUT_TOKENS: entry.input_tokens,
        spans.OUTPUT_TOKENS: entry.output_tokens,
        "thinmesh.key": entry.key,
        "thinmesh.object": entry.object,
    }
    return {name: value for name, value in told.items() if value}
