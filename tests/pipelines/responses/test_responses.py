"""Kept responses in a real folder: their tenant's alone, sealed, replaced in their place, and gone when their time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from canaries import PHRASE, PROMPT

from thinmesh_core.errors import MeshError, Reason
from thinmesh_pipelines.files.vault import Vault
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.keys import KeyRing
from thinmesh_pipelines.payloads.objects import FOLDER, objects
from thinmesh_pipelines.responses.responses import Responses, collect, known_id, new_id

ID = "resp_" + "0a" * 12
DAYS = 7


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(KeyRing(tmp_path), objects(PayloadsConfig(), tmp_path))


@pytest.fixture
def responses(vault: Vault) -> Responses:
    return Responses(vault, DAYS)


def objects_of(state: Path) -> list[Path]:
    return [path for path in (state / FOLDER).rglob("*") if path.is_file()]


async def test_a_record_is_kept_sealed_and_replaced_in_its_place(responses: Responses, tmp_path: Path) -> None:
    await responses.put("t", ID, PROMPT.encode(), known=False)
    assert await responses.get("t", ID) == PROMPT.encode()
    (kept,) = objects_of(tmp_path)
    assert PHRASE.encode() not in kept.read_bytes()
    await responses.put("t", ID, b"news", known=True)
    assert await responses.get("t", ID) == b"news"
    assert objects_of(tmp_path) == [kept]
    await responses.remove("t", ID)
    assert objects_of(tmp_path) == []


async def test_what_is_not_there_is_another_tenants_or_no_id_is_not_found(responses: Responses, tmp_path: Path) -> None:
    await responses.put("t", ID, b"words", known=False)
    for tenant, name in (("other", ID), ("t", ID + "0"), ("t", "resp_../../x"), ("t", ""), ("t", ID.upper())):
        for asking in (
            responses.get(tenant, name),
            responses.remove(tenant, name),
            responses.put(tenant, name, b"x", known=True),
        ):
            with pytest.raises(MeshError) as missing:
                await asking
            assert missing.value.reason is Reason.NOT_FOUND
    assert len(objects_of(tmp_path)) == 1


async def test_a_record_goes_when_its_time_is_over_and_is_not_told_then(vault: Vault, tmp_path: Path) -> None:
    stays, over = Responses(vault, DAYS), Responses(vault, 0)
    await stays.put("t", ID, b"words", known=False)
    await over.put("u", ID, b"words", known=False)
    with pytest.raises(MeshError):
        await over.get("u", ID)
    now = datetime.now(UTC)
    await collect(vault.objects, now)
    assert await stays.get("t", ID) == b"words"
    assert len(objects_of(tmp_path)) == 1
    await vault.objects.put("responses/what-is-none-of-ours", b"x")
    await collect(vault.objects, now + timedelta(days=DAYS, seconds=60))
    assert [path.name for path in objects_of(tmp_path)] == ["what-is-none-of-ours"]


def test_new_ids_are_known_and_come_in_their_order() -> None:
    first, second = new_id(1000.0, b"b"), new_id(1000.5, b"a")
    assert known_id(first)
    assert known_id(second)
    assert first < second
