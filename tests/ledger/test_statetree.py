"""The state tree: its root depends on content alone, and it proves presence and absence."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.codec import decode, encode
from ledger.errors import BAD_PROOF, STORE_CORRUPT, CodedError
from ledger.statetree import (
    BUCKET_ENTRIES,
    LayeredPages,
    NoPages,
    StateProof,
    StateTree,
    TreeUpdate,
    bucket_entries,
    tree_of,
    update,
)

CHAIN = b"c" * 32
TREE = StateTree(CHAIN)


class Pages(dict[bytes, bytes]):
    def page(self, path: bytes) -> bytes | None:
        return self.get(path)

    def apply(self, found: TreeUpdate) -> None:
        for path, page in found.pages.items():
            if page is None:
                del self[path]
            else:
                self[path] = page


def _built(content: dict[bytes, bytes]) -> tuple[Pages, bytes]:
    pages = Pages()
    found = TREE.update(pages, content)
    pages.apply(found)
    return pages, found.root


def _numbered(count: int) -> dict[bytes, bytes]:
    return {b"key/%d" % index: b"value %d" % index for index in range(count)}


batches = st.lists(
    st.dictionaries(
        st.integers(0, 300).map(lambda n: b"key/%d" % n),
        st.one_of(st.none(), st.integers(0, 3).map(lambda n: b"value %d" % n)),
        max_size=150,
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(batches)
def test_any_history_of_changes_gives_the_tree_of_the_final_content(
    history: list[dict[bytes, bytes | None]],
) -> None:
    pages = Pages()
    content: dict[bytes, bytes] = {}
    for changes in history:
        before = dict(pages)
        found = TREE.update(pages, changes)
        assert pages == before, "an update leaves the stored pages alone"
        pages.apply(found)
        for key, value in changes.items():
            if value is None:
                content.pop(key, None)
            else:
                content[key] = value
        fresh, root = _built(content)
        assert pages == fresh
        assert found.root == root == TREE.root(pages)


def test_shape_changes_exactly_at_the_bucket_limit_and_back() -> None:
    content = _numbered(BUCKET_ENTRIES)
    pages, root = _built(content)
    assert list(pages) == [b""]
    pages.apply(TREE.update(pages, {b"one more": b"1"}))
    assert len(pages) > 1
    pages.apply(TREE.update(pages, {b"one more": None}))
    assert list(pages) == [b""]
    assert TREE.root(pages) == root


def test_an_emptied_tree_is_the_empty_tree() -> None:
    pages, _ = _built(_numbered(500))
    found = TREE.update(pages, dict.fromkeys(_numbered(500)))
    pages.apply(found)
    assert not pages
    assert found.root == TREE.empty_root == TREE.root(NoPages())


def test_a_change_to_the_same_value_writes_no_bucket() -> None:
    content = _numbered(2_000)
    pages, root = _built(content)
    found = TREE.update(pages, {b"key/7": content[b"key/7"]})
    assert found.root == root
    assert all(page is not None and page[0] == 1 for page in found.pages.values())


@pytest.mark.parametrize("size", [0, 3, BUCKET_ENTRIES + 1, 2_000])
def test_no_change_at_all_leaves_the_tree_as_it_is(size: int) -> None:
    pages, root = _built(_numbered(size))
    assert TREE.update(pages, {}) == TreeUpdate(root, {})


def test_roots_of_two_ledgers_with_the_same_content_differ() -> None:
    content = _numbered(3)
    assert update(CHAIN, NoPages(), content).root != update(b"d" * 32, NoPages(), content).root
    assert tree_of(CHAIN).update(NoPages(), content) == TREE.update(NoPages(), content)


def test_layers_of_pages_read_as_one_tree() -> None:
    pages, _ = _built(_numbered(1_000))
    first = TREE.update(pages, {b"key/1": b"new", b"key/2": None})
    layer = LayeredPages(pages, first.pages)
    second = TREE.update(layer, {b"key/3": b"newer"})
    expected = _numbered(1_000) | {b"key/1": b"new", b"key/3": b"newer"}
    del expected[b"key/2"]
    assert second.root == _built(expected)[1]
    pages.apply(first)
    layer.rebase(pages)
    assert TREE.update(layer, {b"key/3": b"newer"}) == second


@pytest.mark.parametrize("size", [0, 1, 64, 65, 1_500])
def test_presence_and_absence_are_provable_at_every_size(size: int) -> None:
    content = _numbered(size)
    pages, root = _built(content)
    for key in [*list(content)[:50], *(b"absent/%d" % n for n in range(50))]:
        proof = TREE.prove(pages, key)
        assert decode(encode(proof), StateProof) == proof
        TREE.verify(root, key, content.get(key), proof)
        assert TREE.contains(pages, key, content.get(key, b"x")) is (key in content)
        for wrong in (b"another", None if key in content else b""):
            with pytest.raises(CodedError) as refused:
                TREE.verify(root, key, wrong, proof)
            assert refused.value.code is BAD_PROOF


def test_absence_is_not_provable_with_the_proof_of_another_key() -> None:
    content = _numbered(1_500)
    pages, root = _built(content)
    rng = random.Random(1)
    refused = 0
    for key in rng.sample(sorted(content), 100):
        other = rng.choice(sorted(content))
        proof = TREE.prove(pages, other)
        if proof == TREE.prove(pages, key):
            continue
        with pytest.raises(CodedError):
            TREE.verify(root, key, None, proof)
        refused += 1
    assert refused > 50


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_proof_with_any_changed_bit_is_refused(data: st.DataObject) -> None:
    content = _numbered(300)
    pages, root = _built(content)
    key = data.draw(st.sampled_from([b"key/5", b"absent"]))
    proof = TREE.prove(pages, key)
    parts = [*proof.branches, proof.bucket]
    at = data.draw(st.integers(0, len(parts) - 1))
    if not parts[at]:
        return
    bit = data.draw(st.integers(0, len(parts[at]) * 8 - 1))
    changed = bytearray(parts[at])
    changed[bit // 8] ^= 1 << bit % 8
    parts[at] = bytes(changed)
    with pytest.raises(CodedError) as refused:
        TREE.verify(root, key, content.get(key), StateProof(tuple(parts[:-1]), parts[-1]))
    assert refused.value.code is BAD_PROOF


def test_a_shortened_proof_is_refused() -> None:
    pages, root = _built(_numbered(300))
    proof = TREE.prove(pages, b"absent")
    for cut in (
        StateProof(proof.branches, b""),
        StateProof((), proof.bucket),
        StateProof((), b""),
        StateProof(proof.branches + proof.branches, proof.bucket),
    ):
        if cut != proof:
            with pytest.raises(CodedError):
                TREE.verify(root, b"absent", None, cut)


def test_a_walk_visits_every_entry_and_names_the_damaged_page() -> None:
    content = _numbered(2_000)
    pages, _ = _built(content)
    entries = [entry for _, page in TREE.walk(pages) for entry in bucket_entries(page)]
    assert sorted(entries) == sorted(TREE.entry(key, value) for key, value in content.items())
    path = max(pages)
    good = pages[path]
    for damaged in (good[:-1] + bytes((good[-1] ^ 1,)), good[:-64], None):
        if damaged is None:
            del pages[path]
        else:
            pages[path] = damaged
        with pytest.raises(CodedError) as found:
            list(TREE.walk(pages))
        assert found.value.code is STORE_CORRUPT
        assert path.hex()[1::2] in found.value.message


def test_an_update_needs_the_pages_that_the_tree_names() -> None:
    pages, _ = _built(_numbered(2_000))
    for path in [path for path in pages if path]:
        del pages[path]
    with pytest.raises(CodedError) as found:
        TREE.update(pages, {b"key/1": b"x"})
    assert found.value.code is STORE_CORRUPT
