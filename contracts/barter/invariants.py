"""What is true of barter at every height."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.barter.accounts import GCLAIM, GDEL, SHIPPED, TRANSIT
from contracts.barter.chain_records import CHAIN
from contracts.barter.claims import claims_of, gclaim, gdel
from contracts.barter.course import progress_of, terms_of
from contracts.barter.lot_records import LOT_TABLE, OPEN_LOTS, Lot, LotState
from contracts.barter.records import (
    CLAIM,
    CONTRACT,
    CONTRACT_TABLE,
    LIVE,
    PROGRESS,
    Contract,
    ContractState,
)
from contracts.barter.terms import Side, scheduled, terms_hash
from contracts.framework.capability import invariant
from contracts.framework.posting import MEMO, Unit, balance_of, balances, kind_of
from ledger.state import State

_CALLS = frozenset({LotState.CALLED_OFF, LotState.LATE})


def _contracts(state: State) -> Iterator[Contract]:
    for _, contract in state.scan(CONTRACT_TABLE):
        yield contract


def _open_lots(state: State, contract: bytes) -> Iterator[Lot]:
    for _, index in state.scan(OPEN_LOTS, contract):
        lot = state.get(LOT_TABLE, index.lot)
        if lot is not None:
            yield lot


@invariant("goods claims equal goods owed", 8)
def claims_balance(state: State) -> Iterator[str]:
    """Per contract, claims and deliveries owed are equal: accepted components less what ended."""
    for contract in _contracts(state):
        name = contract.id.hex()[:16]
        claimed = 0
        for claim in claims_of(state, contract.id):
            claimed += claim.open
            booked = -balance_of(state, gclaim(claim.holder, contract.id))
            if booked != claim.open:
                yield f"{name}: {claim.holder} claims {claim.open}, its account says {booked}"
        owed = balance_of(state, gdel(contract.maker, contract.id))
        if not claimed == owed == contract.totals.open or owed < 0:
            yield (f"{name}: claimed {claimed}, owed {owed}, by the totals {contract.totals.open}")


@invariant("no claim ends for more than it was", 9)
def claims_bounded(state: State) -> Iterator[str]:
    """What is delivered, paid, awarded, converted and called never exceeds the claim."""
    for _, claim in state.scan(CLAIM):
        if not 0 <= claim.committed <= claim.open <= claim.gained:
            yield (
                f"{claim.contract.hex()[:16]}: {claim.holder} gained {claim.gained}, "
                f"spent {claim.spent}, called {claim.committed}"
            )
    for contract in _contracts(state):
        totals = contract.totals
        if totals.ended > totals.credited + totals.restored:
            yield f"{contract.id.hex()[:16]}: more ended than was ever credited"


@invariant("goods value is conserved", 1, 8)
def goods_value_conserved(state: State) -> Iterator[str]:
    """Goods value and goods in transit each sum to zero, and stand on barter's accounts alone."""
    sums = {Unit.GV: 0, Unit.GIT: 0}
    allowed = {Unit.GV: {GCLAIM, GDEL}, Unit.GIT: {SHIPPED, TRANSIT}}
    for account, unit, balance in balances(state):
        if unit not in sums:
            continue
        sums[unit] += balance.amount
        if kind_of(account) not in allowed[unit]:
            yield f"{account} holds {unit.value}"
    for unit, total in sums.items():
        if total:
            yield f"{unit.value} sums to {total}"
    assert Unit.GV not in MEMO


@invariant("lots and their counters agree", 8, 12)
def lots_counted(state: State) -> Iterator[str]:
    """Open lots equal the contract's counters, the schedule's, the claims' and the memo's."""
    for contract in _contracts(state):
        if state.get(PROGRESS, contract.id) is None:
            continue
        name = contract.id.hex()[:16]
        lots = list(_open_lots(state, contract.id))
        moving = [lot for lot in lots if lot.state not in _CALLS]
        if len(moving) != contract.open_lots:
            yield f"{name}: {len(moving)} lots are open, counted {contract.open_lots}"
        late = sum(lot.state is LotState.LATE for lot in lots)
        if late != contract.late_calls:
            yield f"{name}: {late} call-offs are late, counted {contract.late_calls}"
        in_transit = sum(
            balance_of(state, TRANSIT.of(receiver, contract.id.hex()))
            for receiver in {lot.receiver for lot in moving}
        )
        if in_transit != sum(lot.value for lot in moving):
            yield f"{name}: the memo of goods in transit says {in_transit}"
        yield from _schedule_counted(state, contract, lots)
        for claim in claims_of(state, contract.id):
            called = sum(
                lot.value for lot in lots if lot.side is Side.GOODS and lot.receiver == claim.holder
            )
            if called != claim.committed:
                yield f"{name}: {claim.holder} called {called}, counted {claim.committed}"


def _schedule_counted(state: State, contract: Contract, lots: list[Lot]) -> Iterator[str]:
    terms = terms_of(state, contract.id)
    progress = progress_of(state, contract.id)
    for side in Side:
        flow = terms.flow(side)
        for index, entry in enumerate(progress.flow(side)):
            open_units = sum(
                lot.remaining for lot in lots if lot.side is side and lot.item == index
            )
            if open_units != entry.moving:
                yield f"{contract.id.hex()[:16]}: {side.value} {index}: moving {entry.moving}"
            if entry.performed > scheduled(flow, index):
                yield f"{contract.id.hex()[:16]}: {side.value} {index}: above the schedule"


@invariant("contracts end clean", 8, 12)
def ends_are_clean(state: State) -> Iterator[str]:
    """A discharged contract has nothing open; one that never started has no claims at all."""
    for contract in _contracts(state):
        name = contract.id.hex()[:16]
        if contract.state is ContractState.DISCHARGED:
            if contract.totals.open or contract.open_lots or contract.late_calls:
                yield f"{name} is discharged with something open"
        elif contract.state is ContractState.TERMINATED:
            free = sum(claim.free for claim in claims_of(state, contract.id))
            if free and contract.disputes == 0:
                yield f"{name} is terminated and {free} of its claims is not converted"
        elif contract.state not in LIVE and contract.totals.credited:
            yield f"{name} is {contract.state.value} and has claims"
        if CONTRACT.is_end(contract.state) and contract.due:
            yield f"{name} is over and has a time limit"


@invariant("terms never change", 12)
def terms_are_those_agreed(state: State) -> Iterator[str]:
    """Stored terms have the hash that both parties named; chains list only contracts of theirs."""
    for _, chain in state.scan(CHAIN):
        for id in chain.contracts:
            if terms_of(state, id).chain != chain.id:
                yield f"chain {chain.id.hex()[:16]} lists a contract that is not of it"


def hash_mismatches(state: State, chain_id: bytes) -> Iterator[str]:
    """Contracts whose stored terms are not those of their hash; needs the ledger's chain id."""
    for contract in _contracts(state):
        terms = terms_of(state, contract.id)
        if terms_hash(chain_id, contract.supplier, contract.maker, terms) != contract.terms_hash:
            yield f"{contract.id.hex()[:16]}: the stored terms have another hash"


INVARIANTS = (
    claims_balance,
    claims_bounded,
    goods_value_conserved,
    lots_counted,
    ends_are_clean,
    terms_are_those_agreed,
)
