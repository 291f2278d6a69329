"""An account's balance at any height, from the chain of its postings: a few reads at any depth."""

from __future__ import annotations

from contracts.executor import ANCHOR_EVERY
from contracts.framework.posting import BALANCE
from ledger.state import State
from ledger.store.interface import ChainReader
from node.api.history import Step, held, postings
from node.api.words import pruned


def step_before(
    reader: ChainReader, account: str, unit: str, place: tuple[int, int]
) -> tuple[Step, int]:
    """The newest posting of an account before a place, and the balance after it.

    Number 0 of the account and its first balance if there is none. Raises ``PRUNED`` of a time
    that lies in blocks which the store does not hold.
    """
    record = State(reader, cached_records=1).get(BALANCE, account, unit)
    if record is None:
        return Step(0, 0, 0), 0
    step = Step(record.height, record.index, record.count)
    if (record.height, record.index) < place:
        return step, record.amount
    low, high = 0, record.count // ANCHOR_EVERY
    while low < high:  # the first anchor at or after the place, if there is one
        middle = (low + high) // 2
        anchor = reader.anchor(account, unit, (middle + 1) * ANCHOR_EVERY)
        if anchor is None or (anchor.height, anchor.position) >= place:
            high = middle
        else:
            low = middle + 1
    found = reader.anchor(account, unit, (low + 1) * ANCHOR_EVERY)
    if found is not None:
        step = Step(found.height, found.position, found.sequence)
    balance = record.amount
    for entry in held(postings(reader, account, unit, step)):
        here = Step(entry.height, entry.position, entry.posting.sequence)
        if here[:2] < place:
            return here, entry.posting.balance
        step, balance = entry.before, entry.posting.balance - entry.posting.amount
    if step.sequence and step[:2] >= place:
        raise pruned(reader.base)
    return step if step.sequence else Step(0, 0, 0), balance


def balance_at(reader: ChainReader, account: str, unit: str, height: int) -> int:
    """The balance of an account after a height, in minor units."""
    return step_before(reader, account, unit, (height + 1, 0))[1]
