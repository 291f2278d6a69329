"""How long the explorer's pages take: a real node over a large ledger, asked one page at a time.

Every page that people open most is asked for, on objects drawn from the whole ledger, each time
another one, so that no cache answers. Histories are opened at their beginning and in their depth.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from cli import output
from cli.bench.accounts import Account, account
from cli.bench.bulk import START, Progress, fill
from cli.bench.funding import TREASURY, application
from cli.localcluster import LocalCluster
from cli.output import Exit, Failure
from ledger.receipt import read_receipt
from ledger.store.chain import Store
from ledger.store.disk import open_store
from node import identity

_ROUNDS: Final = 20
_INDEX_WAIT_S: Final = 900.0
_POLL_S: Final = 0.5


class PageTimes(NamedTuple):
    """Times in ms: the 95th percentile over all pages, and of the slowest kind of page by itself;
    the median of an account's first page and of one in the middle of its history."""

    p95_ms: float
    slowest: str
    slowest_p95_ms: float
    first_page_ms: float
    deep_page_ms: float
    depth: int


class Site(NamedTuple):
    """A node over a filled store, not yet started."""

    cluster: LocalCluster
    accounts: list[Account]


def prepare(folder: Path, accounts: int, transactions: int, progress: Progress) -> Site:
    """Make a node of one guarantor whose store is filled as if it had agreed on everything."""
    parties = [account(1_000 + number) for number in range(accounts)]
    members = [("g0", account(0).lei, "RU")]
    cluster = LocalCluster.prepare(
        folder, members, application(members, parties, now=START), network="bench", time_ms=START
    )
    home = cluster.nodes[0].home
    store = open_store(home.ledger)
    try:
        fill(
            store,
            cluster.genesis,
            parties,
            transactions,
            keys=[identity.load(home.path).vote_key],
            progress=progress,
        )
    finally:
        store.close()
    return Site(cluster, parties)


def measure(site: Site) -> PageTimes:
    """Start the node, ask for every page again and again, stop it."""
    store = open_store(site.cluster.nodes[0].home.ledger, read_only=True)
    try:
        assert store.head is not None, "the store is filled"
        addresses = list(_addresses(store, site.accounts))
        depth = store.head.height // 2
        newest = read_receipt(store.rows(store.head.height)[-1].receipt).subject.hex()
    finally:
        store.close()
    treasury = f"/en/accounts/{TREASURY.lei}/avail"
    with site.cluster as cluster:
        cluster.start()
        cluster.wait_for_height(0, seconds=120)
        with httpx.Client(base_url=cluster.urls[0], timeout=60) as client:
            _wait_for_index(client, newest)
            times: dict[str, list[float]] = {}
            for kind, address in addresses:
                times.setdefault(kind, []).append(_asked(client, address))
            first, deep = [], []
            for number in range(_ROUNDS):  # in turn, so that both meet the same machine
                first.append(_asked(client, f"{treasury}?round={number}"))
                deep.append(_asked(client, f"{treasury}?height={_depth(number)}&round={number}"))
    worst = {kind: _percentile(found, 0.95) for kind, found in times.items()}
    slowest = max(worst, key=lambda kind: worst[kind])
    everything = [one for found in times.values() for one in found]
    return PageTimes(
        _percentile(everything, 0.95),
        slowest,
        worst[slowest],
        _percentile(first, 0.5),
        _percentile(deep, 0.5),
        depth,
    )


def _depth(number: int) -> int:
    """A height in the first blocks, where the treasury paid every account."""
    return 5 + number


def _addresses(store: Store, accounts: list[Account]) -> Iterator[tuple[str, str]]:
    """Kinds of pages and addresses, in an order that is alike in every run."""
    assert store.head is not None
    draw = random.Random(7)  # noqa: S311  # which pages are opened, not a secret
    for _ in range(_ROUNDS):
        height = draw.randrange(5, store.head.height + 1)
        row = draw.choice(store.rows(height))
        party = draw.choice(accounts).lei
        yield "overview", f"/en?round={draw.random()}"
        yield "blocks", f"/en/blocks?blocks={height}"
        yield "block", f"/en/blocks/{height}"
        yield "transactions", f"/en/transactions?round={draw.random()}"
        yield "transaction", f"/en/transactions/{read_receipt(row.receipt).subject.hex()}"
        yield "members", f"/en/members?round={draw.random()}"
        yield "member", f"/en/members/{party}"
        yield "history", f"/en/members/{party}/history"
        yield "accounts", f"/en/accounts?round={draw.random()}"
        yield "account", f"/en/accounts/{party}/avail"
        yield "trial balance", f"/en/trial-balance?height={height}"
        yield "search", f"/en/search?q={party}"


def _asked(client: httpx.Client, address: str) -> float:
    started = time.perf_counter()
    response = client.get(address, follow_redirects=True)
    spent = (time.perf_counter() - started) * 1_000
    if response.status_code != 200:
        raise Failure("PAGE_FAILED", f"{address} answered {response.status_code}", Exit.UNREACHABLE)
    return spent


def _wait_for_index(client: httpx.Client, newest: str) -> None:
    """The explorer makes its index behind the node; its newest transactions show how far it is."""
    output.note("waiting for the explorer's index")
    deadline = time.monotonic() + _INDEX_WAIT_S
    while (
        f"/transactions/{newest}" not in client.get("/en/transactions", follow_redirects=True).text
    ):
        if time.monotonic() > deadline:
            raise Failure("INDEX_LATE", "the explorer's index is not ready", Exit.LOCAL)
        time.sleep(_POLL_S)


def _percentile(found: list[float], share: float) -> float:
    ordered = sorted(found)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
