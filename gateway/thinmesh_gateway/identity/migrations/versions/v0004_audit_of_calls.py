"""Calls of the audit log are found by their request id, and what they used is summed up, without reading every entry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from thinmesh_gateway.identity.tables import SECONDS

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the columns; entries that are there already stay without, for nothing may change them."""
    for name in ("request_id", "model"):
        op.add_column("audit", sa.Column(name, sa.Text))
    for name in ("input_tokens", "output_tokens"):
        op.add_column("audit", sa.Column(name, SECONDS))
    op.create_index("audit_of_requests", "audit", ["request_id"])
