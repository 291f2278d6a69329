"""Tables as files: CSV for people's tools, Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

from node.explorer.table import Column, Format, machine_columns

MEDIA_TYPES: Final = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@cache
def has_parquet() -> bool:
    """Whether this installation can write Parquet (the extra ``audit``)."""
    return find_spec("pyarrow") is not None


def csv_bytes(columns: Sequence[Column[Any]], rows: Sequence[Sequence[Any]]) -> bytes:
    """RFC 4180 with a header line; flags are ``true`` and ``false``.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(machine_columns(columns))
    formats = _formats(columns)
    writer.writerows(
        [_plain(form, value) for form, value in zip(formats, row, strict=True)] for row in rows
    )
    return text.getvalue().encode()


def _plain(form: Format, value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    risky = isinstance(value, str) and form is not Format.AMOUNT and value[:1] in tuple("=+-@\t\r")
    return f"'{value}" if risky else value


def _formats(columns: Sequence[Column[Any]]) -> list[Format]:
    """The format of each machine column."""
    found = []
    for column in columns:
        found.append(column.format)
        if column.format in (Format.AMOUNT, Format.PARTY):
            found.append(Format.TEXT)
    return found


def parquet_bytes(
    columns: Sequence[Column[Any]], rows: Sequence[Sequence[Any]], about: dict[str, str]
) -> bytes:
    """A Parquet file: amounts are decimals, times UTC timestamps; ``about`` is its metadata."""
    import pyarrow as pa  # noqa: PLC0415  # only a node that offers it pays for it
    import pyarrow.parquet as pq  # noqa: PLC0415

    types = {
        Format.COUNT: pa.int64(),
        Format.PERCENT: pa.int64(),
        Format.FLAG: pa.bool_(),
    }
    arrays = []
    for at, form in enumerate(_formats(columns)):
        values = pa.array([row[at] for row in rows], types.get(form, pa.string()))
        if form is Format.AMOUNT:
            values = values.cast(pa.decimal128(21, 2))
        elif form is Format.INSTANT:
            values = values.cast(pa.timestamp("ms", tz="UTC"))
        arrays.append(values)
    table = pa.table(arrays, names=machine_columns(columns))
    file = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(about), file, compression="zstd")
    return file.getvalue()
