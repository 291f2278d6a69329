"""The checksum that every stored record ends in, since neither LMDB nor a disk detects bit rot.

It is the CRC-32 of the record's table, key and value, verified at every read. A record that was
moved, exchanged or changed in any bit is found; it is no protection against somebody who can write
to the disk on purpose (certificates and hashes are).
"""

from __future__ import annotations

from struct import Struct
from zlib import crc32

from ledger.errors import STORE_CORRUPT, CodedError
from ledger.store.tables import Table

CHECKSUM_BYTES = 4
_pack = Struct(">I").pack
_SEEDS = {table: crc32(bytes((table,))) for table in Table}


def seal(table: Table, key: bytes, value: bytes) -> bytes:
    """What is stored for a value."""
    return value + _pack(crc32(key + value, _SEEDS[table]))


def is_intact(table: Table, key: bytes, stored: bytes) -> bool:
    """Whether a stored record is what :func:`seal` made of it."""
    value, checksum = stored[:-CHECKSUM_BYTES], stored[-CHECKSUM_BYTES:]
    return checksum == _pack(crc32(key + value, _SEEDS[table]))


def unseal(table: Table, key: bytes, stored: bytes) -> bytes:
    """The value of a stored record; raises ``STORE_CORRUPT`` if it is not intact."""
    if not is_intact(table, key, stored):
        raise CodedError(
            STORE_CORRUPT,
            f"record {key.hex()} of table {table.name.lower()} fails its checksum; "
            "run a check of the store and restore it from the other nodes",
        )
    return stored[:-CHECKSUM_BYTES]
