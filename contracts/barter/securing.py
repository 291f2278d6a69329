"""Securing a contract: both states' guarantees, and relief by both states' customs.

The supplier's guarantor answers for damages if the supplier does not ship; the maker's guarantor
answers for the finished goods that are owed. Customs of the maker's state decide on the components
that enter it, customs of the supplier's state on the finished goods. A refused relief does not stop
the contract, unless its terms let goods go back rather than pay duty: then it lapses.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from contracts.barter.claims import ORIGIN, contract_of
from contracts.barter.consequences import RELEASES
from contracts.barter.course import advance, next_date, refresh, terms_of
from contracts.barter.events import ContractCovered, ContractMoved, ReliefDecided
from contracts.barter.offers import CONTRACT_ID, fall_through
from contracts.barter.records import CONTRACT, CONTRACT_TABLE, Contract, Relief
from contracts.barter.terms import Risk, Side
from contracts.capacity import CAPACITY, COVER
from contracts.errors import (
    ALREADY_DECIDED,
    DEADLINE_PASSED,
    NOT_ENTITLED,
    OVER_CAPACITY,
    WRONG_STATE,
)
from contracts.framework.authority import holder_of
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Role, party_of
from contracts.framework.posting import entry
from contracts.framework.types import Country, Lei, ObjectId, Title
from contracts.guarantee import undertaking
from contracts.guarantee.events import GuaranteeEnded, GuaranteeIssued
from ledger.errors import CodedError
from ledger.state import State


def _cover(state: State, op: Any, party: str) -> int:
    contract = state.get(CONTRACT_TABLE, op.contract)
    if contract is None:
        return 0
    terms = terms_of(state, contract.id)
    return terms.supplier_cover if op.applicant == contract.supplier else terms.maker_cover


@operation(
    policy="guarantee",
    by=holder_of(Role.GUARANTOR),
    amount=_cover,
    posts=(entry("guarantor", CAPACITY, "guarantor", COVER),),
    emits=(ContractCovered, GuaranteeIssued, ContractMoved),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED, ALREADY_DECIDED, OVER_CAPACITY),
    text={
        "en": "Guarantee the duties of {applicant} under barter contract {contract}",
        "ru": "Гарантировать обязательства {applicant} по бартерному договору {contract}",
        "zh": "为 {applicant} 在易货合同 {contract} 下的义务提供担保",
    },
)
class Secure(Operation, tag="barter.Secure"):
    """A state's guarantor stands behind its resident's duties, irrevocably, as the terms say."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    applicant: Annotated[Lei, Meta(description="Whose duties.")]


@operation(
    policy="customs",
    by=holder_of(Role.CUSTOMS),
    posts=RELEASES,
    emits=(ReliefDecided, ContractMoved, GuaranteeEnded),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED, ALREADY_DECIDED),
    text={
        "en": "Customs of {country} decide on relief for barter contract {contract}: "
        "granted {granted}, decision {decision}",
        "ru": "Таможня {country} решает о льготе по бартерному договору {contract}: "
        "предоставлена {granted}, решение {decision}",
        "zh": "{country} 海关就易货合同 {contract} 的减免作出决定：准予 {granted}，"
        "决定书 {decision}",
    },
)
class AttestRelief(Operation, tag="barter.AttestRelief"):
    """Customs decide on relief from duty and tax for what enters their state under a contract."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    country: Annotated[Country, Meta(description="For which state.")]
    granted: Annotated[bool, Meta(description="Whether relief is granted.")]
    decision: Annotated[Title, Meta(description="Number of the decision.")]


def homes(state: State, contract: Contract) -> tuple[str, str]:
    """Home states of the supplier and of the maker."""
    supplier = party_of(state, contract.supplier).profile.home
    return supplier, party_of(state, contract.maker).profile.home


@transition(Secure)
def secure(ctx: Context, op: Secure) -> None:
    """Issue the guarantee that the terms ask for; the last part secures the contract."""
    contract = contract_of(ctx, op.contract)
    ctx.require_open(CONTRACT, contract, "secure")
    if op.applicant not in contract.parties:
        raise CodedError(
            NOT_ENTITLED, "the applicant is no party to the contract", field="applicant"
        )
    home = ctx.party(op.applicant).profile.home
    if not ctx.party(ctx.author).holds(Role.GUARANTOR, home):
        raise CodedError(NOT_ENTITLED, f"only the guarantor of {home} may do this")
    supplies = op.applicant == contract.supplier
    if (contract.supplier_cover if supplies else contract.maker_cover) is not None:
        raise CodedError(ALREADY_DECIDED, "this party's duties are guaranteed", field="applicant")
    terms = terms_of(ctx.state, contract.id)
    amount = terms.supplier_cover if supplies else terms.maker_cover
    beneficiary = contract.other(op.applicant)
    id = undertaking.issue(
        ctx,
        guarantor=ctx.author,
        applicant=op.applicant,
        beneficiary=beneficiary,
        amount=amount,
        underlying=(ORIGIN, contract.id),
        expires=terms.cover_until,
    )
    ctx.emit(ContractCovered(contract.id, id, ctx.author, op.applicant, beneficiary, amount))
    contract = ctx.amend(
        CONTRACT, contract, **{"supplier_cover" if supplies else "maker_cover": id}
    )
    secure_if_complete(ctx, contract)


@transition(AttestRelief)
def attest_relief(ctx: Context, op: AttestRelief) -> None:
    """Record the decision; a refusal ends the contract where its terms say so."""
    contract = contract_of(ctx, op.contract)
    ctx.require_open(CONTRACT, contract, "secure")
    supplier_home, maker_home = homes(ctx.state, contract)
    if op.country not in {supplier_home, maker_home}:
        raise CodedError(
            NOT_ENTITLED, "nothing enters this state under the contract", field="country"
        )
    if not ctx.party(ctx.author).holds(Role.CUSTOMS, op.country):
        raise CodedError(NOT_ENTITLED, f"only customs of {op.country} may do this")
    if any(r.country == op.country for r in contract.reliefs):
        raise CodedError(ALREADY_DECIDED, f"customs of {op.country} have decided", field="country")
    relief = Relief(op.country, ctx.author, op.granted, op.decision)
    contract = ctx.amend(CONTRACT, contract, reliefs=(*contract.reliefs, relief))
    ctx.emit(ReliefDecided(contract.id, op.country, ctx.author, op.granted, op.decision))
    terms = terms_of(ctx.state, contract.id)
    entering = ((maker_home, Side.COMPONENTS), (supplier_home, Side.GOODS))
    if not op.granted and any(
        country == op.country and terms.flow(side).risk is Risk.RETURN for country, side in entering
    ):
        fall_through(ctx, contract, "fall through", f"customs of {op.country} refused relief")
        return
    secure_if_complete(ctx, contract)


def secure_if_complete(ctx: Context, contract: Contract) -> Contract:
    """Secure the contract once nothing is missing."""
    if contract.maker_cover is None or contract.supplier_cover is None:
        return contract
    decided = {r.country for r in contract.reliefs}
    if not decided.issuperset(homes(ctx.state, contract)):
        return contract
    start = max(terms_of(ctx.state, contract.id).starts, ctx.time)
    return advance(ctx, contract, "secure", due=start)


@CONTRACT.on_lapse("start")
def contract_starts(ctx: Context, contract: Contract) -> None:
    """The agreed start has come: the schedule runs."""
    refresh(ctx, start(ctx, contract))


def start(ctx: Context, contract: Contract) -> Contract:
    """Start the schedule."""
    return advance(ctx, contract, "start", due=next_date(ctx, contract))
