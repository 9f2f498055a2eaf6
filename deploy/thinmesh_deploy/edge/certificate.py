"""A certificate for loopback that nobody else vouches for: what the edge is where thinmesh.yaml names none."""

from __future__ import annotations

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from thinmesh_core.config import ConfigError

DAYS = 365
RENEWED_DAYS = 30
"""With fewer left it is made anew at the start."""


def self_signed(folder: Path, now: datetime | None = None) -> tuple[Path, Path]:
    """The files of the certificate and its key, made where they are not there or nearly over."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise ConfigError("edge: install the extra `edge`, or give edge.certificate and edge.key") from error
    now = now or datetime.now(UTC)
    certificate, key = folder / "edge.pem", folder / "edge.key"
    if certificate.exists() and key.exists():
        known = x509.load_pem_x509_certificate(certificate.read_bytes())
        if known.not_valid_after_utc - now > timedelta(days=RENEWED_DAYS):
            return certificate, key
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=DAYS))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(one)) for one in ("127.0.0.1", "::1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = serialization.Encoding.PEM
    form, secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(private.private_bytes(pem, form, secret))
    certificate.write_bytes(made.public_bytes(pem))
    return certificate, key
