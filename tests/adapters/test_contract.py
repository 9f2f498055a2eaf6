"""Where an engine may be: on this machine, behind TLS, or where the configuration says that the network is private."""

from __future__ import annotations

from pathlib import Path

import pytest

from thinmesh_adapters.contract import Place
from thinmesh_core.config import ConfigError

OWN = [
    "127.0.0.1:1",
    "unix:/run/engine.sock",
    "[::1]:1",
    "http://localhost:8000/v1",
    "http://[::1]:8000",
    "https://gpu.example/v1",
]
FAR = ["10.0.0.5:1", "gpu:50051", "http://10.0.0.5:8000/v1", "http://gpu.example/v1", "http://127.0.0.1.example/v1"]


@pytest.mark.parametrize("address", OWN)
def test_an_engine_of_this_machine_or_behind_tls_is_reached(address: str) -> None:
    assert Place("b", Path("/nowhere")).engine(address) == address


@pytest.mark.parametrize("address", FAR)
def test_one_beyond_it_in_the_clear_only_where_the_backend_says_so(address: str) -> None:
    with pytest.raises(ConfigError, match=r"backends\.b: .* is neither on this machine nor TLS: .*`insecure: true`"):
        Place("b", Path("/nowhere")).engine(address)
    assert Place("b", Path("/nowhere"), insecure=True).engine(address) == address
