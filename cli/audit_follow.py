"""``iic audit follow``: a node of one's own that verifies everything and serves the explorer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import platformdirs

from cli import output
from cli.output import Exit, Failure
from ledger.errors import BAD_GENESIS, CodedError
from ledger.genesis import load

if TYPE_CHECKING:
    from node.follower.service import FollowerConfig, Outcome

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.command("follow")
@click.option("--genesis", type=_FILE, required=True, help="Genesis file of the ledger.")
@click.option(
    "--peer",
    "peers",
    metavar="URL",
    multiple=True,
    required=True,
    help="A node's API; give several.",
)
@click.option("--home", type=_FOLDER, help="Where the verified ledger is kept.")
@click.option(
    "--api",
    metavar="HOST:PORT",
    default="127.0.0.1:8090",
    show_default=True,
    help="Where the API and the explorer are served; empty for nowhere.",
)
@click.option("--once", is_flag=True, help="Catch up, compare all peers, report, end.")
@click.option(
    "--stop-on-alarm", is_flag=True, help="End at the first alarm instead of watching on."
)
@click.option("--workers", type=click.IntRange(0, 64), default=0, help="Verification processes.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@output.json_option
def follow(
    genesis: Path,
    peers: tuple[str, ...],
    home: Path | None,
    api: str,
    once: bool,
    stop_on_alarm: bool,
    workers: int,
    log_level: str | None,
) -> None:
    """Run a node without a vote that trusts nobody: for auditors, and members who want to know.

    It needs the genesis file and the public API of one node or several, and no admission. It
    verifies each signature, certificate, transition, root and invariant itself, keeps its own
    ledger, holds all peers against each other, and serves the API and the explorer.

    A violation that a quorum signed, or a forked ledger, freezes it: it serves what it verified
    before. A peer that shows what no quorum signed, and a guarantor that contradicts itself, are
    alarms too, and it watches on. Exit code 1 if there was an alarm in this run; with --once 4 if
    peers claim blocks that none of them shows, 5 if none was reached.
    """
    from node.follower.service import FollowerConfig

    document = load(genesis)
    where = home or platformdirs.user_data_path("iic") / "follower" / document.chain_id.hex()[:16]
    for peer in peers:
        if not peer.startswith(("http://", "https://")):
            raise click.BadParameter(
                f"{peer} is no http:// or https:// address", param_hint="--peer"
            )
    config = FollowerConfig(
        home=where,
        genesis=genesis,
        peers=tuple(dict.fromkeys(peer.rstrip("/") for peer in peers)),
        api="" if once and _is_default("api") else api,
        workers=workers,
        once=once,
        stop_on_alarm=stop_on_alarm,
    )
    outcome = _run(config, log_level or ("warning" if once else "info"))
    failure = _failure(outcome) if once else None
    if failure is not None and output.wants_json():
        failure.details = {"report": _as_json(config, outcome)}
        raise failure
    output.emit(_as_json(config, outcome), lambda: _tell(config, outcome))
    if outcome.new_alarms or outcome.watch.frozen:
        output.finish(Exit.VIOLATION)
    if failure is not None:
        raise failure


def _failure(outcome: Outcome) -> Failure | None:
    """Why catching up says nothing about the newest blocks, without anything being wrong."""
    if outcome.new_alarms or outcome.watch.frozen:
        return None
    if not outcome.reached:
        return Failure(
            "NODE_UNREACHABLE", "none of the peers answered", Exit.UNREACHABLE, field="--peer"
        )
    if outcome.withheld > 1:
        return Failure(
            "BLOCKS_WITHHELD",
            f"peers claim {outcome.withheld} blocks after block {outcome.head.height} "
            "and show none of them",
            Exit.UNKNOWN,
            hint="Peers may have pruned them: name one that keeps everything by --peer.",
        )
    return None


def _is_default(name: str) -> bool:
    context = click.get_current_context()
    return context.get_parameter_source(name) is click.core.ParameterSource.DEFAULT


def _run(config: FollowerConfig, level: Any) -> Outcome:
    import uvloop

    from node import logs
    from node.follower.service import FollowerService

    logs.configure(level, "auto")

    async def live() -> Outcome:
        service = FollowerService(config)
        if config.api and sys.stderr.isatty():
            output.note(f"  Explorer http://{config.api}   Ledger {config.home}")
        return await service.run()

    try:
        return uvloop.run(live())
    except CodedError as error:
        if error.code is BAD_GENESIS and config.home.exists():
            hint = "Use another --home for another ledger."
            raise Failure(error.code.name, error.message, Exit.LOCAL, hint=hint) from None
        raise


def _as_json(config: FollowerConfig, outcome: Outcome) -> dict[str, Any]:
    about, watch, head = outcome.description, outcome.watch, outcome.head
    return {
        "ledger": head.chain_id.hex(),
        "home": str(config.home),
        "height": head.height,
        "block": head.hash().hex(),
        "state_root": head.state_root.hex(),
        "frozen": watch.frozen,
        "verified": {
            "blocks": watch.blocks,
            "transactions": watch.transactions,
            "certificates": watch.certificates,
            "comparisons": watch.comparisons,
            "complete_checks": watch.complete_checks,
            "complete_block": watch.complete_block,
        },
        "peers": [
            {
                "url": peer["address"],
                "name": peer["name"],
                "reachable": peer["reachable"],
                "height": peer["height"],
            }
            for peer in about["peers"]
        ],
        "alarms": [
            {
                "code": alarm.code,
                "text": alarm.text,
                "block": alarm.block,
                "position": alarm.position,
                "object": alarm.object,
                "source": alarm.source,
                "freezes": alarm.freezes,
            }
            for alarm in outcome.new_alarms
        ],
    }


def _tell(config: FollowerConfig, outcome: Outcome) -> None:
    about, watch, head = outcome.description, outcome.watch, outcome.head
    for alarm in outcome.new_alarms:
        output.say(f"✗ {alarm.code}: {alarm.text}")
    if not outcome.new_alarms and not watch.frozen:
        output.done(
            f"verified up to block {head.height}: {watch.blocks} blocks, {watch.transactions} "
            f"transactions, {watch.certificates} certificates in this run; no alarm"
        )
    output.facts(
        [
            ("Ledger", head.chain_id.hex()),
            ("Block", f"{head.height} {head.hash().hex()}"),
            ("State root", head.state_root.hex()),
            ("Frozen", watch.frozen or None),
            ("All invariants", _complete(watch.complete_block)),
            ("Kept in", config.home),
        ]
    )
    output.table(
        ("PEER", "NAME", ("HEIGHT", "right"), "STATE"),
        [
            (p["address"], p["name"], p["height"], "answers" if p["reachable"] else "unreachable")
            for p in about["peers"]
        ],
    )


def _complete(block: int | None) -> str | None:
    return None if block is None else f"checked on the whole state of block {block}"
