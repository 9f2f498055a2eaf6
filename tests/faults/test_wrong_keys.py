"""Guessing keys: what is tried tells nothing by how long it takes to be refused."""

from __future__ import annotations

import gc
import math
import secrets
import statistics
import time
from pathlib import Path
from random import Random

import pytest
from load import Record, percentile

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.tenants import TenantConfig
from thinmesh_gateway.audit.entry import Entry
from thinmesh_gateway.audit.trail import Trail
from thinmesh_gateway.auth import Authenticator
from thinmesh_gateway.identity import key
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.keys import KeyStore
from thinmesh_gateway.roles import Action
from thinmesh_gateway.wishes import REST

SAMPLES = 20_000
WARM = 2_000
KEPT = 90
"""Per cent of the times that count: the longest are other processes'."""

BOUND = 4.5

ID_LENGTH = 2 * key.ID_BYTES


def welch(one: list[float], other: list[float]) -> float:
    """Welch's t: how far two means are apart, in their own errors."""
    errors = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(errors)


@pytest.mark.faults
async def test_fault_36_a_wrong_secret_takes_as_long_as_an_unknown_id(state: Path, record_property: Record) -> None:
    """20 000 wrong keys, half of them with an id that is known, in random order -> all are refused alike, and |t| of their times is below 4.5."""
    store = KeyStore(state)
    known = [key.id_of(store.create("t", 0, principal=f"p{number}")) for number in range(100)]
    keyring = Keyring(store, state)
    keyring.refresh()
    authenticator = Authenticator(keyring, {"t": TenantConfig()})
    random = Random(36)
    places = [(one, kind) for kind, of in enumerate((known, [secrets.token_hex(key.ID_BYTES) for _ in known])) for one in of]
    random.shuffle(places)  # nothing but the id tells the kinds apart: to know the kind by the place alone showed, by 7 ns
    ids = "".join(one for one, _ in places)
    tries = [random.randrange(len(places)) for _ in range(SAMPLES + WARM)]
    entries: list[Entry] = []
    times: tuple[list[float], list[float]] = ([], [])
    told = set()
    gc.disable()
    try:
        for place in tries:
            at = place * ID_LENGTH
            wrong = key.text(ids[at : at + ID_LENGTH], random.randbytes(key.SECRET_BYTES).hex())
            sent = {"authorization": f"Bearer {wrong}"}.get
            began = time.perf_counter_ns()
            try:
                await authenticator.call(sent, REST, Trail(entries.append, REST.surface, "chat", Action.INFER, "r"))
            except MeshError as error:
                took = time.perf_counter_ns() - began
                told.add((error.reason, error.message, error.param, error.retry_after))
                times[places[place][1]].append(took)
    finally:
        gc.enable()
        store.close()
    warm = [one[WARM // 2 :] for one in times]
    longest = percentile(warm[0] + warm[1], KEPT)  # one bound for both: a share cut off each would leave no samples
    t = welch(*([took for took in one if took <= longest] for one in warm))
    record_property("t", f"{t:+.2f}")
    record_property("microseconds", f"{statistics.median(times[0]) / 1e3:.1f} and {statistics.median(times[1]) / 1e3:.1f}")
    assert len(told) == 1
    assert {reason for reason, *_ in told} == {Reason.INVALID_KEY}
    assert abs(t) < BOUND
