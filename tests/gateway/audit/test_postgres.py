"""A real PostgreSQL that gateways share, and that goes away under them."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from gateway.identity.conftest import Postgres

from thinmesh_gateway.audit.chain import key_of
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.lines import Lines
from thinmesh_gateway.audit.log import AuditLog
from thinmesh_gateway.audit.store import AuditStore
from thinmesh_gateway.audit.verify import YOUNG_MS, verify
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.pepper import pepper


def call(number: int) -> Entry:
    return Entry(number, "rest", f"call {number}", "ALLOWED", tenant="t")


def test_gateways_share_it_and_their_entries_outlast_its_going(server: Postgres, state: Path) -> None:
    folders = [state / "a", state / "b"]
    pepper(state)
    for folder in folders:
        folder.mkdir()
        shutil.copy(state / "pepper", folder)
    stores = [KeyStore(folder, server.url) for folder in folders]
    logs = [AuditLog(folder, store.database) for folder, store in zip(folders, stores, strict=True)]

    def write(number: int) -> None:
        for log in logs:
            log.add(call(number))
            log.write_lines()
            log.write_database()

    write(1)
    server.stop()
    write(2)
    assert [log.troubles() != [] for log in logs] == [True, True]
    server.start()
    for log in logs:
        log.close()
    kept = AuditStore(stores[0].database)
    now_ms = int(time.time() * 1000) + YOUNG_MS
    for folder in folders:
        report = verify(key_of(pepper(folder)), kept.read(), Lines(folder).read(), now_ms)
        assert (report.faults, report.notes, report.entries) == ([], [], 8)
    for store in stores:
        store.close()
