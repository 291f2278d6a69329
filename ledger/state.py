"""Typed records over a map of bytes, with layers that can be undone.

The ledger's state maps byte keys to byte values. A :class:`Table` names one kind of record and
builds its keys; a :class:`State` reads records from a committed map; an :class:`Overlay` adds
writes on top, as one block does on its parent's state, and undoes a refused transaction's writes.
Used by ``contracts`` for every read and write, and by ``node`` to layer blocks that are not final.

>>> from ledger.validators import Validator
>>> nodes = Table("node", Validator)
>>> first = Validator("5493001KJTIIGC8Y1R12", "g0", "CH", bytes(32), b"", "g0:7000")
>>> block = Overlay(State(MemoryMap()))
>>> block.begin()
>>> block.put(nodes, first, "g0")
>>> block.rollback()
>>> block.get(nodes, "g0") is None
True
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from ledger import limits
from ledger.codec import Struct
from ledger.errors import MALFORMED, STORE_CORRUPT, TOO_LARGE, CodedError

R = TypeVar("R", bound=Struct)

KeyPart = str | int | bytes
"""Text (UTF-8, ended by NUL), an integer of 0…2^64-1 (8 bytes), or a 32-byte id (as it is)."""

_ID_BYTES = 32
_TABLE_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,30}")
_SMALL = 64
_KEYS_KEPT = 16_384
"""Keys that a table remembers: every payment asks for the same few of its parties'."""
_NO_NUL = "text in a key contains no NUL character"


class StateReader(Protocol):
    """A map of bytes: a committed state or a snapshot of one."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        ...

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys with this prefix that are ≥ ``start``, ascending, with their values."""
        ...


class Table(Generic[R]):
    """One kind of record, stored under keys ``name/ ‖ parts``.

    Text parts end in NUL and may not contain one, and other parts have fixed lengths, so within a
    table whose keys always have the same kinds of parts no two lists of parts share a key.
    """

    __slots__ = ("_decoder", "_encoder", "_keys", "kind", "name", "prefix")

    def __init__(self, name: str, kind: type[R]) -> None:
        if not _TABLE_NAME.fullmatch(name):
            raise ValueError(f"table name {name!r} is not like {_TABLE_NAME.pattern}")
        self.name: Final = name
        self.kind: Final = kind
        self.prefix: Final = name.encode() + b"/"
        self._keys: dict[tuple[KeyPart, ...], bytes] = {}
        # The ledger's canonical bytes; tests hold msgspec's encoder against ledger.codec.
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(kind)

    def key(self, *parts: KeyPart) -> bytes:
        """The key of a record, or with fewer parts the prefix of several.

        Raises ``MALFORMED`` or ``TOO_LARGE`` for parts that no key can hold.
        """
        known = self._keys.get(parts)
        if known is not None:
            return known
        key = self.prefix
        for part in parts:
            if type(part) is str and part.isascii():
                data = part.encode()  # _key_part() written out: every payment makes several keys
                if 0 in data:
                    raise CodedError(MALFORMED, _NO_NUL)
                key += data + b"\0"
            else:
                key += _key_part(part)
        if len(key) > limits.MAX_STATE_KEY_BYTES:
            raise CodedError(
                TOO_LARGE,
                f"a key of table {self.name} has {len(key)} bytes, "
                f"at most {limits.MAX_STATE_KEY_BYTES} are stored",
            )
        if len(self._keys) >= _KEYS_KEPT:
            self._keys.clear()
        self._keys[parts] = key
        return key

    def encode(self, record: R) -> bytes:
        """The canonical bytes of a record.

        Raises ``MALFORMED`` if a field breaks its declared type or range: a record that could be
        written but never read again would stop every node.
        """
        if type(record) is not self.kind:
            raise TypeError(f"table {self.name} holds {self.kind.__name__}")
        try:
            data = self._encoder.encode(record)
            self._decoder.decode(data)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
            raise CodedError(MALFORMED, f"{self.kind.__name__}: {error}") from None
        return data

    def encode_known(self, record: Struct) -> bytes:
        """As :meth:`encode`, for a record of any table whose fields are known to be in range."""
        return self._encoder.encode(record)

    def decode(self, data: bytes) -> R:
        """The record of stored bytes; raises ``STORE_CORRUPT`` if they are not one."""
        try:
            return self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise CodedError(
                STORE_CORRUPT, f"a record of table {self.name} does not decode: {error}"
            ) from None

    def __repr__(self) -> str:
        return f"Table({self.name!r}, {self.kind.__name__})"


def _key_part(part: KeyPart) -> bytes:
    if isinstance(part, str):
        try:
            data = part.encode()
        except UnicodeEncodeError:
            raise CodedError(MALFORMED, "text in a key is valid Unicode") from None
        if 0 in data:
            raise CodedError(MALFORMED, _NO_NUL)
        return data + b"\0"
    if isinstance(part, int):
        try:
            return part.to_bytes(8, "big")
        except OverflowError:
            raise CodedError(MALFORMED, "an integer in a key lies within 0 and 2^64-1") from None
    if len(part) != _ID_BYTES:
        raise CodedError(MALFORMED, f"an id in a key has {_ID_BYTES} bytes")
    return part


class _Missing:
    """Marks a key that a layer knows nothing about (None marks a record known to be absent)."""


_MISSING: Final = _Missing()


class State:
    """Typed reads of a committed map, with a bounded cache of decoded records.

    Not for use by several threads at once. Whoever commits new values to the map below calls
    :meth:`absorb` (or :meth:`forget`) before the next read.
    """

    def __init__(self, reader: StateReader, *, cached_records: int = 32_768) -> None:
        self._reader = reader
        self._cache: dict[bytes, Any] = {}
        self._capacity = cached_records

    def get(self, table: Table[R], *parts: KeyPart) -> R | None:
        """The record of a key, or None."""
        return self.record(table, table.key(*parts))

    def record(self, table: Table[R], key: bytes) -> R | None:
        """The record of a key that ``table.key`` made."""
        found = self._cache.get(key, _MISSING)
        if found is _MISSING:
            data = self._reader.get(key)
            found = None if data is None else table.decode(data)
            self._remember(key, found)
        return found  # type: ignore[no-any-return]

    def read_once(self, table: Table[R], key: bytes) -> R | None:
        """As :meth:`record`, without keeping what was read: for passes over very many records."""
        found = self._cache.get(key, _MISSING)
        if found is _MISSING:
            data = self._reader.get(key)
            return None if data is None else table.decode(data)
        return found  # type: ignore[no-any-return]

    def scan(
        self, table: Table[R], *prefix_parts: KeyPart, after: bytes | None = None
    ) -> Iterator[tuple[bytes, R]]:
        """Keys below a prefix in ascending order with their records; ``after`` is exclusive."""
        start = b"" if after is None else after + b"\0"
        return self.records(table, table.key(*prefix_parts), start)

    def records(
        self, table: Table[R], prefix: bytes, start: bytes = b""
    ) -> Iterator[tuple[bytes, R]]:
        """As :meth:`scan`, with bytes: keys with ``prefix`` that are ≥ ``start``."""
        for key, data in self._reader.scan(prefix, start):
            found = self._cache.get(key)
            yield key, table.decode(data) if found is None else found

    def absorb(self, block: Overlay) -> None:
        """Take over a block's records after the map below has committed them."""
        written = dict(block.written())
        if len(self._cache) + len(written) < self._capacity:
            self._cache.update(written)
            return
        for key, record in written.items():
            self._remember(key, record)

    def forget(self) -> None:
        """Drop every cached record."""
        self._cache.clear()

    def _remember(self, key: bytes, record: Any) -> None:
        if len(self._cache) >= self._capacity:
            for old in list(islice(self._cache, max(1, self._capacity // 8))):
                del self._cache[old]
        self._cache[key] = record


class Overlay(State):
    """Reads and writes over a parent, as one block over its parent block's state.

    ``begin`` … ``commit`` or ``rollback`` frame one transaction; they do not nest. Values are
    absolute, so an overlay stays right when an ancestor's writes have reached the committed map;
    :meth:`rebase` then lets go of the ancestor.
    """

    def __init__(self, parent: State) -> None:
        self._parent = parent
        self._view: dict[bytes, Any] = {}
        self._changes: dict[bytes, bytes | None] = {}
        self._undo: list[tuple[bytes, Any, Any]] | None = None
        self._unsorted: list[bytes] = []
        self._sorted: list[bytes] = []

    def get(self, table: Table[R], *parts: KeyPart) -> R | None:
        """The record of a key, or None."""
        # record() written out: every payment reads a dozen records.
        key = table._keys.get(parts) or table.key(*parts)
        found = self._view.get(key, _MISSING)
        if found is _MISSING:
            found = self._view[key] = self._parent.record(table, key)
        return found  # type: ignore[no-any-return]

    def record(self, table: Table[R], key: bytes) -> R | None:
        """The record of a key that ``table.key`` made."""
        found = self._view.get(key, _MISSING)
        if found is _MISSING:
            found = self._view[key] = self._parent.record(table, key)
        return found  # type: ignore[no-any-return]

    def put(self, table: Table[R], record: R, *parts: KeyPart) -> None:
        """Write a record; raises ``MALFORMED`` if a field is out of its declared range."""
        self._write(table.key(*parts), record, table.encode(record))

    def put_record(self, table: Table[R], key: bytes, record: R) -> None:
        """:meth:`put` for a key that ``table.key`` made."""
        self._write(key, record, table.encode(record))

    def put_known(self, table: Table[R], key: bytes, record: R) -> None:
        """:meth:`put_record` for a record whose fields are known to be in their ranges."""
        self._write(key, record, table._encoder.encode(record))

    def read_once(self, table: Table[R], key: bytes) -> R | None:
        """As :meth:`record`, without keeping what was read: for passes over very many records."""
        found = self._view.get(key, _MISSING)
        if found is _MISSING:
            return self._parent.read_once(table, key)
        return found  # type: ignore[no-any-return]

    def write_known(self, writes: Iterable[tuple[bytes, Any, bytes | None]]) -> None:
        """Write many records at once: key, record, and its bytes by :meth:`Table.encode_known`.

        None for both removes a record. For records whose fields are known to be in their ranges,
        because they come from records that were read and amounts only came nearer to zero.
        """
        changes, view, undo = self._changes, self._view, self._undo
        for key, record, data in writes:
            before = changes.get(key, _MISSING)
            if before is _MISSING:
                self._unsorted.append(key)
            if undo is not None:
                undo.append((key, view.get(key, _MISSING), before))
            view[key] = record
            changes[key] = data

    def delete(self, table: Table[R], *parts: KeyPart) -> None:
        """Remove a record, whether it is there or not."""
        self._write(table.key(*parts), None, None)

    def _write(self, key: bytes, record: Any, data: bytes | None) -> None:
        before = self._changes.get(key, _MISSING)
        if before is _MISSING:
            self._unsorted.append(key)
        if self._undo is not None:
            self._undo.append((key, self._view.get(key, _MISSING), before))
        self._view[key] = record
        self._changes[key] = data

    def begin(self) -> None:
        """Start a transaction."""
        if self._undo is not None:
            raise RuntimeError("a transaction is open")
        self._undo = []

    def commit(self) -> None:
        """Keep the open transaction's writes."""
        if self._undo is None:
            raise RuntimeError("no transaction is open")
        self._undo = None

    def rollback(self) -> None:
        """Undo every write since :meth:`begin`."""
        if self._undo is None:
            raise RuntimeError("no transaction is open")
        for key, record, data in reversed(self._undo):
            _restore(self._view, key, record)
            _restore(self._changes, key, data)
        self._undo = None

    def changes(self) -> dict[bytes, bytes | None]:
        """What this overlay wrote: canonical values by key, None for a removed record."""
        if self._undo is not None:
            raise RuntimeError("a transaction is open")
        return dict(self._changes)

    def written(self) -> Iterator[tuple[bytes, Any]]:
        """Decoded records (or None) of :meth:`changes`."""
        return ((key, self._view[key]) for key in self._changes)

    def rebase(self, parent: State) -> None:
        """Read from ``parent`` from now on: a state that includes the former parent's writes."""
        self._parent = parent

    def absorb(self, block: Overlay) -> None:
        """Not for overlays: only a committed map takes a block over."""
        raise TypeError("an overlay cannot absorb another")

    def forget(self) -> None:
        """Drop records that were only read."""
        self._view = {key: self._view[key] for key in self._changes}

    def records(
        self, table: Table[R], prefix: bytes, start: bytes = b""
    ) -> Iterator[tuple[bytes, R]]:
        """As :meth:`State.records`; this overlay's own writes are those at the time of the call."""
        own = [
            (key, self._view[key])
            for key in self._changed_keys(prefix, max(prefix, start))
            if key in self._changes
        ]
        return _merge(own, self._parent.records(table, prefix, start))

    def _changed_keys(self, prefix: bytes, start: bytes) -> Iterable[bytes]:
        """Changed keys with a prefix from ``start`` on, ascending; may name undone ones."""
        if len(self._unsorted) < _SMALL:
            for key in self._unsorted:
                insort(self._sorted, key)
        else:
            self._sorted.extend(self._unsorted)
            self._sorted.sort()
        self._unsorted.clear()
        last = b""  # no key is empty; a key written again after an undo stands here twice
        for at in range(bisect_left(self._sorted, start), len(self._sorted)):
            key = self._sorted[at]
            if not key.startswith(prefix):
                return
            if key != last:
                yield key
            last = key


def _restore(target: dict[bytes, Any], key: bytes, value: Any) -> None:
    if value is _MISSING:
        target.pop(key, None)
    else:
        target[key] = value


def _merge(
    own: list[tuple[bytes, Any]], below: Iterator[tuple[bytes, Any]]
) -> Iterator[tuple[bytes, Any]]:
    """Two ascending sequences as one; ``own`` shadows ``below`` and None hides a key."""
    position = 0
    for item in below:
        while position < len(own) and own[position][0] <= item[0]:
            key, record = own[position]
            position += 1
            if record is not None:
                yield key, record
            if key == item[0]:
                break
        else:
            yield item
    for key, record in own[position:]:
        if record is not None:
            yield key, record


class MemoryMap:
    """A :class:`StateReader` in memory, for genesis, tools and tests.

    Keys are kept in order per table (up to the first ``/``) and only as far as scans ask for it, so
    writing costs what is written.
    """

    def __init__(self, content: Mapping[bytes, bytes] | None = None) -> None:
        self._content: dict[bytes, bytes] = {}
        self._tables: dict[bytes, _Order] = {}
        self.apply(content or {})

    def __len__(self) -> int:
        return len(self._content)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        return self._content.get(key)

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys with this prefix that are ≥ ``start``, ascending, with their values."""
        start = max(prefix, start)
        for order in self._orders(prefix):
            keys = order.sorted()
            for at in range(bisect_left(keys, start), len(keys)):
                key = keys[at]
                if not key.startswith(prefix):
                    break
                yield key, self._content[key]

    def _orders(self, prefix: bytes) -> list[_Order]:
        """The tables that may hold keys with a prefix, in the order of their keys."""
        end = prefix.find(b"/") + 1
        if end:
            found = self._tables.get(prefix[:end])
            return [] if found is None else [found]
        return [self._tables[name] for name in sorted(self._tables)]

    def apply(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write values; None removes a key."""
        content, tables = self._content, self._tables
        for key, value in changes.items():
            if value is None:
                if content.pop(key, None) is not None:
                    tables[_table_of(key)].remove(key)
            else:
                if key not in content:
                    name = _table_of(key)
                    order = tables.get(name)
                    if order is None:
                        order = tables[name] = _Order()
                    order.fresh.append(key)
                content[key] = value


def _table_of(key: bytes) -> bytes:
    return key[: key.find(b"/") + 1]


class _Order:
    """The keys of one table: in order, and those that came since somebody asked for the order."""

    __slots__ = ("fresh", "keys")

    def __init__(self) -> None:
        self.fresh: list[bytes] = []
        self.keys: list[bytes] = []

    def sorted(self) -> list[bytes]:
        """All keys, ascending."""
        if len(self.fresh) < _SMALL:
            for key in self.fresh:
                insort(self.keys, key)
        else:
            self.keys.extend(self.fresh)
            self.keys.sort()
        self.fresh.clear()
        return self.keys

    def remove(self, key: bytes) -> None:
        """Forget a key that is there."""
        keys = self.sorted()
        del keys[bisect_left(keys, key)]
