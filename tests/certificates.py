"""An authority of the tests' own, and the certificates that it gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from thinmesh_core.exposure import TlsConfig

_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
"""What Python from 3.13 on asks of an authority."""


class Files(NamedTuple):
    """Where they are."""

    authority: Path
    certificate: Path
    key: Path

    @property
    def config(self) -> TlsConfig:
        """As thinmesh.yaml has it."""
        return TlsConfig(authority=str(self.authority), certificate=str(self.certificate), key=str(self.key))


class Authority:
    """Gives certificates, as files in `folder`."""

    def __init__(self, folder: Path, name: str = "tests") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = (
            _begun(self._name, self._name, self._key, days=10)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def issue(self, *roles: str, days: float = 5, named: str | None = None, host: str | None = None) -> Files:
        """A certificate for parts of the mesh, or of a host; under the name of an earlier one it takes its place."""
        key = ec.generate_private_key(ec.SECP256R1())
        known = [f"{role}.thinmesh" for role in roles] if host is None else [host]
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in known])
        certificate = (
            _begun(self._name, x509.Name([]), key, days=days)
            .add_extension(names, critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        stem = named or "-".join(roles)
        files = Files(self.file, self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        return files


def _begun(issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
    )
