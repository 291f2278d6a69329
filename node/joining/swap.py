"""A new store takes the ledger's place, whatever happens in between.

A store that was joined or compacted lies complete beside the ledger (``Home.joined``). Two renames
put it in its place; a node killed between them finds out at its next start and goes on.
"""

from __future__ import annotations

import shutil

from ledger.store.files import rename_durably
from node.config import Home

_OLD = "replaced"


def finish(home: Home) -> None:
    """Carry out the rename that an interrupted join still owes; harmless at any other time."""
    old = home.ledger.with_name(_OLD)
    if home.joined.is_dir():
        if home.ledger.is_dir():
            shutil.rmtree(old, ignore_errors=True)
            rename_durably(home.ledger, old)
        rename_durably(home.joined, home.ledger)
    if home.ledger.is_dir():
        shutil.rmtree(old, ignore_errors=True)
