"""One thing that was done, as the audit log keeps it: who, what, with which model, what was decided. Never content. Pure."""

from __future__ import annotations

import re

import msgspec

from thinmesh_core.errors import MeshError, Reason
from thinmesh_gateway.identity.key import PREFIX

ALLOWED = "ALLOWED"
"""What is decided of whatever was let in and ended well."""

CLI = "cli"
"""The surface of the `thinmesh` command; its principals are the operating system's users."""

LOG = "log"
"""The surface of what the log says of itself."""

_NAME = re.compile(r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9._:/-]{1,128}")


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was done. `unix_ms` is when it ended; `times` is how often, where strangers' calls are told together.

    `operation` is a route, an RPC or a command, `object` what it was done to: the id of a key or a job, two where one key took
    the other's place. `decision` is ALLOWED or the
    Reason that refused or ended it. `personal_data` counts what was found by kind, in the request and the answer together.
    Milliseconds are parts of `total_ms` that follow each other (docs/tracing.md), and 0 where there were none; of a call whose
    caller left, the tokens are estimated.
    """

    unix_ms: int
    surface: str
    operation: str
    decision: str
    action: str = ""
    tenant: str = ""
    principal: str = ""
    key: str = ""
    model: str = ""
    request_id: str = ""
    object: str = ""
    personal_data: dict[str, int] = {}
    times: int = 1
    priority: str = ""
    trace_id: str = ""
    backend: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    total_ms: float = 0.0
    gateway_ms: float = 0.0
    queue_ms: float = 0.0
    retries_ms: float = 0.0
    first_token_ms: float = 0.0
    generation_ms: float = 0.0


def decision(error: BaseException | None) -> str:
    """How a call ended."""
    if error is None:
        return ALLOWED
    if isinstance(error, MeshError):
        return error.reason.name
    return Reason.INTERNAL.name if isinstance(error, Exception) else Reason.CANCELLED.name


def model_name(asked: str, decided: str) -> str:
    """A model as it was asked for; `-` where it may be anything that a stranger wrote: there is none, or it looks like none."""
    if not asked or (decided != Reason.MODEL_NOT_FOUND.name and _NAME.fullmatch(asked) and PREFIX not in asked):
        return asked
    return "-"
