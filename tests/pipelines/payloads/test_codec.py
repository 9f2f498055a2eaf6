"""What is sealed opens for its tenant alone, whole or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.converter import ActivitySerializationContext, DataConverter, WorkflowSerializationContext
from temporalio.exceptions import ApplicationError
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.config import ConfigError
from thinmesh_pipelines.payloads.codec import CLAIM, ENCODING, INLINE, KEY, NOT_STARTED
from thinmesh_pipelines.payloads.config import PayloadsConfig
from thinmesh_pipelines.payloads.converter import converter
from thinmesh_pipelines.payloads.keys import FILE, KeyRing, rotate
from thinmesh_pipelines.payloads.objects import FOLDER, objects

CONFIG = PayloadsConfig(large_bytes=1024, max_bytes=1024 * 1024)

once = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def mesh(state: Path, workflow_id: str = "acme/job-1", config: PayloadsConfig = CONFIG) -> DataConverter:
    """A converter of its own process, at a workflow."""
    made = converter(config, KeyRing(state), objects(config, state))
    return made.with_context(WorkflowSerializationContext(namespace="default", workflow_id=workflow_id))


def stored(state: Path) -> list[Path]:
    return [path for path in (state / FOLDER).rglob("*") if path.is_file()]


async def refused(made: DataConverter, payload: Payload) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await made.decode([payload])
    return caught.value


@once
@given(value=st.one_of(st.none(), st.binary(max_size=3000), st.text(max_size=3000), st.lists(st.integers())))
def test_values_come_back_as_they_were(tmp_path: Path, value: object) -> None:
    made = mesh(tmp_path)
    assert asyncio.run(came_back(made, value)) == value


async def came_back(made: DataConverter, value: object) -> object:
    [payload] = await made.encode([value])
    [value] = await made.decode([payload])
    return value


@pytest.mark.parametrize("size", [10, 5000])
async def test_messages_of_the_contract_come_back_and_nothing_of_them_is_seen(tmp_path: Path, size: int) -> None:
    request = pb.GenerateRequest(model="canary", text="canary " * size)
    made = mesh(tmp_path)
    [payload] = await made.encode([request])
    [back] = await made.decode([payload], [pb.GenerateRequest])
    assert back == request
    assert b"canary" not in payload.SerializeToString()
    assert not any(b"canary" in path.read_bytes() for path in stored(tmp_path))


async def test_only_large_payloads_are_objects_and_the_same_one_is_kept_once_a_job(tmp_path: Path) -> None:
    made, child, other = (mesh(tmp_path, at) for at in ("acme/job-1", "acme/job-1~2", "acme/job-2"))
    [small, large, again] = await made.encode(["x" * 900, "x" * 2000, "x" * 2000])
    assert [one.metadata[ENCODING].decode() for one in (small, large, again)] == [INLINE, CLAIM, CLAIM]
    assert large.ByteSize() < 512
    await child.encode(["x" * 2000])
    assert len(stored(tmp_path)) == 1
    await other.encode(["x" * 2000])
    assert len(stored(tmp_path)) == 2


@pytest.mark.parametrize("size", [10, 2000])
@pytest.mark.parametrize("other", ["emca/job-1", "acme/x/job-1", "acm/e/job-1"])
async def test_another_tenant_reads_nothing(tmp_path: Path, size: int, other: str) -> None:
    [payload] = await mesh(tmp_path).encode(["x" * size])
    assert (await refused(mesh(tmp_path, other), payload)).non_retryable


async def test_an_activity_is_of_its_workflows_tenant_and_one_that_stands_alone_of_its_own_ids(tmp_path: Path) -> None:
    [payload] = await mesh(tmp_path).encode(["hello"])
    context = ActivitySerializationContext("default", "1", None, None, "acme/job-1", None, is_local=False)
    assert await mesh(tmp_path, "").with_context(context).decode([payload]) == ["hello"]
    alone = replace(context, activity_id="acme/job-2", workflow_id="")
    assert await mesh(tmp_path, "").with_context(alone).decode([payload]) == ["hello"]
    with pytest.raises(ApplicationError):
        await mesh(tmp_path).with_context(replace(alone, activity_id="1")).decode([payload])


async def test_of_what_comes_in_clear_temporals_own_word_alone_passes(tmp_path: Path) -> None:
    assert await mesh(tmp_path).decode([NOT_STARTED]) == ["ACTIVITY_ID_NOT_STARTED"]
    other = Payload(metadata=NOT_STARTED.metadata, data=b'"ACTIVITY_ID_STARTED"')
    assert (await refused(mesh(tmp_path), other)).non_retryable


async def test_an_id_without_a_tenant_seals_nothing(tmp_path: Path) -> None:
    for name in ("", "job-1", "/job-1", "acme/", "acme/~1"):
        with pytest.raises(ApplicationError, match="TENANT/JOB"):
            await mesh(tmp_path, name).encode(["hello"])


@once
@given(data=st.data())
def test_what_is_altered_anywhere_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    made = mesh(tmp_path)
    [payload] = asyncio.run(made.encode(["x" * data.draw(st.sampled_from([10, 2000]))]))
    at = data.draw(st.integers(0, len(payload.data) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "encoding"])):
        case "flip":
            payload.data = payload.data[:at] + bytes([payload.data[at] ^ 1]) + payload.data[at + 1 :]
        case "cut":
            payload.data = payload.data[:at]
        case _:
            payload.metadata[ENCODING] = (CLAIM if payload.metadata[ENCODING] == INLINE.encode() else INLINE).encode()
    assert asyncio.run(refused(made, payload)).non_retryable


@once
@given(at=st.integers(0, 1999), cut=st.booleans())
def test_an_object_that_is_cut_or_altered_is_refused(tmp_path: Path, at: int, cut: bool) -> None:
    made = mesh(tmp_path)
    [payload] = asyncio.run(made.encode(["x" * 2000]))
    [path] = stored(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:at] if cut else whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert asyncio.run(refused(made, payload)).non_retryable


async def test_one_object_does_not_stand_for_another_of_its_size(tmp_path: Path) -> None:
    made = mesh(tmp_path)
    [payload, _] = await made.encode(["x" * 2000, "y" * 2000])
    one, other = stored(tmp_path)
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert (await refused(made, payload)).non_retryable


async def test_an_object_that_is_missing_is_waited_for(tmp_path: Path) -> None:
    made = mesh(tmp_path)
    [payload] = await made.encode(["x" * 2000])
    [path] = stored(tmp_path)
    moved = path.replace(tmp_path / "moved")
    assert not (await refused(made, payload)).non_retryable
    path.parent.mkdir(exist_ok=True)
    moved.replace(path)
    assert await made.decode([payload]) == ["x" * 2000]


async def test_plain_payloads_are_refused(tmp_path: Path) -> None:
    [payload] = DataConverter.default.payload_converter.to_payloads(["approved"])
    assert (await refused(mesh(tmp_path), payload)).non_retryable


async def test_a_payload_above_the_bound_is_refused_before_anything_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match=r"payloads\.max_bytes") as caught:
        await mesh(tmp_path).encode([b"x" * CONFIG.max_bytes])
    assert caught.value.type == "REQUEST_TOO_LARGE"
    assert caught.value.non_retryable
    assert not stored(tmp_path)


async def test_after_a_rotation_the_new_key_seals_and_every_key_opens_in_processes_that_run(tmp_path: Path) -> None:
    made, other = mesh(tmp_path), mesh(tmp_path)
    before = await made.encode(["small", "x" * 2000])
    new = rotate(tmp_path)
    after = await made.encode(["small", "x" * 2000])
    assert {one.metadata[KEY].decode() for one in after} == {new}
    assert new not in {one.metadata[KEY].decode() for one in before}
    for one in (made, other, mesh(tmp_path)):
        assert await one.decode([*before, *after]) == ["small", "x" * 2000] * 2


async def test_a_key_that_is_not_here_yet_is_waited_for(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for state in (here, there):
        state.mkdir()
    made, other = mesh(here), mesh(there)
    [payload] = await made.encode(["hello"])
    assert not (await refused(other, payload)).non_retryable
    (there / "copied").write_bytes((here / FILE).read_bytes())
    (there / "copied").replace(there / FILE)
    assert await other.decode([payload]) == ["hello"]


async def test_the_key_file_is_its_owners_alone_and_what_breaks_it_stops_a_start_but_no_work(tmp_path: Path) -> None:
    made = mesh(tmp_path)
    [payload] = await made.encode(["hello"])
    path = tmp_path / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    rotate(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    for text in ("", "k1 abcd\n", "k1\n", "k1 \xff\n"):
        (tmp_path / "broken").write_text(text)
        (tmp_path / "broken").replace(path)
        assert await made.decode([payload]) == ["hello"]
        await made.encode(["hello"])
        with pytest.raises(ConfigError, match=FILE):
            mesh(tmp_path)
    path.unlink()
    assert await made.decode([payload]) == ["hello"]


def test_first_starts_and_rotations_at_once_lose_no_key(tmp_path: Path) -> None:
    async def all_at_once() -> set[str]:
        made = await asyncio.gather(*(asyncio.to_thread(mesh, tmp_path) for _ in range(8)))
        ids = await asyncio.gather(*(asyncio.to_thread(rotate, tmp_path) for _ in range(8)))
        payloads = [(await one.encode(["x"]))[0] for one in made]
        return {*ids, *(one.metadata[KEY].decode() for one in payloads)}

    used = asyncio.run(all_at_once())
    kept = [line.partition(" ")[0] for line in (tmp_path / FILE).read_text().splitlines()]
    assert used <= set(kept)
    assert len(kept) == 9
