"""What governance stores, its parameters and its state machine."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import Meta

from contracts.framework.ballot import Majority
from contracts.framework.machine import Machine, step
from contracts.framework.parameters import parameters_table
from contracts.framework.types import Country, Days, Digest, Lei, ObjectId, counted
from ledger.codec import Struct, Uint
from ledger.state import Table

Blocks = Annotated[int, Meta(ge=1, le=1_000_000_000), counted("blocks")]


class GovernanceParameters(Struct, tag="governance.Parameters"):
    """Quorums and windows of governance."""

    parameters: Annotated[
        Majority, Meta(description="Guarantors that must agree to change parameters.")
    ] = Majority(2, 3)
    constitution: Annotated[
        Majority, Meta(description="Guarantors that must agree to change these quorums.")
    ] = Majority(3, 4)
    roles: Annotated[
        Majority, Meta(description="Guarantors that must agree to give or take an office.")
    ] = Majority(1, 2)
    guarantors: Annotated[
        Majority, Meta(description="Guarantors that must agree to admit or remove a guarantor.")
    ] = Majority(3, 4)
    upgrades: Annotated[
        Majority, Meta(description="Guarantors that must agree to a protocol upgrade.")
    ] = Majority(3, 4)
    pauses: Annotated[
        Majority, Meta(description="Guarantors that must agree to an emergency pause.")
    ] = Majority(1, 2)
    resumptions: Annotated[
        Majority, Meta(description="Guarantors that must agree to end a pause early.")
    ] = Majority(1, 2)
    vote_days: Annotated[Days, Meta(description="Days that guarantors have to vote.")] = 30
    emergency_days: Annotated[
        Days, Meta(description="Days that guarantors have to vote on a pause or its end.")
    ] = 3
    pause_days: Annotated[
        Days, Meta(description="Longest time, in days, that one decision pauses a class.")
    ] = 14
    notice_blocks: Annotated[
        Blocks, Meta(description="Least number of blocks from a proposal to its height.")
    ] = 10
    horizon_blocks: Annotated[
        Blocks, Meta(description="Greatest number of blocks from a proposal to its height.")
    ] = 10_000_000
    least_guarantors: Annotated[
        int, Meta(ge=1, le=1_000, description="Fewer guarantors than this may never remain.")
    ] = 1


GOVERNANCE_PARAMETERS: Final = parameters_table("governance", GovernanceParameters)


class ProposalState(StrEnum):
    """A proposal and what became of it."""

    VOTING = "voting"
    PASSED = "passed"
    ENACTED = "enacted"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    VOID = "void"


class Proposal(Struct, tag=1):
    """A proposed change: the operation that made it, as plain values, says what it is.

    ``height`` is where it is enacted, 0 for as soon as it passes.
    """

    id: ObjectId
    kind: str
    proposer: Lei
    operation: tuple[Any, ...]
    ballot: ObjectId
    height: Uint
    state: ProposalState
    due: Uint = 0
    reason: str = ""
    enacted: Uint = 0


PROPOSAL_TABLE: Final = Table("proposal", Proposal)
"""By id."""
_P = ProposalState
PROPOSAL: Final = Machine[Proposal](
    name="proposal",
    meaning="A change of the ledger's own rules, voted on and enacted at a height.",
    table=PROPOSAL_TABLE,
    key=lambda p: (p.id,),
    states=ProposalState,
    initial=(_P.VOTING,),
    transitions=(
        step("pass", _P.VOTING, _P.PASSED, "enough guarantors"),
        step("refuse", _P.VOTING, _P.REFUSED, "enough guarantors"),
        step("expire", _P.VOTING, _P.EXPIRED, "no decision in time, or its height passed before"),
        step("withdraw", _P.VOTING, _P.WITHDRAWN, "proposer"),
        step("enact", _P.PASSED, _P.ENACTED, "its height"),
        step("void", _P.PASSED, _P.VOID, "its height, if it would break a rule by then"),
    ),
    limits={},
    rests={
        _P.VOTING: "the ballot has its own limit and ends this state with it",
        _P.PASSED: "the block of its height enacts or voids it",
    },
    parties=lambda p: (p.proposer,),
    awaits=lambda p: (),
)


class GuarantorChange(Struct, tag=1):
    """A decision about a guarantor: for whoever changes the set of validators.

    ``change`` is ``admit`` or ``remove``; ``node`` is the digest of the node card that the new
    guarantor presented.
    """

    height: Uint
    party: Lei
    country: Country
    change: str
    node: Digest | None
    proposal: ObjectId


GUARANTOR_CHANGE: Final = Table("guarantor.change", GuarantorChange)
"""By height and proposal: every decision that was enacted."""

Revision = Annotated[str, Meta(min_length=1, max_length=140, description="The new value, as JSON.")]


class ParameterChange(Struct):
    """A new value for one parameter."""

    name: Annotated[str, Meta(min_length=1, max_length=64, description="The parameter's name.")]
    value: Revision
