"""``iic audit invariants``: the sixteen invariants on a node's store, from genesis to its head.

Stands on the ledger layer and the contracts, and imports nothing of the node.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cli import output
from cli.errors import FILE_MISSING
from cli.output import Exit
from contracts.history import Chain, audit_history
from contracts.invariants import PROMISES, Finding, Promise, broken
from ledger.errors import STORE_CORRUPT, CodedError
from ledger.genesis import load
from ledger.state import State
from ledger.store.interface import ChainReader

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_SHOWN = 20
"""So many violations are shown to people; ``--json`` has all."""


@click.command("invariants")
@click.argument("store", type=_FOLDER)
@click.option("--genesis", type=_FILE, help="Genesis file: also execute every block again.")
@click.option("--no-signatures", is_flag=True, help="Skip members' signatures: much faster.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing if all hold.")
@output.json_option
def invariants(store: Path, genesis: Path | None, no_signatures: bool, quiet: bool) -> None:
    """Check the sixteen invariants on a node's store, or on a copy of one.

    STORE is the folder `data/ledger` of a node's home. It is only read, also beside a running
    node. Exit status 1 if an invariant is broken: its number, the check and the object are named.

    With --genesis everything is computed again from the genesis file, so nothing that the store
    says is believed. Without it, the newest state is checked and held against all receipts.
    """
    from ledger.store.disk import open_store

    if not store.is_dir():
        raise CodedError(FILE_MISSING, f"{store} does not exist")
    document = None if genesis is None else load(genesis)
    opened = open_store(store, read_only=True)
    try:
        with opened.snapshot() as reader:
            height = _head(store, reader, None if document is None else document.chain_id)
            state = State(reader)
            chain = Chain(height, reader.header, reader.rows, reader.certificate)
            history = audit_history(chain, state, document, signatures=not no_signatures)
            findings = list(_findings(broken(state), history))
    finally:
        opened.close()
    replayed = document is not None
    body = {
        "store": str(store),
        "height": height,
        "replayed": replayed,
        "holding": sum(not _of(promise, findings) for promise in PROMISES),
        "invariants": [_as_json(promise, _of(promise, findings)) for promise in PROMISES],
    }
    if findings or not quiet:
        output.emit(body, lambda: _tell(height, findings, replayed=replayed))
    if findings:
        output.finish(Exit.VIOLATION)


def _head(store: Path, reader: ChainReader, chain_id: bytes | None) -> int:
    head = reader.head
    if head is None:
        raise CodedError(STORE_CORRUPT, f"{store} holds no ledger")
    if chain_id not in {None, head.chain_id}:
        raise CodedError(
            STORE_CORRUPT,
            f"{store} holds ledger {head.chain_id.hex()[:16]}, the genesis file makes another",
        )
    return head.height


def _findings(*sources: Iterator[Finding]) -> Iterator[Finding]:
    """All findings; a record that cannot be read is one of invariant 16."""
    for source in sources:
        try:
            yield from source
        except CodedError as error:
            yield Finding(16, "readable", str(error))


def _of(promise: Promise, findings: list[Finding]) -> list[Finding]:
    """The findings that break an invariant: its own, and those of checks it shares."""
    shared = {name for name, _ in promise.checks}
    return [f for f in findings if f.number == promise.number or f.check in shared]


def _as_json(promise: Promise, findings: list[Finding]) -> dict[str, Any]:
    return {
        "number": promise.number,
        "name": promise.name,
        "says": promise.says,
        "checks": [name for name, _ in promise.checks],
        "history": promise.history,
        "holds": not findings,
        "violations": [{"check": f.check, "what": f.what} for f in findings],
    }


def _tell(height: int, findings: list[Finding], *, replayed: bool) -> None:
    rows = []
    for promise in PROMISES:
        wrong = _of(promise, findings)
        checks = len(promise.checks) + bool(promise.history)
        rows.append((promise.number, promise.name, checks, "BROKEN" if wrong else "holds"))
    output.table((("No", "right"), "INVARIANT", ("CHECKS", "right"), "RESULT"), rows)
    how = "executed again from genesis" if replayed else "by its state and receipts"
    if not findings:
        output.done(f"{len(PROMISES)} invariants hold at height {height}, {how}")
        return
    for finding in findings[:_SHOWN]:
        output.say(f"✗ {finding}")
    if len(findings) > _SHOWN:
        output.say(f"  and {len(findings) - _SHOWN} more; --json shows all")
