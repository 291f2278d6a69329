"""``iic audit export``: a ledger's figures in the formats of people's own tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from cli import output
from cli.errors import DATASET_DIFFERS
from cli.export import journals, statements
from cli.export.options import (
    FOLDER,
    genesis_option,
    opened,
    options,
    out_option,
    store_option,
    tell_reach,
    walked,
)
from cli.files import write_new
from contracts.extracts.walk import Walk
from ledger.errors import CodedError
from ledger.genesis import load


@click.group("export", cls=output.Group)
def export() -> None:
    """Write the ledger for other programs: journals, tables, statements.

    Whatever is written was verified first, from the genesis file alone, and says how far it goes.
    An export that cannot be complete is not written.
    """


def _journal(store: Path, genesis: Path, out: Path, form: Callable[[Walk], Iterator[str]]) -> None:
    with walked(store, genesis) as walk:
        write_new(out, (line.encode() for line in form(walk)))
        tell_reach(walk.reach(), out)


@export.command("beancount")
@options(store_option, genesis_option, out_option)
def beancount(store: Path, genesis: Path, out: Path) -> None:
    """The whole ledger as a beancount journal; `bean-check` holds its balances."""
    _journal(store, genesis, out, journals.beancount)


@export.command("hledger")
@options(store_option, genesis_option, out_option)
def hledger(store: Path, genesis: Path, out: Path) -> None:
    """The whole ledger as an hledger journal; `hledger check --strict` holds its balances."""
    _journal(store, genesis, out, journals.hledger)


@export.command("parquet")
@click.argument("folder", type=FOLDER)
@options(store_option, genesis_option)
def parquet(folder: Path, store: Path, genesis: Path) -> None:
    """The whole ledger as a Parquet dataset in FOLDER, partitioned by day.

    A dataset that is there is continued: only new blocks are added, and running it again changes
    nothing. The tables are described in docs/reference/parquet.md.
    """
    from cli.export import dataset

    dataset.require_arrow()
    document = load(genesis)
    found = dataset.reached(folder, document.chain_id)
    with opened(store) as reader:
        if found.height:
            header = reader.header(found.height)
            if header is None or header.hash().hex() != found.block:
                raise CodedError(
                    DATASET_DIFFERS,
                    f"block {found.height} of the dataset is not in the store: it is shorter, or "
                    "another ledger",
                )
        folder.mkdir(parents=True, exist_ok=True)
        done = dataset.append(folder, Walk(reader, document, since=found.height))
    body = done.reached._asdict() | {
        "network": document.network,
        "chain_id": document.chain_id.hex(),
        "time_zone": "UTC",
        "added_blocks": done.blocks,
        "added_files": done.files,
        "folder": str(folder),
    }

    def human() -> None:
        output.done(f"{folder}: {done.blocks} blocks added in {done.files} files")
        output.facts([("Newest block", done.reached.height), *done.reached.rows.items()])

    output.emit(body, human)


for command in (*statements.COMMANDS, statements.verify_statement):
    export.add_command(command)
