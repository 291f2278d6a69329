"""``iic audit export``: a ledger's figures in the formats of people's own tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from cli import output
from cli.errors import DATASET_DIFFERS
from cli.export import journals, own, statements
from cli.export.journals import Journal, WholeLedger
from cli.export.options import (
    FOLDER,
    genesis_option,
    node_option,
    one_store_option,
    opened,
    options,
    out_option,
    sourced,
    store_option,
    tell_reach,
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


def _command(name: str, form: Callable[[Journal], Iterator[str]], meaning: str) -> click.Command:
    @click.command(name, help=meaning)
    @options(one_store_option, node_option, genesis_option, out_option)
    @click.option(
        "--party", metavar="NAME|LEI", help="Only its own books, as its accountant sees them."
    )
    def command(
        store: Path | None, nodes: tuple[str, ...], genesis: Path, out: Path, party: str | None
    ) -> None:
        document = load(genesis)
        if party is not None:
            with sourced(store, nodes, document) as source:
                lei = statements.party_of(source, party)
                books = own.OwnBooks(own.gather(source, lei), lei)
            write_new(out, (line.encode() for line in form(books)))
            _tell_own(out, books.facts())
            return
        if store is None:
            raise click.UsageError("the whole ledger is read from --store; a node gives --party")
        with opened(store) as found:
            walk = Walk(found, document)
            write_new(out, (line.encode() for line in form(WholeLedger(walk))))
            tell_reach(walk.reach(), out)

    return command


def _tell_own(out: Path, facts: list[tuple[str, str]]) -> None:
    def human() -> None:
        output.done(f"written: {out}")
        output.facts(facts)

    keys = {name.lower().replace(",", "").replace(" ", "_"): value for name, value in facts}
    output.emit({"file": str(out)} | keys, human)


export.add_command(
    _command(
        "beancount",
        journals.beancount,
        "The whole ledger, or a party's books, for beancount; `bean-check` holds the balances.",
    )
)
export.add_command(
    _command(
        "hledger",
        journals.hledger,
        "The whole ledger, or a party's books, for hledger; `hledger check` holds the balances.",
    )
)


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


for command in statements.COMMANDS:
    export.add_command(command)
