"""What the registrar and the guarantors can propose about the ledger's own rules.

Guarantors vote with ``register.CastVote``, as in every ballot of the council.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from contracts.errors import (
    INVALID_FIELD,
    INVALID_TERMS,
    MOTION_OPEN,
    NO_VOTERS,
    NOT_ENTITLED,
    ROLE_HELD,
    ROLE_NOT_HELD,
    STANDING_FORBIDS,
    UNSAFE_CHANGE,
)
from contracts.framework.authority import holder_of
from contracts.framework.ballot import BallotDecided, BallotOpened
from contracts.framework.operation import Operation, operation
from contracts.framework.party import PARTY, Office, Right, Role
from contracts.framework.types import Count, Country, Digest, Lei, ObjectId, Reason, Title
from contracts.governance.events import ProposalMade, ProposalMoved
from contracts.governance.records import ParameterChange
from ledger.state import State

PROPOSER = holder_of(Role.REGISTRAR, Role.GUARANTOR)
_EMITS = (ProposalMade, BallotOpened)
_ERRORS = (MOTION_OPEN, NO_VOTERS, INVALID_TERMS, UNSAFE_CHANGE)

Height = Annotated[Count, Meta(description="The height at which it is enacted.")]
Why = Annotated[Reason, Meta(description="Why.")]


def _candidate(state: State, author: str, op: ProposeGuarantor | ProposeRole) -> tuple[str, ...]:
    """Whoever is to take something on consents to it."""
    party = state.get(PARTY, op.party)
    taking = op.change not in {GuarantorStep.REMOVE, RoleStep.REVOKE}
    able = party is not None and party.may(Right.MANAGE)
    return (op.party,) if taking and able and op.party != author else ()


@operation(
    policy="governance",
    by=PROPOSER,
    emits=_EMITS,
    errors=(*_ERRORS, INVALID_FIELD),
    text={
        "en": "Propose for height {height}, parameters of {capability}: {changes}; {reason}",
        "ru": "Предложить с высоты {height} параметры {capability}: {changes}; {reason}",
        "zh": "提议自高度 {height} 起修改 {capability} 参数：{changes}；{reason}",
    },
)
class ProposeParameters(Operation, tag="governance.ProposeParameters"):
    """Propose other values for parameters of one capability, all of them or none.

    The values are checked when they are proposed and again when they are enacted: each in its
    range, all against each other and against what the ledger holds by then.
    """

    capability: Annotated[Title, Meta(description="Whose parameters, such as currency.")]
    changes: Annotated[
        tuple[ParameterChange, ...],
        Meta(min_length=1, max_length=32, description="The new values, as JSON."),
    ]
    height: Height
    reason: Why


class RoleStep(StrEnum):
    """What is to happen with an office."""

    GRANT = "grant"
    REVOKE = "revoke"
    TRANSFER = "transfer"
    """From whoever holds it to the party, in one step."""


@operation(
    policy="governance",
    by=PROPOSER,
    cosigners=_candidate,
    cosigned_by="the party that is to hold the office",
    emits=_EMITS,
    errors=(*_ERRORS, ROLE_HELD, ROLE_NOT_HELD, STANDING_FORBIDS),
    text={
        "en": "Propose for height {height} to {change} the office {office}, {party}: {reason}",
        "ru": "Предложить с высоты {height} {change} должность {office}, {party}: {reason}",
        "zh": "提议自高度 {height} 起{change}职务 {office}，{party}：{reason}",
    },
)
class ProposeRole(Operation, tag="governance.ProposeRole"):
    """Propose to give an office, take it away, or transfer it. Guarantors have their own kind."""

    party: Annotated[Lei, Meta(description="Who gets it or loses it.")]
    office: Annotated[Office, Meta(description="Which office.")]
    change: Annotated[RoleStep, Meta(description="Grant, revoke or transfer.")]
    height: Height
    reason: Why


class GuarantorStep(StrEnum):
    """What is to happen with a state's guarantor."""

    ADMIT = "admit"
    REMOVE = "remove"


@operation(
    policy="governance",
    by=PROPOSER,
    cosigners=_candidate,
    cosigned_by="the party that is to be a guarantor",
    emits=_EMITS,
    errors=(*_ERRORS, ROLE_HELD, ROLE_NOT_HELD, STANDING_FORBIDS),
    text={
        "en": "Propose for height {height} to {change} {party} as guarantor of {country}: {reason}",
        "ru": "Предложить с высоты {height} {change} поручителя {country}, {party}: {reason}",
        "zh": "提议自高度 {height} 起{change} {country} 担保方 {party}：{reason}",
    },
)
class ProposeGuarantor(Operation, tag="governance.ProposeGuarantor"):
    """Propose to admit a guarantor for a new state, or to remove one.

    Removal begins the state's withdrawal in order. Either is recorded for whoever changes the set
    of validators.
    """

    party: Annotated[Lei, Meta(description="Which guarantor.")]
    country: Annotated[Country, Meta(description="For which state.")]
    change: Annotated[GuarantorStep, Meta(description="Admit or remove.")]
    height: Height
    reason: Why
    node_card: Annotated[
        Digest | None, Meta(description="Digest of its node card, for an admission.")
    ] = None


@operation(
    policy="governance",
    by=PROPOSER,
    emits=_EMITS,
    errors=_ERRORS,
    text={
        "en": "Propose protocol {protocol}, release {release}, from height {height}: {reason}",
        "ru": "Предложить протокол {protocol}, выпуск {release}, с высоты {height}: {reason}",
        "zh": "提议自高度 {height} 起采用协议 {protocol}（发布 {release}）：{reason}",
    },
)
class ProposeUpgrade(Operation, tag="governance.ProposeUpgrade"):
    """Propose that every node follows a newer version of the protocol from a height on."""

    protocol: Annotated[Count, Meta(description="The version; one more than the newest.")]
    release: Annotated[Digest, Meta(description="Digest of the release to run.")]
    height: Height
    reason: Why


PolicyClass = Annotated[
    str, Meta(min_length=1, max_length=32, description="The class, as signing policies name it.")
]


@operation(
    policy="governance",
    by=PROPOSER,
    emits=_EMITS,
    errors=_ERRORS,
    text={
        "en": "Propose to pause operations of class {policy} for {days} days at once: {reason}",
        "ru": "Предложить немедленно остановить операции {policy} на {days} дн.: {reason}",
        "zh": "提议立即暂停 {policy} 类操作 {days} 天：{reason}",
    },
)
class ProposePause(Operation, tag="governance.ProposePause"):
    """Propose to refuse a class of operations from the deciding vote on, for some days at most.

    Voting, governance and members' keys cannot be paused. Time limits go on.
    """

    policy: PolicyClass
    days: Annotated[int, Meta(ge=1, le=3_650, description="For how many days at most.")]
    reason: Why


@operation(
    policy="governance",
    by=PROPOSER,
    emits=_EMITS,
    errors=_ERRORS,
    text={
        "en": "Propose to end the pause of operations of class {policy}: {reason}",
        "ru": "Предложить возобновить операции {policy}: {reason}",
        "zh": "提议恢复 {policy} 类操作：{reason}",
    },
)
class ProposeResumption(Operation, tag="governance.ProposeResumption"):
    """Propose to accept a paused class of operations again before its time is over."""

    policy: PolicyClass
    reason: Why


@operation(
    policy="governance",
    by=PROPOSER,
    emits=(ProposalMoved, BallotDecided),
    errors=(NOT_ENTITLED,),
    text={
        "en": "Withdraw proposal {proposal}",
        "ru": "Отозвать предложение {proposal}",
        "zh": "撤回提案 {proposal}",
    },
)
class WithdrawProposal(Operation, tag="governance.WithdrawProposal"):
    """Take one's own proposal back while it is voted on."""

    proposal: Annotated[ObjectId, Meta(description="Which proposal.")]
