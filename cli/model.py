"""``iic model``: the protocol, explored exhaustively, and nodes' votes held against it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cli import output
from cli.errors import FILE_MISSING
from ledger.block import VoteKind
from ledger.errors import STORE_CORRUPT, CodedError
from ledger.genesis import load
from node.model.abstract import AbstractValidator
from node.model.alphabet import Alphabet
from node.model.concrete import CoreValidator
from node.model.explore import Explored, Participant, Size, Violation, explore
from node.model.rules import Said
from node.model.trace import Acceptor, Epoch, accept_log, side_by_side

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("model", cls=output.Group)
def model() -> None:
    """Check the consensus protocol itself, not samples of its behaviour.

    Exit code 1: a promise is broken, and the steps that break it are shown.
    """


@model.command("check")
@click.option("--views", type=click.IntRange(1, 6), default=2, show_default=True)
@click.option("--nodes", type=click.IntRange(1, 7), default=4, show_default=True)
@click.option("--traitor", type=click.IntRange(0, 6), multiple=True, help="Each in turn if absent.")
@click.option("--rules", is_flag=True, help="Explore the rules instead of the running code.")
@click.option("--restarts", is_flag=True, help="Validators may lose power at any time.")
@click.option(
    "--votes-at", type=click.IntRange(0, 6), multiple=True, help="Votes come singly here."
)
@click.option("--limit", type=click.IntRange(1), help="Stop after so many states.")
@output.json_option
def check(
    views: int,
    nodes: int,
    traitor: tuple[int, ...],
    rules: bool,
    restarts: bool,
    votes_at: tuple[int, ...],
    limit: int | None,
) -> None:
    """Visit every state that NODES validators reach in so many views, and check each promise.

    One validator is a traitor who signs anything; messages come in any order, late or never. What
    takes part is the consensus core that nodes run, one real event at a time, each of its votes
    held against the rules (docs/consensus.md). With --rules it is the rules alone, which is
    faster and covers every implementation of them.
    """
    if any(index >= nodes for index in (*traitor, *votes_at)):
        raise click.UsageError(f"validators are numbered from 0 to {nodes - 1}")
    turns: list[frozenset[int]] = [frozenset({t}) for t in traitor]
    if not turns:
        turns = [frozenset({t}) for t in range(nodes)] if nodes > 3 else [frozenset()]
    reports, broken = [], None
    for traitors in turns:
        size = Size(nodes, traitors, views, by_vote=frozenset(votes_at) - traitors)
        started = time.monotonic()
        try:
            found = _explore(size, rules, restarts, limit)
        except Violation as violation:
            broken = violation
            reports.append(_report(size, None, started, violation))
            break
        reports.append(_report(size, found, started, None))
    subject = "rules" if rules else "core"
    body = {"subject": subject, "views": views, "restarts": restarts, "runs": reports}
    output.emit(body, lambda: _tell(reports, subject, broken))
    if broken is not None:
        output.finish(output.Exit.VIOLATION)


def _explore(size: Size, rules: bool, restarts: bool, limit: int | None) -> Explored:
    alphabet = Alphabet()

    def make(index: int) -> Participant:
        if rules:
            return AbstractValidator(index, alphabet, size.views)
        return CoreValidator(index, alphabet, size, restarts=restarts)

    return explore(size, alphabet, make, limit, lambda n: output.note(f"{n} states"))


def _report(
    size: Size, found: Explored | None, started: float, violation: Violation | None
) -> dict[str, Any]:
    return {
        "nodes": size.validators,
        "traitors": sorted(size.traitors),
        "complete": found is not None and found.complete,
        "states": found.states if found else None,
        "transitions": found.transitions if found else None,
        "local_states": found.local_states if found else None,
        "certificate_sets": found.certified if found else None,
        "most_final_views": found.longest_chain if found else None,
        "violation": violation.promise if violation else None,
        "steps": list(violation.path) if violation else [],
        "seconds": round(time.monotonic() - started, 1),
    }


def _tell(reports: list[dict[str, Any]], subject: str, broken: Violation | None) -> None:
    for run in reports:
        who = ", ".join(map(str, run["traitors"])) or "none"
        if run["states"] is not None:
            how = "every" if run["complete"] else "not every"
            click.echo(
                f"traitor {who}: {run['states']:,} states, {run['transitions']:,} steps, "
                f"{how} state visited in {run['seconds']} s"
            )
    if broken is None:
        output.done(f"all promises hold in every visited state of the {subject}")
        return
    for step in broken.path:
        click.echo(f"  {step}")
    output.say(f"✗ {broken.promise}")


@model.command("accept")
@click.argument("logs", type=_FILE, nargs=-1, required=True)
@click.option("--genesis", type=_FILE, required=True, help="Genesis file of the ledger.")
@click.option("--store", type=click.Path(path_type=Path), help="A node's data/ledger, for epochs.")
@output.json_option
def accept(logs: tuple[Path, ...], genesis: Path, store: Path | None) -> None:
    """Hold nodes' vote logs against the rules: each vote by itself, and all of them together.

    A node keeps its log with `vote_log = true` in its node.toml, as data/votes.jsonl. Where
    validators have changed since genesis, --store gives their sets.
    """
    document = load(genesis)
    epochs = {document.validators.epoch: Epoch(document.validators), **_epochs_of(store)}
    acceptors, broken = [], ""
    for path in logs:
        acceptor = Acceptor(document.chain_id, epochs.get)
        try:
            accept_log(_lines(path), acceptor)
        except Violation as violation:
            broken = f"{path}: {violation.promise}"
            break
        acceptors.append(acceptor)
    if not broken:
        try:
            side_by_side(acceptors)
        except Violation as violation:
            broken = violation.promise
    votes = sum(acceptor.votes for acceptor in acceptors)
    body = {"logs": len(logs), "votes": votes, "accepted": not broken, "violation": broken or None}
    output.emit(body, lambda: _verdict(len(logs), votes, broken))
    if broken:
        output.finish(output.Exit.VIOLATION)


def _verdict(logs: int, votes: int, broken: str) -> None:
    if broken:
        output.say(f"✗ {broken}")
    else:
        output.done(f"{votes} votes of {logs} nodes keep the rules, each and together")


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            yield from file
    except FileNotFoundError:
        raise CodedError(FILE_MISSING, f"{path} does not exist") from None


def _epochs_of(store: Path | None) -> dict[int, Epoch]:
    """The epochs that a node's store knows, each with the block on which it stands."""
    if store is None:
        return {}
    from ledger.store.disk import open_store

    opened = open_store(store, read_only=True)
    try:
        with opened.snapshot() as reader:
            if reader.head is None:
                raise CodedError(STORE_CORRUPT, f"{store} holds no ledger")
            found = {}
            for epoch in range(reader.head.epoch + 2):
                validators, since = reader.validators(epoch), reader.validators_since(epoch)
                base = None if since is None else reader.header(since)
                if validators is not None and base is not None:
                    final = Said(VoteKind.FINALIZE, base.view, base.hash())
                    found[epoch] = Epoch(validators, final)
            return found
    finally:
        opened.close()
