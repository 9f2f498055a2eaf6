"""Keys as the first version kept them; where it has run they are there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from thinmesh_gateway.identity.tables import SECONDS

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the table unless it is there."""
    op.create_table(
        "keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("created_unix_seconds", SECONDS, nullable=False),
        if_not_exists=True,
    )
