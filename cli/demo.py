"""``iic demo``: four guarantors as real processes on this machine, and the reference scenario.

Everything is the real thing (genesis ceremony, TLS between nodes, LMDB on disk, the HTTP API, the
wallet's signatures), only small and with keys that anybody can derive.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

import cli
from cli import calls, output
from cli.client import Client
from cli.files import write_private
from cli.localcluster import LocalCluster
from cli.output import Exit, Failure
from cli.scenario.books import Books, rebuild
from cli.scenario.cast import Cast, application
from cli.scenario.file import Scenario, load
from cli.scenario.handover import MAIN, hand_over, take_back
from cli.scenario.mirror import Mirror
from cli.scenario.play import Played, Stage
from cli.scenario.venue import Nodes
from node.api.models import PartyView, SupplyAnswer

MARK = "demo.json"
FIRST_PORT = 8080
MEMBER = "ural-gear"
NETWORK = "demo"

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


class Story(NamedTuple):
    """What was played, and what the ledger says afterwards."""

    acts: list[Played]
    parties: list[PartyView]
    supply: SupplyAnswer
    books: Books
    receipt: Path
    seconds: float


@click.group("demo", cls=output.Group, invoke_without_command=True)
@click.option(
    "--keep", type=_FOLDER, metavar="DIR", help="Keep data in DIR and leave the nodes running."
)
@click.option("--scenario", type=_FILE, help="Another scenario file.")
@output.json_option
@click.pass_context
def demo(ctx: click.Context, keep: Path | None, scenario: Path | None) -> None:
    """Start four guarantor nodes, play the reference scenario, and verify a receipt offline.

    Without --keep everything is deleted at the end. With it the nodes go on, other terminals
    connect by the profile `demo`, and `iic demo stop DIR` ends them. A second run starts clean.
    """
    if ctx.invoked_subcommand is not None:
        return
    script = load(scenario or scenario_file())
    with _folder(keep) as folder:
        _run(script, folder, kept=keep is not None)


@demo.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@output.json_option
def stop(folder: Path) -> None:
    """Stop the nodes that `iic demo --keep DIR` left running. The data stay."""
    if not (folder / MARK).is_file():
        raise Failure("NO_DEMO_THERE", f"{folder} holds no demo", Exit.LOCAL)
    ended = _stop_kept(folder)
    take_back()
    output.emit({"stopped": ended}, lambda: output.done(f"{ended} nodes stopped"))


def scenario_file() -> Path:
    """The reference scenario, in the repository or in an installed package."""
    root = Path(cli.__file__).parent
    for folder in (root.parent / "scenarios", root / "scenarios"):
        if (folder / "machine-building.toml").is_file():
            return folder / "machine-building.toml"
    raise Failure("NOT_INSTALLED", "the reference scenario is not installed", Exit.LOCAL)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="iic-demo-") as folder:
            yield Path(folder)
        return
    if (keep / MARK).is_file():
        _stop_kept(keep)
        shutil.rmtree(keep)
    elif keep.exists() and any(keep.iterdir()):
        raise Failure(
            "FILE_EXISTS", f"{keep} is not empty and holds no demo; choose another", Exit.LOCAL
        )
    keep.mkdir(parents=True, exist_ok=True)
    yield keep


def _run(scenario: Scenario, folder: Path, *, kept: bool) -> None:
    started = time.monotonic()
    output.say(f"{click.style(scenario.title, bold=True)}. All organisations are invented.")
    cast = Cast(scenario)
    cluster = LocalCluster.prepare(
        folder,
        [
            (f"guarantor-{state.country.lower()}", state.guarantor.lei, state.country)
            for state in scenario.states
        ],
        application(cast, time.time_ns() // 1_000_000),
        network=NETWORK,
        api_ports=_ports(len(scenario.states)),
    )
    output.done(
        f"{len(cluster.nodes)} guarantors made their keys and approved one genesis, "
        f"ledger {output.short(cluster.genesis.chain_id)}"
    )
    with ExitStack() as ending:
        ending.callback(cluster.stop)
        _start(cluster, attached=not kept)
        _mark(cluster)
        ending.callback(take_back)
        hand_over(cast, folder, cluster.urls, cluster.genesis_file, MEMBER)
        story = _play(scenario, cast, cluster, started)
        verification = _verify(story.receipt, cluster.genesis_file)
        holding = _audit(cluster)
        output.emit(
            _as_json(scenario, story, cluster, folder if kept else None)
            | {"invariants_holding": holding},
            lambda: _tell(story, cluster, verification, folder if kept else None),
        )
        output.done(
            f"{holding} invariants hold: a node's store, executed again from the genesis file"
        )
        if kept:
            ending.pop_all()


def _ports(count: int) -> Sequence[int]:
    """The usual ports if all are free, so that addresses are easy to remember; else none."""
    try:
        with ExitStack() as held:
            for port in range(FIRST_PORT, FIRST_PORT + count):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
    except OSError:
        return ()
    return range(FIRST_PORT, FIRST_PORT + count)


def _start(cluster: LocalCluster, *, attached: bool) -> None:
    began = time.monotonic()
    cluster.start(attached=attached)
    cluster.wait_for_height(1)
    validators = cluster.genesis.validators
    output.done(
        f"{len(cluster.nodes)} nodes agree over mutual TLS 1.3 (any {validators.faults} may fail): "
        f"height 1 final by {len(cluster.nodes)}/{validators.size} in "
        f"{time.monotonic() - began:.1f} s"
    )
    output.say(f"  API {cluster.urls[0]}   Profile {MAIN} (other terminals connect by themselves)")


def _mark(cluster: LocalCluster) -> None:
    body = {
        "nodes": [
            {"name": node.name, "home": str(node.home.path.resolve()), "pid": node.pid}
            for node in cluster.nodes
        ],
        "urls": list(cluster.urls),
    }
    text = json.dumps(body, indent=2) + "\n"
    write_private(cluster.folder / MARK, text.encode(), exclusive=False)


def _stop_kept(folder: Path) -> int:
    """End the nodes of a kept demo; only processes that run with its homes are touched."""
    document = json.loads((folder / MARK).read_text(encoding="utf-8"))
    ended = 0
    for node in document["nodes"]:
        command = Path(f"/proc/{node['pid']}/cmdline")
        if not command.exists() or os.fsencode(node["home"]) not in command.read_bytes():
            continue
        os.kill(node["pid"], signal.SIGTERM)
        ended += 1
        while command.exists() and os.fsencode(node["home"]) in command.read_bytes():
            time.sleep(0.02)
    return ended


def _play(scenario: Scenario, cast: Cast, cluster: LocalCluster, started: float) -> Story:
    acts = []
    with Client(cluster.urls) as client:
        chain_id = cluster.genesis.chain_id
        stage = Stage(Nodes(client, chain_id), Mirror(cluster.genesis), chain_id, cast)
        with _progress(len(scenario.acts)) as step:
            for act in scenario.acts:
                acts.append(step(stage.play(act)))
        height = client.do(calls.node()).height
        books = rebuild(client, height)
        receipt = cluster.folder / "payment.receipt"
        receipt.write_bytes(client.do(calls.receipt_file(stage.latest["currency.Transfer"])))
        return Story(
            acts,
            client.do(calls.parties(limit=200)).parties,
            client.do(calls.supply()),
            books,
            receipt,
            time.monotonic() - started,
        )


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """Shows each act as it ends, and on a terminal a bar below."""
    if output.wants_json():
        yield lambda played: played
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = output.console()
    bar = Progress(
        TextColumn("  playing"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    )
    with bar:
        task = bar.add_task("acts", total=total)

        def step(played: Played) -> Played:
            console.print(f"[green]✓[/green] {_line(played)}", highlight=False)
            bar.advance(task)
            return played

        yield step


def _line(played: Played) -> str:
    refused = f", refused {', '.join(played.refused)}" if played.refused else ""
    count = f"{played.sent} transaction{'s' if played.sent != 1 else ''}"
    return f"{played.title} [dim]({count}{refused}, height {played.height})[/dim]"


def _verify(receipt: Path, genesis: Path) -> str:
    """Verify a receipt as anybody would: by the command, in a process of its own, offline."""
    done = _iic("audit", "verify-receipt", str(receipt), "--genesis", str(genesis))
    if done.returncode != 0:
        raise Failure("BAD_RECEIPT", done.stderr.strip(), Exit.VIOLATION)
    return done.stdout.strip()


def _audit(cluster: LocalCluster) -> int:
    """Check every invariant on the first node's store, beside the node; how many there are."""
    store = cluster.nodes[0].home.ledger
    done = _iic("audit", "invariants", str(store), "--genesis", str(cluster.genesis_file), "--json")
    if done.returncode != 0:
        raise Failure("INVARIANT_BROKEN", done.stdout + done.stderr.strip(), Exit.VIOLATION)
    return int(json.loads(done.stdout)["holding"])


def _iic(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-P", "-m", "cli.main", *arguments],
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


def _as_json(
    scenario: Scenario, story: Story, cluster: LocalCluster, kept: Path | None
) -> dict[str, Any]:
    refused = sum((act.refused for act in story.acts), Counter[str]())
    return {
        "scenario": scenario.name,
        "seconds": round(story.seconds, 1),
        "transactions": sum(act.sent for act in story.acts),
        "applied": sum(act.applied for act in story.acts),
        "refused": dict(sorted(refused.items())),
        "height": story.books.blocks,
        "members": sum(p.standing == "admitted" for p in story.parties),
        "supply": {
            state.state: {
                "outstanding": state.outstanding.amount,
                "reserve": state.reserve.amount,
            }
            for state in story.supply.states
        },
        "postings": story.books.postings,
        "trial_balance": [line._asdict() for line in story.books.trial_balance()],
        "receipt_verified": True,
        "urls": list(cluster.urls) if kept else [],
        "kept": str(kept) if kept else None,
    }


def _tell(story: Story, cluster: LocalCluster, verification: str, kept: Path | None) -> None:
    sent = sum(act.sent for act in story.acts)
    applied = sum(act.applied for act in story.acts)
    output.done(
        f"{sent} transactions: {applied} applied, {sent - applied} refused as they must be; "
        f"{story.seconds:.1f} s in all"
    )
    _tell_members(story.parties)
    output.table(
        ("SUPPLY", ("OUTSTANDING", "right"), ("ATTESTED RESERVE", "right")),
        [(s.state, s.outstanding.text, s.reserve.text) for s in story.supply.states],
    )
    _tell_books(story.books)
    output.say("\nA receipt, verified offline from the genesis file alone:")
    output.say("\n".join(f"  {line.rstrip()}" for line in verification.splitlines()))
    if kept is None:
        output.say("\nThe nodes are stopped and their data deleted. To go on by hand:")
        output.say("  iic demo --keep demo-data        (or: make demo KEEP=demo-data)")
    else:
        _tell_next(story, cluster, kept)


def _tell_members(parties: Sequence[PartyView]) -> None:
    standings = Counter(p.standing for p in parties if not p.offices or p.kind != "institution")
    output.table(
        ("ENTERPRISES", ("NUMBER", "right")), [(s, n) for s, n in sorted(standings.items())]
    )


def _tell_books(books: Books) -> None:
    lines = books.trial_balance()
    rows: list[tuple[Any, ...]] = [
        (line.unit, line.kind, line.accounts, output.money(line.debit), output.money(line.credit))
        for line in lines
    ]
    for unit in sorted({line.unit for line in lines}):
        debit = sum(line.debit for line in lines if line.unit == unit)
        credit = sum(line.credit for line in lines if line.unit == unit)
        rows.append((unit, "total", "", output.money(debit), output.money(credit)))
    output.table(
        ("UNIT", "KIND", ("ACCOUNTS", "right"), ("DEBIT", "right"), ("CREDIT", "right")),
        rows,
        title=f"Trial balance, rebuilt from {books.postings} postings in {books.blocks} blocks",
    )


def _tell_next(story: Story, cluster: LocalCluster, kept: Path) -> None:
    home = cluster.nodes[0].home.path
    output.say(f"\nThe nodes go on. API: {cluster.urls[0]}   Profile: {MAIN}   Data: {kept}")
    output.say("Next, as an enterprise (Ural Gear Works):")
    output.say("  iic wallet balance")
    output.say('  iic wallet pay "Volga Bearings" 1500.00 --ref INV-42')
    output.say("  iic wallet todo --profile demo-volga-bearings")
    output.say("Next, as a guarantor:")
    output.say(f"  iic node status --home {home}")
    output.say(f"  kill -9 {cluster.nodes[-1].pid}    # then pay again: three of four go on")
    output.say("Next, as an auditor:")
    output.say(f"  iic audit verify-receipt {story.receipt} --genesis {cluster.genesis_file}")
    output.say(f"  curl {cluster.urls[0]}/v1/supply")
    output.say(f"End it with: iic demo stop {kept}")
