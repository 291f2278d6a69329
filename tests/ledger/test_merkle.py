"""Merkle trees: public vectors, and our two ways of making each proof against each other."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_chains import VECTORS

from ledger import merkle

DATA = VECTORS / "rfc6962" / "testdata"


def _cases(kind: str) -> list[Path]:
    return sorted((DATA / kind).rglob("*.json")) if DATA.is_dir() else []


needs_vectors = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the public RFC 6962 vectors are not at {DATA}"
)


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@needs_vectors
def test_all_public_vectors_are_there() -> None:
    assert (len(_cases("inclusion")), len(_cases("consistency"))) == (98, 98)


@pytest.mark.parametrize("path", _cases("inclusion"), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_inclusion_is_accepted_exactly_when_the_public_vector_says_so(path: Path) -> None:
    case = json.loads(path.read_text())
    accepted = merkle.verify_inclusion_hash(
        _bytes(case["leafHash"]),
        case["leafIdx"],
        case["treeSize"],
        [_bytes(p) for p in case["proof"] or []],
        _bytes(case["root"]),
    )
    assert accepted is not case["wantErr"]


@pytest.mark.parametrize("path", _cases("consistency"), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_consistency_is_accepted_exactly_when_the_public_vector_says_so(path: Path) -> None:
    case = json.loads(path.read_text())
    accepted = merkle.verify_consistency(
        case["size1"],
        case["size2"],
        [_bytes(p) for p in case["proof"] or []],
        _bytes(case["root1"]),
        _bytes(case["root2"]),
    )
    assert accepted is not case["wantErr"]


def _leaves(count: int) -> list[bytes]:
    return [index.to_bytes(4, "big") for index in range(count)]


class _Grown:
    """A tree grown leaf by leaf, with the nodes that a store would keep."""

    def __init__(self, count: int) -> None:
        self.frontier = merkle.Frontier()
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.roots = [self.frontier.root()]
        for leaf in _leaves(count):
            self.frontier, nodes = self.frontier.grow(leaf)
            for level, index, node in nodes:
                assert (level, index) not in self.nodes, "a complete subtree never changes"
                self.nodes[level, index] = node
            self.roots.append(self.frontier.root())

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]


def _recursive_head(leaves: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1 word for word, as the oracle."""
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return merkle.leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(_recursive_head(leaves[:split]), _recursive_head(leaves[split:]))


def test_heads_follow_the_recursive_definition_at_every_size() -> None:
    grown = _Grown(70)
    for size in range(71):
        assert merkle.tree_head(_leaves(size)) == _recursive_head(_leaves(size))
        assert grown.roots[size] == _recursive_head(_leaves(size))
        assert merkle.frontier_from(grown.node, size).root() == grown.roots[size]


def test_every_leaf_of_every_small_tree_is_provable_both_ways() -> None:
    grown = _Grown(40)
    for size in range(1, 41):
        for index in range(size):
            path = merkle.stored_inclusion_path(grown.node, index, size)
            assert path == merkle.inclusion_path(_leaves(size), index)
            leaf = _leaves(size)[index]
            assert merkle.verify_inclusion(leaf, index, size, path, grown.roots[size])
            for other in range(size + 1):
                if other != index:
                    assert not merkle.verify_inclusion(leaf, other, size, path, grown.roots[size])


def test_every_pair_of_small_trees_is_consistent() -> None:
    grown = _Grown(40)
    for size2 in range(1, 41):
        for size1 in range(1, size2 + 1):
            path = merkle.stored_consistency_path(grown.node, size1, size2)
            roots = grown.roots[size1], grown.roots[size2]
            assert merkle.verify_consistency(size1, size2, path, *roots)
            if size1 < size2:
                assert not merkle.verify_consistency(size1, size2, path, roots[0], roots[0])
                assert not merkle.verify_consistency(size1, size2, path[:-1], *roots)


@settings(max_examples=200)
@given(
    size=st.integers(1, 200),
    data=st.data(),
)
def test_a_changed_proof_is_never_accepted(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = _leaves(size)
    path = list(merkle.inclusion_path(leaves, index))
    root = merkle.tree_head(leaves)
    how = data.draw(st.sampled_from(["flip", "drop", "add", "swap"]))
    changed = list(path)
    if how == "flip" and path:
        at = data.draw(st.integers(0, len(path) - 1))
        bit = data.draw(st.integers(0, 255))
        node = bytearray(path[at])
        node[bit // 8] ^= 1 << bit % 8
        changed[at] = bytes(node)
    elif how == "drop" and path:
        del changed[data.draw(st.integers(0, len(path) - 1))]
    elif how == "add":
        changed.insert(
            data.draw(st.integers(0, len(path))), data.draw(st.binary(min_size=32, max_size=32))
        )
    elif len(path) > 1:
        changed[0], changed[-1] = changed[-1], changed[0]
    assert merkle.verify_inclusion(leaves[index], index, size, changed, root) is (changed == path)


def test_work_is_bounded_for_absurd_proofs() -> None:
    path = [bytes(32)] * 100_000
    assert not merkle.verify_inclusion(b"", 0, 2**62, path, bytes(32))
    assert not merkle.verify_consistency(1, 2**62, path, bytes(32), bytes(32))
    assert not merkle.verify_inclusion(b"", 0, 2**63, [bytes(32)] * 64, bytes(32))


def test_there_is_no_proof_for_a_leaf_that_is_not_there() -> None:
    with pytest.raises(IndexError):
        merkle.inclusion_path([b"a"], 1)
    with pytest.raises(IndexError):
        merkle.stored_inclusion_path(_Grown(1).node, 1, 1)
    with pytest.raises(IndexError):
        merkle.stored_consistency_path(_Grown(1).node, 2, 1)
