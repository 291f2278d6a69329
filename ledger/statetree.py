"""The authenticated state: a tree over the state map whose root headers commit to.

A 16-ary trie over the SHA-256 digests of keys. A subtree with at most :data:`BUCKET_ENTRIES`
entries is one *bucket* page, a larger one a *branch* page with sixteen children; the shape, and so
the root, depends on the content alone and never on the order of changes. Pages are stored by their
position, newest version only: replicas never need an old tree, and nothing has to be collected.

=======  ==========================================================  ==========================
page     bytes                                                       hash
=======  ==========================================================  ==========================
bucket   0x00 ‖ entries (key digest 32 ‖ value digest 32), ascending  digest(STATE_BUCKET, page)
branch   0x01 ‖ entry count (8, big-endian) ‖ 16 child hashes (32)   digest(STATE_BRANCH, page)
=======  ==========================================================  ==========================

A key digest is digest(STATE_KEY, key); a value digest is digest(STATE_VALUE, key digest ‖ value).
A child that does not exist is 32 zero bytes. A page's path is one byte (0…15) per nibble of the
key digests below it; the root's is empty. An empty state is an empty bucket.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, NamedTuple, Protocol

import msgspec

from ledger.codec import Struct
from ledger.errors import BAD_PROOF, STORE_CORRUPT, CodedError
from ledger.hashing import Tag

BUCKET_ENTRIES = 64
"""A subtree with more entries is a branch."""

_DIGEST = 32
_ENTRY = 2 * _DIGEST
_FANOUT = 16
_BUCKET = b"\x00"
_BRANCH = b"\x01"
_BRANCH_HEAD = 9
_BRANCH_BYTES = _BRANCH_HEAD + _FANOUT * _DIGEST
_BUCKET_BYTES = 1 + BUCKET_ENTRIES * _ENTRY
_NO_CHILD = bytes(_DIGEST)
_MAX_DEPTH = 64
_DIGESTS_KEPT = 65_536
"""Digests of keys that a tree remembers, about 12 MiB."""


class PageReader(Protocol):
    """Where pages are stored."""

    def page(self, path: bytes) -> bytes | None:
        """The page at a path, or None."""
        ...


class TreeUpdate(NamedTuple):
    """A tree's new root, and its new pages by path (None for a page that no longer exists)."""

    root: bytes
    pages: dict[bytes, bytes | None]


class LayeredPages:
    """A block's changed pages over its parent's, until they are committed."""

    def __init__(self, below: PageReader, pages: Mapping[bytes, bytes | None]) -> None:
        self._below = below
        self._pages = pages

    def page(self, path: bytes) -> bytes | None:
        """The page at a path, or None."""
        if path in self._pages:
            return self._pages[path]
        return self._below.page(path)

    def rebase(self, below: PageReader) -> None:
        """Read from ``below`` from now on, which has taken over the former parent's pages."""
        self._below = below


class NoPages:
    """The pages of an empty state."""

    def page(self, path: bytes) -> bytes | None:
        """None."""
        return None


Hasher = Callable[[bytes], bytes]


def _hasher(base: hashlib._Hash) -> Hasher:
    """``ledger.hashing.digest`` for one tag and chain, three times as fast on short input."""

    def hash_of(data: bytes) -> bytes:
        state = base.copy()
        state.update(data)
        return state.digest()

    return hash_of


class StateTree:
    """The tree's rules for one ledger (its chain id enters every hash)."""

    def __init__(self, chain_id: bytes) -> None:
        self._key_base = hashlib.sha256(Tag.STATE_KEY.value + chain_id)
        self._value_base = hashlib.sha256(Tag.STATE_VALUE.value + chain_id)
        self.key_digest = _hasher(self._key_base)
        self._value_digest = _hasher(self._value_base)
        self._bucket_hash = _hasher(hashlib.sha256(Tag.STATE_BUCKET.value + chain_id))
        self._branch_hash = _hasher(hashlib.sha256(Tag.STATE_BRANCH.value + chain_id))
        self.empty_root = self._bucket_hash(_BUCKET)
        self._digests: dict[bytes, bytes] = {}

    def entry(self, key: bytes, value: bytes) -> bytes:
        """The 64 bytes that stand for a key and its value."""
        key_digest = self.key_digest(key)
        return key_digest + self._value_digest(key_digest + value)

    def page_hash(self, page: bytes) -> bytes:
        """The hash of a page."""
        return self._branch_hash(page) if page[0] else self._bucket_hash(page)

    def root(self, pages: PageReader) -> bytes:
        """The root of stored pages."""
        page = pages.page(b"")
        return self.empty_root if page is None else self.page_hash(page)

    def update(self, pages: PageReader, changes: Mapping[bytes, bytes | None]) -> TreeUpdate:
        """The tree after changes (None removes a key), in O(changed · log n).

        ``pages`` stays untouched. Raises ``STORE_CORRUPT`` if a page that must exist does not.
        """
        if not changes:
            return TreeUpdate(self.root(pages), {})
        leaves: list[bytes] = []
        known, value_base = self._digests, self._value_base
        for key, value in changes.items():
            digest = known.get(key) or self._remember(key)
            # hash_of() written out: this loop runs twice per payment.
            if value is not None:
                state = value_base.copy()
                state.update(digest + value)
                digest += state.digest()
            leaves.append(digest)
        leaves.sort()
        batch = _Update(self._bucket_hash, self._branch_hash, pages)
        return TreeUpdate(batch.run(leaves), batch.written)

    def subtree(self, path: bytes, records: Iterable[tuple[bytes, bytes]]) -> TreeUpdate:
        """The subtree at ``path`` that holds exactly these records (key, value), as its own tree.

        Raises ``BAD_PROOF`` naming a key that has its place elsewhere or stands there twice.
        """
        keyed = sorted((self.entry(key, value), key) for key, value in records)
        if not keyed:
            return TreeUpdate(_NO_CHILD if path else self.empty_root, {})
        for (entry, key), following in zip(keyed, [*keyed[1:], None], strict=True):
            if _nibbles(entry, len(path)) != path:
                raise CodedError(BAD_PROOF, f"key {key.hex()} is not of this part of the state")
            if following is not None and following[0][:_DIGEST] == entry[:_DIGEST]:
                raise CodedError(BAD_PROOF, f"key {key.hex()} stands there twice")
        batch = _Update(self._bucket_hash, self._branch_hash, NoPages())
        root, _ = batch.place(path, [entry for entry, _ in keyed])
        return TreeUpdate(root, batch.written)

    def _remember(self, key: bytes) -> bytes:
        """The digest of a key: the same accounts change again and again."""
        if len(self._digests) >= _DIGESTS_KEPT:
            self._digests.clear()
        digest = self._digests[key] = self.key_digest(key)
        return digest

    def prove(self, pages: PageReader, key: bytes) -> StateProof:
        """The proof of a key's value, or of its absence."""
        digest = self.key_digest(key)
        branches: list[bytes] = []
        while True:
            path = _nibbles(digest, len(branches))
            page = pages.page(path)
            if page is None:
                if branches:
                    raise _lost(path)
                return StateProof((), _BUCKET)
            if page[:1] == _BUCKET:
                return StateProof(tuple(branches), page)
            branches.append(page)
            if _child(page, _nibble(digest, len(branches) - 1)) == _NO_CHILD:
                return StateProof(tuple(branches), b"")

    def verify(self, root: bytes, key: bytes, value: bytes | None, proof: StateProof) -> None:
        """Raise ``BAD_PROOF`` unless under ``root`` the key has this value (None: no value)."""
        digest = self.key_digest(key)
        expected = root
        for depth, page in enumerate(proof.branches):
            if page[:1] != _BRANCH or self._branch_hash(page) != expected:
                raise CodedError(BAD_PROOF, f"page {depth} of the proof is not the tree's")
            expected = _child(page, _nibble(digest, depth))
        if not proof.bucket:
            found = None
            if not proof.branches or expected != _NO_CHILD:
                raise CodedError(BAD_PROOF, "the proof stops before it reaches the key's place")
        else:
            if proof.bucket[:1] != _BUCKET or self._bucket_hash(proof.bucket) != expected:
                raise CodedError(BAD_PROOF, "the last page of the proof is not the tree's")
            found = _find(proof.bucket, digest)
        wanted = None if value is None else self._value_digest(digest + value)
        if found != wanted:
            what = "is absent" if found is None else "has another value"
            if value is None:
                what = "is present"
            raise CodedError(BAD_PROOF, f"the key {what} under this root")

    def contains(self, pages: PageReader, key: bytes, value: bytes) -> bool:
        """Whether stored pages commit to a key with this value (hashes of pages unverified)."""
        proof = self.prove(pages, key)
        digest = self.key_digest(key)
        return _find(proof.bucket, digest) == self._value_digest(digest + value)

    def walk(self, pages: PageReader) -> Iterator[tuple[bytes, bytes]]:
        """Every page (path, bytes) that the root leads to, verified; children before parents.

        Raises ``STORE_CORRUPT`` naming the path of the first page that is not what its parent
        commits to, or whose entries stand in the wrong place.
        """
        if pages.page(b"") is not None:
            yield from self._walk(pages, b"", None)

    def _walk(
        self, pages: PageReader, path: bytes, expected: bytes | None
    ) -> Generator[tuple[bytes, bytes], None, int]:
        """As :meth:`walk` for a subtree; returns its number of entries."""
        page = pages.page(path)
        if page is None:
            raise _lost(path)
        if expected is not None and self.page_hash(page) != expected:
            raise _corrupt(path, "has another hash than its parent commits to")
        if page[:1] == _BUCKET:
            count = _check_bucket(page, path)
        else:
            if len(page) != _BRANCH_BYTES:
                raise _corrupt(path, "is no branch")
            count = 0
            for nibble in range(_FANOUT):
                child = _child(page, nibble)
                if child != _NO_CHILD:
                    count += yield from self._walk(pages, path + bytes((nibble,)), child)
            if count != _count(page) or count <= BUCKET_ENTRIES:
                raise _corrupt(path, f"counts other entries than the {count} below it")
        yield path, page
        return count


@lru_cache(maxsize=16)
def tree_of(chain_id: bytes) -> StateTree:
    """The tree rules of a ledger."""
    return StateTree(chain_id)


def update(chain_id: bytes, pages: PageReader, changes: Mapping[bytes, bytes | None]) -> TreeUpdate:
    """:meth:`StateTree.update` of a ledger's tree."""
    return tree_of(chain_id).update(pages, changes)


class _Update:
    """One batch of changes; recursion follows the tree, so depth is at most 64.

    A *leaf* is what becomes of a key: its new entry (64 bytes), or its digest alone (32 bytes) if
    it is removed. Leaves are sorted, and so ordered by key digest.
    """

    def __init__(self, bucket_hash: Hasher, branch_hash: Hasher, pages: PageReader) -> None:
        self._bucket_hash = bucket_hash
        self._branch_hash = branch_hash
        self._page = pages.page
        self.written: dict[bytes, bytes | None] = {}

    def run(self, leaves: list[bytes]) -> bytes:
        """The root of the whole tree."""
        page = self._page(b"")
        if page is None or page[:1] == _BUCKET:
            root, count = self._bucket(b"", page or _BUCKET, leaves)
        else:
            root, count = self._branch(b"", page, leaves)
        return root if count else self._bucket_hash(_BUCKET)

    def _bucket(self, path: bytes, page: bytes, leaves: list[bytes]) -> tuple[bytes, int]:
        """Change a bucket, which may become a branch. Hash (zero if empty) and entry count."""
        entries = [page[i : i + _ENTRY] for i in range(1, len(page), _ENTRY)]
        for leaf in leaves:
            digest = leaf[:_DIGEST]
            at = bisect_left(entries, digest)
            if at < len(entries) and entries[at].startswith(digest):
                if len(leaf) == _ENTRY:
                    entries[at] = leaf
                else:
                    del entries[at]
            elif len(leaf) == _ENTRY:
                entries.insert(at, leaf)
        return self._write(path, entries, page)

    def place(self, path: bytes, entries: list[bytes]) -> tuple[bytes, int]:
        """A new subtree of sorted entries. Hash (zero if empty) and entry count."""
        return self._write(path, entries, b"")

    def _write(self, path: bytes, entries: list[bytes], before: bytes) -> tuple[bytes, int]:
        """Store entries as a bucket, or as a branch if they are too many."""
        if not entries:
            if len(before) > 1:
                self.written[path] = None
            return _NO_CHILD, 0
        if len(entries) <= BUCKET_ENTRIES:
            page = _BUCKET + b"".join(entries)
            if page != before:
                self.written[path] = page
            return self._bucket_hash(page), len(entries)
        children = [_NO_CHILD] * _FANOUT
        for nibble, start, end in _groups(entries, len(path)):
            children[nibble], _ = self._write(path + bytes((nibble,)), entries[start:end], b"")
        return self._write_branch(path, children, len(entries))

    def _write_branch(self, path: bytes, children: list[bytes], count: int) -> tuple[bytes, int]:
        page = _BRANCH + count.to_bytes(8, "big") + b"".join(children)
        self.written[path] = page
        return self._branch_hash(page), count

    def _branch(self, path: bytes, page: bytes, leaves: list[bytes]) -> tuple[bytes, int]:
        """Change a branch, which becomes a bucket when few entries are left."""
        count = int.from_bytes(page[1:_BRANCH_HEAD], "big")
        children = [page[i : i + _DIGEST] for i in range(_BRANCH_HEAD, _BRANCH_BYTES, _DIGEST)]
        for nibble, start, end in _groups(leaves, len(path)):
            child_path = path + bytes((nibble,))
            part = leaves[start:end]
            if children[nibble] == _NO_CHILD:
                children[nibble], now = self._bucket(child_path, _BUCKET, part)
                count += now
                continue
            child = self._page(child_path)
            if child is None:
                raise _lost(child_path)
            is_bucket = child[0] == 0
            changed = _with_values(child, part) if is_bucket else None
            if changed is not None:
                self.written[child_path] = changed
                children[nibble] = self._bucket_hash(changed)
                continue
            change = self._bucket if is_bucket else self._branch
            children[nibble], now = change(child_path, child, part)
            count += now - _count(child)
        if count > BUCKET_ENTRIES:
            return self._write_branch(path, children, count)
        return self._merge(path, children)

    def _merge(self, path: bytes, children: list[bytes]) -> tuple[bytes, int]:
        """Make a branch with few entries a bucket; its children then are buckets already."""
        entries: list[bytes] = []
        for nibble, child in enumerate(children):
            child_path = path + bytes((nibble,))
            if child == _NO_CHILD:
                continue
            page = self.written.get(child_path) or self._page(child_path)
            if page is None:
                raise _lost(child_path)
            entries.extend(page[i : i + _ENTRY] for i in range(1, len(page), _ENTRY))
            self.written[child_path] = None
        if not entries:
            self.written[path] = None
        return self._write(path, entries, b"")


class StateProof(Struct, tag=1):
    """The pages from the root to a key's place: branches, then its bucket.

    ``bucket`` is empty when the last branch has no child where the key would be, which proves its
    absence as well as a bucket without it.
    """

    branches: Annotated[
        tuple[
            Annotated[bytes, msgspec.Meta(min_length=_BRANCH_BYTES, max_length=_BRANCH_BYTES)], ...
        ],
        msgspec.Meta(max_length=_MAX_DEPTH),
    ]
    bucket: Annotated[bytes, msgspec.Meta(max_length=_BUCKET_BYTES)]


def _nibble(digest: bytes, depth: int) -> int:
    byte = digest[depth >> 1]
    return byte & 15 if depth & 1 else byte >> 4


def _groups(items: list[bytes], depth: int) -> Iterator[tuple[int, int, int]]:
    """The nibbles that sorted digests have at a depth, each with its first and last + 1 position.

    All digests are equal before that depth.
    """
    shared = items[0][: depth >> 1]
    end = 0
    while end < len(items):
        start = end
        byte = items[start][depth >> 1]
        nibble, after = (byte & 15, byte + 1) if depth & 1 else (byte >> 4, (byte | 15) + 1)
        if nibble == _FANOUT - 1:
            end = len(items)
        else:
            end = bisect_left(items, shared + bytes((after,)), start + 1)
        yield nibble, start, end


def _nibbles(digest: bytes, count: int) -> bytes:
    return bytes(_nibble(digest, depth) for depth in range(count))


def _child(branch: bytes, nibble: int) -> bytes:
    start = _BRANCH_HEAD + nibble * _DIGEST
    return branch[start : start + _DIGEST]


def _count(page: bytes) -> int:
    if page[:1] == _BUCKET:
        return (len(page) - 1) // _ENTRY
    return int.from_bytes(page[1:_BRANCH_HEAD], "big")


def _with_values(bucket: bytes, leaves: list[bytes]) -> bytes | None:
    """A bucket with new values of keys that it holds; None if a key comes, goes or stays as it is.

    The usual change, without taking the bucket apart.
    """
    page = bytearray(bucket)
    for leaf in leaves:
        if len(leaf) != _ENTRY:
            return None
        digest = leaf[:_DIGEST]
        at = page.find(digest)
        while at > 0 and (at - 1) % _ENTRY:  # no entry starts here
            at = page.find(digest, at + 1)
        if at < 0:
            return None
        page[at : at + _ENTRY] = leaf
    return None if page == bucket else bytes(page)


def _find(bucket: bytes, digest: bytes) -> bytes | None:
    """The value digest of a key digest in a bucket."""
    for start in range(1, len(bucket) - _ENTRY + 1, _ENTRY):
        if bucket[start : start + _DIGEST] == digest:
            return bucket[start + _DIGEST : start + _ENTRY]
    return None


def entry_count(page: bytes) -> int:
    """How many records the subtree of a page holds."""
    return _count(page)


def children(page: bytes, path: bytes) -> list[tuple[bytes, bytes]]:
    """Path and hash of each child of a branch page at ``path``; a bucket has none."""
    if page[:1] == _BUCKET:
        return []
    found = [(path + bytes((nibble,)), _child(page, nibble)) for nibble in range(_FANOUT)]
    return [(child, digest) for child, digest in found if digest != _NO_CHILD]


def is_branch(page: bytes) -> bool:
    """Whether bytes have a branch page's shape."""
    return page[:1] == _BRANCH and len(page) == _BRANCH_BYTES


def path_of(digest: bytes, depth: int) -> bytes:
    """The path of the subtree at a depth in which a key with this digest has its place."""
    return _nibbles(digest, depth)


def path_name(path: bytes) -> str:
    """A path as people read it: one hexadecimal digit per step, ``root`` for none."""
    return path.hex()[1::2] or "root"


def bucket_entries(page: bytes) -> list[bytes]:
    """The entries of a bucket page; none of a branch."""
    if page[:1] != _BUCKET:
        return []
    return [page[i : i + _ENTRY] for i in range(1, len(page), _ENTRY)]


def _check_bucket(page: bytes, path: bytes) -> int:
    entries = bucket_entries(page)
    if not entries or (len(page) - 1) % _ENTRY or len(entries) > BUCKET_ENTRIES:
        raise _corrupt(path, "is no bucket")
    digests = [entry[:_DIGEST] for entry in entries]
    if any(a >= b for a, b in pairwise(digests)):
        raise _corrupt(path, "is out of order")
    if any(_nibbles(digest, len(path)) != path for digest in digests):
        raise _corrupt(path, "holds keys of another place")
    return len(entries)


def _lost(path: bytes) -> CodedError:
    return _corrupt(path, "is missing")


def _corrupt(path: bytes, what: str) -> CodedError:
    return CodedError(STORE_CORRUPT, f"state tree page {path_name(path)} {what}")
