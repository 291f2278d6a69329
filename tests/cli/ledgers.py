"""Small generated ledgers on disk, for tests of what reads and verifies whole ledgers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from cli.bench.accounts import Account, account
from cli.bench.bulk import fill, genesis_of
from cli.main import main
from ledger.genesis import Genesis, dump
from ledger.store.disk import open_store


class OnDisk(NamedTuple):
    """A store, its genesis file, and what is in them."""

    store: Path
    genesis_file: Path
    genesis: Genesis
    accounts: list[Account]


def on_disk(folder: Path, transactions: int = 24, accounts: int = 4, per_block: int = 4) -> OnDisk:
    """A ledger of four guarantors with some payments, in a folder that exists."""
    parties = [account(1_000 + number) for number in range(accounts)]
    file = genesis_of(parties)
    path = folder / "genesis.json"
    path.write_text(dump(file), encoding="utf-8")
    store = open_store(folder / "ledger")
    try:
        fill(store, file.genesis, parties, transactions, per_block=per_block)
    finally:
        store.close()
    return OnDisk(folder / "ledger", path, file.genesis, parties)


class Result(NamedTuple):
    """What a command said."""

    code: int
    out: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


def iic(*arguments: object) -> Result:
    """Run a command in this process."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Result(result.exit_code, result.stdout)


PYTHON = sys.executable
