"""Backups of a node: what is copied, what a backup says of itself, and restoring one.

A backup is a folder::

    backup.json          what it is: ledger, height, block hash, sizes and digests
    genesis.json         the genesis document
    node.toml            the configuration
    ledger/data.mdb      a compact copy of the store
    keys/                the node's keys, only if that was asked for

The vote journal is never part of it: votes of an earlier day would let a restored node contradict
those it cast since. A node restored from a backup that holds its keys therefore starts as an
observer and votes again only after ``iic node activate``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from ledger.errors import BAD_BACKUP, CodedError
from ledger.store import copying
from ledger.store.copying import DATA
from ledger.store.disk import open_store
from ledger.store.files import rename_durably, sync_folder, write_durably
from node import continuity
from node.config import Home
from node.founding import read_genesis
from node.identity import KEYS
from node.joining import swap

FORMAT = "iic.backup/1"
MANIFEST = "backup.json"
LEDGER = "ledger"


class Backup(NamedTuple):
    """What a backup says of itself. ``keys`` tells whether it holds the node's keys."""

    chain_id: str
    height: int
    block: str
    base: int
    bytes: int
    sha256: str
    keys: bool


def make(home: Home, folder: Path, *, with_keys: bool = False) -> Backup:
    """Write a backup of a node, running or not, into a new folder.

    Raises ``BAD_BACKUP`` if the folder exists, and what :func:`ledger.store.copying.copy` and
    opening raise. The folder appears only when everything in it is durable.
    """
    if folder.exists():
        raise CodedError(BAD_BACKUP, f"{folder} exists; a backup is never written over another")
    genesis = read_genesis(home)
    partial = folder.with_name(folder.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    size = copying.copy(home.ledger, partial / LEDGER)
    height, block, base = _standing(partial / LEDGER, genesis.chain_id)
    for file in (home.genesis, home.config):
        write_durably(partial / file.name, [file.read_bytes()])
    if with_keys:
        shutil.copytree(home.path / KEYS, partial / KEYS)
    sha256 = copying.digest(partial / LEDGER / DATA)
    made = Backup(genesis.chain_id.hex(), height, block, base, size, sha256, with_keys)
    text = json.dumps({"format": FORMAT} | made._asdict(), indent=2) + "\n"
    write_durably(partial / MANIFEST, [text.encode()])
    rename_durably(partial, folder)
    return made


def read(folder: Path) -> Backup:
    """What a backup says of itself; raises ``BAD_BACKUP`` if it says nothing that can be read."""
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        if found.pop("format") != FORMAT:
            raise CodedError(BAD_BACKUP, f"{folder} has another format than {FORMAT}")
        return Backup(**found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CodedError(BAD_BACKUP, f"{folder} holds no {MANIFEST} of a backup") from None


def verify(folder: Path) -> Backup:
    """As :func:`read`, the copy held against its digest; raises ``BAD_BACKUP``."""
    said = read(folder)
    data = folder / LEDGER / DATA
    if not data.is_file() or copying.digest(data) != said.sha256:
        raise CodedError(BAD_BACKUP, f"{data} is not the file that was written here")
    return said


def restore(folder: Path, home: Home, *, replace: bool = False) -> Backup:
    """Put a backup's store into a node's home; the node must not run.

    A home that has no configuration gets the backup's, and its keys if the backup holds them. A
    newer store is replaced only if ``replace`` is set. Raises ``BAD_BACKUP`` or ``STORE_LOCKED``.
    """
    said = verify(folder)
    if home.genesis.is_file() and read_genesis(home).chain_id.hex() != said.chain_id:
        raise CodedError(BAD_BACKUP, f"{home.path} belongs to another ledger than the backup")
    if not (home.path / KEYS).is_dir() and not said.keys:
        raise CodedError(
            BAD_BACKUP,
            f"neither {home.path} nor the backup holds the node's keys; restore into the home that "
            "has them, or make a backup with keys",
        )
    swap.finish(home)
    if (home.ledger / DATA).is_file():
        _require_older(home, said, replace)
    home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in (home.genesis, home.config):
        if not file.is_file():
            write_durably(file, [(folder / file.name).read_bytes()])
    if not (home.path / KEYS).is_dir():
        shutil.copytree(folder / KEYS, home.path / KEYS)
        continuity.adopt(home, "this home was made from a backup with its keys")
    partial = home.joined.with_name(home.joined.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write_durably(partial / DATA, _chunks(folder / LEDGER / DATA))
    rename_durably(partial, home.joined)
    swap.finish(home)
    sync_folder(home.path)
    return said


def _require_older(home: Home, said: Backup, replace: bool) -> None:
    store = open_store(home.ledger)  # refuses a store that is open elsewhere
    try:
        head = store.head
    finally:
        store.close()
    if head is not None and head.height > said.height and not replace:
        raise CodedError(
            BAD_BACKUP,
            f"{home.ledger} is at block {head.height}, the backup at {said.height}; "
            "say --replace if the newer store is to be given up",
        )


def _chunks(path: Path) -> Any:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def _standing(ledger: Path, chain_id: bytes) -> tuple[int, str, int]:
    """Height, block hash and base of a copy that is this ledger's."""
    store = open_store(ledger, read_only=True)
    try:
        head = store.head
        if head is None or head.chain_id != chain_id:
            raise CodedError(BAD_BACKUP, f"{ledger} is no copy of this ledger's store")
        return head.height, head.hash().hex(), store.base
    finally:
        store.close()
        (ledger / "lock.mdb").unlink(missing_ok=True)
