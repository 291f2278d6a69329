"""``iic bench audit``: full replay against the bare signature ceiling, and the explorer's pages."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import click

from cli import output
from cli.auditing.export import write
from cli.auditing.progress import Meter, Resume
from cli.auditing.source import StoreSource, open_source
from cli.auditing.verify import Verified, verify_archive
from cli.auditing.workers import cores
from cli.bench import ceiling, pages
from cli.bench.accounts import account
from cli.bench.bulk import Progress, fill, genesis_of
from cli.bench.ceiling import Ceiling
from cli.bench.report import Value
from ledger.archive import open_archive
from ledger.genesis import Genesis
from ledger.store.disk import open_store

_STRETCHES_PER_CORE = 1
_ASKED = ("replayed_tx_per_s", "ceiling_verifications_per_s", "share", "page_p95_ms")
"""The figures that have a bound; null where they were not measured."""


class Replay(NamedTuple):
    """A replay and the ceilings right before and after it."""

    verified: Verified
    before: Ceiling
    after: Ceiling


@click.command()
@click.option(
    "--transactions",
    type=click.IntRange(0),
    default=300_000,
    show_default=True,
    help="Transfers that are replayed, so many that founding the state weighs little; 0 for none.",
)
@click.option("--accounts", type=click.IntRange(2, 1_000_000), default=2_000, show_default=True)
@click.option(
    "--page-transactions",
    type=click.IntRange(0),
    default=20_000,
    show_default=True,
    help="Transactions of the ledger whose pages are measured; 0 for no pages.",
)
@click.option(
    "--page-accounts", type=click.IntRange(100, 1_000_000), default=1_000, show_default=True
)
@click.option(
    "--page-rounds",
    type=click.IntRange(1, 1_000),
    default=40,
    show_default=True,
    help="How many times each kind of page is opened.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the ledger whose pages are measured in this folder; the next run finds it there.",
)
@output.json_option
def audit(
    transactions: int,
    accounts: int,
    page_transactions: int,
    page_accounts: int,
    page_rounds: int,
    keep: Path | None,
) -> None:
    """Verify a generated ledger by full replay, and ask for the explorer's pages.

    The ledger consists of distinct signed single-leg transfers. The ceiling is what all cores
    verify if they do nothing but verify signatures, measured right before and after the replay.
    """
    with tempfile.TemporaryDirectory(prefix="iic-bench-") as folder:
        report: dict[str, Value] = dict.fromkeys(_ASKED)
        if transactions:
            report |= _replay_report(run_replay(Path(folder), accounts, transactions), accounts)
        if page_transactions:
            size = pages.Size(page_accounts, page_transactions)
            site = pages.prepare(keep or Path(folder) / "site", size, _told("making pages"))
            report |= _pages_report(pages.measure(site, page_rounds), size)
    output.emit(report, lambda: output.facts((key, _shown(v)) for key, v in report.items()))


def run_replay(folder: Path, accounts: int, transactions: int) -> Replay:
    """Make a ledger, export it with checkpoints, verify the export on all cores."""
    parties = [account(1_000 + number) for number in range(accounts)]
    genesis = genesis_of(parties).genesis
    store = open_store(folder / "ledger")
    try:
        fill(store, genesis, parties, transactions, progress=_told("making the ledger"))
    finally:
        store.close()
    output.note("writing an archive")
    _export(folder, genesis, transactions)
    archive = open_archive(folder / "ledger.iic")
    before = ceiling.measure()
    output.note("replaying it")
    verified = verify_archive(
        archive,
        genesis,
        jobs=cores(),
        resume=Resume(folder / "progress", "bench"),
        quiet=False,
    )
    return Replay(verified, before, ceiling.measure())


def _export(folder: Path, genesis: Genesis, transactions: int) -> None:
    every = -(-transactions // (_STRETCHES_PER_CORE * cores()))
    with open_source(folder / "ledger") as source:
        assert isinstance(source, StoreSource), "a folder with a store was filled"
        write(source, folder / "ledger.iic", genesis, every=every)


def _told(what: str) -> Progress:
    output.note(what)
    meter: Meter | None = None
    last = 0

    def progress(done: int, total: int) -> None:
        nonlocal meter, last
        meter = meter or Meter(total, quiet=False)
        meter.advance(done - last)
        last = done
        if done == total:
            meter.end()

    return progress


def _replay_report(replay: Replay, accounts: int) -> dict[str, Value]:
    """Speeds, and the same in CPU time per transaction, which other work hardly changes."""
    speed = replay.verified.replayed / replay.verified.seconds
    most = (replay.before.per_s + replay.after.per_s) / 2
    cpu_us = replay.verified.cpu_s / replay.verified.replayed * 1e6
    verification_us = (replay.before.cpu_us + replay.after.cpu_us) / 2
    return {
        "replayed_tx_per_s": round(speed, 1),
        "ceiling_verifications_per_s": round(most, 1),
        "share": round(speed / most, 4),
        "replayed_tx_per_s_per_core": round(speed / cores(), 1),
        "cpu_us_per_tx": round(cpu_us, 1),
        "cpu_us_per_verification": round(verification_us, 1),
        "cpu_share": round(verification_us / cpu_us, 4),
        "cores": cores(),
        "transactions": replay.verified.transactions,
        "accounts": accounts,
        "replay_seconds": round(replay.verified.seconds, 2),
    }


def _pages_report(times: pages.PageTimes, size: pages.Size) -> dict[str, Value]:
    return {
        "page_p95_ms": round(times.p95, 1),
        "page_kinds_p95_ms": _rounded(times.kinds),
        "history_first_page_ms": _rounded(times.first),
        "history_deep_page_ms": _rounded(times.deep),
        "page_accounts": size.accounts,
        "page_transactions": size.transactions,
    }


def _rounded(times: dict[str, float]) -> dict[str, float]:
    return {kind: round(ms, 1) for kind, ms in times.items()}


def _shown(value: Value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    return "–" if value is None else f"{value:,}"
