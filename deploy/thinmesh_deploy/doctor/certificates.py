"""The certificates of thinmesh.yaml: whether they can be read, still hold, and fit their keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thinmesh_core.exposure import TlsConfig
from thinmesh_core.peers import ADAPTER, GATEWAY, OPERATOR, ROUTER, SUFFIX, WORKER
from thinmesh_deploy.config import MeshConfig
from thinmesh_deploy.doctor.finding import Finding, ok, warning, wrong

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

AGAIN = "issue it anew; it is read within seconds"
DAY = 86_400
WARN_DAYS = 7
"""As long before its end as the processes themselves warn."""

ROLES = (GATEWAY, ROUTER, ADAPTER, WORKER, OPERATOR)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key; `role` is what it has to be for, `authority` whose it has to be."""

    where: str
    certificate: Path
    key: Path
    role: str | None = None
    authority: Path | None = None


def look(config: MeshConfig) -> list[Finding]:
    """What is found of all that are named."""
    try:
        return [finding for one in _named(config) for finding in _files(one)]
    except ImportError:
        return [wrong("tls", "certificates can't be read here", "pip install 'thinmesh[tls]'")]


def judge(pair: Pair, authority: bytes | None, certificate: bytes, key: bytes, now: float) -> list[Finding]:
    """What is to be said of a certificate and its key at a time, and of the authority that it must come from."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    where = pair.where
    try:
        read, *chain = load_pem_x509_certificates(certificate)
        trusted = [] if authority is None else load_pem_x509_certificates(authority)
    except ValueError:
        return [wrong(where, "a file holds no PEM certificate", "write the certificate there, then its chain")]
    try:
        fits = load_pem_private_key(key, None).public_key() == read.public_key()
    except (ValueError, TypeError):  # rubbish, or locked by a password
        return [wrong(where, "the key's file holds no PEM key without a password", "write the key there")]
    found = []
    if not fits:
        found.append(wrong(where, "the certificate and the key are not of each other", "issue it anew for this key"))
    if trusted and not chain and not any(_issued(read, by) for by in trusted):
        found.append(wrong(where, "the certificate is not of the authority in tls.authority", "issue it by that one"))
    days = (read.not_valid_after_utc.timestamp() - now) / DAY
    if days <= 0:
        found.append(wrong(where, f"it has expired {-days:.0f} days ago", AGAIN))
    elif days < WARN_DAYS:
        found.append(warning(where, f"it ends in {days:.1f} days", AGAIN))
    if pair.role is not None and f"{pair.role}{SUFFIX}" not in _names(read):
        name = f"{pair.role}{SUFFIX}"
        found.append(
            wrong(where, f"it is not for {name}: nobody will believe that it is that", f"issue it with the DNS name {name}")
        )
    return found or [ok(where, f"the certificate holds for {days:.0f} days")]


def _issued(certificate: Certificate, by: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: Certificate) -> list[str]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.DNSName)


def _named(config: MeshConfig) -> Iterator[Pair]:
    """Every pair; a machine need not have those of every role."""
    if (edge := config.edge) is not None:
        yield Pair("edge", Path(edge.certificate), Path(edge.key))
    if (tls := config.tls) is None:
        return
    if "{role}" not in tls.certificate:
        yield Pair("tls", Path(tls.certificate), Path(tls.key), authority=Path(tls.authority))
        return
    pairs = [_of(tls, role) for role in ROLES]
    here = [pair for pair in pairs if pair.certificate.exists()]
    yield from here or pairs[:1]


def _of(tls: TlsConfig, role: str) -> Pair:
    certificate, key = (Path(one.replace("{role}", role)) for one in (tls.certificate, tls.key))
    return Pair(f"tls ({role})", certificate, key, role, Path(tls.authority))


def _files(pair: Pair) -> list[Finding]:
    try:
        authority = None if pair.authority is None else pair.authority.read_bytes()
        return judge(pair, authority, pair.certificate.read_bytes(), pair.key.read_bytes(), time.time())
    except OSError as error:
        what = f"{error.filename} can't be read: {error.strerror}"
        return [wrong(pair.where, what, "put it there, and let the user that runs thinmesh read it")]
