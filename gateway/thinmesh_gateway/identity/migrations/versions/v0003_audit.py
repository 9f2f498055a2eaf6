"""The audit log, which the database itself keeps from being changed: entries are added and read, and nothing else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from thinmesh_gateway.identity.tables import SECONDS

revision = "0003"
down_revision = "0002"

_REFUSED = "the audit log is append-only"

_SQLITE = (
    f"create trigger audit_unchanged before update on audit begin select raise(abort, '{_REFUSED}'); end",
    f"create trigger audit_kept before delete on audit begin select raise(abort, '{_REFUSED}'); end",
    # what `insert or replace` removes wakes no trigger
    """create trigger audit_never_replaced before insert on audit
    when exists (select 1 from audit where writer = new.writer and number = new.number)
    begin select raise(ignore); end""",
)
_POSTGRES = (
    f"create function audit_refuse() returns trigger language plpgsql as $$ begin raise exception '{_REFUSED}'; end $$",
    """create trigger audit_kept before update or delete or truncate on audit
    for each statement execute function audit_refuse()""",
)


def upgrade() -> None:
    """Makes the table and what guards it."""
    op.create_table(
        "audit",
        sa.Column("writer", sa.Text, primary_key=True),
        sa.Column("number", SECONDS, primary_key=True, autoincrement=False),
        sa.Column("unix_ms", SECONDS, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("entry", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_index("audit_by_time", "audit", ["unix_ms"])
    op.create_index("audit_of_tenants", "audit", ["tenant", "unix_ms"])
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES:
        op.execute(statement)
