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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

import cli
from cli import calls, output
from cli.client import Client
from cli.files import write_private
from cli.localcluster import LocalCluster
from cli.output import Exit, Failure
from cli.scenario.books import rebuild
from cli.scenario.cast import Cast, application
from cli.scenario.ending import Ending, Story
from cli.scenario.file import Scenario, load
from cli.scenario.handover import MAIN, hand_over, take_back
from cli.scenario.mirror import Mirror
from cli.scenario.play import Played, Stage
from cli.scenario.venue import Nodes

MARK = "demo.json"
FIRST_PORT = 8080
MEMBER = "ural-gear"
NETWORK = "demo"

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


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
        ending_of = Ending(story, cluster, folder if kept else None)
        output.emit(ending_of.as_json(), ending_of.tell)
        if kept:
            ending.pop_all()


def _ports(count: int) -> Sequence[int]:
    """The usual ports if all are free, so that addresses are easy to remember; else none.

    ``IIC_DEMO_PORT`` names another first port; 0 leaves the choice to the system.
    """
    first = int(os.environ.get("IIC_DEMO_PORT", FIRST_PORT))
    if not first:
        return ()
    try:
        with ExitStack() as held:
            for port in range(first, first + count):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
    except OSError:
        return ()
    return range(first, first + count)


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
    output.say(
        f"  Explorer {cluster.urls[0]}   Profile {MAIN} (other terminals connect by themselves)"
    )


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
        stage = Stage(Nodes(client), Mirror(cluster.genesis), chain_id, cast)
        with _progress(len(scenario.acts)) as step:
            for act in scenario.acts:
                acts.append(step(stage.play(act)))
        receipt = _receipt(client, stage, "currency.Transfer", cluster.folder / "payment.receipt")
        decision = _receipt(client, stage, "barter.DeclareLot", cluster.folder / "customs.receipt")
        return Story(
            scenario.name,
            acts,
            client.do(calls.parties(limit=200)).parties,
            client.do(calls.supply()),
            rebuild(client, client.do(calls.node()).height),
            receipt,
            "" if receipt is None else _verify(receipt, cluster.genesis_file),
            "" if decision is None else _certify(decision, cluster.genesis_file),
            _audit(cluster),
            time.monotonic() - started,
        )


def _receipt(client: Client, stage: Stage, operation: str, path: Path) -> Path | None:
    """The receipt file of the newest transaction with an operation, if the story had any."""
    identity = stage.latest.get(operation)
    if identity is None:
        return None
    path.write_bytes(client.do(calls.receipt_file(identity)))
    return path


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


def _certify(decision: Path, genesis: Path) -> str:
    """Make a preference certificate of customs' decision; verify what its QR codes say, offline."""
    command = ("audit", "preference-certificate")
    made, scanned = decision.with_name("lot.certificate"), decision.with_name("lot.txt")
    known = ("--genesis", str(genesis))
    _iic(*command, "export", str(decision), *known, "--out", str(made), "--text", str(scanned))
    done = _iic(*command, "verify", str(scanned), *known)
    if done.returncode != 0:
        raise Failure("BAD_RECEIPT", done.stderr.strip(), Exit.VIOLATION)
    return done.stdout.strip()


def _audit(cluster: LocalCluster) -> int:
    """Check every invariant on a running node's store, beside the node; how many there are."""
    store = next(node for node in cluster.nodes if node.is_running).home.ledger
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
