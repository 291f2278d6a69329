"""Barter contracts in disputes: what freezes, and what a settlement or award does to a claim."""

from __future__ import annotations

from contracts.barter.claims import ORIGIN, claim_of, claims_of, contract_of, reduce
from contracts.barter.course import refresh
from contracts.barter.records import CONTRACT, CONTRACT_TABLE, Contract
from contracts.dispute.records import Dispute, Ruling
from contracts.dispute.subjects import Disputable, disputable, subject_id
from contracts.errors import NOT_FOUND
from contracts.framework.context import Context
from ledger.errors import CodedError
from ledger.state import State


def sides(state: State, id: bytes) -> tuple[str, ...]:
    """Supplier, maker, and whoever else holds a claim. Raises ``NOT_FOUND``."""
    contract = state.get(CONTRACT_TABLE, id)
    if contract is None:
        raise CodedError(NOT_FOUND, "there is no such barter contract", field="subject.id")
    holders = (claim.holder for claim in claims_of(state, id))
    return tuple(dict.fromkeys((*contract.parties, *holders)))


def freeze(ctx: Context, dispute: Dispute) -> None:
    """Claims neither move nor convert, and the contract is not discharged, while it lasts."""
    contract = contract_of(ctx, subject_id(dispute))
    ctx.amend(CONTRACT, contract, disputes=contract.disputes + 1)


def thaw(ctx: Context, dispute: Dispute) -> None:
    """What waited for the dispute happens now."""
    refresh(ctx, _released(ctx, contract_of(ctx, subject_id(dispute))))


def resolve(ctx: Context, dispute: Dispute, ruling: Ruling) -> int:
    """The discharged part of the other side's goods claim ends; the money is paid outside of it.

    What is called off or on its way is not touched: it ends with its delivery.
    """
    contract = _released(ctx, contract_of(ctx, subject_id(dispute)))
    for holder in dispute.parties:
        if holder == contract.maker or contract.maker not in dispute.parties:
            continue
        ended = min(ruling.discharged, claim_of(ctx.state, contract.id, holder).free)
        if ended:
            contract = reduce(ctx, contract, holder, ended, "awarded")
    refresh(ctx, contract)
    return 0


def _released(ctx: Context, contract: Contract) -> Contract:
    return ctx.amend(CONTRACT, contract, disputes=contract.disputes - 1)


disputable(Disputable(kind=ORIGIN, sides=sides, freeze=freeze, thaw=thaw, resolve=resolve))
