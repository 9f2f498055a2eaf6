"""The admin listener's own paths, and whom it answers."""

from __future__ import annotations

import pytest

from thinmesh_core.address import Address, parse
from thinmesh_core.admin import Answer, admin
from thinmesh_core.http import Message

LOCAL = parse("127.0.0.1:9464")
BEYOND = parse("10.0.0.4:9464")


async def get(path: str, at: Address = LOCAL, host: str = "127.0.0.1:9464", method: str = "GET") -> tuple[int, bytes]:
    """What a listener with one page answers."""
    sent: list[Message] = []

    async def pages(asked: str) -> Answer | None:
        return Answer(200, b"a page") if asked == "/page" else None

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"path": path, "method": method, "headers": [(b"host", host.encode())]}
    await admin(at, list, lambda: ["a note"], pages)(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def test_pages_stand_beside_what_machines_ask_for() -> None:
    assert await get("/page") == (200, b"a page")
    assert await get("/readyz") == (200, b"ready\na note\n")
    assert (await get("/nothing"))[0] == 404
    assert (await get("/page", method="POST"))[0] == 404


@pytest.mark.parametrize("path", ["/page", "/metrics", "/readyz", "/healthz", "/nothing"])
async def test_a_page_of_somebody_elses_name_reads_nothing_here(path: str) -> None:
    assert (await get(path, host="rebound.example:9464"))[0] == 421


async def test_beyond_this_machine_names_are_the_networks_matter_but_for_pages() -> None:
    assert (await get("/metrics", BEYOND, "gateway-1:9464"))[0] == 200
    assert (await get("/page", BEYOND, "gateway-1:9464"))[0] == 421
    assert (await get("/page", BEYOND, "10.0.0.4:9464"))[0] == 200
