"""``iic node backup|restore|prune``: the life of a node's storage."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from cli import output
from cli.node_options import HOME
from cli.output import Exit, Failure
from ledger.errors import PRUNED, CodedError

_DAY_MS = 86_400_000


@click.command()
@HOME
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--with-keys",
    is_flag=True,
    help="Copy the node's keys too: whoever has the backup can then be this node.",
)
@output.json_option
def backup(home: Path, folder: Path, with_keys: bool) -> None:
    """Write a verified backup of a node into FOLDER, while it runs.

    The copy is of one block, compact, and holds no vote. It is refused if the store grows too much
    while it is read, so that a backup never fills a node's disk.
    """
    from cli.node import check_folder
    from node import backup as backups
    from node.config import Home

    made = backups.make(Home(home), folder, with_keys=with_keys)
    findings = check_folder(folder / backups.LEDGER, signatures=False)
    wrong = [f for f in findings if "where" in f and not f["note"]]
    (folder / backups.LEDGER / "lock.mdb").unlink(missing_ok=True)
    if wrong:
        raise Failure(
            "BAD_BACKUP",
            f"the copy is not sound: {wrong[0]['where']}: {wrong[0]['what']}",
            Exit.VIOLATION,
            hint=f"Check the node's own store: iic node check --home {home}",
        )

    def human() -> None:
        output.done(f"backup of block {made.height}, {made.bytes:,} bytes, sound, in {folder}")
        keys = "the node's keys are in it: keep it as you keep them" if with_keys else "none"
        output.facts([("Block", made.block), ("SHA-256", made.sha256), ("Keys", keys)])

    output.emit({"folder": str(folder)} | made._asdict(), human)


@click.command()
@HOME
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--replace", is_flag=True, help="Replace a newer store, which is then lost.")
@output.json_option
def restore(home: Path, folder: Path, replace: bool) -> None:
    """Put the store of the backup FOLDER into a stopped node's home.

    The node catches up from its peers when it runs. If its votes are not there any more, it starts
    as an observer; `iic node activate` lets it vote again.
    """
    from node import backup as backups
    from node.config import Home

    restored = backups.restore(folder, Home(home), replace=replace)
    output.emit(
        {"home": str(home)} | restored._asdict(),
        lambda: output.done(f"{home} is at block {restored.height}; next: iic node run"),
    )


@click.command()
@HOME
@click.option("--keep-blocks", type=click.IntRange(1), help="Newest blocks to keep whole.")
@click.option("--keep-days", type=click.IntRange(1), help="Days to keep whole, by block time.")
@click.option(
    "--archive",
    type=click.Path(path_type=Path),
    help="First write all blocks that the node holds there, as `iic audit export archive` does.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@output.json_option
def prune(
    home: Path,
    keep_blocks: int | None,
    keep_days: int | None,
    archive: Path | None,
    dry_run: bool,
) -> None:
    """Give up old transactions and receipts of a stopped node, and the disk space they take.

    Headers, history, changes of validators and the whole state stay, and with them every proof of
    the state and of what is kept. Blocks of which a transaction could still be sent again are
    always kept. At least one node, or an archive, should hold the rest.
    """
    from node.config import Home
    from node.pruning import plan, prune_home

    if (keep_blocks is None) == (keep_days is None):
        raise click.UsageError("say either --keep-blocks or --keep-days")
    where = Home(home)
    if not where.ledger.is_dir():
        raise Failure("FILE_MISSING", f"{where.ledger} is not there", Exit.LOCAL)
    planned = plan(where, keep_blocks=keep_blocks, keep_ms=keep_days and keep_days * _DAY_MS)
    if archive is not None and not dry_run:
        _archive(where.ledger, archive, where.genesis)
    if dry_run or planned.base <= planned.was:
        freed, removed, size = 0, 0, shutil.disk_usage(home).free
    else:
        removed, freed, size = prune_home(where, planned.base)
    body = {
        "home": str(home),
        "head": planned.head,
        "base_before": planned.was,
        "base": planned.base if not dry_run else planned.was,
        "would_be": planned.base,
        "records_removed": removed,
        "freed_bytes": freed,
    }

    def human() -> None:
        if dry_run:
            output.say(f"blocks below {planned.base} would go; the node holds {planned.was} on")
            return
        output.done(f"blocks {planned.base} to {planned.head} are whole, headers from 0")
        output.facts([("Records removed", f"{removed:,}"), ("Bytes freed", f"{freed:,}")])
        if freed:
            output.facts([("Store now", f"{size:,} bytes")])

    output.emit(body, human)


def _archive(store: Path, target: Path, genesis: Path) -> None:
    """Everything that the store holds, for whoever asks for it later."""
    from cli.auditing.export import write
    from cli.auditing.source import StoreSource, open_source
    from ledger.genesis import load

    if target.exists():
        raise CodedError(PRUNED, f"{target} exists; nothing was pruned")
    with open_source(store) as source:
        assert isinstance(source, StoreSource)
        write(source, target, load(genesis), every=0, taken=lambda _: None)
