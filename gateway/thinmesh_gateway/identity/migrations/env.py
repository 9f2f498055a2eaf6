"""What alembic runs: the steps that are missing, in the transaction of whoever asked."""

from __future__ import annotations

from alembic import context

from thinmesh_gateway.identity.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, version_table="thinmesh_schema")
context.run_migrations()
