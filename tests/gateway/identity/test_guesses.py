"""Unknown keys in numbers: what strangers are told, by either surface, and that nobody else is told it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import grpc
import pytest
from canaries import PHRASE
from gateway.conftest import Gateway
from multidict import CIMultiDict
from thinmesh.inference.v1 import inference_service_pb2 as pb

from thinmesh_core.errors import MeshError, Reason
from thinmesh_core.status import from_rpc_error
from thinmesh_gateway.auth import UNKNOWN
from thinmesh_gateway.identity import key
from thinmesh_gateway.identity.guesses import ADDRESSES, FORWARDED, MOST, SECONDS, Guesses, grpc_host, origin
from thinmesh_gateway.identity.keyring import Keyring
from thinmesh_gateway.keys import KeyStore

WRONG = MeshError(Reason.INVALID_KEY, UNKNOWN)
BODY = {"model": "m", "prompt": PHRASE}


def wrong_key(number: int) -> dict[str, str]:
    return {"authorization": f"Bearer {key.text('0' * 12, f'{number:064x}')}"}


def test_an_address_is_told_to_come_back_later_until_its_time_is_over() -> None:
    guesses = Guesses()
    assert {guesses.told(WRONG, "a", 0.5) for _ in range(MOST)} == {WRONG}
    late = guesses.told(WRONG, "a", 10.5)
    assert (late.reason, late.retry_after) == (Reason.QUOTA_EXCEEDED, SECONDS - 10)
    assert guesses.told(WRONG, "b", 10.5) is WRONG
    assert guesses.told(WRONG, "a", 0.5 + SECONDS) is WRONG


def test_other_errors_are_nobodys_guesses() -> None:
    guesses = Guesses()
    denied = MeshError(Reason.PERMISSION_DENIED, "no")
    assert {guesses.told(denied, "a", 0) for _ in range(2 * MOST)} == {denied}
    assert len(guesses) == 0


def test_however_many_addresses_there_are_few_are_counted_and_the_busy_one_stays() -> None:
    guesses = Guesses()
    for number in range(3 * ADDRESSES):
        guesses.told(WRONG, f"a{number}", 0)
        guesses.told(WRONG, "busy", 0)
        assert len(guesses) <= ADDRESSES
    assert guesses.told(WRONG, "busy", 0).reason is Reason.QUOTA_EXCEEDED


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.1.2.3", None, "10.1.2.3"),
        ("10.1.2.3", "9.9.9.9", "10.1.2.3"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "1.1.1.1, 9.9.9.9", "9.9.9.9"),
        ("", "9.9.9.9", "9.9.9.9"),
        ("", "127.0.0.1", "127.0.0.1"),
        ("::1", "9.9.9.9", "9.9.9.9"),
        ("::ffff:127.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("::ffff:10.1.2.3", "9.9.9.9", "10.1.2.3"),
        ("::ffff:10.1.2.4", None, "10.1.2.4"),
        ("127.0.0.1", "::ffff:9.9.9.9", "9.9.9.9"),
        ("", "x" * 6000, ""),
        ("", None, ""),
        ("2001:db8:1:2:3::4", None, "2001:0db8:0001:0002"),
        ("2001:db8:1:2:ffff::", None, "2001:0db8:0001:0002"),
        ("fe80::1%eth0", None, "fe80:0000:0000:0000"),
    ],
)
def test_a_stranger_is_known_by_what_cannot_be_made_up(peer: str, forwarded: str | None, expected: str) -> None:
    assert origin(peer, forwarded) == expected


@pytest.mark.parametrize(
    ("peer", "host"),
    [("ipv4:10.0.0.1:5000", "10.0.0.1"), ("ipv6:%5B2001:db8::1%5D:5000", "2001:db8::1"), ("unix:", ""), ("in-process:gateway", "")],
)  # fmt: skip
def test_grpcs_names_of_peers(peer: str, host: str) -> None:
    assert grpc_host(peer) == host


async def test_by_rest_wrong_keys_are_all_told_the_same_and_then_to_wait_while_known_ones_work(gateway: Gateway) -> None:
    async with aiohttp.ClientSession(f"http://{gateway.http}") as session:

        async def said(number: int, **headers: str) -> tuple[int, str, str | None]:
            async with session.post("/v1/completions", json=BODY, headers=wrong_key(number) | headers) as response:
                return response.status, await response.text(), response.headers.get("retry-after")

        answers = [await said(number) for number in range(MOST + 5)]
        assert set(answers[:MOST]) == {(401, answers[0][1], None)}
        assert {status for status, *_ in answers[MOST:]} == {429}
        assert {0 < int(after or 0) <= SECONDS for *_, after in answers[MOST:]} == {True}
        assert (await said(0, **{FORWARDED: "10.9.9.9"}))[0] == 401  # whom the edge speaks for is another
        lines = CIMultiDict([*wrong_key(0).items(), (FORWARDED, "127.0.0.1"), (FORWARDED, "10.9.9.9")])
        async with session.post("/v1/completions", json=BODY, headers=lines) as response:
            assert response.status == 401
    async with gateway.session() as known, known.post("/v1/completions", json=BODY) as response:
        assert response.status == 200


async def test_by_grpc_too(gateway: Gateway, stub: Any) -> None:
    async def reason(metadata: tuple[tuple[str, str], ...]) -> Reason | None:
        try:
            await stub.Generate(pb.GenerateRequest(model="m", text=PHRASE), metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            return from_rpc_error(error).reason
        return None

    reasons = [await reason(tuple(wrong_key(number).items())) for number in range(MOST + 2)]
    assert reasons == [Reason.INVALID_KEY] * MOST + [Reason.QUOTA_EXCEEDED] * 2
    assert await reason(gateway.metadata()) is None


async def test_ten_thousand_wrong_keys_leave_nothing_behind(
    gateway: Gateway, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs one digest and one look into memory, whether its id is known or not; no read, and nothing that grows."""
    ring = Keyring(KeyStore(state), state)  # nobody follows this one
    ring.refresh()
    work: list[str] = []
    digest = ring._store.digest

    def counted(one: str) -> bytes:
        work.append("digest")
        return digest(one)

    monkeypatch.setattr(ring, "_store", SimpleNamespace(digest=counted))
    known = key.id_of(gateway.keys["usual"])
    holders, used = dict(ring._holders), set(ring._used)
    for number in range(10_000):
        assert ring.holder(key.text(known if number % 2 else f"{number:012x}", f"{number:064x}")) is None
    assert work == ["digest"] * 10_000
    assert (ring._holders, ring._used) == (holders, used)
