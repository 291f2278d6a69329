"""TLS 1.3 with pinned certificates.

Every node's self-signed certificate is in the register, and each is the trust anchor of itself
alone. OpenSSL refuses unregistered certificates during the handshake; the decision that counts is
:meth:`node.network.roster.Roster.by_certificate`, which compares the whole certificate.

Validity periods are not enforced: an expired certificate alone must never stop consensus. It is
reported instead (:func:`expiry_of`), weeks ahead.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ledger.errors import CodedError
from node.errors import BAD_KEY_FILE

X509_V_FLAG_NO_CHECK_TIME = 0x200000
"""From OpenSSL's x509_vfy.h; Python gives it no name."""


class TlsFiles(NamedTuple):
    """Where this node's certificate and private key lie, both PEM."""

    certificate: Path
    key: Path


class TlsContexts(NamedTuple):
    """One context for connections accepted, one for connections made."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    unreadable: int
    """Registered certificates that OpenSSL cannot read; their nodes cannot connect."""


def make_contexts(files: TlsFiles, certificates: Iterable[bytes]) -> TlsContexts:
    """Contexts that trust exactly these certificates (DER).

    Raises ``BAD_KEY_FILE`` when this node's own files do not load. One unreadable certificate of
    another node never keeps the rest from connecting.
    """
    server = _context(ssl.PROTOCOL_TLS_SERVER, files)
    client = _context(ssl.PROTOCOL_TLS_CLIENT, files)
    server.num_tickets = 0  # no resumption, so no early data and no replayed handshake
    unreadable = 0
    for certificate in certificates:
        try:
            server.load_verify_locations(cadata=certificate)
            client.load_verify_locations(cadata=certificate)
        except ssl.SSLError:
            unreadable += 1
    return TlsContexts(server, client, unreadable)


def _context(protocol: int, files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.check_hostname = False  # identity is the certificate itself, not a name in it
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags |= X509_V_FLAG_NO_CHECK_TIME
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        raise CodedError(
            BAD_KEY_FILE, f"TLS certificate and key do not load: {error}", field=str(files.key)
        ) from None
    return context


def _no_password() -> str:
    raise CodedError(BAD_KEY_FILE, "the TLS key is encrypted; it must be readable without password")


def expiry_of(peer: ssl.SSLObject) -> int | None:
    """When the peer's certificate ends, in seconds since the Unix epoch."""
    described = peer.getpeercert()
    end = described.get("notAfter") if described else None
    return ssl.cert_time_to_seconds(end) if isinstance(end, str) else None
