"""What applicants, members, the registrar, the council and the tribunal can do in the register.

Operations on keys are in :mod:`contracts.register.key_operations`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from contracts.accounts import AVAIL, CONTRIBUTION
from contracts.errors import (
    ALREADY_REGISTERED,
    ALREADY_VOTED,
    INSUFFICIENT_FUNDS,
    INVALID_TERMS,
    KEY_IN_USE,
    MOTION_OPEN,
    NO_HOME_STATE,
    NO_VOTERS,
    NOT_A_VOTER,
    OVER_CREDIT_LINE,
    POSITIONS_OPEN,
    ROLE_HELD,
    ROLE_NOT_HELD,
    STATE_WITHDRAWS,
    UNSAFE_CHANGE,
)
from contracts.framework.authority import Signing, applicant, holder_of, member
from contracts.framework.ballot import BallotDecided, BallotOpened, Choice, VoteCast
from contracts.framework.operation import Operation, operation
from contracts.framework.parameters import parameters_of
from contracts.framework.party import (
    PARTY,
    Office,
    Profile,
    Right,
    Role,
    holder,
)
from contracts.framework.posting import entry
from contracts.framework.types import Digest, Lei, Line, ObjectId, Reason
from contracts.register.events import (
    ContributionPaid,
    KeyRegistered,
    KeyRevoked,
    PartyApplied,
    RoleRevoked,
    StandingChanged,
)
from contracts.register.records import RegisterParameters
from ledger.errors import BAD_KEY, BAD_POLICY
from ledger.policy import MAX_KEYS, MAX_RULES, Key, Keyring, Rule
from ledger.state import State

NewKeys = Annotated[
    tuple[Key, ...],
    Meta(min_length=1, max_length=MAX_KEYS, description="The new keys; each must sign."),
]
NewRules = Annotated[
    tuple[Rule, ...],
    Meta(min_length=1, max_length=MAX_RULES, description="The signing policy."),
]
PROPOSER = holder_of(Role.REGISTRAR, Role.GUARANTOR)


def new_keys(op: Apply) -> tuple[bytes, ...]:
    """The public keys that an operation introduces, which must sign it."""
    return tuple(key.public_key for key in op.keys)


def _registered_owners(state: State, author: str, op: Apply) -> tuple[str, ...]:
    """The owners that are members: they confirm the share that the application names."""
    owners = (owner.lei for owner in op.profile.owners)
    return tuple(
        lei
        for lei in owners
        if (party := state.get(PARTY, lei)) is not None and party.may(Right.MANAGE)
    )


def _home_of_applicant(state: State, author: str, op: CheckApplication) -> tuple[str, ...]:
    party = state.get(PARTY, op.applicant)
    if party is None:
        return ()
    guarantor = holder(state, Role.GUARANTOR, party.profile.home)
    return () if guarantor is None else (guarantor,)


def _contributor(state: State, author: str, op: Accede) -> tuple[str, ...]:
    return () if op.contributor is None else (op.contributor,)


def _contribution(state: State, op: Accede, party: str) -> int | None:
    # Whose profile counts, the applicant's, is not known here: the whole contribution is a bound.
    return parameters_of(state, RegisterParameters).contribution


@operation(
    policy="membership",
    by=applicant(),
    signing=Signing(
        "by the signing policy that it proposes", keyring=lambda op: Keyring(op.keys, op.rules)
    ),
    cosigners=_registered_owners,
    cosigned_by="every owner that is a member",
    proofs=new_keys,
    emits=(PartyApplied, KeyRegistered, KeyRevoked),
    errors=(
        ALREADY_REGISTERED,
        NO_HOME_STATE,
        STATE_WITHDRAWS,
        INVALID_TERMS,
        BAD_POLICY,
        BAD_KEY,
        KEY_IN_USE,
    ),
    text={
        "en": "Apply for admission as {profile}",
        "ru": "Подать заявление о приёме: {profile}",
        "zh": "申请加入：{profile}",
    },
)
class Apply(Operation, tag="register.Apply"):
    """Apply for admission, with the profile, keys and signing policy to be registered.

    Every proposed key signs, which proves that somebody holds it. The registrar and the home state
    then have 20 business days to check the application; a party that was refused, lapsed, withdrew
    or was closed may apply again.
    """

    profile: Annotated[Profile, Meta(description="What the applicant is.")]
    keys: NewKeys
    rules: NewRules


@operation(
    policy="membership",
    by=member(Right.JOIN),
    emits=(StandingChanged, BallotDecided),
    text={"en": "Withdraw the application", "ru": "Отозвать заявление", "zh": "撤回申请"},
)
class WithdrawApplication(Operation, tag="register.WithdrawApplication"):
    """Withdraw an application before admission."""

    reason: Annotated[Line, Meta(description="Why, if the applicant says so.")] = ""


@operation(
    policy="office",
    by=holder_of(Role.REGISTRAR),
    cosigners=_home_of_applicant,
    cosigned_by="the guarantor of the applicant's home state",
    emits=(StandingChanged, BallotOpened),
    errors=(INVALID_TERMS, NO_HOME_STATE, NO_VOTERS),
    text={
        "en": "Check the application of {applicant}: in order {in_order}",
        "ru": "Проверить заявление {applicant}: соответствует {in_order}",
        "zh": "审查 {applicant} 的申请：合格 {in_order}",
    },
)
class CheckApplication(Operation, tag="register.CheckApplication"):
    """Find an application in order, which opens the council's vote, or refuse it with reasons."""

    applicant: Annotated[Lei, Meta(description="Whose application.")]
    in_order: Annotated[bool, Meta(description="Whether the application is in order.")]
    reason: Annotated[Line, Meta(description="Why; required for a refusal.")] = ""
    report: Annotated[Digest | None, Meta(description="Commitment to the report.")] = None


@operation(
    policy="vote",
    by=holder_of(Role.GUARANTOR),
    emits=(VoteCast, BallotDecided, StandingChanged),
    errors=(NOT_A_VOTER, ALREADY_VOTED, INVALID_TERMS),
    text={
        "en": "Vote {choice} in ballot {ballot}",
        "ru": "Голосовать {choice} в голосовании {ballot}",
        "zh": "在表决 {ballot} 中投票：{choice}",
    },
)
class CastVote(Operation, tag="register.CastVote"):
    """Vote in a ballot of the council, or declare a conflict of interest and leave it.

    A vote against needs a reason, which the party concerned can read. What a ballot decides takes
    effect with the vote that makes its outcome certain.
    """

    ballot: Annotated[ObjectId, Meta(description="Which ballot.")]
    choice: Annotated[Choice, Meta(description="Yes, no, or recuse.")]
    reason: Annotated[Line, Meta(description="Why; required for no and recuse.")] = ""


@operation(
    policy="membership",
    by=member(Right.JOIN),
    amount=_contribution,
    cosigners=_contributor,
    cosigned_by="whoever pays the contribution",
    posts=(entry("contributor", AVAIL, "member", CONTRIBUTION),),
    emits=(StandingChanged, ContributionPaid),
    errors=(INVALID_TERMS, STATE_WITHDRAWS, INSUFFICIENT_FUNDS, OVER_CREDIT_LINE),
    text={
        "en": "Sign the membership agreement {agreement}, contribution paid by {contributor}",
        "ru": "Подписать соглашение {agreement}, взнос платит {contributor}",
        "zh": "签署成员协议 {agreement}，由 {contributor} 缴纳会费",
    },
)
class Accede(Operation, tag="register.Accede"):
    """Sign the membership agreement and become a member, once the council has agreed.

    A member pays the contribution for the applicant, which cannot hold money before: its home
    state's issuer against money received, an owner, or a partner.
    """

    agreement: Annotated[Digest, Meta(description="Digest of the agreement that is signed.")]
    contributor: Annotated[
        Lei | None, Meta(description="Who pays the contribution; none if it is zero.")
    ] = None


_MOTION_TEXT = "{party}: {reason}"
_COUNCIL_ERRORS = (MOTION_OPEN, NO_VOTERS)


@operation(
    policy="office",
    by=PROPOSER,
    emits=(BallotOpened,),
    errors=_COUNCIL_ERRORS,
    text={
        "en": "Propose to suspend " + _MOTION_TEXT,
        "ru": "Предложить приостановить членство " + _MOTION_TEXT,
        "zh": "提议暂停成员资格 " + _MOTION_TEXT,
    },
)
class ProposeSuspension(Operation, tag="register.ProposeSuspension"):
    """Ask the council to suspend a member.

    A suspended member may pay, deliver and receive, but take on nothing new.
    """

    party: Annotated[Lei, Meta(description="Which member.")]
    reason: Annotated[Reason, Meta(description="Why.")]
    evidence: Annotated[Digest | None, Meta(description="Commitment to the evidence.")] = None


@operation(
    policy="office",
    by=PROPOSER,
    emits=(BallotOpened,),
    errors=_COUNCIL_ERRORS,
    text={
        "en": "Propose to reinstate " + _MOTION_TEXT,
        "ru": "Предложить восстановить членство " + _MOTION_TEXT,
        "zh": "提议恢复成员资格 " + _MOTION_TEXT,
    },
)
class ProposeReinstatement(Operation, tag="register.ProposeReinstatement"):
    """Ask the council to end a member's suspension."""

    party: Annotated[Lei, Meta(description="Which member.")]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="office",
    by=PROPOSER,
    emits=(BallotOpened,),
    errors=(*_COUNCIL_ERRORS, UNSAFE_CHANGE),
    text={
        "en": "Propose to exclude " + _MOTION_TEXT,
        "ru": "Предложить исключить " + _MOTION_TEXT,
        "zh": "提议除名 " + _MOTION_TEXT,
    },
)
class ProposeExclusion(Operation, tag="register.ProposeExclusion"):
    """Ask the council to exclude a suspended member, by qualified majority.

    The guarantor of the member's home state does not vote. An exclusion ends the member's offices
    at once; 30 days later its run-off begins. It ends rights, never debts.
    """

    party: Annotated[Lei, Meta(description="Which member.")]
    reason: Annotated[Reason, Meta(description="Why.")]
    evidence: Annotated[Digest | None, Meta(description="Commitment to the evidence.")] = None


class OfficeChange(StrEnum):
    """What is to happen with an office."""

    GRANT = "grant"
    REVOKE = "revoke"


@operation(
    policy="office",
    by=PROPOSER,
    emits=(BallotOpened,),
    errors=(*_COUNCIL_ERRORS, ROLE_HELD, ROLE_NOT_HELD, INVALID_TERMS),
    text={
        "en": "Propose to {change} the office of {office} for {party}: {reason}",
        "ru": "Предложить {change} должность {office}, {party}: {reason}",
        "zh": "提议{change}职务 {office}，{party}：{reason}",
    },
)
class ProposeOffice(Operation, tag="register.ProposeOffice"):
    """Ask the council to give an office to a member or to take it away."""

    party: Annotated[Lei, Meta(description="Which member.")]
    office: Annotated[Office, Meta(description="Which office.")]
    change: Annotated[OfficeChange, Meta(description="Grant or revoke.")]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="office",
    by=holder_of(Role.TRIBUNAL),
    emits=(StandingChanged,),
    text={
        "en": "Order the suspension of {party}: {reason}",
        "ru": "Приостановить членство {party}: {reason}",
        "zh": "裁定暂停 {party} 的成员资格：{reason}",
    },
)
class OrderSuspension(Operation, tag="register.OrderSuspension"):
    """Suspend a member by order of the tribunal."""

    party: Annotated[Lei, Meta(description="Which member.")]
    reason: Annotated[Reason, Meta(description="Why.")]
    order: Annotated[Digest, Meta(description="Digest of the order.")]


@operation(
    policy="office",
    by=holder_of(Role.TRIBUNAL),
    emits=(StandingChanged,),
    text={
        "en": "Order the reinstatement of {party}: {reason}",
        "ru": "Восстановить членство {party}: {reason}",
        "zh": "裁定恢复 {party} 的成员资格：{reason}",
    },
)
class OrderReinstatement(Operation, tag="register.OrderReinstatement"):
    """End a member's suspension by order of the tribunal."""

    party: Annotated[Lei, Meta(description="Which member.")]
    reason: Annotated[Reason, Meta(description="Why.")]
    order: Annotated[Digest, Meta(description="Digest of the order.")]


@operation(
    policy="membership",
    by=member(Right.MANAGE),
    emits=(StandingChanged,),
    errors=(POSITIONS_OPEN,),
    text={"en": "Leave: {reason}", "ru": "Выйти: {reason}", "zh": "退出：{reason}"},
)
class Leave(Operation, tag="register.Leave"):
    """Leave voluntarily: the run-off begins, in which debts are paid and money is redeemed.

    A holder of an office gives it up first.
    """

    reason: Annotated[Line, Meta(description="Why, if the member says so.")] = ""


@operation(
    policy="membership",
    by=member(Right.MANAGE),
    emits=(RoleRevoked,),
    errors=(ROLE_NOT_HELD, UNSAFE_CHANGE),
    text={
        "en": "Give up the office of {office}",
        "ru": "Сложить должность {office}",
        "zh": "辞去职务 {office}",
    },
)
class ResignOffice(Operation, tag="register.ResignOffice"):
    """Give up an office. A guarantor's office ends by the council's decision only."""

    office: Annotated[Office, Meta(description="Which office.")]


@operation(
    policy="membership",
    by=member(Right.MANAGE) | holder_of(Role.REGISTRAR),
    posts=(entry("member", CONTRIBUTION, "member", AVAIL),),
    emits=(StandingChanged,),
    errors=(POSITIONS_OPEN,),
    text={
        "en": "Close the membership of {party}",
        "ru": "Закрыть членство {party}",
        "zh": "结清并关闭 {party} 的成员资格",
    },
)
class Close(Operation, tag="register.Close"):
    """Finish a run-off. While only money is left, the contribution is returned to the member first.

    The membership closes when every balance is zero and no object of the party is open.
    """

    party: Annotated[Lei, Meta(description="Whose run-off.")]
