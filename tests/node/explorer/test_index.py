"""The index holds what the receipts say, whenever it was made and however often it was stopped."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_in_memory import lei
from single_node import PAYEE, PAYER, THIRD, SingleNode, demo_genesis

from contracts.framework.party import PARTY
from contracts.framework.posting import balances, kind_of, owner_of
from ledger.receipt import read_receipt
from ledger.state import State
from node.explorer.balances import balance_at
from node.explorer.index import records
from node.explorer.index.records import Series
from node.explorer.index.writer import Index

NAMES = (PAYER, PAYEE, THIRD)

Payment = tuple[int, int, int]
"""Payer, payee, amount."""

PAIRS = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
payments = st.builds(
    lambda pair, amount: (*pair, amount), st.sampled_from(PAIRS), st.integers(1, 2_000_000)
)
ledgers = st.lists(st.lists(payments, max_size=4), max_size=12)
"""Blocks of payments; some are more than the payer has."""


def played(blocks: list[list[Payment]], node: SingleNode | None = None) -> SingleNode:
    """A ledger with these blocks."""
    node = node or SingleNode(demo_genesis())
    for block in blocks:
        for payer, payee, amount in block:
            candidate = node.pay(NAMES[payer], NAMES[payee], amount, reference=f"R-{amount}")
            node._submit(candidate)
        node.produce(after=40_000)
    return node


def series_of(node: SingleNode, account: str, unit: str) -> Series:
    owner = owner_of(account)
    party = State(node.store).get(PARTY, owner) if len(owner) == 20 else None
    return Series(kind_of(account).name, unit, party.profile.home if party else owner)


def totals_by_receipts(node: SingleNode) -> list[dict[Series, int]]:
    """Every total after every height, from what the state holds now and the receipts alone."""
    now: Counter[Series] = Counter()
    for account, unit, record in balances(State(node.store)):
        now[series_of(node, account, unit.value)] += record.amount
    found = [dict(now)]
    for height in range(node.head().height, 0, -1):
        for row in node.store.rows(height):
            for posting in read_receipt(row.receipt).postings:
                now[series_of(node, posting.account, posting.unit)] -= posting.amount
        found.append(dict(now))
    return found[::-1]


def content(index: Index) -> dict[bytes, bytes]:
    """Everything that an index holds."""
    with index.snapshot() as reader:
        return dict(reader.everything())


@settings(max_examples=25, deadline=None)
@given(ledgers, st.integers(0, 12))
def test_the_index_is_what_the_receipts_say_at_every_height(
    blocks: list[list[Payment]], begun: int
) -> None:
    node = played(blocks[:begun])
    index = Index(node)
    index.catch_up()
    played(blocks[begun:], node)
    index.catch_up()
    wanted = totals_by_receipts(node)
    ids = [
        read_receipt(row.receipt).subject
        for height in range(1, node.head().height + 1)
        for row in node.store.rows(height)
    ]
    with index.snapshot() as reader:
        assert reader.height == node.head().height
        for height, totals in enumerate(wanted):
            assert reader.trial_balance(height) == totals
        assert reader.transactions == len(ids)
        for number, identity in enumerate(ids):
            assert reader.transaction(number) == node.store.find_transaction(identity)
        assert len(reader.with_operation("currency.Transfer", None, 1000)) == len(ids)
        for length in records.LEVELS:
            buckets = reader.buckets(length, 0, node.head().time)
            assert sum(b.transactions for b in buckets) == len(ids)
            assert sum(b.blocks for b in buckets) == node.head().height + 1
            assert buckets[-1].height == node.head().height
    fresh = Index(node)
    fresh.catch_up()
    assert content(fresh) == content(index)
    for made in (index, fresh):
        made.close()


@settings(max_examples=15, deadline=None)
@given(st.lists(payments, min_size=90, max_size=200))
def test_a_balance_is_found_at_any_height(moves: list[Payment]) -> None:
    node = played([moves[at : at + 3] for at in range(0, len(moves), 3)])
    known: dict[str, list[int]] = {}
    for height in range(node.head().height + 1):
        for name in NAMES:
            known.setdefault(name, [1_000_000]).append(known.get(name, [1_000_000])[-1])
        for row in node.store.rows(height):
            for posting in read_receipt(row.receipt).postings:
                name = next(n for n in NAMES if lei(n) == owner_of(posting.account))
                known[name][-1] = posting.balance
    for name in NAMES:
        for height in range(node.head().height + 1):
            found = balance_at(node.store, f"{lei(name)}/avail", "SCU", height)
            assert found == known[name][height + 1], (name, height)


@pytest.fixture
def node() -> SingleNode:
    return played([[(0, 1, amount), (1, 2, amount * 2)] for amount in range(1, 40)])


def test_an_index_that_was_stopped_anywhere_goes_on_where_it_was(
    node: SingleNode, tmp_path: Path
) -> None:
    reached = []
    for _ in range(7):
        index = Index(node, tmp_path / "index", batch_blocks=7)
        index.step()
        reached.append(index.height)
        index.close()
    assert reached == [6, 13, 20, 27, 34, 39, 39]
    fresh = Index(node)
    fresh.catch_up()
    index = Index(node, tmp_path / "index")
    assert content(index) == content(fresh)


def test_an_index_of_another_chain_or_a_damaged_one_is_made_again(
    node: SingleNode, tmp_path: Path
) -> None:
    other = played([[(0, 1, 5)]] * 60)
    index = Index(other, tmp_path / "index")
    index.catch_up()
    index.close()
    again = Index(node, tmp_path / "index")
    assert again.height == -1
    again.catch_up()
    wanted = content(again)
    again.close()
    file = tmp_path / "index" / "data.mdb"
    file.write_bytes(b"\xff" * file.stat().st_size)
    healed = Index(node, tmp_path / "index")
    healed.catch_up()
    assert content(healed) == wanted


def test_the_thread_follows_the_chain(node: SingleNode) -> None:
    index = Index(node)
    index.start()
    index.wait_for(node.head().height, 30)
    played([[(0, 1, 3)]], node)
    index.tell()
    index.wait_for(node.head().height, 30)
    index.close()


class ClosedMeanwhile(threading.Event):
    """The index is told to close right after its thread looked whether it was."""

    def __init__(self, index: Index) -> None:
        super().__init__()
        self._index = index

    def is_set(self) -> bool:
        before = super().is_set()
        self.set()
        self._index.tell()
        return before


def test_the_thread_ends_however_close_falls_into_its_steps(node: SingleNode) -> None:
    index = Index(node)
    index.catch_up()
    index._stopping = ClosedMeanwhile(index)
    index.start()
    assert index._thread is not None
    index._thread.join(20)
    assert not index._thread.is_alive()


def test_parties_are_found_by_list_and_by_any_word_of_their_names(node: SingleNode) -> None:
    index = Index(node)
    index.catch_up()
    with index.snapshot() as reader:
        everybody, more = reader.parties("", b"", 100)
        names = [State(node.store).get(PARTY, one).profile.name for one in everybody]  # type: ignore[union-attr]
        assert names == sorted(names, key=str.casefold) and set(NAMES) < set(names) and not more
        first, more = reader.parties("", b"", 2)
        second, _ = reader.parties("", more, 2)
        assert first + second == everybody[:4]
        assert reader.named("volg bear", 5) == reader.named("BEARINGS", 5) == [lei(PAYEE)]
        assert reader.named("volga steel", 5) == []
        assert set(reader.parties("standing:admitted", b"", 100)[0]) == set(everybody)
        assert reader.with_reference("r-7", 5) == [(7, 0)]
