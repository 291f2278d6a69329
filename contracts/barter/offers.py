"""Offers and counter-offers: nobody is bound until both have named the hash of the same terms."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, structs

from contracts.barter.chain_records import CHAIN, Chain
from contracts.barter.claims import contract_of
from contracts.barter.course import advance, release_covers, terms_of
from contracts.barter.events import ContractMoved, OfferMade
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import (
    CONTRACT,
    CONTRACT_TABLE,
    PROGRESS,
    TERMS,
    Contract,
    ContractState,
    ItemProgress,
    Progress,
    StoredTerms,
)
from contracts.barter.terms import Side, Terms, check_terms, flow_value, last_due, terms_hash
from contracts.errors import (
    DEADLINE_PASSED,
    INVALID_TERMS,
    NOT_ENTITLED,
    OTHER_TERMS,
    OVER_CHAIN,
    STANDING_FORBIDS,
    WRONG_STATE,
)
from contracts.framework.authority import member
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Right
from contracts.framework.types import Digest, Instant, Lei, ObjectId, Reason
from ledger.errors import CodedError
from ledger.state import State

CONTRACT_ID = Meta(description="The contract.")


def _offered_value(state: State, op: Any, party: str) -> int:
    return flow_value(op.terms.components)


def _accepted_value(state: State, op: Any, party: str) -> int:
    stored = state.get(TERMS, op.contract)
    return 0 if stored is None else flow_value(stored.terms.components)


@operation(
    policy="barter",
    by=member(Right.OBLIGE),
    amount=_offered_value,
    emits=(OfferMade,),
    errors=(INVALID_TERMS, STANDING_FORBIDS),
    text={
        "en": "Offer {maker} components against finished goods: {terms}; open until {until}",
        "ru": "Предложить {maker} комплектующие в обмен на готовую продукцию: {terms}; до {until}",
        "zh": "向 {maker} 提出以零部件换成品：{terms}；有效期至 {until}",
    },
)
class Offer(Operation, tag="barter.Offer"):
    """Offer a barter contract: the author ships components and receives finished goods."""

    maker: Annotated[Lei, Meta(description="Who makes and returns the finished goods.")]
    terms: Annotated[Terms, Meta(description="What is agreed on.")]
    until: Annotated[Instant, Meta(description="Until when the offer stands.")]


@operation(
    policy="barter",
    by=member(Right.OBLIGE),
    amount=_offered_value,
    emits=(OfferMade, ContractMoved),
    errors=(INVALID_TERMS, NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED, STANDING_FORBIDS),
    text={
        "en": "Answer offer {contract} with other terms: {terms}; open until {until}",
        "ru": "Ответить на предложение {contract} другими условиями: {terms}; до {until}",
        "zh": "以其他条款答复要约 {contract}：{terms}；有效期至 {until}",
    },
)
class Counter(Operation, tag="barter.Counter"):
    """Answer an offer with other terms, which ends it. Who ships what stays as it was."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    terms: Annotated[Terms, Meta(description="The changed terms.")]
    until: Annotated[Instant, Meta(description="Until when the counter-offer stands.")]


@operation(
    policy="barter",
    by=member(Right.OBLIGE),
    amount=_accepted_value,
    emits=(ContractMoved,),
    errors=(OTHER_TERMS, NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED, STANDING_FORBIDS, OVER_CHAIN),
    text={
        "en": "Accept offer {contract} with terms of hash {terms_hash}",
        "ru": "Принять предложение {contract} с условиями, хеш {terms_hash}",
        "zh": "接受要约 {contract}，条款哈希 {terms_hash}",
    },
)
class Accept(Operation, tag="barter.Accept"):
    """Accept an offer by naming the hash of its terms. It binds once it is secured."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    terms_hash: Annotated[Digest, Meta(description="Hash of parties and terms.")]


@operation(
    policy="barter",
    by=member(Right.SETTLE),
    emits=(ContractMoved,),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED),
    text={
        "en": "Decline offer {contract}: {reason}",
        "ru": "Отклонить предложение {contract}: {reason}",
        "zh": "拒绝要约 {contract}：{reason}",
    },
)
class Decline(Operation, tag="barter.Decline"):
    """Decline an offer, with a reason."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="barter",
    by=member(Right.SETTLE),
    emits=(ContractMoved,),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED),
    text={
        "en": "Withdraw offer {contract}",
        "ru": "Отозвать предложение {contract}",
        "zh": "撤回要约 {contract}",
    },
)
class Withdraw(Operation, tag="barter.Withdraw"):
    """Withdraw an own offer before it is answered."""

    contract: Annotated[ObjectId, CONTRACT_ID]


def place_offer(
    ctx: Context,
    *,
    supplier: str,
    maker: str,
    terms: Terms,
    until: int,
    replaces: bytes | None = None,
) -> Contract:
    """Offer a contract in the author's name, who is one of the two parties.

    Raises ``INVALID_TERMS``, ``STANDING_FORBIDS``, ``UNKNOWN_PARTY`` or ``OVER_BALANCE_LIMIT``.
    """
    params = ctx.params(BarterParameters)
    if supplier == maker:
        raise CodedError(INVALID_TERMS, "nobody barters with itself", field="maker")
    for lei, field in ((supplier, "supplier"), (maker, "maker")):
        ctx.party(lei, Right.OBLIGE, field=field)
    latest = ctx.in_days(params.offer_days)
    if not ctx.time < until <= latest:
        raise CodedError(
            INVALID_TERMS,
            f"an offer stands until after now and {latest} at the latest",
            field="until",
        )
    check_terms(terms, until)
    if last_due(terms) > ctx.in_days(params.contract_days):
        raise CodedError(
            INVALID_TERMS,
            f"the last date lies more than {params.contract_days} days ahead, which is the limit",
            field="terms",
        )
    if terms.chain is not None:
        _check_chain(ctx, terms, supplier, maker)
    contract = Contract(
        id=ctx.new_id(),
        supplier=supplier,
        maker=maker,
        proposer=ctx.author,
        terms_hash=terms_hash(ctx.chain_id, supplier, maker, terms),
        state=ContractState.OFFERED,
        due=until,
        replaces=replaces,
    )
    ctx.open(CONTRACT, contract)
    ctx.put(TERMS, StoredTerms(terms), contract.id)
    ctx.emit(
        OfferMade(
            contract.id, contract.proposer, contract.answerer, contract.terms_hash, until, replaces
        )
    )
    return contract


def _check_chain(ctx: Context, terms: Terms, supplier: str, maker: str) -> Chain:
    """The chain that terms name, if the contract fits into it."""
    assert terms.chain is not None
    chain = ctx.find(CHAIN, terms.chain, what="chain", field="terms.chain")
    most = ctx.params(BarterParameters).max_chain
    if len(chain.contracts) >= most:
        raise CodedError(OVER_CHAIN, f"a chain has at most {most} contracts", field="terms.chain")
    for side in Side:
        for index, milestone in enumerate(terms.flow(side).schedule):
            if not milestone.step:
                continue
            field = f"terms.{side.value}.schedule[{index}]"
            if milestone.step > len(chain.steps):
                raise CodedError(INVALID_TERMS, "the chain has no such step", field=f"{field}.step")
            due = chain.steps[milestone.step - 1].due
            if milestone.due != due:
                raise CodedError(
                    INVALID_TERMS, f"the chain's step is due at {due}", field=f"{field}.due"
                )
    linked = {chain.opener}
    for id in chain.contracts:
        link = ctx.get(CONTRACT_TABLE, id)
        linked.update(link.parties if link is not None else ())
    if supplier not in linked and maker not in linked:
        raise CodedError(
            INVALID_TERMS,
            "a contract joins a chain through a party of it or its opener",
            field="terms.chain",
        )
    return chain


@transition(Offer)
def offer(ctx: Context, op: Offer) -> None:
    """The author is the supplier."""
    place_offer(ctx, supplier=ctx.author, maker=op.maker, terms=op.terms, until=op.until)


@transition(Counter)
def counter(ctx: Context, op: Counter) -> None:
    """End the offer and place another one in the opposite direction."""
    contract = contract_of(ctx, op.contract)
    ctx.require_author(contract.answerer, capacity="whoever the offer was made to")
    advance(ctx, contract, "counter")
    place_offer(
        ctx,
        supplier=contract.supplier,
        maker=contract.maker,
        terms=op.terms,
        until=op.until,
        replaces=contract.id,
    )


@transition(Accept)
def accept(ctx: Context, op: Accept) -> None:
    """Bind the author to the very terms that were offered, and start the time for securing."""
    contract = contract_of(ctx, op.contract)
    ctx.require_author(contract.answerer, capacity="whoever the offer was made to")
    ctx.require_open(CONTRACT, contract, "accept")
    if op.terms_hash != contract.terms_hash:
        raise CodedError(
            OTHER_TERMS,
            f"the terms on offer have hash {contract.terms_hash.hex()}",
            field="terms_hash",
        )
    ctx.party(contract.proposer, Right.OBLIGE)
    terms = terms_of(ctx.state, contract.id)
    if terms.chain is not None:
        chain = _check_chain(ctx, terms, contract.supplier, contract.maker)
        ctx.put(CHAIN, structs.replace(chain, contracts=(*chain.contracts, contract.id)), chain.id)
    nothing = ItemProgress()
    ctx.put(
        PROGRESS,
        Progress((nothing,) * len(terms.components.items), (nothing,) * len(terms.goods.items)),
        contract.id,
    )
    due = ctx.in_business_days(ctx.params(BarterParameters).securing_days)
    advance(ctx, contract, "accept", due=due)


@transition(Decline)
def decline(ctx: Context, op: Decline) -> None:
    """End the offer."""
    contract = contract_of(ctx, op.contract)
    ctx.require_author(contract.answerer, capacity="whoever the offer was made to")
    advance(ctx, contract, "decline", reason=op.reason)


@transition(Withdraw)
def withdraw(ctx: Context, op: Withdraw) -> None:
    """End the own offer."""
    contract = contract_of(ctx, op.contract)
    ctx.require_author(contract.proposer, capacity="whoever made the offer")
    advance(ctx, contract, "withdraw")


@CONTRACT.on_lapse("lapse")
def offer_lapses(ctx: Context, contract: Contract) -> None:
    """No answer, or not secured in time: guarantees that were given end."""
    fall_through(ctx, contract, "lapse", "the time limit passed")


def fall_through(ctx: Context, contract: Contract, event: str, reason: str) -> Contract:
    """A contract ends before anything was shipped."""
    contract = advance(ctx, contract, event, reason=reason)
    release_covers(ctx, contract, "the contract did not come about")
    terms = terms_of(ctx.state, contract.id)
    chain = None if terms.chain is None else ctx.get(CHAIN, terms.chain)
    if chain is not None and contract.id in chain.contracts:
        rest = tuple(id for id in chain.contracts if id != contract.id)
        ctx.put(CHAIN, structs.replace(chain, contracts=rest), chain.id)
    return contract
