"""Succession: a merger, an insolvency or sanctions move a member's open objects to another party.

The registrar or a guarantor proposes it with evidence, the successor consents by its signature, and
the council decides by qualified majority. What each capability has open passes by the rules that it
registered with :func:`contracts.register.hooks.on_succession`, a bounded number per block; what is
in dispute follows when that ends. Money passes last, except under sanctions.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.accounts import AVAIL, CONTRIBUTION
from contracts.errors import (
    ALREADY_DECIDED,
    BAD_DOCUMENT,
    INVALID_TERMS,
    MOTION_OPEN,
    NO_VOTERS,
    STANDING_FORBIDS,
)
from contracts.framework.authority import holder_of
from contracts.framework.ballot import Ballot, BallotOpened, on_decision, open_ballot
from contracts.framework.context import Context
from contracts.framework.evidence import Evidence, require_evidence
from contracts.framework.machine import ITEM
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import HOLDERS, PARTY, Party, Right, Role
from contracts.framework.posting import Unit, accounts_of, balance_of
from contracts.framework.types import Lei, Reason
from contracts.register.events import SuccessionMoved
from contracts.register.hooks import pass_objects
from contracts.register.leaving_records import (
    OPEN_SUCCESSION,
    SUCCESSION,
    SUCCESSION_TABLE,
    LeavingParameters,
    OpenSuccession,
    Succession,
    SuccessionGround,
    SuccessionState,
)
from contracts.register.membership import change_standing, conflicts, guarantors, revoke_office
from contracts.register.records import MEMBERSHIP, RegisterParameters
from ledger.errors import CodedError
from ledger.state import State

KIND = "register.succession"


def _consenting(state: State, author: str, op: ProposeSuccession) -> tuple[str, ...]:
    """The successor; in a merger the party itself as well, while it can still sign."""
    parties = [op.successor]
    party = state.get(PARTY, op.party)
    if op.ground is SuccessionGround.MERGER and party is not None and party.may(Right.MANAGE):
        parties.append(op.party)
    return tuple(lei for lei in parties if lei != author)


@operation(
    policy="office",
    by=holder_of(Role.REGISTRAR, Role.GUARANTOR),
    cosigners=_consenting,
    cosigned_by="the successor, and in a merger the party itself",
    emits=(SuccessionMoved, BallotOpened),
    errors=(
        INVALID_TERMS,
        BAD_DOCUMENT,
        ALREADY_DECIDED,
        MOTION_OPEN,
        NO_VOTERS,
        STANDING_FORBIDS,
    ),
    text={
        "en": "Propose that {successor} takes the place of {party}, {ground}: {reason}",
        "ru": "Предложить правопреемство {successor} вместо {party}, {ground}: {reason}",
        "zh": "提议由 {successor} 承继 {party}，{ground}：{reason}",
    },
)
class ProposeSuccession(Operation, tag="register.ProposeSuccession"):
    """Ask the council to let another member take over a member's open rights and obligations.

    The successor is a member without conflict, or the guarantor of the home state. The council
    decides by the majority that excludes; neither party nor their owners vote.
    """

    party: Annotated[Lei, Meta(description="Whose place is taken.")]
    successor: Annotated[Lei, Meta(description="Who takes it.")]
    ground: Annotated[SuccessionGround, Meta(description="Merger, insolvency, or sanctions.")]
    reason: Annotated[Reason, Meta(description="Why.")]
    documents: Annotated[
        tuple[Evidence, ...],
        Meta(min_length=1, max_length=8, description="The deed, order or decision behind it."),
    ]


@transition(ProposeSuccession)
def propose_succession(ctx: Context, op: ProposeSuccession) -> None:
    """Open the ballot on a succession."""
    party = ctx.party(op.party, field="party")
    if op.party == op.successor:
        raise CodedError(INVALID_TERMS, "nobody succeeds itself", field="successor")
    if party.state not in HOLDERS:
        raise CodedError(STANDING_FORBIDS, f"{op.party} is {party.state.value}", field="party")
    if _by_governance(party):
        raise CodedError(
            INVALID_TERMS,
            "the registrar, guarantors and issuers are replaced by governance, or withdraw",
            field="party",
        )
    successor = ctx.party(op.successor, Right.OBLIGE, field="successor")
    if ctx.get(OPEN_SUCCESSION, op.party) is not None:
        raise CodedError(ALREADY_DECIDED, "a succession of the party is open", field="party")
    if ctx.get(OPEN_SUCCESSION, op.successor) is not None:
        raise CodedError(
            INVALID_TERMS, "the successor's own place is being taken", field="successor"
        )
    require_evidence(ctx, op.documents, field="documents")
    params = ctx.params(RegisterParameters)
    open_ballot(
        ctx,
        KIND,
        op.party,
        terms=(op.successor, op.ground.value),
        reason=op.reason,
        majority=params.exclusion,
        voters=guarantors(ctx),
        conflicted=(*conflicts(ctx, party), *conflicts(ctx, successor)),
        due=ctx.in_days(params.vote_days),
    )
    succession = Succession(
        id=ctx.new_id(),
        lei=op.party,
        successor=op.successor,
        ground=op.ground,
        documents=op.documents,
        state=SuccessionState.PROPOSED,
        due=0,
        reason=op.reason,
    )
    ctx.open(SUCCESSION, succession)
    ctx.put(OPEN_SUCCESSION, OpenSuccession(succession.id), op.party)
    _tell(ctx, succession)


def _by_governance(party: Party) -> bool:
    """Whether a party holds an office that only governance may give to another."""
    return any(party.holds(role) for role in (Role.REGISTRAR, Role.GUARANTOR, Role.ISSUER))


@on_decision(KIND)
def succession_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Begin to pass everything, or leave it where it is."""
    entry = ctx.get(OPEN_SUCCESSION, ballot.subject)
    if entry is None:  # pragma: no cover - the ballot and the succession are opened together
        return
    succession = ctx.find(SUCCESSION_TABLE, entry.succession, what="succession")
    party = ctx.party(succession.lei)
    able = ctx.party(succession.successor).may(Right.OBLIGE) and party.state in HOLDERS
    able = able and not _by_governance(party)
    if not passed or not able:
        why = "" if passed else "the council did not agree"
        _end(ctx, succession, "refuse", reason=why or "a party's standing changed meanwhile")
        return
    # Before the standing changes, so that contracts see that a successor is there and do not end.
    # Objects pass from the next block on: what other rules have due then comes first.
    moving = ctx.move(SUCCESSION, succession, "approve", due=ctx.time)
    if MEMBERSHIP.target(party.state, "succeed") is not None:
        for office in party.offices:
            revoke_office(ctx, ctx.party(party.lei), office)
        due = ctx.in_days(ctx.params(RegisterParameters).review_days)
        change_standing(ctx, ctx.party(party.lei), "succeed", due=due, reason=ballot.reason)
    _tell(ctx, moving)


@SUCCESSION.on_lapse("review")
def pass_on(ctx: Context, succession: Succession) -> None:
    """Pass as much as one block may."""
    if not ctx.party(succession.successor).may(Right.SETTLE):
        _end(ctx, succession, "stop", reason="the successor can take over nothing more")
        return
    batch = ctx.params(LeavingParameters).batch
    moved = pass_objects(ctx, succession.lei, succession.successor, batch)
    total = succession.passed + moved
    if moved >= batch:
        ctx.go_on(SUCCESSION, succession, ctx.time, passed=total)
        return
    _pass_money(ctx, succession)
    if nothing_left(ctx.state, succession):
        _end(ctx, succession, "complete", passed=total)
        return
    due = ctx.in_days(ctx.params(RegisterParameters).review_days)
    moving = ctx.move(SUCCESSION, succession, "review", due=due, passed=total)
    if moved:
        _tell(ctx, moving)


def _pass_money(ctx: Context, succession: Succession) -> None:
    """The money goes along; an overdraft only as far as the successor's own money reaches."""
    old, new = succession.lei, succession.successor
    if not ctx.party(new).may(Right.RECEIVE):
        return
    avail = balance_of(ctx.state, AVAIL.of(old))
    if avail < 0:
        taken = min(-avail, max(0, balance_of(ctx.state, AVAIL.of(new))))
        if taken:
            ctx.post(Unit.SCU, AVAIL.of(new), AVAIL.of(old), taken)
    if succession.ground is SuccessionGround.SANCTIONS:
        return
    if avail > 0:
        ctx.post(Unit.SCU, AVAIL.of(old), AVAIL.of(new), avail)
    contribution = balance_of(ctx.state, CONTRIBUTION.of(old))
    if contribution > 0:
        ctx.post(Unit.SCU, CONTRIBUTION.of(old), CONTRIBUTION.of(new), contribution)


def nothing_left(state: State, succession: Succession) -> bool:
    """Whether a party has nothing open any more; under sanctions its money does not count."""
    kept = {MEMBERSHIP.name, SUCCESSION.name}
    if any(item.machine not in kept for _, item in state.scan(ITEM, succession.lei)):
        return False
    own = {AVAIL.of(succession.lei), CONTRIBUTION.of(succession.lei)}
    keeps = own if succession.ground is SuccessionGround.SANCTIONS else set()
    return all(
        balance.amount == 0 or account in keeps
        for account, _, balance in accounts_of(state, succession.lei)
    )


def _end(
    ctx: Context, succession: Succession, event: str, *, passed: int = 0, reason: str = ""
) -> None:
    ended = ctx.move(
        SUCCESSION,
        succession,
        event,
        passed=max(passed, succession.passed),
        reason=reason or succession.reason,
    )
    ctx.delete(OPEN_SUCCESSION, succession.lei)
    _tell(ctx, ended)


def _tell(ctx: Context, succession: Succession) -> None:
    ctx.emit(
        SuccessionMoved(
            succession.id,
            succession.lei,
            succession.successor,
            succession.state.value,
            succession.passed,
        )
    )
