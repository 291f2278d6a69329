"""Making a node's TLS certificate, and reading when one ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

CERTIFICATE_YEARS = 20
"""An expired certificate alone never stops consensus; a long life spares the warnings."""


def make_certificate(name: str, party: str) -> tuple[bytes, bytes]:
    """A new Ed25519 key and its self-signed certificate, both PEM, the key first."""
    key = Ed25519PrivateKey.generate()
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, party),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * CERTIFICATE_YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, algorithm=None)
    )
    return (
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


@lru_cache(maxsize=256)
def expiry_ms(certificate: bytes) -> int | None:
    """When a certificate (DER) ends, in ms since the Unix epoch; None if it cannot be read."""
    try:
        end = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        return None
    return int(end.timestamp()) * 1000
