"""Merkle trees of RFC 9162 §2.1: tree heads, inclusion and consistency proofs.

Transactions and receipts of a block and the hashes of all headers are trees of this kind. The
prefixes 0x00 (leaf) and 0x01 (node) are the RFC's; what enters as a leaf is always a
domain-tagged digest that covers the chain id, so a proof of one kind never serves as another.

Levels count from the leaves: node ``(level, index)`` is the root of the complete subtree over
leaves ``[index·2^level, (index+1)·2^level)``. Those nodes never change as a tree grows, so a store
that keeps them (:meth:`Frontier.grow` names each when it is complete) makes any proof with
O(log n) reads.

>>> leaves = [b"a", b"b", b"c"]
>>> path = inclusion_path(leaves, 2)
>>> verify_inclusion(b"c", 2, 3, path, tree_head(leaves))
True
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ledger import limits
from ledger.hashing import HASH_BYTES

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The head of a tree without leaves (RFC 9162 §2.1.1)."""

NodeReader = Callable[[int, int], bytes]
"""``node(level, index)``: the hash of a complete subtree."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_head(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf inputs, in O(n)."""
    if not leaves:
        return EMPTY_ROOT
    return _levels(leaves)[-1][0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The proof that leaf ``index`` is in the tree over ``leaves``, from the leaf upwards."""
    return Tree(leaves).path(index)


class Tree:
    """A tree over leaf inputs, computed once in O(n) for many paths of O(log n) each."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._size = len(leaves)
        self._levels = _levels(leaves)

    def path(self, index: int) -> tuple[bytes, ...]:
        """As :func:`inclusion_path`."""
        if not 0 <= index < self._size:
            raise IndexError(f"no leaf {index} in a tree of {self._size}")
        path = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return tuple(path)


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Hashes level by level; an odd last node moves up as it is, which is the RFC's split."""
    sha256 = hashlib.sha256
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    levels = [level]
    while len(level) > 1:
        above = [
            sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)
        ]
        if len(level) & 1:
            above.append(level[-1])
        levels.append(above)
        level = above
    return levels


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """RFC 9162 §2.1.3.2 for a leaf input. Work is bounded by 64 hashes whatever ``path`` is."""
    return verify_inclusion_hash(leaf_hash(leaf), index, size, path, root)


def verify_inclusion_hash(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """As :func:`verify_inclusion`, for a leaf that is already hashed."""
    if not 0 <= index < size <= limits.MAX_INT or len(path) > 64 or len(leaf) != HASH_BYTES:
        return False
    position, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and found == root


def verify_consistency(
    size1: int, size2: int, path: Sequence[bytes], root1: bytes, root2: bytes
) -> bool:
    """RFC 9162 §2.1.4.2: whether the tree of ``size2`` leaves extends that of ``size1``.

    The RFC defines no proof from the empty tree, so ``size1`` = 0 is never consistent with more.
    """
    if not 0 <= size1 <= size2 <= limits.MAX_INT or len(path) > 64:
        return False
    if size1 == size2:
        return not path and root1 == root2 and (size1 > 0 or root1 == EMPTY_ROOT)
    if size1 == 0:
        return False
    nodes = list(path)
    if size1 & (size1 - 1) == 0:
        nodes.insert(0, root1)
    if not nodes:
        return False
    position, last = size1 - 1, size2 - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old = node_hash(node, old)
            new = node_hash(node, new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new = node_hash(new, node)
        position >>= 1
        last >>= 1
    return last == 0 and old == root1 and new == root2


class Frontier(NamedTuple):
    """An append-only tree reduced to what growing it needs: O(log n) hashes.

    ``peaks`` are the roots of the complete subtrees that ``size`` splits into, largest first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Frontier:
        """The frontier with one more leaf."""
        return self.grow(leaf)[0]

    def grow(self, leaf: bytes) -> tuple[Frontier, list[tuple[int, int, bytes]]]:
        """As :meth:`append`, with the nodes (level, index, hash) that the leaf completes."""
        found = leaf_hash(leaf)
        nodes = [(0, self.size, found)]
        peaks = list(self.peaks)
        level, index = 0, self.size
        while index & 1:
            found = node_hash(peaks.pop(), found)
            level, index = level + 1, index >> 1
            nodes.append((level, index, found))
        peaks.append(found)
        return Frontier(self.size + 1, tuple(peaks)), nodes

    def root(self) -> bytes:
        """The tree head."""
        if not self.peaks:
            return EMPTY_ROOT
        found = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            found = node_hash(peak, found)
        return found


def frontier_from(node: NodeReader, size: int) -> Frontier:
    """The frontier of the first ``size`` leaves, from stored nodes."""
    return Frontier(size, tuple(node(level, index) for level, index in _peaks(0, size)))


def stored_inclusion_path(node: NodeReader, index: int, size: int) -> tuple[bytes, ...]:
    """:func:`inclusion_path` in the tree of the first ``size`` leaves, from stored nodes."""
    if not 0 <= index < size:
        raise IndexError(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_root(node, middle, high))
            high = middle
        else:
            path.append(_range_root(node, low, middle))
            low = middle
    return tuple(reversed(path))


def stored_consistency_path(node: NodeReader, size1: int, size2: int) -> tuple[bytes, ...]:
    """RFC 9162 §2.1.4.1: the proof that the tree of ``size2`` leaves extends that of ``size1``."""
    if not 0 <= size1 <= size2:
        raise IndexError(f"a tree of {size2} leaves does not extend one of {size1}")
    if size1 in (0, size2):
        return ()
    path: list[bytes] = []
    low, high, known = 0, size2, True
    # ``known`` while the old tree is exactly the part looked at, so that its root needs no proof.
    while size1 != high:
        middle = low + _split(high - low)
        if size1 <= middle:
            path.append(_range_root(node, middle, high))
            high = middle
        else:
            path.append(_range_root(node, low, middle))
            low, known = middle, False
    if not known:
        path.append(_range_root(node, low, high))
    return tuple(reversed(path))


def _split(count: int) -> int:
    """The largest power of two below ``count`` (≥ 2)."""
    return 1 << ((count - 1).bit_length() - 1)


def _peaks(low: int, high: int) -> list[tuple[int, int]]:
    """The complete subtrees that leaves ``[low, high)`` split into, largest first.

    ``low`` is a multiple of the largest power of two up to ``high - low``, as in every subtree of
    an RFC 9162 tree.
    """
    found = []
    count = high - low
    while count:
        level = count.bit_length() - 1
        found.append((level, low >> level))
        low += 1 << level
        count -= 1 << level
    return found


def _range_root(node: NodeReader, low: int, high: int) -> bytes:
    return Frontier(
        high - low, tuple(node(level, index) for level, index in _peaks(low, high))
    ).root()
