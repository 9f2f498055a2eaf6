"""Keys have a principal, roles and an end; those that were there go on as principals of their own, with the role `user`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from thinmesh_gateway.identity.tables import SECONDS

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the columns and the count of changes."""
    op.add_column("keys", sa.Column("principal", sa.Text, nullable=False, server_default=""))
    op.add_column("keys", sa.Column("roles", sa.Text, nullable=False, server_default="user"))
    for name in ("expires_unix_seconds", "last_used_unix_seconds", "revoked_unix_seconds"):
        op.add_column("keys", sa.Column(name, SECONDS))
    op.execute("update keys set principal = id")
    op.create_index("keys_of_principals", "keys", ["tenant", "principal"])
    op.create_table("key_changes", sa.Column("number", SECONDS, nullable=False))
    op.execute("insert into key_changes values (0)")
