"""How the index's records lie in one ordered map.

The first byte of a key tells the kind. Integers are big-endian; heights and places of lists that
are read newest first are stored as complements, so an ascending scan meets the newest first.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

LAYOUT: Final = 2
"""The layout's version: an index of another one is made again."""

META: Final = b"!"
NUMBER: Final = b"n"
"""Transaction number (from 0) → place."""
OPERATION: Final = b"o"
"""Operation's name, place → nothing."""
REFERENCE: Final = b"r"
"""An author's reference in lower case, place → nothing."""
GOODS: Final = b"h"
"""HS code, place → nothing."""
KEYS: Final = b"k"
"""LEI, place → nothing: receipts that tell about a party's keys, roles or standing."""
SERIES: Final = b"s"
"""Series, height → its total after that height."""
TOTAL: Final = b"t"
"""Series → its newest total."""
BASE: Final = b"S"
"""Series → what its total was before the index began."""
BUCKET: Final = b"b"
"""Level, start → what happened in that time."""
OBJECT: Final = b"i"
"""Object id → place where it was first told of, machine's name."""
LIST: Final = b"l"
"""Machine's name, place, object id → nothing."""
TALLY: Final = b"c"
"""Name → a count: operations, objects of a machine, refusal codes."""
PARTY: Final = b"p"
"""LEI → home, standing and name as listed."""
LISTED: Final = b"P"
"""Filter, name in lower case, LEI → nothing."""
WORD: Final = b"w"
"""Word of a name in lower case, LEI → nothing."""

_MAX64: Final = 2**64 - 1
_MAX32: Final = 2**32 - 1
_PLACE: Final = Struct(">QI")
_U64: Final = Struct(">Q")

MAX_WORD_BYTES: Final = 100

MOMENT: Final = 10_000
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
LEVELS: Final = (MOMENT, MINUTE, HOUR, DAY)
"""Lengths of time buckets in ms; a bucket starts at a multiple of its length since the epoch."""


class Series(NamedTuple):
    """A running total: accounts of one kind and unit whose owners one state vouches for.

    ``state`` is a country code, or empty for owners without one (the joint fund).
    """

    kind: str
    unit: str
    state: str


class Bucket(NamedTuple):
    """What happened in a stretch of time; ``height`` is the last block in it."""

    start: int
    blocks: int
    transactions: int
    refused: int
    deadlines: int
    height: int


_BUCKET: Final = Struct(">5Q")


def newest(height: int, index: int) -> bytes:
    """12 bytes of a place that sort the newest first."""
    return _PLACE.pack(_MAX64 - height, _MAX32 - index)


def read_newest(data: bytes) -> tuple[int, int]:
    """The place of :func:`newest`."""
    height, index = _PLACE.unpack(data)
    return _MAX64 - height, _MAX32 - index


def place(height: int, index: int) -> bytes:
    """12 bytes."""
    return _PLACE.pack(height, index)


def read_place(data: bytes) -> tuple[int, int]:
    """The place of :func:`place`."""
    height, index = _PLACE.unpack(data)
    return height, index


def number(value: int) -> bytes:
    """8 bytes."""
    return _U64.pack(value)


def read_number(data: bytes) -> int:
    """The number of :func:`number`."""
    return int(_U64.unpack(data)[0])


def named(kind: bytes, name: str) -> bytes:
    """The prefix of a named list: long names are cut, so a reader checks what it finds."""
    return kind + name.encode()[:MAX_WORD_BYTES].replace(b"\0", b" ") + b"\0"


def series_prefix(kind: bytes, series: Series) -> bytes:
    """The prefix of a series' records."""
    return kind + "\0".join(series).encode() + b"\0"


def read_series(key: bytes) -> Series:
    """The series of a key that :func:`series_prefix` made."""
    name, unit, state = key[1:-1].decode().split("\0")
    return Series(name, unit, state)


def series_key(series: Series, height: int) -> bytes:
    """A series' total after a height."""
    return series_prefix(SERIES, series) + number(_MAX64 - height)


def total(value: int) -> bytes:
    """16 bytes, signed: sums of many accounts may exceed what one may hold."""
    return value.to_bytes(16, "big", signed=True)


def read_total(data: bytes) -> int:
    """The number of :func:`total`."""
    return int.from_bytes(data, "big", signed=True)


def bucket_key(length: int, start: int) -> bytes:
    """Ascends by time within a level."""
    return BUCKET + bytes((LEVELS.index(length),)) + number(start)


def bucket_value(bucket: Bucket) -> bytes:
    """40 bytes."""
    return _BUCKET.pack(*bucket[1:])


def read_bucket(key: bytes, value: bytes) -> Bucket:
    """The bucket of a record."""
    return Bucket(read_number(key[2:]), *_BUCKET.unpack(value))


def words_of(name: str) -> set[str]:
    """Under which words a name is found: each word, and in scripts without spaces each suffix.

    >>> sorted(words_of("Volga Bearings, JSC"))
    ['bearings', 'jsc', 'volga']
    >>> sorted(words_of("华东轴承"))
    ['东轴承', '华东轴承', '承', '轴承']
    """
    text = "".join(c if c.isalnum() else " " for c in name.casefold())
    words = set(text.split())
    for word in list(words):
        if not word.isascii() and any(ord(c) >= 0x2E80 for c in word):
            words |= {word[at:] for at in range(len(word))}
    return words
