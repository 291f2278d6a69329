"""Reference pages of extracts: the schema of the tables, and the chart of accounts."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.extracts.chart import chart, own_root_of
from contracts.extracts.tables import LISTINGS, TABLES, VERSION, Column, Type

_KINDS = {
    Type.TEXT: ("string", "UTF-8"),
    Type.INTEGER: ("int64", ""),
    Type.AMOUNT: ("decimal(21,2)", "in units, two places"),
    Type.INSTANT: ("timestamp[ms, UTC]", ""),
    Type.FLAG: ("boolean", ""),
}


def tables_page() -> str:
    """The schema of the Parquet dataset."""
    lines = [
        "# Parquet tables\n",
        f"Version {VERSION} of the schema; `iic audit export parquet` writes it. Tables with a "
        "height lie in folders `TABLE/day=YYYY-MM-DD`, by block time in UTC; `parties.parquet` and "
        "`account_kinds.parquet` are of the newest block. `dataset.json` says how far a dataset "
        "goes, and the metadata of each file which blocks it holds. Empty cells are null.\n",
    ]
    for table in (*TABLES, *LISTINGS):
        lines += [f"## {table.name}\n", f"{table.meaning}\n", *_columns(table.columns), ""]
    return "\n".join(lines)


def _columns(columns: Sequence[Column]) -> list[str]:
    lines = ["| Column | Type | Meaning |", "| --- | --- | --- |"]
    for column in columns:
        kind, note = _KINDS[column.type]
        optional = " May be null." if column.optional else ""
        told = f"{kind} ({note})" if note else kind
        lines.append(f"| `{column.name}` | {told} | {column.meaning}{optional} |")
    return lines


def chart_page() -> str:
    """The chart of accounts with the root of each kind."""
    lines = [
        "# Chart of accounts\n",
        "An account is `owner/kind` or `owner/kind/reference`. In the ledger a credit raises a "
        "balance; journals of plain-text accounting count debits as positive and name accounts "
        "`Root:OWNER:Kind:REFERENCE`. The roots are seen from the ledger as a whole: money that a "
        "member holds is what the ledger owes it.\n",
        "| Kind | Unit | Side of zero | Root | In its owner's own books | Meaning |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{kind.name}` | {kind.unit.value} | {kind.side.value} | {root.value} | "
        f"{own_root_of(kind).value} | {kind.meaning} |"
        for kind, root in chart()
    ]
    return "\n".join([*lines, ""])
