"""The edge's own certificate: made once, its owner's alone, anew when it is nearly over."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from thinmesh_deploy.edge.certificate import DAYS, self_signed

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_it_is_made_once_and_its_key_is_its_owners_alone(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "tls")
    before = certificate.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    assert self_signed(tmp_path / "tls") == (certificate, key)
    assert certificate.read_bytes() == before
    ssl.create_default_context(cafile=certificate).load_cert_chain(certificate, key)


def test_it_is_made_anew_before_it_is_over(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path, NOW)
    before = certificate.read_bytes()
    self_signed(tmp_path, NOW + timedelta(days=DAYS - 29))
    assert certificate.read_bytes() != before
