"""What the register stores of leaving: run-offs, losses, successions, withdrawals of states."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.evidence import Evidence
from contracts.framework.machine import Limit, Machine, step
from contracts.framework.parameters import parameters_table
from contracts.framework.party import Role
from contracts.framework.posting import Side, Unit, account_kind
from contracts.framework.types import (
    BASIS_POINTS,
    Country,
    Days,
    Instant,
    Lei,
    MoneyOrNone,
    ObjectId,
    counted,
)
from ledger.codec import Struct, Uint
from ledger.receipt import Signed
from ledger.state import Table

WINDUP: Final = account_kind(
    "windup",
    "Money of a leaving member that is being shared out among its creditors.",
    unit=Unit.SCU,
    side=Side.CREDIT,
    money=True,
)
LOSS: Final = account_kind(
    "loss",
    "Currency that members of the state overdrew and nobody could bring back (below zero).",
    unit=Unit.SCU,
    side=Side.DEBIT,
    money=True,
)


class LeavingParameters(Struct, tag="leaving.Parameters"):
    """Limits and windows of run-offs, losses, successions and withdrawals."""

    loss_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3_650,
            description="Days of run-off after which losses are determined and shared.",
        ),
        counted("days"),
    ] = 180
    guarantor_limit: Annotated[
        MoneyOrNone,
        Meta(description="Most that a home guarantor bears of one loss, minor units; 0: no limit."),
    ] = 0
    others_cap: Annotated[
        int,
        Meta(
            ge=0,
            le=BASIS_POINTS,
            description="Most, in basis points, of each member's contribution that one member's "
            "run-off may cost.",
        ),
        counted("basis points"),
    ] = 2_000
    batch: Annotated[
        int, Meta(ge=10, le=5_000, description="Most objects that one block settles or passes.")
    ] = 500
    notice_days: Annotated[
        Days, Meta(description="Days from a state's notice of withdrawal until it takes effect.")
    ] = 180


LEAVING_PARAMETERS: Final = parameters_table("leaving", LeavingParameters)


class RunOff(Struct, tag=1):
    """A party's run-off: when it ``began``, and ``floor``, what its money stood at if below zero.

    ``sharing`` is the determination of its losses that is under way, ``others`` what other
    members' contributions paid for it so far.
    """

    lei: Lei
    began: Instant
    floor: Signed = 0
    sharing: ObjectId | None = None
    others: Uint = 0


RUN_OFF: Final = Table("runoff", RunOff)
"""By LEI: the newest."""


class SharingState(StrEnum):
    """A loss that is being shared out, or was."""

    SHARING = "sharing"
    SHARED = "shared"


class Sharing(Struct, tag=1):
    """What a leaving member owed and who bears it, in minor units, layer by layer.

    ``owed + overdrawn = own + contribution + guarantor_paid + fund + others + loss``. Of ``owed``
    every creditor gets the share ``pool / owed``, rounded down; ``paid`` and ``written_off`` is
    what was done so far, ``returned`` what rounding left and the guarantor (or the member) got
    back.
    """

    id: ObjectId
    lei: Lei
    began: Instant
    owed: Uint
    overdrawn: Uint
    own: Uint
    contribution: Uint
    guarantor: str
    guarantor_paid: Uint
    fund: Uint
    others: Uint
    loss: Uint
    pool: Uint
    state: SharingState
    due: Uint
    paid: Uint = 0
    written_off: Uint = 0
    returned: Uint = 0


SHARING_TABLE: Final = Table("runoff.sharing", Sharing)
"""By id: every loss that was ever determined."""
_H = SharingState
SHARING: Final = Machine[Sharing](
    name="loss sharing",
    meaning="What a leaving member cannot pay, borne layer by layer and disclosed.",
    table=SHARING_TABLE,
    key=lambda s: (s.id,),
    states=SharingState,
    initial=(_H.SHARING,),
    transitions=(step("finish", _H.SHARING, _H.SHARED, "the blocks that follow"),),
    limits={_H.SHARING: Limit("finish", "the blocks that follow")},
    rests={},
    parties=lambda s: (s.lei,),
    awaits=lambda s: (),
)


class SuccessionGround(StrEnum):
    """Why another party takes a party's place."""

    MERGER = "merger"
    INSOLVENCY = "insolvency"
    SANCTIONS = "sanctions"
    """Obligations pass; the party's own money stays with it."""


class SuccessionState(StrEnum):
    """A proposed succession, the passing of objects, its end."""

    PROPOSED = "proposed"
    MOVING = "moving"
    REFUSED = "refused"
    COMPLETE = "complete"
    STOPPED = "stopped"


class Succession(Struct, tag=1):
    """Another party takes over a party's open rights and obligations; ``passed`` counts objects."""

    id: ObjectId
    lei: Lei
    successor: Lei
    ground: SuccessionGround
    documents: tuple[Evidence, ...]
    state: SuccessionState
    due: Uint
    passed: Uint = 0
    reason: str = ""


class OpenSuccession(Struct, tag=1):
    """Index entry: the succession of a party that is proposed or under way."""

    succession: ObjectId


SUCCESSION_TABLE: Final = Table("succession", Succession)
"""By id."""
OPEN_SUCCESSION: Final = Table("succession.open", OpenSuccession)
"""By LEI of the party whose place is taken."""
_C = SuccessionState
SUCCESSION: Final = Machine[Succession](
    name="succession",
    meaning="A member's open rights and obligations pass to a successor or its guarantor.",
    table=SUCCESSION_TABLE,
    key=lambda s: (s.id,),
    states=SuccessionState,
    initial=(_C.PROPOSED,),
    transitions=(
        step("approve", _C.PROPOSED, _C.MOVING, "council"),
        step("refuse", _C.PROPOSED, _C.REFUSED, "council, or no decision in time"),
        step("review", _C.MOVING, _C.MOVING, "the time limit"),
        step("complete", _C.MOVING, _C.COMPLETE, "a review that finds nothing left"),
        step("stop", _C.MOVING, _C.STOPPED, "a review that finds the successor leaving"),
    ),
    limits={_C.MOVING: Limit("review", "the next block, then 30 days")},
    rests={
        _C.PROPOSED: "the ballot has its own limit and ends this state with it",
        _C.MOVING: "what is in dispute passes when that ends; looked at every 30 days",
    },
    parties=lambda s: (s.lei, s.successor),
    awaits=lambda s: (),
)


class WithdrawalState(StrEnum):
    """A state's withdrawal from the ledger."""

    ANNOUNCED = "announced"
    WINDING = "winding"
    COMPLETE = "complete"
    CANCELLED = "cancelled"


class Withdrawal(Struct, tag=1):
    """A state leaves: its guarantor gives notice, then its residents run off or find a new home."""

    id: ObjectId
    country: Country
    guarantor: Lei
    state: WithdrawalState
    due: Uint
    reason: str = ""


class OpenWithdrawal(Struct, tag=1):
    """Index entry: the withdrawal of a state that is announced or under way."""

    withdrawal: ObjectId


WITHDRAWAL_TABLE: Final = Table("withdrawal", Withdrawal)
"""By id."""
OPEN_WITHDRAWAL: Final = Table("withdrawal.open", OpenWithdrawal)
"""By country."""
_W = WithdrawalState
WITHDRAWAL: Final = Machine[Withdrawal](
    name="withdrawal",
    meaning="A state leaves in order: notice, then its liabilities run off.",
    table=WITHDRAWAL_TABLE,
    key=lambda w: (w.id,),
    states=WithdrawalState,
    initial=(_W.ANNOUNCED, _W.WINDING),
    transitions=(
        step("cancel", _W.ANNOUNCED, _W.CANCELLED, "guarantor"),
        step("begin", _W.ANNOUNCED, _W.WINDING, "the time limit"),
        step("review", _W.WINDING, _W.WINDING, "the time limit"),
        step("complete", _W.WINDING, _W.COMPLETE, "a review that finds nothing left"),
    ),
    limits={
        _W.ANNOUNCED: Limit("begin", "180 days"),
        _W.WINDING: Limit("review", "30 days"),
    },
    rests={_W.WINDING: "liabilities do not end by time; complete once a review finds none"},
    parties=lambda w: (w.guarantor, Role.REGISTRAR.value),
    awaits=lambda w: (),
)
