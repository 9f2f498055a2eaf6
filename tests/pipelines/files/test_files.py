"""Files in a real folder and in an S3: there once they are whole, their tenant's alone, and gone with all that is theirs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from s3_server import BUCKET, s3_server

from thinmesh_core.errors import MeshError, Reason
from thinmesh_pipelines.config import JobsConfig
from thinmesh_pipelines.files.config import FilesConfig
from thinmesh_pipelines.files.files import Files
from thinmesh_pipelines.files.record import MINE, PIECE_BYTES, Record, Shelf, new_id
from thinmesh_pipelines.files.retention import collect
from thinmesh_pipelines.files.vault import Vault
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.keys import KeyRing, rotate
from thinmesh_pipelines.payloads.objects import FOLDER, objects

HOUR = 3600


@pytest_asyncio.fixture(params=["folder", "bucket"])
async def vault(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vault]:
    if request.param == "folder":
        yield Vault(KeyRing(tmp_path), objects(PayloadsConfig(), tmp_path))
        return
    (tmp_path / FOLDER).mkdir()
    async with s3_server(tmp_path / FOLDER) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield Vault(KeyRing(tmp_path), objects(PayloadsConfig(store=f"s3://{BUCKET}/prod"), tmp_path))


@pytest.fixture
def files(vault: Vault) -> Files:
    return Files(vault, FilesConfig(max_files=3))


async def objects_of(vault: Vault) -> list[str]:
    return await vault.objects.names("files")


async def kept(files: Files, tenant: str, data: bytes, number: int = 0, created: float | None = None) -> Record:
    created = time.time() if created is None else created
    writing = files.writing(tenant, new_id(created + number, f"{number}".encode()))
    await writing.write(data)
    return await writing.keep(f"{number}.jsonl", MINE, int(created), HOUR)


async def read(files: Files, tenant: str, record: Record, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([piece async for piece in files.content(tenant, record, start, length)])


async def test_any_part_of_a_file_is_read_as_it_was(files: Files) -> None:
    data = bytes(range(256)) * (PIECE_BYTES // 100)
    record = await kept(files, "t", data)
    assert await read(files, "t", record) == data
    for start, length in ((0, 1), (PIECE_BYTES - 1, 2), (PIECE_BYTES, PIECE_BYTES), (5, len(data) - 5)):
        assert await read(files, "t", record, start, length) == data[start : start + length]


async def test_a_file_is_not_there_before_it_is_whole_and_leaves_nothing_where_it_is_dropped(
    files: Files, vault: Vault
) -> None:
    writing = files.writing("t", new_id(1, b""))
    await writing.write(bytes(3 * PIECE_BYTES))
    assert await files.page("t", 10, None, None, oldest_first=True) == ([], False)
    await writing.drop()
    assert await objects_of(vault) == []


async def test_pages_follow_each_other_in_both_orders(files: Files) -> None:
    made = [await kept(files, "t", b"x", number) for number in range(3)]
    assert await files.page("t", 2, None, None, oldest_first=True) == (made[:2], True)
    assert await files.page("t", 2, made[1].id, None, oldest_first=True) == (made[2:], False)
    assert await files.page("t", 2, made[1].id, None, oldest_first=False) == (made[:1], False)
    assert await files.page("t", 2, None, "batch_output", oldest_first=False) == ([], False)
    with pytest.raises(MeshError, match="remove some"):
        await files.room("t")
    await files.room("other")


async def test_another_tenant_has_no_such_file_and_cannot_open_its_pieces(files: Files, vault: Vault) -> None:
    record = await kept(files, "t", b"words")
    for refused in (files.get("other", record.id), files.remove("other", record.id), read(files, "other", record)):
        with pytest.raises(MeshError) as missing:
            await refused
        assert missing.value.reason is Reason.NOT_FOUND
    (name,) = await vault.objects.names("files/content")
    with pytest.raises(MeshError) as forged:
        await vault.get("other", name)
    assert forged.value.reason is Reason.INTERNAL


@pytest.mark.parametrize("rest", [b"", b"what a power cut left"])
async def test_a_file_that_nobody_can_open_is_in_no_others_way(files: Files, vault: Vault, rest: bytes) -> None:
    whole, broken = [await kept(files, "t", b"x", number) for number in range(2)]
    (name,) = await vault.objects.names(f"{Shelf('t').records}/{broken.id}")
    await vault.objects.put(name, rest)
    assert await files.page("t", 10, None, None, oldest_first=True) == ([whole], False)
    with pytest.raises(MeshError, match="can't be opened"):
        await files.get("t", broken.id)
    await files.remove("t", broken.id)
    assert len(await objects_of(vault)) == 2


async def test_files_outlive_the_key_that_sealed_them(files: Files, tmp_path: Path) -> None:
    record = await kept(files, "t", b"words")
    rotate(tmp_path)
    await kept(files, "t", b"others", 1)
    assert await read(files, "t", await files.get("t", record.id)) == b"words"


async def test_what_is_over_goes_and_what_is_not_stays(files: Files, vault: Vault) -> None:
    over = await kept(files, "t", b"x", created=time.time() - 2 * HOUR)
    stays = await kept(files, "t", b"y", 1)
    await files.writing("t", new_id(2, b"")).write(bytes(PIECE_BYTES))
    with pytest.raises(MeshError):
        await files.get("t", over.id)
    await collect(vault.objects, JobsConfig(), datetime.now(UTC))
    assert len(await objects_of(vault)) == 3  # what stays, and what may still become a file
    assert await files.get("t", stays.id) == stays
    await collect(vault.objects, JobsConfig(), datetime.now(UTC) + timedelta(days=32))
    assert await objects_of(vault) == []
