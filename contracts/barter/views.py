"""Questions about barter: a contract's timeline, open claims, what waits for whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contracts.barter.chain_records import CHAIN, SHIFT, Chain
from contracts.barter.claims import claims_of
from contracts.barter.course import date_of, horizon, progress_of, terms_of
from contracts.barter.lot_records import DEFECT, LOT, LOT_TABLE, LOTS, Lot
from contracts.barter.records import (
    CLAIM,
    CONTRACT,
    CONTRACT_TABLE,
    LIVE,
    PROGRESS,
    Claim,
    Contract,
)
from contracts.barter.terms import Side, Terms
from contracts.errors import NOT_FOUND
from contracts.framework.machine import ITEM, Item
from ledger.errors import CodedError
from ledger.state import State

_MACHINES = (CONTRACT.name, LOT.name, DEFECT.name, SHIFT.name)


class PlannedDelivery(NamedTuple):
    """A milestone as it stands now. ``reached`` counts shipped units towards ``quantity``."""

    side: Side
    item: int
    name: str
    due: int
    quantity: int
    reached: int
    late: bool


class Timeline(NamedTuple):
    """A contract: its plan, its lots, its claims, and the next date (0 if it is not running)."""

    contract: Contract
    terms: Terms
    plan: tuple[PlannedDelivery, ...]
    lots: tuple[Lot, ...]
    claims: tuple[Claim, ...]
    next_date: int


class OpenClaim(NamedTuple):
    """A claim that somebody holds: minor units of goods value, of which ``committed`` is called."""

    contract: bytes
    holder: str
    maker: str
    open: int
    committed: int


class ChainLink(NamedTuple):
    """A contract of a chain, in one line."""

    contract: bytes
    supplier: str
    maker: str
    state: str
    open: int


def timeline(state: State, id: bytes, time: int) -> Timeline:
    """A contract's past and future at a block time (ms). Raises ``NOT_FOUND``."""
    contract = state.get(CONTRACT_TABLE, id)
    if contract is None:
        raise CodedError(NOT_FOUND, "there is no such barter contract", field="contract")
    terms = terms_of(state, id)
    plan = tuple(sorted(_plan(state, contract, terms, time), key=lambda p: p.due))
    ahead = horizon(state, contract).due if contract.state in LIVE else 0
    return Timeline(
        contract, terms, plan, tuple(lots_of(state, id)), tuple(claims_of(state, id)), ahead
    )


def _plan(state: State, contract: Contract, terms: Terms, time: int) -> Iterator[PlannedDelivery]:
    progress = state.get(PROGRESS, contract.id)
    for side in Side:
        flow = terms.flow(side)
        left = [
            entry.performed
            for entry in (progress_of(state, contract.id).flow(side) if progress else ())
        ] or [0] * len(flow.items)
        for milestone in flow.schedule:
            reached = min(left[milestone.item], milestone.quantity)
            left[milestone.item] -= reached
            due = date_of(state, contract, terms, milestone)
            yield PlannedDelivery(
                side=side,
                item=milestone.item,
                name=flow.items[milestone.item].name,
                due=due,
                quantity=milestone.quantity,
                reached=reached,
                late=reached < milestone.quantity and due < time,
            )


def lots_of(state: State, contract: bytes) -> Iterator[Lot]:
    """Every lot that a contract had, in the order of ids."""
    for _, index in state.scan(LOTS, contract):
        lot = state.get(LOT_TABLE, index.lot)
        if lot is not None:
            yield lot


def open_claims(state: State, lei: str) -> Iterator[OpenClaim]:
    """Open claims that a party holds or has to fulfil."""
    for _, claim in state.scan(CLAIM):
        if not claim.open:
            continue
        contract = state.get(CONTRACT_TABLE, claim.contract)
        if contract is not None and lei in {claim.holder, contract.maker}:
            yield OpenClaim(
                claim.contract, claim.holder, contract.maker, claim.open, claim.committed
            )


def to_do(state: State, lei: str, *, acting: bool = True) -> Iterator[Item]:
    """A party's open barter objects; only those that wait for it unless ``acting`` is false."""
    for machine in _MACHINES:
        for _, item in state.scan(ITEM, lei, machine):
            if item.acts or not acting:
                yield item


def chain(state: State, id: bytes) -> tuple[Chain, tuple[ChainLink, ...]]:
    """A chain and its contracts. Raises ``NOT_FOUND``."""
    found = state.get(CHAIN, id)
    if found is None:
        raise CodedError(NOT_FOUND, "there is no such chain", field="chain")
    links = []
    for contract_id in found.contracts:
        contract = state.get(CONTRACT_TABLE, contract_id)
        if contract is not None:
            links.append(
                ChainLink(
                    contract.id,
                    contract.supplier,
                    contract.maker,
                    contract.state.value,
                    contract.totals.open,
                )
            )
    return found, tuple(links)
