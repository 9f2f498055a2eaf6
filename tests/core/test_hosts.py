"""A listener is asked for by its own names, never by one that a stranger's page brought."""

from __future__ import annotations

import pytest

from thinmesh_core.address import parse
from thinmesh_core.hosts import meant

HERE = parse("127.0.0.1:9464")
NAMED = parse("gateway-1.internal:9464")


@pytest.mark.parametrize("host", ["127.0.0.1:9464", "127.0.0.1", "localhost:9464", "LOCALHOST", "[::1]:9464", "10.0.0.4:9464"])
def test_addresses_and_this_machines_own_name_are_meant(host: str) -> None:
    assert meant(host, HERE)


@pytest.mark.parametrize(
    "host", [None, "", "evil.example", "evil.example:9464", "127.0.0.1.evil.example", "localhost.evil.example", "2130706433"]
)
def test_names_that_somebody_else_may_point_here_are_not(host: str | None) -> None:
    assert not meant(host, HERE)


def test_the_name_that_a_listener_was_given_is_its_own() -> None:
    assert meant("Gateway-1.internal:9464", NAMED)
    assert not meant("gateway-2.internal:9464", NAMED)
