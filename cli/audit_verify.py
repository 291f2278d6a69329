"""``iic audit verify|import|export archive``: whole ledgers, from the genesis file alone."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import output
from cli.errors import BAD_MOMENT, FILE_EXISTS
from cli.output import Exit
from contracts.violations import MEANINGS, Check, Violated, Violation
from ledger.errors import BAD_ARCHIVE, CodedError
from ledger.genesis import Genesis, load

if TYPE_CHECKING:
    from cli.auditing.source import StoreSource
    from ledger.archive import Archive

_PATH = click.Path(path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_GENESIS = click.option(
    "--genesis", type=_FILE, required=True, help="Genesis file of the ledger: all that is trusted."
)
_QUIET = click.option("-q", "--quiet", is_flag=True, help="Print nothing if nothing is wrong.")
_SHOWN = 20


def _list_checks(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if not value:
        return
    output.emit(
        [{"check": str(check), "means": means} for check, means in MEANINGS.items()],
        lambda: output.table(
            ("CHECK", "WHAT HOLDS"), [(str(check), means) for check, means in MEANINGS.items()]
        ),
    )
    ctx.exit()


@click.command("verify")
@click.argument("ledger", type=_PATH, metavar="EXPORT|STORE")
@_GENESIS
@click.option(
    "--jobs", type=click.IntRange(1, 256), help="Processes to use.  [default: one per core]"
)
@click.option(
    "--progress",
    "folder",
    type=_PATH,
    help="Where to keep progress, for another attempt.  [default: EXPORT.verify]",
)
@click.option(
    "--after",
    default="",
    metavar="LEDGER",
    help="What an archive that starts later goes on after: an archive, a store or a node.",
)
@click.option("--again", is_flag=True, help="Forget what earlier attempts verified.")
@output.json_option
@click.option(
    "--list-checks",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_checks,
    help="Name every check and end.",
)
@_QUIET
def verify(
    ledger: Path,
    genesis: Path,
    jobs: int | None,
    folder: Path | None,
    after: str,
    again: bool,
    quiet: bool,
) -> None:
    """Verify a whole ledger, from the genesis file alone.

    EXPORT is an archive of `iic audit export archive`; STORE is the folder `data/ledger` of a node,
    or a copy of one, and is only read, also beside a running node. Every block is executed again:
    each signature, certificate, transition, receipt and root is compared, and the sixteen
    invariants are checked. Exit status 1 if something is wrong; the first fault is named by block
    and receipt.

    An archive that starts later (`export archive --from`) is verified from the checkpoint that it
    begins with, if LEDGER proves the block below final (`--after`); verify that ledger too.

    An attempt that was interrupted goes on where it ended.
    """
    from cli.auditing.progress import Resume
    from cli.auditing.source import open_source
    from cli.auditing.verify import identity_of
    from cli.auditing.workers import cores

    document = load(genesis)
    started = time.monotonic()
    with ending_at_a_fault(), open_source(ledger) as source:
        place = folder or ledger.absolute().with_name(f"{ledger.absolute().name}.verify")
        resume = Resume(place, identity_of(source, document))
        if again:
            resume.forget()
            resume = Resume(place, identity_of(source, document))
        body = _verified(source, document, jobs or cores(), resume, after, quiet)
        resume.forget()
    body["seconds"] = round(time.monotonic() - started, 3)
    if not quiet:
        output.emit(body, lambda: _tell(body, document))


def _verified(
    source: Archive | StoreSource,
    genesis: Genesis,
    jobs: int,
    resume: Any,
    after: str,
    quiet: bool,
) -> dict[str, Any]:
    from cli.auditing.source import StoreSource
    from cli.auditing.verify import verify_archive, verify_store

    body: dict[str, Any] = {"verified": True, "chain_id": genesis.chain_id.hex()}
    if isinstance(source, StoreSource):
        if source.first == 1:  # else it is refused below, whatever its records say
            _check_store(source)
        found = verify_store(source, genesis, jobs=jobs, resume=resume, quiet=quiet)
        body["uncertified_blocks"] = source.height - source.last
    else:
        found = verify_archive(source, genesis, jobs=jobs, resume=resume, after=after, quiet=quiet)
        body["first"] = source.manifest.first
        body["archive"] = source.manifest.digest().hex()
    return body | {
        "height": found.height,
        "transactions": found.transactions,
        "replayed": found.replayed,
        "checks": [str(check) for check in MEANINGS],
    }


def _check_store(source: StoreSource) -> None:
    """Hold a store's records against their checksums, its indexes and state against its blocks."""
    from ledger.store.check import check

    wrong = [finding for finding in check(source.store, signatures=False) if not finding.note]
    if wrong:
        raise Violated(
            Violation(Check.STORE, _height_of(f.where), f"{f.where}: {f.what}") for f in wrong
        )


def _height_of(where: str) -> int:
    words = where.replace(",", " ").split()
    return int(words[1]) if words[0] == "block" and words[1].isdigit() else 0


@contextmanager
def ending_at_a_fault() -> Iterator[None]:
    """Tell a fault and end the command with status 1."""
    try:
        yield
    except Violated as error:
        violations = error.violations
    except CodedError as error:
        if error.code is not BAD_ARCHIVE:
            raise
        violations = (Violation(Check.ARCHIVE, 0, error.message, object=error.field),)
    else:
        return
    body = {"verified": False, "faults": [_as_json(violation) for violation in violations]}
    output.emit(body, lambda: _tell_faults(violations))
    output.finish(Exit.VIOLATION)


def _as_json(violation: Violation) -> dict[str, Any]:
    return {
        "check": str(violation.check),
        "height": violation.height,
        "receipt": violation.position,
        "object": violation.object,
        "what": violation.what,
        "certified": violation.certified,
    }


def _tell_faults(violations: tuple[Violation, ...]) -> None:
    for violation in violations[:_SHOWN]:
        output.say(f"✗ {violation}")
    if len(violations) > _SHOWN:
        output.say(f"  and {len(violations) - _SHOWN} more; --json shows all")
    first = violations[0]
    who = (
        "a quorum of the guarantors signed this"
        if first.certified
        else "no quorum signed this: what you were given is not the ledger"
    )
    facts = [("Check", f"{first.check}: {MEANINGS[first.check]}"), ("Whose fault", who)]
    if first.object:
        facts.append(("Object", first.object))
    output.facts(facts)


def _tell(body: dict[str, Any], genesis: Genesis) -> None:
    speed = body["replayed"] / body["seconds"] if body["seconds"] else 0
    first = body.get("first", 1)
    what = f"{body['height']:,} blocks" if first == 1 else f"blocks {first:,} to {body['height']:,}"
    output.done(f"verified: {what}, {body['transactions']:,} transactions")
    facts = [
        ("Ledger", f"{genesis.network} {genesis.chain_id.hex()}"),
        ("Replayed now", f"{body['replayed']:,} in {body['seconds']:.1f} s, {speed:,.0f}/s"),
    ]
    if body.get("uncertified_blocks"):
        facts.append(("Not verified", f"{body['uncertified_blocks']} newest blocks, not final yet"))
    output.facts(facts)


@click.command("archive")
@click.argument("store", type=click.Path(file_okay=False, path_type=Path))
@click.argument("path", type=_PATH, metavar="FILE|FOLDER")
@_GENESIS
@click.option(
    "--checkpoint-every",
    "every",
    type=click.IntRange(0),
    default=100_000,
    show_default=True,
    help="Transactions between two checkpoints; 0 for none.",
)
@click.option(
    "--from",
    "start",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="The first block; what lies below is in an earlier archive.",
)
@_QUIET
@output.json_option
def archive(store: Path, path: Path, genesis: Path, every: int, start: int, quiet: bool) -> None:
    """Write all final blocks of a node's store as an archive that verifies anywhere.

    A name that ends in `.iic` becomes one file, any other a folder. With checkpoints the archive
    verifies on all cores side by side and past states are quick to reach; they cost executing every
    block once, and as much space each as the state. STORE is only read.
    """
    from cli.auditing.export import write
    from cli.auditing.progress import Meter
    from cli.auditing.source import StoreSource, open_source, require_beginning

    document = load(genesis)
    if path.exists():
        raise CodedError(FILE_EXISTS, f"{path} exists")
    with open_source(store) as source:
        if not isinstance(source, StoreSource):
            raise CodedError(BAD_ARCHIVE, f"{store} is an archive already")
        _require_ledger(source, document)
        require_beginning(source.first, store, "export from a node that holds all blocks")
        if start > source.last:
            raise CodedError(BAD_MOMENT, f"the newest final block is {source.last}")
        meter = Meter(_recorded(source), quiet=quiet)
        try:
            manifest = write(source, path, document, every=every, start=start, taken=meter.advance)
        finally:
            meter.end()
    body = {
        "archive": str(path),
        "digest": manifest.digest().hex(),
        "first": manifest.first,
        "last": manifest.last,
        "transactions": manifest.transactions,
        "parts": len(manifest.parts),
        "checkpoints": len(manifest.checkpoints()),
        "bytes": sum(part.size for part in manifest.parts),
    }
    if not quiet:
        output.emit(
            body,
            lambda: output.done(
                f"{path}: blocks {manifest.first} to {manifest.last}, "
                f"{manifest.transactions:,} transactions, {len(manifest.parts)} parts, "
                f"{body['checkpoints']} checkpoints, {body['bytes']:,} bytes"
            ),
        )


def _require_ledger(source: StoreSource, genesis: Genesis) -> None:
    from ledger.errors import BAD_GENESIS

    head = source.reader.head
    if head is None or head.chain_id != genesis.chain_id:
        raise CodedError(
            BAD_GENESIS, f"the genesis file is not that of the ledger in {source.path}"
        )


def _recorded(source: StoreSource) -> int:
    headers = (source.reader.header(height) for height in range(1, source.last + 1))
    return sum(header.transactions for header in headers if header is not None)


@click.command("import")
@click.argument("archive", type=_PATH, metavar="FILE|FOLDER")
@click.argument("store", type=click.Path(file_okay=False, path_type=Path))
@_GENESIS
@click.option(
    "--after",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="STORE",
    help="The store that an archive which starts later goes on from; it is left as it is.",
)
@_QUIET
@output.json_option
def import_archive(
    archive: Path, store: Path, genesis: Path, after: Path | None, quiet: bool
) -> None:
    """Make a node's store from an archive, verifying every block on the way.

    STORE is made whole or not at all; a node that is started on it goes on from there. With
    `--after` it begins as a copy of another store, whose own blocks are believed, and the archive's
    blocks above them are added.
    """
    from cli.auditing.importing import fill
    from cli.auditing.progress import Meter
    from cli.auditing.workers import cores
    from ledger.archive import open_archive

    document = load(genesis)
    if store.exists():
        raise CodedError(FILE_EXISTS, f"{store} exists")
    work = store.with_name(f".{store.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    with ending_at_a_fault():
        opened = open_archive(archive)
        meter = Meter(opened.manifest.transactions, quiet=quiet)
        try:
            height = fill(work, opened, document, jobs=cores(), after=after, taken=meter.advance)
            os.rename(work, store)  # noqa: PTH104 - fails if somebody made it meanwhile
        finally:
            meter.end()
            shutil.rmtree(work, ignore_errors=True)
    body = {"store": str(store), "height": height, "transactions": opened.manifest.transactions}
    if not quiet:
        output.emit(body, lambda: output.done(f"{store}: verified up to block {height}"))
