"""Addresses that stand for all pages of a ledger, near its head and in its depth, to be timed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from contracts.framework.party import PARTY
from contracts.framework.posting import BALANCE
from contracts.framework.render import LANGUAGES
from ledger.receipt import read_receipt
from ledger.state import State
from ledger.store.interface import ChainReader
from node.explorer.index.reader import IndexReader

DEPTHS = (0.0, 0.25, 0.5, 0.99)
"""How far back from the head, as a share of the history."""


def addresses(index: IndexReader, chain: ChainReader) -> list[str]:
    """Pages of every kind, each at several depths, in every language in turn."""
    found = ["", "/blocks", "/transactions", "/members", "/accounts", "/trial-balance"]
    for depth in DEPTHS:
        found += _blocks(index, depth)
        found += _transactions(index, chain, depth)
    found += _parties(chain)
    found += [f"/transactions?operation={name}" for name in islice(index.tallies("operation"), 5)]
    found += ["/search?q=a", "/search?q=8483", f"/search?q={index.height}"]
    return [f"/{LANGUAGES[at % len(LANGUAGES)]}{path}" for at, path in enumerate(found)]


def _blocks(index: IndexReader, depth: float) -> Iterator[str]:
    height = int(index.height * (1 - depth))
    yield f"/blocks/{height}"
    yield f"/blocks?blocks={height + 1}"
    yield f"/trial-balance?height={height}"


def _transactions(index: IndexReader, chain: ChainReader, depth: float) -> Iterator[str]:
    number = int((index.transactions - 1) * (1 - depth))
    place = index.transaction(number)
    if place is None:
        return
    yield f"/transactions?transactions={number + 1}"
    row = chain.row(*place)
    if row is None:
        return
    receipt = read_receipt(row.receipt)
    yield f"/transactions/{receipt.subject.hex()}"
    yield f"/search?q={receipt.subject.hex()}"
    for posting in receipt.postings[:2]:
        yield f"/accounts/{posting.account}?height={place[0]}"


def _parties(chain: ChainReader) -> Iterator[str]:
    state = State(chain)
    for _, party in islice(state.scan(PARTY), 3):
        yield f"/members/{party.lei}"
        yield f"/members/{party.lei}/history"
    for key, _ in islice(state.scan(BALANCE), 3):
        yield f"/accounts/{key[len(BALANCE.prefix) :].split(bytes(1))[0].decode()}"
