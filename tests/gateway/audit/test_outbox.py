"""Entries on their way to a place that may be gone."""

from __future__ import annotations

from collections.abc import Sequence

from thinmesh_gateway.audit.chain import Chain, Sealed
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.outbox import BATCH, Outbox


class Place:
    """Takes batches while it is there."""

    def __init__(self) -> None:
        self.there = True
        self.numbers: list[int] = []

    def write(self, batch: Sequence[Sealed]) -> None:
        """Takes one."""
        if not self.there:
            raise OSError("it is gone")
        self.numbers += [one.number for one in batch]


def fill(box: Outbox, chain: Chain, count: int) -> None:
    for _ in range(count):
        box.put(chain.seal(Entry(1, "rest", "x", "ALLOWED")))


def test_what_waits_is_written_in_order_once_the_place_is_back() -> None:
    place, chain = Place(), Chain(b"key", "w")
    box = Outbox("file", place.write)
    place.there = False
    fill(box, chain, BATCH + 1)
    box.send()
    assert box.trouble == "the audit log can't be written to the file, entries wait: it is gone"
    fill(box, chain, 1)
    place.there = True
    box.send()
    assert place.numbers == list(range(BATCH + 2))
    assert not box.trouble
    assert box.missed() == []


def test_what_is_too_much_to_wait_is_told_once_the_place_is_back() -> None:
    place, chain = Place(), Chain(b"key", "w")
    box = Outbox("file", place.write, most=3)
    place.there = False
    fill(box, chain, 2)
    box.send()
    fill(box, chain, 4)
    assert box.missed() == []
    place.there = True
    box.send()
    assert (place.numbers, box.missed(), box.missed()) == ([0, 1, 2], [(3, 5)], [])
    fill(box, chain, 1)
    box.send()
    assert place.numbers == [0, 1, 2, 6]
