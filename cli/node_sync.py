"""``iic node sync`` and ``iic node snapshot``: joining by a snapshot, and taking one."""

from __future__ import annotations

from pathlib import Path

import click

from cli import output
from cli.node_options import HOME, PASSWORD, password
from cli.output import Exit, Failure
from ledger.errors import CodedError


@click.command()
@HOME
@PASSWORD
@click.option(
    "--snapshot", is_flag=True, required=True, help="Fetch a snapshot; blocks follow when it runs."
)
@click.option(
    "--ahead",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Least number of blocks that the snapshot must be ahead of this node.",
)
@output.json_option
def sync(home: Path, password_file: Path | None, snapshot: bool, ahead: int) -> None:
    """Bring a stopped node near the newest block by a snapshot of its peers.

    Each part is verified against a certificate of the guarantors before it is kept; a peer that
    sends anything else is named in the log and left. Interrupted, the command goes on where it was.
    The blocks that the node held so far are replaced: it then holds the state, all headers, and the
    blocks of the last days.
    """
    import uvloop

    from node import config as configuration
    from node import logs
    from node.config import Home
    from node.joining import session

    assert snapshot
    where = Home(home)
    config = configuration.load(where)
    logs.configure(config.log_level, config.log_format)
    secret = password(where, config, password_file)
    try:
        joined = uvloop.run(session.join(where, config, least_ahead=ahead, password=secret))
    except CodedError as error:
        if error.code.name != "JOIN_FAILED":
            raise
        raise Failure(
            error.code.name,
            error.message,
            Exit.UNREACHABLE,
            hint=f"Every block can be replayed instead: iic node run --home {home}",
        ) from None

    def human() -> None:
        output.done(f"{where.ledger} is at block {joined.height}, in {joined.seconds:.1f} s")
        output.facts(
            [
                ("Received", f"{joined.received:,} bytes, every part verified"),
                ("Blocks held", f"{joined.base} to {joined.height}; headers and history from 0"),
            ]
        )
        output.say(f"Next: iic node run --home {home}")

    output.emit({"home": str(home)} | joined._asdict(), human)


@click.command()
@HOME
@output.json_option
def snapshot(home: Path) -> None:
    """Take a snapshot of a node's newest state now, for others to join from.

    Works on a stopped node and beside a running one. A running node takes its own at every
    multiple of `snapshot_blocks` (node.toml).
    """
    from node.config import Home
    from node.joining.taking import take_snapshot

    where = Home(home)
    if not where.ledger.is_dir():
        raise Failure("FILE_MISSING", f"{where.ledger} is not there", Exit.LOCAL)
    height = take_snapshot(where, patience_s=60.0)
    folder = where.snapshots / str(height)
    size = sum(file.stat().st_size for file in folder.iterdir())
    output.emit(
        {"home": str(home), "height": height, "bytes": size},
        lambda: output.done(f"snapshot of block {height}, {size:,} bytes, in {folder}"),
    )
