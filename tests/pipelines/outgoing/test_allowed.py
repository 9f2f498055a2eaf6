"""Who may be called: everybody by https, nobody private, and whom the configuration trusts."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from gateway.media.test_fetcher import PRIVATE
from hypothesis import given
from hypothesis import strategies as st

from thinmesh_core.config import ConfigError, convert
from thinmesh_core.public import public
from thinmesh_pipelines.config import JobsConfig
from thinmesh_pipelines.outgoing.allowed import Allowed

PUBLIC = "93.184.216.34"
NOBODY = Allowed()


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused_also_beside_a_public_one(address: str) -> None:
    assert NOBODY.refusal("https", "a.example", [PUBLIC, address]) is not None


def test_a_public_one_is_called_by_https_alone() -> None:
    assert NOBODY.refusal("https", "a.example", [PUBLIC]) is None
    assert NOBODY.refusal("http", "a.example", [PUBLIC]) is not None
    assert NOBODY.refusal("https", "a.example", []) is not None


@given(st.ip_addresses(), st.sampled_from(["http", "https"]))
def test_without_a_trusted_one_exactly_public_addresses_pass(address: IPv4Address | IPv6Address, scheme: str) -> None:
    passes = NOBODY.refusal(scheme, "a.example", [str(address)]) is None
    assert passes == (scheme == "https" and public(str(address)))


@given(st.ip_addresses())
def test_a_trusted_network_passes_with_what_is_inside_and_no_more(address: IPv4Address | IPv6Address) -> None:
    allowed = Allowed.of(["10.0.0.0/8", "::1"])
    inside = str(address).startswith("10.") or address == ip_address("::1")
    assert (allowed.refusal("http", "a.example", [str(address)]) is None) == inside


def test_a_trusted_name_passes_wherever_it_is() -> None:
    allowed = Allowed.of(["api.internal", "127.0.0.1"])
    assert allowed.refusal("http", "API.internal", ["10.0.0.1"]) is None
    assert allowed.refusal("https", "other.internal", ["10.0.0.1"]) is not None
    assert allowed.refusal("https", "a.example", ["127.0.0.1", PUBLIC]) is None
    assert allowed.refusal("http", "a.example", ["127.0.0.1", PUBLIC]) is not None


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "http://a.example", "a b", "*", "", "1.2.3", "a.example:80"])
def test_what_is_neither_host_nor_network_is_told_with_its_key(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"outgoing"):
        convert({"outgoing": {"allow": [entry]}}, JobsConfig, source="thinmesh.yaml")
