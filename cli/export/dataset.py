"""A ledger as a Parquet dataset: one folder per table, partitioned by day, grown by appending.

::

    postings/day=2026-11-24/part-0000000001-0000000135.parquet     blocks 1 to 135
    parties.parquet                                                as of the newest block
    dataset.json                                                   how far it goes

Days are those of block time in UTC, in the layout that DuckDB, Spark, Trino, pandas and others
read. :func:`append` adds the blocks that are new and never touches a finished file; each file
appears whole by one rename, and ``dataset.json`` is written last, so that after a crash the next
run removes what it does not name and writes it again. Running it twice changes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cli.errors import ARROW_MISSING, DATASET_DIFFERS
from contracts.extracts.tables import LISTINGS, TABLES, VERSION, Column, Table, Type
from contracts.extracts.walk import Block, Walk
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.forms import format_instant
from ledger.errors import CodedError
from ledger.state import State

if TYPE_CHECKING:
    import pyarrow as pa

INDEX: Final = "dataset.json"
FORMAT: Final = "iic.dataset/1"
_GROUP: Final = 65_536
"""Rows of a row group: what a writer holds in memory for each table."""
_SCALE: Final = 2


class Reached(NamedTuple):
    """How far a dataset goes: the newest block in it, and rows by table."""

    height: int
    block: str
    rows: dict[str, int]


class Appended(NamedTuple):
    """What a run did: blocks and files added, and how far the dataset goes now."""

    blocks: int
    files: int
    reached: Reached


def require_arrow() -> None:
    """Raise ``ARROW_MISSING`` unless Parquet can be written."""
    if find_spec("pyarrow") is None:
        raise CodedError(ARROW_MISSING, "Parquet needs pyarrow; install the extra: iic[audit]")


def reached(folder: Path, chain_id: bytes) -> Reached:
    """How far a dataset goes; nothing yet for an empty or a missing folder.

    Raises ``DATASET_DIFFERS`` if the folder holds something else, or another ledger.
    """
    path = folder / INDEX
    if not path.exists():
        if folder.exists() and any(not _is_part(found) for found in _files(folder)):
            raise CodedError(DATASET_DIFFERS, f"{folder} holds files that are no dataset of ours")
        return Reached(0, "", dict.fromkeys((table.name for table in TABLES), 0))
    try:
        index = json.loads(path.read_bytes())
        same = (index["format"], index["schema"], index["chain_id"])
        found = Reached(int(index["height"]), str(index["block"]), dict(index["rows"]))
    except (ValueError, KeyError, TypeError):
        raise CodedError(DATASET_DIFFERS, f"{path} is damaged") from None
    if same != (FORMAT, VERSION, chain_id.hex()):
        raise CodedError(
            DATASET_DIFFERS, f"{folder} holds another ledger or another version of the schema"
        )
    return found


def append(folder: Path, walk: Walk) -> Appended:
    """Add the walk's blocks, which begin after the newest one of the dataset.

    Raises what the walk raises, ``DATASET_DIFFERS`` or ``OSError``; the dataset then ends at a day
    that was finished before.
    """
    require_arrow()
    found = reached(folder, walk.genesis.chain_id)
    _clean(folder, found.height)
    day: _Day | None = None
    blocks = files = 0
    for block in walk.blocks():
        if day is not None and day.number != _day_of(block):
            files += day.close()
            found = _record(folder, walk, day, found)
            day = None
        day = day or _Day(folder, walk, block)
        day.take(block)
        blocks += 1
    if day is not None:
        files += day.close()
        found = _record(folder, walk, day, found)
    if blocks or found.height == 0:
        _list(folder, walk)
    return Appended(blocks, files, found)


def _list(folder: Path, walk: Walk) -> None:
    """Write the short tables of the newest state, read in one snapshot."""
    with walk.store.snapshot() as reader:
        state, height = State(reader), reader.head.height if reader.head else 0
        found = [(listing, list(listing.rows(state))) for listing in LISTINGS]
    for listing, rows in found:
        about = _about(walk, listing.name, height, height, len(rows))
        _write(folder / f"{listing.name}.parquet", listing.columns, rows, about)


def _day_of(block: Block) -> int:
    return block.header.time // MS_PER_DAY


class _Day:
    """The parts of one day and one run, one for each table that has rows."""

    def __init__(self, folder: Path, walk: Walk, first: Block) -> None:
        self.number = _day_of(first)
        self.rows: dict[str, int] = {}
        self.last = first
        self._folder = folder
        self._walk = walk
        self._first = first.header.height
        self._parts = {table.name: _Part(self._place(table), table) for table in TABLES}

    def _place(self, table: Table) -> Path:
        day = format_instant(self.number * MS_PER_DAY)[:10]
        return self._folder / table.name / f"day={day}"

    def take(self, block: Block) -> None:
        """Add a block's rows."""
        for table in TABLES:
            part = self._parts[table.name]
            part.add(table.rows(block))
        self.last = block

    def close(self) -> int:
        """Finish the parts and give them their names; how many there are."""
        last = self.last.header.height
        files = 0
        for name, part in self._parts.items():
            about = _about(self._walk, name, self._first, last, part.count)
            files += part.close(f"part-{self._first:010}-{last:010}.parquet", about)
            self.rows[name] = part.count
        return files


class _Part:
    """One file under way, written in row groups beside its final name."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.count = 0
        self._folder = folder
        self._columns = table.columns
        self._rows: list[tuple[Any, ...]] = []
        self._writer: Any = None
        self._temporary = folder / f".part-{os.getpid()}"

    def add(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._rows.extend(rows)
        if len(self._rows) >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow.parquet as pq

        table = arrow(self._columns, self._rows)
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._temporary, table.schema, compression="zstd")
        self._writer.write_table(table)
        self.count += len(self._rows)
        self._rows = []

    def close(self, name: str, about: dict[str, str]) -> int:
        if self._rows:
            self._flush()
        if self._writer is None:
            return 0
        self._writer.add_key_value_metadata(about | {"iic.rows": str(self.count)})
        self._writer.close()
        _settle(self._temporary, self._folder / name)
        return 1


def arrow(columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows as an Arrow table with the types of their columns."""
    import pyarrow as pa

    types = {
        Type.TEXT: pa.string(),
        Type.INTEGER: pa.int64(),
        Type.AMOUNT: pa.decimal128(21, _SCALE),
        Type.INSTANT: pa.timestamp("ms", tz="UTC"),
        Type.FLAG: pa.bool_(),
    }
    fields = [pa.field(c.name, types[c.type], nullable=c.optional) for c in columns]
    arrays = []
    for at, column in enumerate(columns):
        values = [row[at] for row in rows]
        if column.type is Type.AMOUNT:
            values = [Decimal(value).scaleb(-_SCALE) for value in values]
        arrays.append(pa.array(values, types[column.type]))
    return pa.table(arrays, schema=pa.schema(fields))


def _write(
    path: Path, columns: Sequence[Column], rows: Sequence[tuple[Any, ...]], about: dict[str, str]
) -> None:
    import pyarrow.parquet as pq

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    table = arrow(columns, rows).replace_schema_metadata(about)
    pq.write_table(table, temporary, compression="zstd")
    _settle(temporary, path)


def _about(walk: Walk, table: str, first: int, last: int, rows: int) -> dict[str, str]:
    return {
        "iic.format": FORMAT,
        "iic.schema": str(VERSION),
        "iic.network": walk.genesis.network,
        "iic.chain_id": walk.genesis.chain_id.hex(),
        "iic.table": table,
        "iic.first_height": str(first),
        "iic.last_height": str(last),
        "iic.rows": str(rows),
        "iic.time_zone": "UTC",
    }


def _record(folder: Path, walk: Walk, day: _Day, before: Reached) -> Reached:
    """Make a finished day part of the dataset."""
    header = day.last.header
    rows = {name: before.rows.get(name, 0) + count for name, count in day.rows.items()}
    body = {
        "format": FORMAT,
        "schema": VERSION,
        "network": walk.genesis.network,
        "chain_id": walk.genesis.chain_id.hex(),
        "height": header.height,
        "block": day.last.hash.hex(),
        "state_root": header.state_root.hex(),
        "time": format_instant(header.time),
        "time_zone": "UTC",
        "rows": rows,
    }
    path = folder / INDEX
    temporary = path.with_name(f".{INDEX}.{os.getpid()}")
    temporary.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    _settle(temporary, path)
    return Reached(header.height, day.last.hash.hex(), rows)


def _settle(temporary: Path, path: Path) -> None:
    """Give a written file its name, durably."""
    _sync(temporary, os.O_RDONLY)
    temporary.replace(path)
    _sync(path.parent, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clean(folder: Path, height: int) -> None:
    """Remove what an interrupted run left: parts above the dataset's newest block, and scraps."""
    for path in _files(folder):
        if path.name.startswith(".") or (_is_part(path) and _first_of(path) > height):
            path.unlink()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _is_part(path: Path) -> bool:
    hidden = path.name.startswith((".part-", f".{INDEX}", ".parties", ".account_kinds"))
    whole = path.name.startswith("part-") and path.suffix == ".parquet"
    listing = path.stem in {listing.name for listing in LISTINGS}
    return hidden or whole or listing


def _first_of(path: Path) -> int:
    return int(path.name.split("-")[1]) if path.name.startswith("part-") else 0
