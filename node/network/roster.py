"""Who may connect: the validators of the epoch, and the observers that this node admits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ledger.errors import CodedError
from ledger.validators import ValidatorSet
from node.errors import BAD_CONFIG


class Entry(NamedTuple):
    """One node that may connect.

    ``peer`` is its validator index, or a negative number for an observer. ``certificate`` is the
    TLS certificate in DER that it must present, ``node_key`` the Ed25519 key that must sign its
    hello (a validator's vote key), ``address`` its ``host:port`` (empty for an observer).
    """

    peer: int
    name: str
    node_key: bytes
    certificate: bytes
    address: str


class Roster:
    """The entries, found by certificate or by peer."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_peer = {entry.peer: entry for entry in entries}
        self._by_certificate = {entry.certificate: entry for entry in self._by_peer.values()}

    @classmethod
    def of(cls, validators: ValidatorSet, observers: Iterable[Entry] = ()) -> Roster:
        """The roster of an epoch."""
        registered = (
            Entry(index, v.name, v.vote_key, v.certificate, v.address)
            for index, v in enumerate(validators.validators)
        )
        return cls((*registered, *observers))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, validators first, in order of their index."""
        return tuple(self._by_peer.values())

    def by_certificate(self, certificate: bytes | None) -> Entry | None:
        """The node whose registered certificate is exactly these DER bytes."""
        return None if certificate is None else self._by_certificate.get(certificate)

    def by_peer(self, peer: int) -> Entry | None:
        """The entry of a validator index or observer number."""
        return self._by_peer.get(peer)


def split_address(address: str) -> tuple[str, int]:
    """``host:port`` or ``[ipv6]:port`` as host and port; raises ``BAD_CONFIG``."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise CodedError(BAD_CONFIG, f"{address!r} is not host:port", field="address")
    return host.removeprefix("[").removesuffix("]"), int(port)
