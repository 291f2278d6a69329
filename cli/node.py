"""``iic node``: make, run, inspect and check a guarantor's node."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import output
from cli.node_keys import card, rotate
from cli.node_options import HOME, PASSWORD, password
from cli.node_signer import signer
from cli.node_storage import backup, prune, restore
from cli.node_sync import snapshot, sync
from cli.output import Exit, Failure
from ledger.errors import CodedError

if TYPE_CHECKING:
    from ledger.store.check import Finding
    from node.api.models import NodeView
    from node.config import Home, NodeConfig
    from node.metrics import NodeMetrics


@click.group(cls=output.Group)
def node() -> None:
    """Make, run, inspect and check a guarantor's node."""


@node.command()
@HOME
@click.option("--name", required=True, help="Short name, for example g0.")
@click.option("--party", required=True, help="The guarantor's LEI.")
@click.option("--country", required=True, help="ISO 3166 alpha-2 code.")
@click.option("--address", required=True, help="host:port at which other nodes reach this one.")
@click.option(
    "--listen", help="host:port to bind; the port of --address on all interfaces if not given."
)
@click.option(
    "--api", default="127.0.0.1:8080", show_default=True, help="host:port of the HTTP API."
)
@PASSWORD
@output.json_option
def init(
    home: Path,
    name: str,
    party: str,
    country: str,
    address: str,
    listen: str | None,
    api: str,
    password_file: Path | None,
) -> None:
    """Make a node's keys and configuration, and the card to send to the genesis ceremony.

    Keys are made here and never leave; with --password-file the vote key is encrypted. Nothing
    that exists is overwritten.
    """
    from cli import ceremony
    from node.config import Home
    from node.network.roster import split_address

    if listen is None:
        listen = f"0.0.0.0:{split_address(address)[1]}"
    made = ceremony.init(
        Home(home),
        ceremony.Member(name, party, country, address),
        listen=listen,
        api=api,
        password_file=password_file,
    )
    card = Home(home).card

    def human() -> None:
        output.done(f"keys and configuration of {name} are in {home}")
        output.facts(
            [
                ("Vote key", made.vote_key.hex()),
                ("Peers at", f"{listen}, announced as {address}"),
                ("API at", api or "none"),
                ("Node card", str(card)),
            ]
        )
        output.say(f"Next: send {card} to whoever collects the genesis document")

    body = {
        "home": str(home),
        "name": name,
        "party": party,
        "vote_key": made.vote_key.hex(),
        "address": address,
        "listen": listen,
        "api": api,
        "card": str(card),
    }
    output.emit(body, human)


@node.command()
@HOME
@PASSWORD
@click.option("--attached", is_flag=True, help="Also stop when standard input closes.")
def run(home: Path, password_file: Path | None, attached: bool) -> None:
    """Run the node until it is told to stop (Ctrl-C or SIGTERM)."""
    import uvloop

    from node import config as configuration
    from node import logs
    from node.config import Home
    from node.errors import FAR_BEHIND, VOTES_FORGOTTEN
    from node.founding import found_apart
    from node.metrics import NodeMetrics
    from node.opening import open_node
    from node.service import Service

    where = Home(home)
    config = configuration.load(where)
    logs.configure(config.log_level, config.log_format)
    secret = password(where, config, password_file)
    until_closed = sys.stdin.fileno() if attached else None
    found_apart(where)

    async def live() -> CodedError | None:
        metrics, may_join = NodeMetrics(), config.sync == "auto"
        while True:
            opened = open_node(where, config, secret)
            reason = await Service(opened, metrics, may_join=may_join).run(until_closed)
            if reason is None or reason.code not in (FAR_BEHIND, VOTES_FORGOTTEN):
                return reason
            metrics = NodeMetrics()  # what joining measures is served once the node runs again
            if reason.code is VOTES_FORGOTTEN:
                continue  # as an observer
            may_join = await _joined(where, config, secret, metrics)

    reason = uvloop.run(live())
    if reason is not None:
        code = Exit.VIOLATION if reason.code.name == "HALTED" else Exit.LOCAL
        raise Failure(reason.code.name, reason.message, code, hint=_remedy(reason.code.name, home))


async def _joined(
    where: Home, config: NodeConfig, secret: bytes | None, metrics: NodeMetrics
) -> bool:
    """Join by a snapshot; False, after a line in the log, if only replaying is left."""
    from node.errors import JOIN_FAILED
    from node.joining import session
    from node.logs import logger

    ahead = config.snapshot_ahead
    try:
        await session.join(where, config, least_ahead=ahead, password=secret, metrics=metrics)
    except CodedError as error:
        if error.code is not JOIN_FAILED:
            raise
        logger("join").warning("no snapshot: every block is replayed", reason=error.message)
        return False
    return True


def _remedy(code: str, home: Path) -> str:
    if code == "STORE_FULL":
        return f"Free space on the disk of {home}, then start the node again; nothing is lost."
    return f"Check the store before starting again: iic node check --home {home}"


@node.command()
@HOME
@click.option("--node", "urls", multiple=True, help="Another node's API; give all of them.")
@click.option("--below", type=click.IntRange(min=1), help="The view to use instead of asking.")
@output.json_option
def activate(home: Path, urls: tuple[str, ...], below: int | None) -> None:
    """Let a stopped node vote again after its vote journal was lost or a backup was restored.

    The node may have signed votes that it no longer knows. It runs again at once, but casts no
    vote before a view that lies beyond everything it may have signed: past the newest view of the
    other nodes, of which 2f+1 must answer.
    """
    from cli import clusterview
    from node import continuity
    from node.config import Home

    if below is None:
        below = clusterview.safe_view(urls)
    where = Home(home)
    continuity.activate(where, below)
    output.emit(
        {"home": str(home), "abstain_below": below},
        lambda: output.done(f"the node of {home} will vote again from view {below} on"),
    )


@node.command()
@click.option("--node", "url", help="The node's API; the one of --home if not given.")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="IIC_HOME",
    help="The folder of a node on this machine.",
)
@output.json_option
def status(url: str | None, home: Path | None) -> None:
    """What a node is doing, and why it waits. Exit status 1 if it is not ready."""
    from cli import calls
    from cli.client import Client

    with Client(_url(url, home), patience_s=0.0) as client:
        view = client.do(calls.node())
    output.emit(_plain(view), lambda: _show_status(view))
    if not view.ready:
        output.finish(Exit.VIOLATION)


def _url(url: str | None, home: Path | None) -> str:
    from node import config as configuration
    from node.config import Home

    if url is not None:
        return url
    if home is None:
        raise click.UsageError("give --node URL or --home DIR")
    api = configuration.load(Home(home)).api
    if not api:
        raise Failure("BAD_CONFIG", f"the node of {home} serves no API", Exit.LOCAL)
    host, _, port = api.rpartition(":")
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104


def _plain(view: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(view)


def _show_status(view: NodeView) -> None:
    state = f"waits for {view.waiting_for}" if view.waiting_for else "blocks become final"
    output.facts(
        [
            (
                "Node",
                f"{view.name}, {view.role}"
                + ("" if view.index is None else f" {view.index}")
                + (f", {view.entry} by the register" if view.entry else ""),
            ),
            ("Ledger", f"{view.network} {output.short(view.chain_id, head=16, tail=0)}"),
            ("Height", f"{view.head.block}, state {output.short(view.head.state_root)}"),
            ("View", f"{view.view}, led by {_name(view, view.leader)}"),
            ("State", state if view.ready else f"not ready: {view.not_ready_because}; {state}"),
            (
                "Quorum",
                f"{view.quorum} of {view.validators} needed, {view.reachable} here; "
                f"{max(0, view.further_failures_tolerated)} further failures tolerated",
            ),
            ("Protocol", _protocol(view)),
            ("Pending", f"{view.pending_transactions} transactions"),
        ]
    )
    output.table(
        ("PEER", ("HEIGHT", "right"), ("LAG", "right"), "STATE", "ADDRESS"),
        [
            (p.name, p.height, p.lag, "connected" if p.reachable else "unreachable", p.address)
            for p in view.peers
        ],
    )


def _protocol(view: NodeView) -> str:
    coming = view.upgrade
    if coming is None:
        return str(view.protocol)
    release = "" if coming.release is None else f", release {coming.release}"
    ready = "this software knows it" if coming.known else "INSTALL IT BEFORE: unknown here"
    return f"{view.protocol}; {coming.protocol} from height {coming.from_height}{release}: {ready}"


def _name(view: NodeView, index: int | None) -> str:
    if index is None:
        return "nobody"
    if index == view.index:
        return "this node"
    return next((p.name for p in view.peers if p.index == index), str(index))


@node.command()
@click.option("--node", "urls", multiple=True, help="A node's API; may be given several times.")
@click.option(
    "--home",
    "homes",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of a node on this machine; may be given several times.",
)
@output.json_option
def cluster(urls: tuple[str, ...], homes: tuple[Path, ...]) -> None:
    """Compare nodes: heights, state roots, who is missing. Exit status 1 without a quorum.

    Ask every node by its own API; without --node and --home those of the chosen profile. The exit
    status is also 1 if two nodes report different states at one height.
    """
    from cli import clusterview

    addresses = [*urls, *(_url(None, home) for home in homes)] or clusterview.profile_urls()
    seen = clusterview.look(addresses)
    output.emit(seen.to_json(), lambda: clusterview.show(seen))
    if not seen.healthy:
        output.finish(Exit.VIOLATION)


@node.command()
@HOME
@click.option("--no-signatures", is_flag=True, help="Skip members' signatures: much faster.")
@output.json_option
def check(home: Path, no_signatures: bool) -> None:
    """Verify everything in a node's store again. Exit status 1 if anything is wrong.

    Works on a stopped node and, read-only, beside a running one; of a stopped one, every page of
    its files is looked at too, so that any flipped bit of what they hold is found. Silent about
    what is sound.
    """
    from node.config import Home

    where = Home(home)
    if not where.ledger.is_dir():
        raise Failure("FILE_MISSING", f"{where.ledger} is not there", Exit.LOCAL)
    findings = []
    last = None
    for line in check_folder(where.ledger, signatures=not no_signatures, votes=where.votes):
        if "height" in line:
            last = line
        else:
            findings.append(line)
            if not output.wants_json():
                mark = "note" if line["note"] else "wrong"
                output.say(f"{mark}  {line['where']}: {line['what']}")
    wrong = sum(not f["note"] for f in findings)
    height = last["height"] if last else None

    def human() -> None:
        if wrong:
            output.say(f"{wrong} finding{'s' if wrong > 1 else ''} in {where.ledger}")
        else:
            output.done(f"{where.ledger} is sound up to height {height}")

    output.emit({"ledger": str(where.ledger), "height": height, "findings": findings}, human)
    if wrong:
        output.finish(Exit.VIOLATION)


def check_folder(
    ledger: Path, *, signatures: bool, votes: Path | None = None
) -> Iterator[dict[str, Any]]:
    """The check's findings as they come, made in a child: damaged files can end a process."""
    with _child(lambda write: _check_into(ledger, signatures, votes, write)) as (lines, outcome):
        yield from lines
    code = outcome()
    if os.WIFSIGNALED(code):
        what = f"reading ended the process by signal {os.WTERMSIG(code)}: the file is damaged"
        yield {"where": "file", "what": what, "note": False}


def _check_into(ledger: Path, signatures: bool, votes: Path | None, write: Any) -> None:
    from ledger.store.check import check as check_store
    from ledger.store.check import check_file, check_journal
    from ledger.store.disk import open_store
    from ledger.store.growth import end_process_when_grown

    end_process_when_grown(ledger / "data.mdb", _grown(write))

    def found(finding: Finding) -> None:
        write({"where": finding.where, "what": finding.what, "note": finding.note})

    try:
        if votes is not None and (votes / "data.mdb").is_file():
            for finding in check_journal(votes):
                found(finding)
        broken = list(check_file(ledger))
        for finding in broken:
            found(finding)
        if broken:
            return  # LMDB may read, or end, anywhere
        store = open_store(ledger, read_only=True)
        for finding in check_store(store, signatures=signatures):
            found(finding)
        head = store.head
        write({"height": None if head is None else head.height})
    except CodedError as error:
        write({"where": "store", "what": str(error), "note": False})


def _grown(write: Any) -> Any:
    """End a check beside a node that writes so much that the check would fill its disk."""

    def end(code: int) -> None:
        what = "the store grew too much while it was checked; check a stopped node, or a backup"
        write({"where": "store", "what": what, "note": False})
        os._exit(code)

    return end


@contextmanager
def _child(work: Any) -> Iterator[tuple[Iterator[dict[str, Any]], Any]]:
    """Run ``work(write)`` in a forked child; yields what it writes and its wait status."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        status_code = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "w") as target:
                work(lambda line: print(json.dumps(line), file=target, flush=True))
            status_code = 0
        finally:
            os._exit(status_code)
    os.close(writing)
    status: list[int] = []

    def outcome() -> int:
        if not status:
            status.append(os.waitpid(pid, 0)[1])
        return status[0]

    with os.fdopen(reading) as source:
        try:
            yield (json.loads(line) for line in source), outcome
        finally:
            outcome()


node.add_command(card)
node.add_command(rotate)
node.add_command(signer)
node.add_command(backup)
node.add_command(prune)
node.add_command(restore)
node.add_command(sync)
node.add_command(snapshot)
