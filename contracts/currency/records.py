"""What the currency stores, its parameters and its state machines."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.machine import Limit, Machine, step
from contracts.framework.parameters import parameters_table
from contracts.framework.types import (
    Count,
    Country,
    Days,
    Digest,
    Instant,
    Lei,
    Money,
    MoneyOrNone,
    ObjectId,
    counted,
)
from ledger.codec import Struct, Uint
from ledger.state import Table


class CurrencyParameters(Struct, tag="currency.Parameters"):
    """Limits and windows of the currency."""

    attestation_days: Annotated[
        Days, Meta(description="Days after which a reserve attestation is too old to issue on.")
    ] = 92
    issue_days: Annotated[
        Days, Meta(description="Business days that an issuer has to answer a request for issue.")
    ] = 5
    redemption_days: Annotated[
        Days, Meta(description="Business days that an issuer has to pay a redemption out.")
    ] = 2
    response_days: Annotated[
        Days, Meta(description="Days that a debtor has to answer a payment request.")
    ] = 10
    reversal_days: Annotated[
        Days, Meta(description="Business days that the other party has to consent to a reversal.")
    ] = 10
    escrow_days: Annotated[
        Days, Meta(description="Longest time, in days, that an escrow may hold money.")
    ] = 730
    line_offer_days: Annotated[
        Days, Meta(description="Days that a member has to accept an offered credit line.")
    ] = 30
    line_negative_days: Annotated[
        Days, Meta(description="Days below zero after which a credit line is called.")
    ] = 365
    line_retry_days: Annotated[
        Days, Meta(description="Days until a called guarantor that lacked money is asked again.")
    ] = 5
    line_repay_days: Annotated[
        Days, Meta(description="Days that a member has to repay the guarantor of a called line.")
    ] = 30
    line_cap: Annotated[
        MoneyOrNone,
        Meta(
            description="Most that all credit lines of a state's members add up to, in minor "
            "units, unless the council set another cap."
        ),
    ] = 100_000_000_000
    swing: Annotated[
        MoneyOrNone,
        Meta(
            description="Most that a state's net position may be on either side, in minor units, "
            "unless the council set another limit; 0 for no limit."
        ),
    ] = 0
    council_days: Annotated[
        Days, Meta(description="Days that the council has to vote on a state's limits.")
    ] = 30
    queue_days: Annotated[
        Days, Meta(description="Longest time, in days, that a payment may wait in the queue.")
    ] = 30
    queue_per_payer: Annotated[
        int, Meta(ge=1, le=10_000, description="Most payments of one payer in the queue.")
    ] = 200
    queue_window: Annotated[
        int, Meta(ge=1, le=2_000, description="Queued payments that one round tries to settle.")
    ] = 256
    queue_interval: Annotated[
        int,
        Meta(ge=1, le=86_400_000, description="Time between two rounds, in ms."),
        counted("ms"),
    ] = 2_000
    standing_days: Annotated[
        Days, Meta(description="Longest life, in days, of a payment mandate or standing order.")
    ] = 1_830


CURRENCY_PARAMETERS: Final = parameters_table("currency", CurrencyParameters)


class Attestation(Struct, tag=1):
    """A state's attested reserve, in minor units, and the evidence for it."""

    country: Country
    amount: MoneyOrNone
    evidence: Digest
    issuer: Lei
    guarantor: Lei
    time: Instant
    fresh_until: Instant


ATTESTATION: Final = Table("attestation", Attestation)
"""By country: the newest."""


class IssueState(StrEnum):
    """A request for new currency, and its answer."""

    REQUESTED = "requested"
    ISSUED = "issued"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class Issue(Struct, tag=1):
    """A member asks a state's issuer for new currency."""

    id: ObjectId
    member: Lei
    country: Country
    amount: Money
    state: IssueState
    due: Uint
    evidence: Digest | None = None
    reason: str = ""


ISSUE_TABLE: Final = Table("issue", Issue)
_I = IssueState
ISSUE: Final = Machine[Issue](
    name="issue",
    meaning="A request for new currency against a state's reserve.",
    table=ISSUE_TABLE,
    key=lambda r: (r.id,),
    states=IssueState,
    initial=(_I.REQUESTED,),
    transitions=(
        step("issue", _I.REQUESTED, _I.ISSUED, "issuer, with evidence"),
        step("decline", _I.REQUESTED, _I.DECLINED, "issuer, with a reason"),
        step("withdraw", _I.REQUESTED, _I.WITHDRAWN, "member"),
        step("lapse", _I.REQUESTED, _I.LAPSED, "the time limit"),
    ),
    limits={_I.REQUESTED: Limit("lapse", "5 business days")},
    rests={},
    parties=lambda r: (r.member, f"issuer:{r.country}"),
    awaits=lambda r: (f"issuer:{r.country}",),
)


class RedemptionState(StrEnum):
    """A request to redeem currency, and its answer."""

    REQUESTED = "requested"
    PAID_OUT = "paid out"
    RELEASED = "released"


class Redemption(Struct, tag=1):
    """A member gives currency back to a state's issuer for payment outside the ledger."""

    id: ObjectId
    member: Lei
    country: Country
    amount: Money
    state: RedemptionState
    due: Uint
    evidence: Digest | None = None
    reason: str = ""


REDEMPTION_TABLE: Final = Table("redemption", Redemption)
_D = RedemptionState
REDEMPTION: Final = Machine[Redemption](
    name="redemption",
    meaning="Currency on its way back to the issuer, held until it is paid out.",
    table=REDEMPTION_TABLE,
    key=lambda r: (r.id,),
    states=RedemptionState,
    initial=(_D.REQUESTED,),
    transitions=(
        step("pay out", _D.REQUESTED, _D.PAID_OUT, "issuer, with evidence"),
        step("release", _D.REQUESTED, _D.RELEASED, "member, or issuer with a reason"),
        step("expire", _D.REQUESTED, _D.RELEASED, "the time limit"),
    ),
    limits={_D.REQUESTED: Limit("expire", "2 business days")},
    rests={},
    parties=lambda r: (r.member, f"issuer:{r.country}"),
    awaits=lambda r: (f"issuer:{r.country}",),
)


class EscrowState(StrEnum):
    """Money that is set aside, or where it went."""

    HELD = "held"
    DISPUTED = "disputed"
    RELEASED = "released"
    REFUNDED = "refunded"


class Escrow(Struct, tag=1):
    """Money that the payer set aside for the payee until a named signer finds a condition met.

    ``left`` is the time in ms that it has left while a dispute stops its clock.
    """

    id: ObjectId
    payer: Lei
    payee: Lei
    amount: Money
    signer: Lei
    condition: str
    document: Digest | None
    state: EscrowState
    due: Uint
    left: Uint = 0


ESCROW_TABLE: Final = Table("escrow", Escrow)
_E = EscrowState
ESCROW: Final = Machine[Escrow](
    name="escrow",
    meaning="Money held for a payee until a condition is met.",
    table=ESCROW_TABLE,
    key=lambda e: (e.id,),
    states=EscrowState,
    initial=(_E.HELD,),
    transitions=(
        step("release", _E.HELD, _E.RELEASED, "payer or the condition's signer"),
        step("refund", _E.HELD, _E.REFUNDED, "payee"),
        step("expire", _E.HELD, _E.REFUNDED, "the time limit"),
        step("contest", _E.HELD, _E.DISPUTED, "a dispute that opens: the clock stops"),
        step("resume", _E.DISPUTED, _E.HELD, "the dispute's end without a ruling"),
        step("award", _E.DISPUTED, _E.RELEASED, "a ruling, in whole or in part to the payee"),
        step("award back", _E.DISPUTED, _E.REFUNDED, "a ruling"),
    ),
    limits={_E.HELD: Limit("expire", "the escrow's expiry")},
    rests={_E.DISPUTED: "the dispute has its own limits and ends this state with it"},
    parties=lambda e: tuple(dict.fromkeys((e.payer, e.payee, e.signer))),
    awaits=lambda e: (e.signer,),
)


class RequestState(StrEnum):
    """A payment request: open, a debt, or ended."""

    ISSUED = "issued"
    ACCEPTED = "accepted"
    PART_PAID = "part-paid"
    OVERDUE = "overdue"
    DISPUTED = "disputed"
    PAID = "paid"
    NETTED = "netted"
    SETTLED = "settled"
    REJECTED = "rejected"
    LAPSED = "lapsed"
    CREDITED = "credited"


class PaymentRequest(Struct, tag=1):
    """A creditor asks a debtor to pay by a date; once accepted, it is a debt.

    Debts that other contracts create are such records as well and start as accepted; ``origin``
    and ``origin_id`` say what created them. ``payable`` is the last millisecond at which paying is
    in time; ``paid`` what is extinguished so far, by payment or otherwise; ``how`` and ``by`` the
    last way and the object or transaction that did it. ``since`` is when it last became a debt free
    to be netted; ``nettable`` is false if ``opted_out_by`` or the contract it comes from keeps it
    out.
    """

    id: ObjectId
    creditor: Lei
    debtor: Lei
    amount: Money
    paid: MoneyOrNone
    payable: Instant
    subject: str
    document: Digest | None
    state: RequestState
    due: Uint
    reason: str = ""
    origin: str = "request"
    origin_id: ObjectId | None = None
    since: Instant = 0
    nettable: bool = True
    opted_out_by: str = ""
    how: str = ""
    by: ObjectId | None = None

    @property
    def remaining(self) -> int:
        """What is still to be paid, in minor units."""
        return self.amount - self.paid


REQUEST_TABLE: Final = Table("request", PaymentRequest)
_P = RequestState
DUE: Final = (_P.ACCEPTED, _P.PART_PAID, _P.OVERDUE)
"""States in which a request is a debt that nobody contests."""
OWED: Final = (*DUE, _P.DISPUTED)
"""States in which a request is a debt."""
REQUEST: Final = Machine[PaymentRequest](
    name="payment request",
    meaning="A creditor's invoice or another debt, from its issue until nothing of it remains.",
    table=REQUEST_TABLE,
    key=lambda r: (r.id,),
    states=RequestState,
    initial=(_P.ISSUED, _P.ACCEPTED),
    transitions=(
        step("accept", _P.ISSUED, _P.ACCEPTED, "debtor"),
        step("reject", _P.ISSUED, _P.REJECTED, "debtor, with a reason"),
        step("lapse", _P.ISSUED, _P.LAPSED, "the time limit; silence is not consent"),
        step("pay", OWED, _P.PAID, "debtor, in full"),
        step("reduce", (_P.ACCEPTED, _P.PART_PAID), _P.PART_PAID, "debtor, or a netting cycle"),
        step("reduce arrears", _P.OVERDUE, _P.OVERDUE, "debtor, or a netting cycle"),
        step("reduce contested", _P.DISPUTED, _P.DISPUTED, "debtor, or an award"),
        step("net", DUE, _P.NETTED, "a netting cycle, in full"),
        step("settle", OWED, _P.SETTLED, "the contract it comes from, or an award"),
        step("credit", (_P.ISSUED, *OWED), _P.CREDITED, "creditor, with a reason"),
        step("fall overdue", (_P.ACCEPTED, _P.PART_PAID), _P.OVERDUE, "the time limit"),
        step("dispute", DUE, _P.DISPUTED, "a dispute that opens"),
        step("resume", _P.DISPUTED, _P.ACCEPTED, "the dispute's end, nothing paid"),
        step("resume in part", _P.DISPUTED, _P.PART_PAID, "the dispute's end"),
        step("resume late", _P.DISPUTED, _P.OVERDUE, "the dispute's end, past its date"),
    ),
    limits={
        _P.ISSUED: Limit("lapse", "10 days"),
        _P.ACCEPTED: Limit("fall overdue", "the date on which it is payable"),
        _P.PART_PAID: Limit("fall overdue", "the date on which it is payable"),
    },
    rests={
        _P.OVERDUE: "a debt does not end by time",
        _P.DISPUTED: "the dispute has its own limits and ends this state with it",
    },
    # A creditor finds its claims by its accounts; only who has to act needs a list of debts.
    parties=lambda r: (r.creditor, r.debtor) if r.state is _P.ISSUED else (r.debtor,),
    awaits=lambda r: (r.debtor,),
)


class OpenDebt(Struct, tag=1):
    """Index entry: a debt of a debtor to a creditor of which something remains."""

    debt: ObjectId


OPEN_DEBT: Final = Table("debt", OpenDebt)
"""By debtor, creditor, date on which it is payable, id: per pair, the oldest due first."""


class ReversalState(StrEnum):
    """A proposed reversal and its answer."""

    PROPOSED = "proposed"
    POSTED = "posted"
    DECLINED = "declined"
    LAPSED = "lapsed"


class Reversal(Struct, tag=1):
    """A leg of a payment is to be paid back with both sides' consent.

    ``original`` is the payment's transaction id and ``leg`` the leg's position in it. ``payee``
    received the money then and pays it back; the original itself is never changed.
    """

    id: ObjectId
    original: ObjectId
    leg: Count
    payer: Lei
    payee: Lei
    amount: Money
    proposer: Lei
    reason: str
    state: ReversalState
    due: Uint

    @property
    def other(self) -> str:
        """The side whose consent is needed."""
        return self.payee if self.proposer == self.payer else self.payer


class ReversedLeg(Struct, tag=1):
    """Index entry: the reversal of a leg that is proposed or posted."""

    reversal: ObjectId


REVERSAL_TABLE: Final = Table("reversal", Reversal)
REVERSED_LEG: Final = Table("reversal.leg", ReversedLeg)
"""By original transaction and leg: a leg is reversed at most once."""
_V = ReversalState
REVERSAL: Final = Machine[Reversal](
    name="reversal",
    meaning="Paying a payment back by consent of both sides.",
    table=REVERSAL_TABLE,
    key=lambda r: (r.id,),
    states=ReversalState,
    initial=(_V.PROPOSED,),
    transitions=(
        step("consent", _V.PROPOSED, _V.POSTED, "the other side"),
        step("decline", _V.PROPOSED, _V.DECLINED, "either side"),
        step("lapse", _V.PROPOSED, _V.LAPSED, "the time limit"),
    ),
    limits={_V.PROPOSED: Limit("lapse", "10 business days")},
    rests={},
    parties=lambda r: (r.payer, r.payee),
    awaits=lambda r: (r.other,),
)
