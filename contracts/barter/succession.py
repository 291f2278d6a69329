"""Barter contracts and goods claims of a party pass to its successor.

The successor steps into the contract as it stands: schedule, lots on their way, claims and what is
to be delivered. A contract whose two sides become one party ends, and so does one in which the new
maker would owe goods to itself. Offers fall through. A contract in dispute follows when that ends.
"""

from __future__ import annotations

from msgspec import structs

from contracts.barter.accounts import GCLAIM, GDEL, SHIPPED, TRANSIT
from contracts.barter.claims import claim_of, gclaim, gdel
from contracts.barter.course import terms_of
from contracts.barter.ending import standing_changed, terminate
from contracts.barter.events import ClaimAssigned, ContractMoved
from contracts.barter.lot_records import DEFECT, DEFECT_TABLE, LOT, LOT_TABLE, LOTS
from contracts.barter.offers import fall_through
from contracts.barter.records import (
    CLAIM,
    CONTRACT,
    CONTRACT_TABLE,
    PASSED,
    Contract,
    ContractState,
)
from contracts.barter.terms import terms_hash
from contracts.framework.context import Context
from contracts.framework.machine import ITEM
from contracts.framework.party import Party, Right
from contracts.framework.posting import Unit, accounts_of, balance_of, kind_of
from contracts.guarantee.records import SUBROGATION
from contracts.register.hooks import on_standing_change, on_succession
from contracts.register.leaving_records import (
    OPEN_SUCCESSION,
    SUCCESSION_TABLE,
    SuccessionState,
)

_REASON = "a party has a successor"


@on_standing_change
def contracts_follow_standing(ctx: Context, before: Party, after: Party) -> None:
    """Who may take on nothing new loses its offers, and by its exclusion what the terms say.

    Not if a successor takes its place: then contracts pass.
    """
    if after.may(Right.OBLIGE) or not before.may(Right.SETTLE):
        return
    entry = ctx.get(OPEN_SUCCESSION, after.lei)
    succession = None if entry is None else ctx.get(SUCCESSION_TABLE, entry.succession)
    if succession is None or succession.state is not SuccessionState.MOVING:
        standing_changed(ctx, after.lei)


@on_succession("barter")
def contracts_pass(ctx: Context, old: str, new: str, limit: int) -> int:
    """Pass contracts and claims in other people's contracts."""
    passed = 0
    for id in _contracts_of(ctx, old):
        contract = ctx.get(CONTRACT_TABLE, id)
        if passed >= limit:
            break
        if contract is not None and _pass(ctx, contract, old, new):
            passed += 1
    return passed


def _contracts_of(ctx: Context, lei: str) -> list[bytes]:
    """Contracts in which a party has something open, as a party to them or as a holder."""
    found = [item.key[0] for _, item in ctx.state.scan(ITEM, lei, CONTRACT.name)]
    for account, _, balance in accounts_of(ctx.state, lei):
        if kind_of(account) in {GCLAIM, GDEL} and balance.amount:
            found.append(bytes.fromhex(account.rsplit("/", 1)[1]))
    return list(dict.fromkeys(found))


def _pass(ctx: Context, contract: Contract, old: str, new: str) -> bool:
    """Whether a contract, or the party's claim in it, could pass now."""
    if contract.disputes or (contract.due and ctx.time > contract.due):
        return False
    if contract.state in {ContractState.OFFERED, ContractState.ACCEPTED}:
        fall_through(ctx, contract, "fall through", _REASON)
        return True
    if _owes_itself(ctx, contract, old, new):
        if CONTRACT.target(contract.state, "terminate") is None:
            return False
        terminate(ctx, contract, "terminate", _REASON)
        return True
    _pass_claim(ctx, contract, old, new)
    _pass_lots(ctx, contract, old, new)
    if old in contract.parties:
        _pass_side(ctx, contract, old, new)
    return True


def _owes_itself(ctx: Context, contract: Contract, old: str, new: str) -> bool:
    if old == contract.maker:
        return new == contract.supplier or claim_of(ctx.state, contract.id, new).open > 0
    return new == contract.maker


def _pass_claim(ctx: Context, contract: Contract, old: str, new: str) -> None:
    """The whole claim, with what of it is called off."""
    source = claim_of(ctx.state, contract.id, old)
    if not source.gained:
        return
    target = claim_of(ctx.state, contract.id, new)
    if source.open:
        ctx.post(Unit.GV, gclaim(new, contract.id), gclaim(old, contract.id), source.open)
    joined = structs.replace(
        target,
        gained=target.gained + source.open,
        committed=target.committed + source.committed,
    )
    ctx.put(CLAIM, joined, contract.id, new)
    left = structs.replace(source, spent=source.gained, committed=0)
    ctx.put(CLAIM, left, contract.id, old)
    if source.open:
        ctx.emit(ClaimAssigned(contract.id, old, new, contract.maker, source.open, _REASON))


def _pass_lots(ctx: Context, contract: Contract, old: str, new: str) -> None:
    """Lots keep their course; later notices of defects go to the successor too."""
    for _, entry in list(ctx.state.scan(LOTS, contract.id)):
        lot = ctx.get(LOT_TABLE, entry.lot)
        places = [p for p in ("shipper", "receiver") if lot and getattr(lot, p) == old]
        if lot is not None and places:
            ctx.amend(LOT, lot, **dict.fromkeys(places, new))
    for key in [item.key for _, item in ctx.state.scan(ITEM, old, DEFECT.name)]:
        defect = ctx.get(DEFECT_TABLE, *key)
        if defect is not None and defect.contract == contract.id:
            places = [p for p in ("shipper", "receiver") if getattr(defect, p) == old]
            ctx.amend(DEFECT, defect, **dict.fromkeys(places, new))
    reference = contract.id.hex()
    shipped = -balance_of(ctx.state, SHIPPED.of(old, reference))
    if shipped:
        ctx.post(Unit.GIT, SHIPPED.of(new, reference), SHIPPED.of(old, reference), shipped)
    transit = balance_of(ctx.state, TRANSIT.of(old, reference))
    if transit:
        ctx.post(Unit.GIT, TRANSIT.of(old, reference), TRANSIT.of(new, reference), transit)


def _pass_side(ctx: Context, contract: Contract, old: str, new: str) -> None:
    """The successor becomes supplier or maker; what passed to guarantors now runs against it."""
    owed = balance_of(ctx.state, gdel(old, contract.id))
    if owed:
        ctx.post(Unit.GV, gdel(old, contract.id), gdel(new, contract.id), owed)
    for _, entry in list(ctx.state.scan(PASSED, contract.id)):
        passed = ctx.get(SUBROGATION, entry.payment)
        if passed is not None and passed.applicant == old:
            ctx.put(SUBROGATION, structs.replace(passed, applicant=new), entry.payment)
    supplier = new if contract.supplier == old else contract.supplier
    maker = new if contract.maker == old else contract.maker
    changed = ctx.amend(
        CONTRACT,
        contract,
        supplier=supplier,
        maker=maker,
        proposer=new if contract.proposer == old else contract.proposer,
        terms_hash=terms_hash(ctx.chain_id, supplier, maker, terms_of(ctx.state, contract.id)),
    )
    ctx.emit(ContractMoved(changed.id, supplier, maker, changed.state, changed.state, _REASON))
