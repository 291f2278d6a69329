"""Block 0: the state that a genesis document describes, in a new store.

Making it takes much memory once: all members decoded, encoded and hashed. A node that is to run for
months has that done by a process of its own (``python -m node.founding HOME``), which gives the
memory back to the system when it ends.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from contracts.genesis import initial_state, readable
from ledger import genesis as genesis_file
from ledger.errors import BAD_GENESIS, CodedError
from ledger.genesis import Genesis
from ledger.store.chain import Store, first_block
from ledger.store.disk import open_store
from node.config import Home
from node.joining import swap


def found_apart(home: Home) -> None:
    """Found a new store in another process. What fails there fails again, and is told, here."""
    if not (home.ledger / "data.mdb").exists():
        subprocess.run(  # noqa: S603  # this interpreter, on a path that the operator named
            [sys.executable, "-P", "-m", "node.founding", str(home.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


def open_founded(home: Home, genesis: Genesis) -> Store:
    """Open a home's store; a new one starts with block 0.

    Raises ``BAD_GENESIS``, ``STORE_LOCKED``, ``STORE_CORRUPT``, ``STORE_FULL`` or ``OSError``.
    """
    swap.finish(home)
    home.ledger.mkdir(parents=True, exist_ok=True)
    store = open_store(home.ledger)
    try:
        if store.head is None:
            store.commit(first_block(genesis, initial_state(genesis)))
    except BaseException:
        store.close()
        raise
    return store


def read_genesis(home: Home) -> Genesis:
    """The home's genesis document, approved by all; raises ``BAD_GENESIS`` and others."""
    if not home.genesis.is_file():
        raise CodedError(
            BAD_GENESIS,
            f"{home.genesis} is not there; the ceremony is explained by: iic genesis --help",
        )
    return genesis_file.load(home.genesis, readable)


def main() -> None:
    """Run as a child process."""
    home = Home(Path(sys.argv[1]))
    open_founded(home, read_genesis(home)).close()


if __name__ == "__main__":
    main()
