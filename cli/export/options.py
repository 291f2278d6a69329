"""Options that exports share: the ledger's genesis file, the store to read, the file to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli import output
from cli.errors import FILE_MISSING
from contracts.extracts.source import StoreSource
from contracts.extracts.walk import Reach
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.store.chain import Store

if TYPE_CHECKING:
    from cli.export.nodes import NodeSource

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

genesis_option = click.option(
    "--genesis", type=FILE, required=True, help="Genesis file of the ledger: all that is trusted."
)
store_option = click.option(
    "--store", type=FOLDER, required=True, help="Folder data/ledger of a node's home, or a copy."
)
one_store_option = click.option("--store", type=FOLDER, help="Folder data/ledger of a node's home.")
node_option = click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="URL",
    help="A node's API instead; repeatable. Without either, the profile's nodes are asked.",
)
out_option = click.option("-o", "--out", type=FILE, required=True, help="File to write.")


def options(*chosen: Callable[[Any], Any]) -> Callable[[F], F]:
    """Several options as one decorator, in the order in which help shows them."""

    def add(command: F) -> F:
        for option in reversed((*chosen, output.json_option)):
            command = option(command)
        return command

    return add


@contextmanager
def opened(store: Path) -> Iterator[Store]:
    """A store, only read, also beside the node that writes it."""
    from ledger.store.disk import open_store

    if not store.is_dir():
        raise CodedError(FILE_MISSING, f"{store} does not exist")
    found = open_store(store, read_only=True)
    try:
        yield found
    finally:
        found.close()


@contextmanager
def sourced(
    store: Path | None, nodes: tuple[str, ...], document: Genesis
) -> Iterator[StoreSource | NodeSource]:
    """Proofs from a store, or from the nodes that were named or that the profile names."""
    if store is not None and nodes:
        raise click.UsageError("name either --store or --node")
    if store is None:
        from cli import profile
        from cli.client import Client
        from cli.export.nodes import NodeSource

        with Client(list(nodes or profile.load().require_nodes())) as client:
            yield NodeSource(client, document)
        return
    with opened(store) as found:
        yield StoreSource(found, document)


def tell_reach(reach: Reach, *files: Path) -> None:
    """Say what was written and how far it goes."""
    body = {
        "network": reach.network,
        "chain_id": reach.chain_id.hex(),
        "from_height": 1,
        "height": reach.height,
        "block": reach.block.hex(),
        "state_root": reach.state_root.hex(),
        "time": {"iso": output.moment(reach.time), "ms": reach.time},
        "time_zone": "UTC",
        "receipts": reach.receipts,
        "transactions": reach.transactions,
        "postings": reach.postings,
        "certified": {
            "epoch": reach.signers.epoch,
            "validators": reach.signers.validators,
            "signers": list(reach.signers.names),
        },
        "files": [str(file) for file in files],
    }

    def human() -> None:
        for file in files:
            output.done(f"written: {file}")
        output.facts(reach.facts())

    output.emit(body, human)
