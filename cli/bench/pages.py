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
import msgspec

from cli import output
from cli.bench.accounts import Account, account, pairs
from cli.bench.bulk import START, Maker, Progress
from cli.bench.funding import TREASURY, application
from cli.localcluster import LocalCluster, open_cluster
from cli.output import Exit, Failure
from ledger.receipt import read_receipt
from ledger.store.chain import Store
from ledger.store.disk import open_store
from node import identity

_INDEX_WAIT_S: Final = 3_600.0
_POLL_S: Final = 0.5
_LOOK: Final = 5.0
"""In multiples of the time that a page took: nobody waits for the rest after somebody's page."""
_MADE: Final = "made.json"
"""Written last, so that a ledger that was not finished is never measured."""


class PageTimes(NamedTuple):
    """Times in ms: the 95th percentile over all pages and of each kind of page, and the medians of
    each history's first page and of one among its oldest entries."""

    p95: float
    kinds: dict[str, float]
    first: dict[str, float]
    deep: dict[str, float]


ACCOUNTS_EACH: Final = 2
"""A member's available money, and what it is owed or owes."""


class Size(NamedTuple):
    """How large the ledger is whose pages are asked for."""

    accounts: int
    transactions: int


class Made(msgspec.Struct, frozen=True):
    """A ledger that was made.

    After its newest block ``height`` a node adds idle ones. Ordinary payments begin in block
    ``paid_height``, after ``paid_after`` transactions: all histories are alike from there on.
    """

    accounts: int
    transactions: int
    height: int
    paid_height: int
    paid_after: int


class Site(NamedTuple):
    """A node over a filled store, not yet started, and what the store was filled with."""

    cluster: LocalCluster
    accounts: list[Account]
    made: Made


def prepare(folder: Path, size: Size, progress: Progress) -> Site:
    """A node of one guarantor whose store is filled as if it had agreed on everything.

    One that stands in ``folder`` since an earlier run is used again if it has this size.
    """
    parties = [account(1_000 + number) for number in range(size.accounts // ACCOUNTS_EACH)]
    made = _made_earlier(folder, size)
    if made is not None:
        return Site(open_cluster(folder), parties, made)
    members = [("g0", account(0).lei, "RU")]
    cluster = LocalCluster.prepare(
        folder, members, application(members, parties, now=START), network="bench", time_ms=START
    )
    home = cluster.nodes[0].home
    store = open_store(home.ledger)
    try:
        maker = Maker(store, cluster.genesis, [identity.load(home.path).vote_key])
        made = _fill(maker, parties, size, progress)
    finally:
        store.close()
    (folder / _MADE).write_bytes(msgspec.json.encode(made))
    return Site(cluster, parties, made)


def _fill(maker: Maker, parties: list[Account], size: Size, progress: Progress) -> Made:
    """Money for everybody, a debt between each two neighbours, and payments for the rest.

    Payers and payees are drawn evenly, but every tenth payment goes to the first party, so that
    one history is long.
    """
    maker.fund(parties)
    trades = list(zip(parties[::2], parties[1::2], strict=False))
    maker.invoice(trades)
    height, after = maker.height + 1, maker.transactions
    busy, *others = parties
    evenly = pairs(others, seed=size.transactions)
    drawn = (
        (payer, payee if number % 10 else busy) for number, (payer, payee) in enumerate(evenly)
    )
    maker.pay(drawn, max(0, size.transactions - 2 * len(trades)), progress=progress)
    return Made(*size, maker.height, height, after)


def _made_earlier(folder: Path, size: Size) -> Made | None:
    try:
        made = msgspec.json.decode((folder / _MADE).read_bytes(), type=Made)
    except FileNotFoundError:
        return None
    if (made.accounts, made.transactions) != size:
        raise Failure(
            "OTHER_LEDGER",
            f"{folder} keeps a ledger of {made.transactions:,} transactions and "
            f"{made.accounts:,} accounts; ask for that size, or for another folder",
            Exit.USAGE,
        )
    return made


def measure(site: Site, rounds: int) -> PageTimes:
    """Start the node, ask so many times for every page, stop it."""
    store = open_store(site.cluster.nodes[0].home.ledger, read_only=True)
    try:
        addresses = list(_addresses(store, site, rounds))
        newest = read_receipt(store.rows(site.made.height)[-1].receipt).subject.hex()
    finally:
        store.close()
    with site.cluster as cluster:
        cluster.start()
        cluster.wait_for_height(0, seconds=600)
        with httpx.Client(base_url=cluster.urls[0], timeout=60) as client:
            _wait_for_index(client, newest)
            times: dict[str, list[float]] = {}
            for kind, address in addresses:
                times.setdefault(kind, []).append(_asked(client, address))
            first: dict[str, list[float]] = {}
            deep: dict[str, list[float]] = {}
            for number in range(rounds):  # in turn, so that both meet the same machine
                for kind, begins, goes_on in _histories(site, number):
                    first.setdefault(kind, []).append(_asked(client, begins))
                    deep.setdefault(kind, []).append(_asked(client, goes_on))
    everything = [one for found in times.values() for one in found]
    return PageTimes(
        _percentile(everything, 0.95),
        {kind: _percentile(found, 0.95) for kind, found in times.items()},
        {kind: _percentile(found, 0.5) for kind, found in first.items()},
        {kind: _percentile(found, 0.5) for kind, found in deep.items()},
    )


def _histories(site: Site, number: int) -> Iterator[tuple[str, str, str]]:
    """Kinds of histories, each opened at its newest entry and among its oldest.

    ``number`` tells the addresses of one round from those of another, so that no cache answers.
    """
    once = f"round={number}"
    oldest = site.made.paid_height + 1 + number // 10
    row = site.made.paid_after + 100 + number
    busy = f"/en/accounts/{site.accounts[0].lei}/avail"
    paid = f"/en/accounts/{TREASURY.lei}/avail"
    transfers = "/en/transactions?operation=currency.Transfer"
    yield "blocks", f"/en/blocks?{once}", f"/en/blocks?blocks={100 + number}"
    yield "transactions", f"/en/transactions?{once}", f"/en/transactions?transactions={row}"
    yield "one operation", f"{transfers}&{once}", f"{transfers}&transactions={oldest}.{number}"
    yield "an account", f"{busy}?{once}", f"{busy}?height={oldest}&{once}"
    yield "an account of long payments", f"{paid}?{once}", f"{paid}?height={5 + number}"


def _addresses(store: Store, site: Site, rounds: int) -> Iterator[tuple[str, str]]:
    """Kinds of pages and addresses, in an order that is alike in every run."""
    draw = random.Random(7)  # noqa: S311  # which pages are opened, not a secret
    for _ in range(rounds):
        height = draw.randrange(5, site.made.height + 1)
        row = draw.choice(store.rows(height))
        party = draw.choice(site.accounts).lei
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
    """How long a page takes, in ms; then time to look at it, as the node's lane for pages rests."""
    started = time.perf_counter()
    response = client.get(address, follow_redirects=True)
    spent = time.perf_counter() - started
    if response.status_code != 200:
        raise Failure("PAGE_FAILED", f"{address} answered {response.status_code}", Exit.UNREACHABLE)
    time.sleep(_LOOK * spent)
    return spent * 1_000


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
