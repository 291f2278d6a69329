"""What the register stores of members' conduct: programmes, findings, appeals."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.machine import Limit, Machine, step
from contracts.framework.parameters import parameters_table
from contracts.framework.party import Role
from contracts.framework.types import (
    BASIS_POINTS,
    Count,
    Days,
    Digest,
    Instant,
    Lei,
    ObjectId,
    counted,
)
from contracts.register.deviation import Level, PlanLine, Quarter
from ledger.codec import Struct, Uint
from ledger.state import Table

BasisPoints = Annotated[int, Meta(ge=1, le=10 * BASIS_POINTS), counted("basis points")]


class ProgrammeParameters(Struct, tag="programme.Parameters"):
    """Limits and windows of programmes, findings and appeals."""

    plan_days: Annotated[
        Days, Meta(description="Days after a quarter begins in which its plan may still be filed.")
    ] = 30
    quarters_ahead: Annotated[
        int, Meta(ge=1, le=40, description="For how many quarters ahead plans may be filed.")
    ] = 4
    report_days: Annotated[
        Days, Meta(description="Business days after a quarter to report on it.")
    ] = 20
    attest_days: Annotated[
        Days, Meta(description="Business days that an inspector has to attest a report.")
    ] = 20
    amber: Annotated[
        BasisPoints, Meta(description="Deviation, in basis points, from which a quarter is amber.")
    ] = 1_500
    red: Annotated[
        BasisPoints, Meta(description="Deviation, in basis points, from which a quarter is red.")
    ] = 3_000
    red_quarters: Annotated[
        int, Meta(ge=1, le=8, description="Consecutive red quarters that allow a finding.")
    ] = 2
    response_days: Annotated[
        Days, Meta(description="Business days that a member has to answer a finding.")
    ] = 15
    decision_days: Annotated[
        Days, Meta(description="Business days that the registrar has to judge an answer.")
    ] = 20
    remedy_days: Annotated[Days, Meta(description="Days to remedy what was found.")] = 90
    ruling_days: Annotated[
        Days, Meta(description="Days that the tribunal has to rule on an appeal.")
    ] = 90


PROGRAMME_PARAMETERS: Final = parameters_table("programme", ProgrammeParameters)


class ProgrammeState(StrEnum):
    """A quarter's plan and what became of it."""

    PLANNED = "planned"
    REPORTED = "reported"
    ATTESTED = "attested"
    UNATTESTED = "unattested"
    MISSED = "missed"
    DROPPED = "dropped"


class Programme(Struct, tag=1):
    """A member's production programme for a quarter, then what it produced.

    ``off`` and ``planned`` are the deviation as an exact fraction, ``level`` what follows from it;
    both are set once the report was made or missed. ``report`` is the digest of the member's report
    and ``attestation`` that of the inspector's, who may correct the quantities.
    """

    lei: Lei
    quarter: Quarter
    lines: tuple[PlanLine, ...]
    filed: Instant
    state: ProgrammeState
    due: Uint
    actuals: tuple[Count, ...] = ()
    inspector: str = ""
    report: Digest | None = None
    attestation: Digest | None = None
    off: Count = 0
    planned: Count = 0
    level: Level | None = None


PROGRAMME_TABLE: Final = Table("programme", Programme)
"""By LEI and the quarter's index."""
_P = ProgrammeState
PROGRAMME: Final = Machine[Programme](
    name="programme",
    meaning="A quarter's production plan, its report, and the report's attestation.",
    table=PROGRAMME_TABLE,
    key=lambda p: (p.lei, p.quarter.index),
    states=ProgrammeState,
    initial=(_P.PLANNED,),
    transitions=(
        step("report", _P.PLANNED, _P.REPORTED, "member"),
        step("miss", _P.PLANNED, _P.MISSED, "the time limit"),
        step("attest", _P.REPORTED, _P.ATTESTED, "the inspector that the report names"),
        step("stand", _P.REPORTED, _P.UNATTESTED, "the time limit: the report stands as made"),
        step("drop", (_P.PLANNED, _P.REPORTED), _P.DROPPED, "the member's run-off"),
    ),
    limits={
        _P.PLANNED: Limit("miss", "20 business days after the quarter"),
        _P.REPORTED: Limit("stand", "20 business days"),
    },
    rests={},
    parties=lambda p: tuple(filter(None, (p.lei, p.inspector))),
    awaits=lambda p: (p.inspector,) if p.state is _P.REPORTED else (p.lei,),
)


class FindingState(StrEnum):
    """A finding against a member and what came of it."""

    OPEN = "open"
    RESPONDED = "responded"
    REMEDY = "remedy"
    DROPPED = "dropped"
    REMEDIED = "remedied"
    FAILED = "failed"


class Ground(StrEnum):
    """Why the registrar finds against a member; the ledger checks either."""

    RED = "red quarters"
    NO_PLAN = "no programme filed"


class Finding(Struct, tag=1):
    """The registrar finds that a member's quarters up to ``quarter`` were red or had no plan."""

    id: ObjectId
    lei: Lei
    quarter: Quarter
    ground: Ground
    statement: str
    state: FindingState
    due: Uint
    response: str = ""
    reason: str = ""
    evidence: Digest | None = None


class LastFinding(Struct, tag=1):
    """Index entry: the newest finding against a party."""

    finding: ObjectId


FINDING_TABLE: Final = Table("finding", Finding)
"""By id."""
LAST_FINDING: Final = Table("finding.last", LastFinding)
"""By LEI: one finding is open at a time, and no quarter is found twice."""
_F = FindingState
FINDING: Final = Machine[Finding](
    name="finding",
    meaning="A member far off its programme: its answer, its remedy, or the way to suspension.",
    table=FINDING_TABLE,
    key=lambda f: (f.id,),
    states=FindingState,
    initial=(_F.OPEN,),
    transitions=(
        step("respond", _F.OPEN, _F.RESPONDED, "member"),
        step("stay silent", _F.OPEN, _F.REMEDY, "the time limit"),
        step("drop", (_F.OPEN, _F.RESPONDED), _F.DROPPED, "registrar, with a reason"),
        step("order remedy", _F.RESPONDED, _F.REMEDY, "registrar"),
        step("stay undecided", _F.RESPONDED, _F.REMEDY, "the time limit"),
        step("remedy", _F.REMEDY, _F.REMEDIED, "registrar, on an inspector's report"),
        step(
            "become moot",
            (_F.OPEN, _F.RESPONDED, _F.REMEDY),
            _F.DROPPED,
            "the member's exclusion or run-off",
        ),
        step("fail", _F.REMEDY, _F.FAILED, "the time limit: the council votes on suspension"),
    ),
    limits={
        _F.OPEN: Limit("stay silent", "15 business days"),
        _F.RESPONDED: Limit("stay undecided", "20 business days"),
        _F.REMEDY: Limit("fail", "90 days"),
    },
    rests={},
    parties=lambda f: (f.lei, Role.REGISTRAR.value),
    awaits=lambda f: (Role.REGISTRAR.value,) if f.state is _F.RESPONDED else (f.lei,),
)


class AppealState(StrEnum):
    """An appeal against an exclusion, and the tribunal's ruling."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    QUASHED = "quashed"
    LAPSED = "lapsed"


class Appeal(Struct, tag=1):
    """An excluded party asks the tribunal to quash its exclusion, which is stayed meanwhile."""

    id: ObjectId
    lei: Lei
    statement: str
    state: AppealState
    due: Uint
    reason: str = ""
    ruling: Digest | None = None


class OpenAppeal(Struct, tag=1):
    """Index entry: a party's appeal that waits."""

    appeal: ObjectId


APPEAL_TABLE: Final = Table("appeal", Appeal)
"""By id."""
OPEN_APPEAL: Final = Table("appeal.open", OpenAppeal)
"""By LEI: one appeal waits at a time."""
_A = AppealState
APPEAL: Final = Machine[Appeal](
    name="appeal",
    meaning="An appeal to the tribunal against an exclusion.",
    table=APPEAL_TABLE,
    key=lambda a: (a.id,),
    states=AppealState,
    initial=(_A.OPEN,),
    transitions=(
        step("confirm", _A.OPEN, _A.CONFIRMED, "tribunal"),
        step("quash", _A.OPEN, _A.QUASHED, "tribunal"),
        step("lapse", _A.OPEN, _A.LAPSED, "the time limit: the council's decision stands"),
    ),
    limits={_A.OPEN: Limit("lapse", "90 days")},
    rests={},
    parties=lambda a: (a.lei, Role.TRIBUNAL.value),
    awaits=lambda a: (Role.TRIBUNAL.value,),
)
