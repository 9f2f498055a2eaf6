"""Both kinds of database, the real ones, as the store of keys has them."""

from __future__ import annotations

from gateway.identity.conftest import emptied, postgres, server, store

__all__ = ["emptied", "postgres", "server", "store"]
