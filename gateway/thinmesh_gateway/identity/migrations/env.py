"""What alembic runs: the steps that are missing, in the transaction of whoever asked."""

from __future__ import annotations

from alembic import context

from thinmesh_gateway.identity.tables import METADATA, REVISION

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=REVISION)
context.run_migrations()
