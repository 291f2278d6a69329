"""Everything that can be said within a number of views, numbered, so that sets are integers."""

from __future__ import annotations

from hashlib import sha256

from node.model.rules import Place, Said

GENESIS = b"G" * 32
ROOT = Place(0, GENESIS, 0)
"""The start of every exploration: genesis is final in view 0."""


class Alphabet:
    """Numbers for votes and names for blocks, given on first use; one per exploration."""

    def __init__(self) -> None:
        self._bits: dict[Said, int] = {}
        self.said: list[Said] = []
        self._places: dict[bytes, Place] = {}
        self._names: dict[bytes, str] = {GENESIS: "genesis"}

    def bit(self, said: Said) -> int:
        """The number of a vote or certificate as a set of one."""
        known = self._bits.get(said)
        if known is None:
            known = self._bits[said] = 1 << len(self.said)
            self.said.append(said)
        return known

    def members(self, mask: int) -> list[Said]:
        """What a set holds."""
        found = []
        while mask:
            low = mask & -mask
            found.append(self.said[low.bit_length() - 1])
            mask ^= low
        return found

    def block(self, view: int, parent: bytes, parent_view: int, variant: int = 0) -> bytes:
        """The block of a view on a parent; a traitor makes several, told apart by ``variant``."""
        name = sha256(b"%d %d %d %b" % (view, parent_view, variant, parent)).digest()
        if name not in self._places:
            self._places[name] = Place(view, parent, parent_view)
            self._names[name] = f"{view}{'abcdefgh'[variant]}/{self.name(parent)}"
        return name

    def place_of(self, block: bytes) -> Place | None:
        """Where a block stands, if anybody made it."""
        return self._places.get(block)

    def name(self, block: bytes) -> str:
        """A block's name for people: view and variant, then its parent's."""
        return self._names.get(block, "")

    def show(self, said: Said) -> str:
        """A vote or certificate for people."""
        return f"{said.kind.name.lower()} {said.view} {self.name(said.block)}".rstrip()
