"""Which wire bytes this node has verified, so that no signature is checked twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence


class VerifiedWires:
    """A bounded memory of exact wire bytes that passed decoding and signature checks.

    Two generations: when the young one is full, the old one is forgotten. An entry is a SHA-256
    of the bytes, signatures included, so it speaks for exactly those bytes.
    """

    def __init__(self, generation: int = 50_000) -> None:
        self._generation = generation
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def add(self, wires: Iterable[bytes]) -> None:
        """These have been verified."""
        self._young.update(hashlib.sha256(wire).digest() for wire in wires)
        if len(self._young) > self._generation:
            self._old, self._young = self._young, set()

    def missing(self, wires: Sequence[bytes]) -> tuple[bytes, ...]:
        """Those that have still to be verified, in order."""
        young, old = self._young, self._old
        return tuple(
            wire
            for wire in wires
            if (digest := hashlib.sha256(wire).digest()) not in young and digest not in old
        )
