"""The tables as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

REVISION = "thinmesh_schema"
"""The table of the revision that a database has."""

METADATA = MetaData()

SECONDS = BigInteger().with_variant(Integer, "sqlite")
"""Seconds since 1970; SQLite's integers are as wide, and its strict tables know no other word for them."""

KEYS = Table(
    "keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_unix_seconds", SECONDS, nullable=False),
    Column("principal", Text, nullable=False),
    Column("roles", Text, nullable=False),  # names, with a space between them
    Column("expires_unix_seconds", SECONDS),
    Column("last_used_unix_seconds", SECONDS),
    Column("revoked_unix_seconds", SECONDS),
)

CHANGES = Table("key_changes", METADATA, Column("number", SECONDS, nullable=False))
"""One row, counted up by every change of a key's worth: what was read under the same number is still true."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("writer", Text, primary_key=True),
    Column("number", SECONDS, primary_key=True, autoincrement=False),
    Column("unix_ms", SECONDS, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("entry", Text, nullable=False),  # JSON, byte for byte as it was sealed
    Column("hash", Text, nullable=False),
    Column("request_id", Text),
    Column("model", Text),
    Column("input_tokens", SECONDS),
    Column("output_tokens", SECONDS),
)
"""The audit log. What is beside `entry` is in there too, and is here to be searched by.

Tokens are there where a backend had the call. Entries of before there were `total_ms` have only `unix_ms` and `tenant`."""
