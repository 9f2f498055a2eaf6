"""What the audit log costs: CPU-microseconds a call, on the loop and beside it in threads.

`make bench` runs it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.log import AuditLog
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.identity.principal import Principal
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.roles import Action

CALLS, ROUNDS = 5_000, 5
HOLDER = Principal("alice", "t", ("user",), "0123456789ab")


def call(log: AuditLog) -> None:
    """What one call does on the loop."""
    with Trail(log.add, "rest", "POST /v1/chat/completions", Action.INFER, "req-0123456789abcdef") as trail:
        trail.holder = HOLDER
        trail.model = "llama-3.1-8b"


def calls(log: AuditLog) -> None:
    """Many of them."""
    for _ in range(CALLS):
        call(log)


def microseconds(work: Callable[[], None]) -> float:
    """CPU time of all threads for one call of many."""
    before = time.process_time()
    work()
    return (time.process_time() - before) / CALLS * 1e6


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        store = KeyStore(state)
        log = AuditLog(state, store.database)
        log.add(Entry(0, "rest", "first", "ALLOWED", tenant="t"))
        log.write_lines()
        log.write_database()
        rounds = [
            (microseconds(lambda: calls(log)), microseconds(log.write_lines), microseconds(log.write_database))
            for _ in range(ROUNDS)
        ]
        log.close()
        store.close()
    on_loop, lines, database = (min(one) for one in zip(*rounds, strict=True))
    print("| audit | CPU-us per call |\n|---|---|")
    print(f"| on the loop | {on_loop:.1f} |")
    print(f"| in a thread: seal, write lines | {lines:.1f} |")
    print(f"| in a thread: SQLite | {database:.1f} |")


if __name__ == "__main__":
    main()
