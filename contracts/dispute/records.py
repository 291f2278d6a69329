"""What disputes store, their parameters and their state machine."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.machine import Limit, Machine, step
from contracts.framework.parameters import parameters_table
from contracts.framework.posting import Side, Unit, account_kind
from contracts.framework.types import (
    Days,
    Digest,
    Instant,
    Lei,
    Money,
    MoneyOrNone,
    ObjectId,
    Reason,
)
from ledger.codec import Struct, Uint
from ledger.state import Table

CONTESTED: Final = account_kind(
    "contested",
    "A member's money that is held because a dispute named after it is about it.",
    unit=Unit.SCU,
    side=Side.CREDIT,
    money=True,
)


class DisputeParameters(Struct, tag="dispute.Parameters"):
    """Windows of disputes."""

    agreement_days: Annotated[
        Days, Meta(description="Days in which the parties may agree on mediation.")
    ] = 15
    mediation_days: Annotated[Days, Meta(description="Days that mediation may last.")] = 45
    request_days: Annotated[
        Days, Meta(description="Days to request arbitration after mediation; then it lapses.")
    ] = 30
    response_days: Annotated[
        Days, Meta(description="Days to respond to a request for arbitration.")
    ] = 15
    appointment_days: Annotated[
        Days, Meta(description="Days to agree on an arbitrator before one is appointed.")
    ] = 15
    vacancy_days: Annotated[
        Days,
        Meta(description="Days for the tribunal to find an arbitrator where all are in conflict."),
    ] = 90
    award_days: Annotated[Days, Meta(description="Days to make the award (six months).")] = 183
    longest_award_days: Annotated[
        Days, Meta(description="Days to make an award, extensions included (nine months).")
    ] = 274
    execution_days: Annotated[
        Days, Meta(description="Days to correct an award; then the ledger executes it.")
    ] = 15


DISPUTE_PARAMETERS: Final = parameters_table("dispute", DisputeParameters)


class Subject(Struct):
    """What a dispute is about."""

    kind: Annotated[
        str, Meta(min_length=1, max_length=32, description="Its kind, or 'none' for a bare claim.")
    ] = "none"
    id: Annotated[ObjectId | None, Meta(description="Its id.")] = None


class Ruling(Struct):
    """What a settlement or an award says, in minor units.

    The ``payer`` pays ``amount`` to the other party. Of the claim behind the subject of the
    dispute (an invoice, a debt …), ``discharged`` ends: by the payment, or because it was not due.
    """

    payer: Annotated[Lei, Meta(description="Which of the two parties pays.")]
    amount: Annotated[MoneyOrNone, Meta(description="How much it pays; 0 for nothing.")]
    discharged: Annotated[
        MoneyOrNone, Meta(description="How much of the disputed claim ends with this.")
    ] = 0
    document: Annotated[
        Digest | None, Meta(description="The reasoned award, or the settlement agreement.")
    ] = None


class Mediation(StrEnum):
    """What became of mediation, which precedes arbitration unless both waive it."""

    PENDING = "pending"
    HELD = "held"
    NOT_AGREED = "not agreed"
    WAIVED = "waived"


class Settlement(Struct):
    """A proposed settlement and who has signed it."""

    ruling: Ruling
    text: Reason
    consents: tuple[Lei, ...]


class Hold(Struct):
    """Money of a party that is held for the dispute, minor units."""

    owner: Lei
    amount: Money


class Nomination(Struct):
    """Whom a party wants as arbitrator."""

    party: Lei
    arbitrator: Lei


class DisputeState(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    MEDIATION = "mediation"
    FAILED = "failed"
    RESPONSE = "response"
    APPOINTMENT = "appointment"
    VACANT = "vacant"
    ARBITRATION = "arbitration"
    AWARDED = "awarded"
    EXECUTED = "executed"
    SETTLED = "settled"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Dispute(Struct, tag=1):
    """A dispute between two parties. Amounts in minor units, times in ms.

    ``mediator`` is whoever is proposed (by ``mediator_by``) or mediates. ``excluded`` may not be
    appointed: they recused themselves or missed the time for an award. ``appointed`` is when the
    present arbitrator was appointed, from which the time for the award counts.
    """

    id: ObjectId
    claimant: Lei
    respondent: Lei
    subject: Subject
    claim: Money
    statement: Reason
    opened: Instant
    state: DisputeState
    due: Uint
    counterclaim: MoneyOrNone = 0
    response: str = ""
    holds: tuple[Hold, ...] = ()
    mediation: Mediation = Mediation.PENDING
    mediator: Lei | None = None
    mediator_by: str = ""
    waivers: tuple[Lei, ...] = ()
    settlement: Settlement | None = None
    arbitrator: Lei | None = None
    nominations: tuple[Nomination, ...] = ()
    excluded: tuple[Lei, ...] = ()
    appointed: Instant = 0
    award: Ruling | None = None

    @property
    def parties(self) -> tuple[str, str]:
        """Claimant and respondent."""
        return (self.claimant, self.respondent)

    def other(self, party: str) -> str:
        """The other of the two parties."""
        return self.respondent if party == self.claimant else self.claimant

    def held_of(self, owner: str) -> int:
        """What is held of a party's money, minor units."""
        return sum(hold.amount for hold in self.holds if hold.owner == owner)


class Execution(Struct, tag=1):
    """How a ruling was carried out, in minor units; the parts sum up to ``amount``.

    ``subject`` is what the disputed object itself paid (an escrow, a guarantee), ``held`` and
    ``available`` came from the payer, and ``owed`` is its debt for the rest.
    """

    dispute: ObjectId
    ruling: Ruling
    amount: MoneyOrNone
    subject: MoneyOrNone
    held: MoneyOrNone
    available: MoneyOrNone
    owed: MoneyOrNone
    time: Instant


class Caseload(Struct, tag=1):
    """An arbitrator's cases, for the rule by which one is appointed."""

    open: Uint
    last: Instant


class OpenDispute(Struct, tag=1):
    """Index entry: the dispute that is open."""

    dispute: ObjectId


DISPUTE_TABLE: Final = Table("dispute", Dispute)
"""By id."""
EXECUTION: Final = Table("dispute.executed", Execution)
"""By dispute: a ruling is carried out once."""
CASELOAD: Final = Table("dispute.caseload", Caseload)
"""By arbitrator."""
OPEN_DISPUTE: Final = Table("dispute.open", OpenDispute)
"""By a digest of the subject and the two parties: they have one open dispute about it."""

_S = DisputeState
_BEFORE_ARBITRATION: Final = (
    _S.OPEN, _S.MEDIATION, _S.FAILED, _S.RESPONSE, _S.APPOINTMENT, _S.VACANT,
)  # fmt: skip
TRIBUNAL: Final = "tribunal"


def _concerned(dispute: Dispute) -> tuple[str, ...]:
    others = (dispute.mediator, dispute.arbitrator)
    named = tuple(o for o in others if o is not None)
    office = (TRIBUNAL,) if dispute.state in {_S.VACANT, _S.AWARDED} else ()
    return tuple(dict.fromkeys((*dispute.parties, *named, *office)))


def _awaited(dispute: Dispute) -> tuple[str, ...]:
    state = dispute.state
    if state is _S.OPEN and dispute.mediator is not None:
        return (dispute.other(dispute.mediator_by),)
    if state is _S.MEDIATION:
        return _unsigned(dispute, dispute.mediator)
    if state is _S.ARBITRATION and dispute.settlement is None:
        return (dispute.arbitrator,) if dispute.arbitrator else ()
    if state is _S.ARBITRATION:
        return _unsigned(dispute, dispute.arbitrator)
    return {
        _S.OPEN: dispute.parties,
        _S.FAILED: dispute.parties,
        _S.RESPONSE: (dispute.respondent,),
        _S.APPOINTMENT: dispute.parties,
        _S.VACANT: (TRIBUNAL,),
        _S.AWARDED: (TRIBUNAL,),
    }.get(state, ())


def _unsigned(dispute: Dispute, third: str | None) -> tuple[str, ...]:
    signed = () if dispute.settlement is None else dispute.settlement.consents
    return tuple(p for p in (*dispute.parties, third) if p is not None and p not in signed)


DISPUTE: Final = Machine[Dispute](
    name="dispute",
    meaning="A claim that one party makes and the other contests.",
    table=DISPUTE_TABLE,
    key=lambda d: (d.id,),
    states=DisputeState,
    initial=(_S.OPEN,),
    transitions=(
        step("mediate", _S.OPEN, _S.MEDIATION, "both parties"),
        step("waive", _S.OPEN, _S.FAILED, "both parties"),
        step("no mediation", _S.OPEN, _S.FAILED, "the time limit"),
        step("recuse mediator", _S.MEDIATION, _S.OPEN, "mediator"),
        step("fail", _S.MEDIATION, _S.FAILED, "mediator, either party, or the time limit"),
        step("settle", (_S.MEDIATION, _S.ARBITRATION), _S.SETTLED, "both and whoever hears them"),
        step("request", _S.FAILED, _S.RESPONSE, "either party"),
        step("lapse", (_S.FAILED, _S.VACANT), _S.LAPSED, "the time limit"),
        step("respond", _S.RESPONSE, _S.APPOINTMENT, "the other party"),
        step("no response", _S.RESPONSE, _S.APPOINTMENT, "the time limit"),
        step("appoint", (_S.APPOINTMENT, _S.VACANT), _S.ARBITRATION, "both parties, or tribunal"),
        step("no agreement", _S.APPOINTMENT, _S.VACANT, "the time limit: appointed by rule"),
        step("recuse", _S.ARBITRATION, _S.APPOINTMENT, "arbitrator"),
        step("extend", _S.ARBITRATION, _S.ARBITRATION, "arbitrator"),
        step("miss", _S.ARBITRATION, _S.VACANT, "the time limit: replaced by rule"),
        step("award", _S.ARBITRATION, _S.AWARDED, "arbitrator"),
        step("correct", _S.AWARDED, _S.AWARDED, "arbitrator"),
        step("execute", _S.AWARDED, _S.EXECUTED, "tribunal, or the time limit"),
        step("withdraw", _BEFORE_ARBITRATION, _S.WITHDRAWN, "claimant"),
    ),
    limits={
        _S.OPEN: Limit("no mediation", "15 days"),
        _S.MEDIATION: Limit("fail", "45 days"),
        _S.FAILED: Limit("lapse", "30 days"),
        _S.RESPONSE: Limit("no response", "15 days"),
        _S.APPOINTMENT: Limit("no agreement", "15 days"),
        _S.VACANT: Limit("lapse", "90 days"),
        _S.ARBITRATION: Limit("miss", "6 months, at most 9 extended"),
        _S.AWARDED: Limit("execute", "15 days"),
    },
    rests={},
    parties=_concerned,
    awaits=_awaited,
)
