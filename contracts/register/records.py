"""What the register stores, its parameters and its state machines."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.ballot import Majority
from contracts.framework.machine import Limit, Machine, step
from contracts.framework.parameters import parameters_table
from contracts.framework.party import PARTY, Party, Role, Standing
from contracts.framework.types import BASIS_POINTS, Days, Lei, MoneyOrNone, ObjectId, counted
from ledger.codec import Struct, Uint
from ledger.policy import Key, Rule
from ledger.state import Table


class RegisterParameters(Struct, tag="register.Parameters"):
    """Limits and windows of the register."""

    check_days: Annotated[
        Days, Meta(description="Business days that registrar and home state have to check.")
    ] = 20
    vote_days: Annotated[Days, Meta(description="Days that the council has to vote.")] = 30
    accession_days: Annotated[
        Days, Meta(description="Days to sign the agreement and pay the contribution.")
    ] = 60
    appeal_days: Annotated[
        Days, Meta(description="Days after an exclusion before run-off begins.")
    ] = 30
    review_days: Annotated[
        Days, Meta(description="Days between reviews whether a run-off is finished.")
    ] = 30
    recovery_hours: Annotated[
        int,
        Meta(ge=1, le=8_760, description="Hours in which any registered key may veto."),
        counted("hours"),
    ] = 72
    contribution: Annotated[
        MoneyOrNone, Meta(description="What a new member pays in, in minor units; 0 for none.")
    ] = 0
    key_days: Annotated[
        Days, Meta(description="Longest validity of a key, from its registration.")
    ] = 1_095
    first_warning_days: Annotated[
        Days, Meta(description="Days before a key expires that its owner is warned.")
    ] = 30
    last_warning_days: Annotated[
        Days, Meta(description="Days before a key expires that its owner is warned again.")
    ] = 7
    admission: Annotated[
        Majority, Meta(description="Guarantors that must agree to admit, suspend, give a role.")
    ] = Majority(1, 2)
    exclusion: Annotated[
        Majority, Meta(description="Guarantors that must agree to exclude a member.")
    ] = Majority(2, 3)
    joint_venture_share: Annotated[
        int,
        Meta(
            ge=1,
            le=BASIS_POINTS // 2,
            description="Least share, in basis points, of owners in each of two member states "
            "that makes a joint venture eligible for preferences.",
        ),
        counted("basis points"),
    ] = 2_500
    joint_venture_bonus: Annotated[
        int,
        Meta(
            ge=0,
            le=BASIS_POINTS,
            description="Weight, in basis points, that an eligible joint venture gets on top "
            "wherever members are ranked or share support.",
        ),
        counted("basis points"),
    ] = 1_000
    joint_venture_contribution: Annotated[
        int,
        Meta(
            ge=0,
            le=BASIS_POINTS,
            description="What an eligible joint venture pays of the contribution, basis points.",
        ),
        counted("basis points"),
    ] = BASIS_POINTS


REGISTER_PARAMETERS: Final = parameters_table("register", RegisterParameters)


class KeyOwner(Struct, tag=1):
    """Index entry: a public key belongs to this party, now or in the past."""

    lei: Lei


KEY_OWNER: Final = Table("key", KeyOwner)
"""By public key: a key belongs to one party for ever, so old signatures have one reading."""

_S = Standing

MEMBERSHIP: Final = Machine[Party](
    name="membership",
    meaning="A party's standing, from its application to its closing.",
    table=PARTY,
    key=lambda p: (p.lei,),
    states=Standing,
    initial=(_S.APPLIED,),
    transitions=(
        step("check", _S.APPLIED, _S.CHECKED, "registrar and home state"),
        step("refuse", _S.APPLIED, _S.REFUSED, "registrar and home state"),
        step("vote down", _S.CHECKED, _S.REFUSED, "council"),
        step("lapse", (_S.APPLIED, _S.CHECKED, _S.VOTED), _S.LAPSED, "the time limit"),
        step("withdraw", (_S.APPLIED, _S.CHECKED, _S.VOTED), _S.WITHDRAWN, "applicant"),
        step("vote", _S.CHECKED, _S.VOTED, "council"),
        step("accede", _S.VOTED, _S.ADMITTED, "applicant and whoever pays the contribution"),
        step("suspend", _S.ADMITTED, _S.SUSPENDED, "council or tribunal"),
        step("reinstate", _S.SUSPENDED, _S.ADMITTED, "council or tribunal"),
        step("exclude", _S.SUSPENDED, _S.EXCLUDED, "council, qualified majority"),
        step("appeal", _S.EXCLUDED, _S.EXCLUDED, "the party, once, within its time"),
        step("quash", _S.EXCLUDED, _S.SUSPENDED, "tribunal, on appeal"),
        step("confirm", _S.EXCLUDED, _S.RUN_OFF, "tribunal, or no ruling in time"),
        step("begin run-off", _S.EXCLUDED, _S.RUN_OFF, "the time limit"),
        step(
            "succeed",
            (_S.ADMITTED, _S.SUSPENDED, _S.EXCLUDED),
            _S.RUN_OFF,
            "council: another party takes its place",
        ),
        step(
            "lose home",
            (_S.ADMITTED, _S.SUSPENDED, _S.EXCLUDED),
            _S.RUN_OFF,
            "the home state's withdrawal",
        ),
        step("leave", (_S.ADMITTED, _S.SUSPENDED), _S.RUN_OFF, "member"),
        step("review", _S.RUN_OFF, _S.RUN_OFF, "the time limit"),
        step("close", _S.RUN_OFF, _S.CLOSED, "member, registrar, or a review, at zero"),
    ),
    limits={
        _S.APPLIED: Limit("lapse", "20 business days"),
        _S.CHECKED: Limit("lapse", "30 days"),
        _S.VOTED: Limit("lapse", "60 days"),
        _S.EXCLUDED: Limit("begin run-off", "30 days for an appeal"),
        _S.RUN_OFF: Limit("review", "30 days"),
    },
    rests={
        _S.ADMITTED: "membership has no term",
        _S.SUSPENDED: "the council or the tribunal decides further",
        _S.RUN_OFF: "debts do not end by time; closed as soon as a review finds nothing open",
    },
    parties=lambda p: (
        () if p.state is _S.ADMITTED else (p.lei, "registrar", f"guarantor:{p.profile.home}")
    ),
    awaits=lambda p: (
        ("registrar", f"guarantor:{p.profile.home}")
        if p.state is _S.APPLIED
        else (p.lei,)
        if p.state is _S.VOTED
        else ()
    ),
)


class RecoveryState(StrEnum):
    """A proposed new keyring waits, was put in place, or was vetoed."""

    WAITING = "waiting"
    ENACTED = "enacted"
    VETOED = "vetoed"


class Recovery(Struct, tag=1):
    """A new keyring for a party whose keys are lost, until ``due`` open to veto."""

    id: ObjectId
    lei: Lei
    keys: tuple[Key, ...]
    rules: tuple[Rule, ...]
    state: RecoveryState
    due: Uint
    reason: str


class PendingRecovery(Struct, tag=1):
    """Index entry: the party's recovery that waits."""

    recovery: ObjectId


OFFICER: Final = "officer"
"""The role of the keys that recover a party's keyring; kept apart from daily use."""

RECOVERY_TABLE: Final = Table("recovery", Recovery)
"""By id."""
PENDING_RECOVERY: Final = Table("recovery.open", PendingRecovery)
"""By LEI: one recovery waits at a time."""

_R = RecoveryState
RECOVERY: Final = Machine[Recovery](
    name="recovery",
    meaning="New keys for a party that lost its own.",
    table=RECOVERY_TABLE,
    key=lambda r: (r.id,),
    states=RecoveryState,
    initial=(_R.WAITING,),
    transitions=(
        step("enact", _R.WAITING, _R.ENACTED, "the time limit"),
        step("veto", _R.WAITING, _R.VETOED, "any registered key of the party"),
    ),
    limits={_R.WAITING: Limit("enact", "72 hours")},
    rests={},
    parties=lambda r: (r.lei, Role.REGISTRAR.value),
    awaits=lambda r: (),
)
