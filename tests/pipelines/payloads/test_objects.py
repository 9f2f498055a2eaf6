"""Objects go with their job, or when they are old."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from thinmesh_core.config import ConfigError, convert
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.objects import FOLDER, PAYLOADS, MissingError, Objects, StoreUnavailableError, objects
from thinmesh_pipelines.payloads.place import Place, place

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Objects:
    return objects(PayloadsConfig(), tmp_path)


def named(workflow_id: str, name: str) -> str:
    at = place(workflow_id)
    assert at is not None
    return f"{PAYLOADS}/{at.prefix}/{name}"


def aged(state: Path, name: str, age: timedelta) -> None:
    then = (NOW - age).timestamp()
    os.utime(state / FOLDER / name, (then, then))


async def test_a_job_goes_with_its_parts_and_nobody_elses(store: Objects, tmp_path: Path) -> None:
    for name in ("acme/job-1", "acme/job-1~2", "acme/job-12", "other/job-1"):
        await store.put(named(name, name.encode().hex()), b"x")
    assert await store.remove(Place("acme", "job-1")) == 2
    assert await store.remove(Place("acme", "job-1")) == 0
    assert not (tmp_path / FOLDER / PAYLOADS / Place("acme", "job-1").prefix).exists()
    for name in ("acme/job-12", "other/job-1"):
        assert await store.get(named(name, name.encode().hex()), 1) == b"x"


async def test_old_objects_are_collected_and_young_ones_and_other_things_stay(store: Objects, tmp_path: Path) -> None:
    old, young = named("acme/job-1", "old"), named("acme/job-2", "young")
    for name, age in ((old, 3), (young, 1), ("files/old", 3)):
        await store.put(name, b"x")
        aged(tmp_path, name, timedelta(days=age))
    assert await store.collect(NOW - timedelta(days=2)) == 1
    with pytest.raises(MissingError):
        await store.get(old, 1)
    for name in (young, "files/old"):
        assert await store.get(name, 1) == b"x"


async def test_what_a_killed_process_left_half_written_is_collected_too(store: Objects, tmp_path: Path) -> None:
    name = named("acme/job-1", "one")
    await store.put(name, b"x")
    left = tmp_path / FOLDER / f"{name}#1"
    left.write_bytes(b"x")
    aged(tmp_path, f"{name}#1", timedelta(days=3))
    await store.collect(NOW - timedelta(days=2))
    assert not left.exists()
    assert await store.get(name, 1) == b"x"


async def test_an_object_that_is_written_again_is_young(store: Objects, tmp_path: Path) -> None:
    name = named("acme/job-1", "one")
    await store.put(name, b"x")
    aged(tmp_path, name, timedelta(days=9000))
    await store.put(name, b"x")
    assert await store.collect(NOW - timedelta(days=2000)) == 0


async def test_an_object_of_another_size_is_not_read(store: Objects) -> None:
    await store.put("payloads/x/y", b"x" * 10)
    assert await store.get("payloads/x/y", 9) is None


async def test_a_store_that_can_not_be_written_is_told_apart(store: Objects, tmp_path: Path) -> None:
    (tmp_path / FOLDER).rmdir()
    (tmp_path / FOLDER).write_bytes(b"a file")
    with pytest.raises(StoreUnavailableError):
        await store.put("payloads/x/y", b"x")


def test_ids_tell_tenant_and_job() -> None:
    assert place("acme/job-1") == place("acme/job-1~map.3") == Place("acme", "job-1")
    assert place("acme/eu/job-1") == Place("acme/eu", "job-1")
    assert place("acme/nightly-2026-11-25T00:00:00Z") == Place("acme", "nightly-2026-11-25T00:00:00Z")


@pytest.mark.parametrize("store", ["", "s3://", "s3:///prefix", "gs://bucket", "/srv/payloads"])
def test_an_address_that_is_none_is_refused(store: str) -> None:
    with pytest.raises(ConfigError, match="store"):
        convert({"store": store}, PayloadsConfig, source="thinmesh.yaml")


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_bytes(b"a file")
    with pytest.raises(ConfigError, match=r"payloads\.store"):
        objects(PayloadsConfig(), tmp_path)
