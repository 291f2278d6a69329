"""The first frame on a connection: it ties the TLS connection to a node key and a ledger.

TLS proves who holds the certificate's key. The hello adds that the same node holds the registered
node key, speaks this protocol and keeps this ledger. Its signature covers both certificates, the
direction and the connection's own secret (channel binding), so it fits no other connection and
cannot be sent back to its maker.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from ledger import keys
from ledger.codec import Hash32, PublicKey, Signature, Struct, Uint, decode, encode
from ledger.errors import WRONG_CHAIN, CodedError
from ledger.hashing import Tag, message
from node.errors import PEER_REFUSED
from node.network.frames import HELLO_BYTES

NETWORK_PROTOCOL = 1
"""Version of frames and messages; nodes of different versions refuse each other by name."""


class Hello(Struct, tag=1):
    """What each side sends first. The validator index follows from the key, epoch by epoch."""

    protocol: Uint
    chain_id: Hash32
    node_key: PublicKey
    signature: Signature


class Connection(NamedTuple):
    """What both ends know of one TLS connection.

    ``dialer`` and ``listener`` are the certificates in DER; ``binding`` is the client's Finished
    value of the TLS 1.3 handshake, which covers the handshake's secrets and whole transcript.
    Sessions are never resumed, so it is unique to the connection.
    """

    dialer: bytes
    listener: bytes
    binding: bytes


def _signed_bytes(chain_id: bytes, connection: Connection, node_key: bytes, dialed: bool) -> bytes:
    body = (
        NETWORK_PROTOCOL,
        dialed,
        node_key,
        hashlib.sha256(connection.dialer).digest(),
        hashlib.sha256(connection.listener).digest(),
        connection.binding,
    )
    return message(Tag.HELLO, chain_id, encode(body))


def make_hello(
    chain_id: bytes, key: keys.SigningKey, connection: Connection, *, dialed: bool
) -> bytes:
    """The hello payload of the side that dialed, or of the side that listened."""
    signature = key.sign(_signed_bytes(chain_id, connection, key.public, dialed))
    return encode(Hello(NETWORK_PROTOCOL, chain_id, key.public, signature))


def check_hello(
    payload: bytes, chain_id: bytes, expected_key: bytes, connection: Connection, *, dialed: bool
) -> None:
    """Accept the peer's hello or raise: ``MALFORMED``, ``WRONG_CHAIN`` or ``PEER_REFUSED``.

    ``dialed`` says whether the *peer* is the side that dialed; ``expected_key`` is the node key
    registered with the certificate that the peer presented.
    """
    hello = decode(payload, Hello, limit=HELLO_BYTES)
    if hello.protocol != NETWORK_PROTOCOL:
        raise CodedError(
            PEER_REFUSED,
            f"it speaks network protocol {hello.protocol}, this node speaks {NETWORK_PROTOCOL}",
        )
    if hello.chain_id != chain_id:
        raise CodedError(
            WRONG_CHAIN,
            f"it keeps ledger {hello.chain_id.hex()[:16]}…, this node {chain_id.hex()[:16]}…",
        )
    if hello.node_key != expected_key:
        raise CodedError(
            PEER_REFUSED, "its node key is not the one registered with its certificate"
        )
    signed = _signed_bytes(chain_id, connection, expected_key, dialed)
    if not keys.verify(expected_key, signed, hello.signature):
        raise CodedError(PEER_REFUSED, "its hello is not signed for this connection")
