"""``iic audit export``: a ledger's figures in the formats of people's own tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from cli import output
from cli.export import journals, statements
from cli.export.options import (
    genesis_option,
    options,
    out_option,
    store_option,
    tell_reach,
    walked,
)
from cli.files import write_new
from contracts.extracts.walk import Walk


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


for command in (*statements.COMMANDS, statements.verify_statement):
    export.add_command(command)
