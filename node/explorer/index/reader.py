"""What pages ask of the index; every answer reflects its :attr:`IndexReader.height`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ledger.store.tables import Reader, Table, each
from node.explorer.index import records
from node.explorer.index.records import DAY, LEVELS, Bucket, Series

Place = tuple[int, int]
"""Height and receipt index."""

MAX_POINTS = 90
"""Buckets of a chart at most; a longer span is shown in coarser ones."""


class Listing(NamedTuple):
    """An object in a list: its id, and where it was first told of."""

    id: bytes
    place: Place


class IndexReader:
    """Reads of one unchanging index."""

    def __init__(self, reader: Reader, height: int, first: int = 0) -> None:
        self._reader = reader
        self.first = first
        """The lowest block in it: what it counts, it counts from there on."""
        self.height = height
        """The newest block in it; -1 before any."""

    def everything(self) -> Iterator[tuple[bytes, bytes]]:
        """All records, to compare two indexes."""
        return self._each(b"")

    # transactions -----------------------------------------------------------------------------
    @property
    def transactions(self) -> int:
        """How many transactions are recorded."""
        return self.tally("transactions")

    def tally(self, name: str) -> int:
        """A count: ``transactions``, ``parties``, ``operation NAME``, ``refusal CODE``,
        ``machine NAME``."""
        found = self._get(records.TALLY + name.encode())
        return 0 if found is None else records.read_number(found)

    def tallies(self, group: str) -> dict[str, int]:
        """All counts of a group: ``operation``, ``refusal`` or ``machine``."""
        prefix = records.TALLY + group.encode() + b" "
        return {
            key[len(prefix) :].decode(): records.read_number(value)
            for key, value in self._each(prefix)
        }

    def transaction(self, number: int) -> Place | None:
        """The place of a transaction by its number, from 0."""
        found = self._get(records.NUMBER + records.number(number))
        return None if found is None else records.read_place(found)

    def with_operation(self, name: str, before: Place | None, limit: int) -> list[Place]:
        """Transactions that carry an operation, newest first, before a place."""
        return self._places(records.named(records.OPERATION, name), before, limit)

    def with_reference(self, text: str, limit: int) -> list[Place]:
        """Transactions with a reference, whatever its case, newest first."""
        return self._places(records.named(records.REFERENCE, text.casefold()), None, limit)

    def with_goods(self, code: str, before: Place | None, limit: int) -> list[Place]:
        """Transactions that name an HS code of exactly these digits, newest first."""
        return self._places(records.named(records.GOODS, code), before, limit)

    def goods(self, digits: str, limit: int) -> list[str]:
        """HS codes on the ledger that begin with some digits, ascending."""
        found: list[str] = []
        prefix = records.GOODS + digits.encode()
        start = prefix
        while len(found) < limit:
            [(key, _), *_] = self._reader.scan(Table.DERIVED, start, 1) or [(b"", b"")]
            if not key.startswith(prefix):
                break
            code = key[1:].split(b"\0", 1)[0]
            found.append(code.decode())
            start = records.GOODS + code + b"\x01"
        return found

    # parties ----------------------------------------------------------------------------------
    def parties(self, chosen: str, after: bytes, limit: int) -> tuple[list[str], bytes]:
        """LEIs of a list in the order of names, and where to go on (empty at the end).

        ``chosen`` is empty for all, or ``home:KZ``, ``kind:…``, ``standing:…``, ``role:…``.
        """
        prefix = records.named(records.LISTED, chosen)
        start = prefix + after
        items = self._reader.scan(Table.DERIVED, start, limit + 1)
        keys = [key for key, _ in items if key.startswith(prefix)]
        more = keys[limit][len(prefix) :] if len(keys) > limit else b""
        return [key[-20:].decode() for key in keys[:limit]], more

    def named(self, text: str, limit: int) -> list[str]:
        """LEIs of parties whose names have a word beginning with each word of a text."""
        words = sorted(records.words_of(text), key=len, reverse=True)
        found: set[str] | None = None
        for word in words[:5]:
            prefix = records.WORD + word.encode()[: records.MAX_WORD_BYTES]
            items = self._reader.scan(Table.DERIVED, prefix, 500)
            mine = {key[-20:].decode() for key, _ in items if key.startswith(prefix)}
            found = mine if found is None else found & mine
        return sorted(found or ())[:limit]

    def own_history(self, lei: str, before: Place | None, limit: int) -> list[Place]:
        """Receipts about a party's keys, offices and standing, newest first."""
        return self._places(records.named(records.KEYS, lei), before, limit)

    # objects ----------------------------------------------------------------------------------
    def object(self, identity: bytes) -> tuple[Place, str] | None:
        """Where an object was first told of, and its machine's name (empty if unknown)."""
        found = self._get(records.OBJECT + identity)
        return None if found is None else (records.read_place(found[:12]), found[12:].decode())

    def objects(self, machine: str, after: bytes, limit: int) -> tuple[list[Listing], bytes]:
        """Objects of a machine, newest first, and where to go on (empty at the end)."""
        prefix = records.named(records.LIST, machine)
        items = self._reader.scan(Table.DERIVED, prefix + after, limit + 1)
        keys = [key[len(prefix) :] for key, _ in items if key.startswith(prefix)]
        more = keys[limit] if len(keys) > limit else b""
        return [Listing(key[12:], records.read_newest(key[:12])) for key in keys[:limit]], more

    # totals and time --------------------------------------------------------------------------
    def series(self) -> list[Series]:
        """Every total that was ever other than zero, by kind, unit and state."""
        return [records.read_series(key) for key, _ in self._each(records.TOTAL)]

    def total(self, series: Series, height: int) -> int:
        """A total after a height, in minor units, credit positive."""
        prefix = records.series_prefix(records.SERIES, series)
        base = self._get(records.series_prefix(records.BASE, series))
        begun = 0 if base is None else records.read_total(base)
        for key, value in self._reader.scan(Table.DERIVED, records.series_key(series, height), 1):
            if key.startswith(prefix):
                return begun + records.read_total(value)
        return begun

    def trial_balance(self, height: int) -> dict[Series, int]:
        """Every total after a height."""
        return {series: self.total(series, height) for series in self.series()}

    def buckets(self, length: int, first: int, last: int) -> list[Bucket]:
        """What happened from ``first`` to ``last`` (ms), bucket by bucket; empty ones lack."""
        start = records.bucket_key(length, first - first % length)
        end = records.bucket_key(length, last - last % length)
        found = []
        for key, value in self._each(start[:2], start):
            if key > end:
                break
            found.append(records.read_bucket(key, value))
        return found

    def recent(self, time: int, span: int) -> tuple[int, list[Bucket]]:
        """The length of buckets that suits a span up to a time (ms), and the buckets."""
        fitting = (n for n in LEVELS if span <= n * MAX_POINTS)
        length = next(fitting, DAY)
        return length, self.buckets(length, max(0, time - span), time)

    def _get(self, key: bytes) -> bytes | None:
        return self._reader.get(Table.DERIVED, key)

    def _each(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        return each(self._reader, Table.DERIVED, prefix, start)

    def _places(self, prefix: bytes, before: Place | None, limit: int) -> list[Place]:
        start = prefix if before is None else prefix + records.newest(*before) + b"\0"
        items = self._reader.scan(Table.DERIVED, start, limit)
        return [records.read_newest(key[-12:]) for key, _ in items if key.startswith(prefix)]
