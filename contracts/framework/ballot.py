"""Ballots: how several parties decide, each with one vote, those in conflict excluded.

A capability opens a ballot with :func:`open_ballot` and declares with :func:`on_decision` what its
outcome does. A ballot is decided as soon as its outcome is certain, or refused at its time limit.
The list of voters is fixed when it opens; whoever recuses itself leaves the list, and the number of
votes that is needed falls with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import Meta

from contracts.errors import ALREADY_VOTED, NO_VOTERS, NOT_A_VOTER
from contracts.framework.context import Context
from contracts.framework.event import Event
from contracts.framework.machine import ITEM, Limit, Machine, step
from contracts.framework.types import Lei, ObjectId
from ledger.codec import Struct, Uint
from ledger.errors import CodedError
from ledger.state import State, Table


class BallotState(StrEnum):
    """Open, or how it was decided."""

    OPEN = "open"
    PASSED = "passed"
    REFUSED = "refused"
    EXPIRED = "expired"


class Choice(StrEnum):
    """What a voter says. Recusal declares a conflict and leaves the ballot."""

    YES = "yes"
    NO = "no"
    RECUSE = "recuse"


class Majority(Struct):
    """More than half of the voters, and at least ``numerator/denominator`` of them."""

    numerator: Annotated[int, Meta(ge=1, le=100)]
    denominator: Annotated[int, Meta(ge=1, le=100)]

    def reading(self) -> str:
        """As people write it: ``2/3``."""
        return f"{self.numerator}/{self.denominator}"

    def votes_of(self, voters: int) -> int:
        """How many of ``voters`` must say yes."""
        share = -(-voters * self.numerator // self.denominator)
        return min(voters, max(voters // 2 + 1, share)) if voters else 1


class Ballot(Struct, tag=1):
    """A question put to voters.

    ``kind`` says what is decided and ``subject`` about whom; ``terms`` are the motion's own fields
    as plain values. ``voters`` are those still on the list, ``excluded`` those in conflict.
    """

    id: ObjectId
    kind: str
    subject: Lei
    terms: tuple[Any, ...]
    proposer: str
    reason: str
    majority: Majority
    voters: tuple[Lei, ...]
    excluded: tuple[Lei, ...]
    yes: tuple[Lei, ...]
    no: tuple[Lei, ...]
    state: BallotState
    due: Uint

    @property
    def pending(self) -> tuple[str, ...]:
        """Voters that have not voted."""
        return tuple(v for v in self.voters if v not in self.yes and v not in self.no)


class BallotOpened(Event, tag="ballot.Opened"):
    """A question was put to the voters."""

    ballot: ObjectId
    kind: str
    subject: Lei
    voters: tuple[Lei, ...]
    excluded: tuple[Lei, ...]


class BallotDecided(Event, tag="ballot.Decided"):
    """A ballot passed, was refused, or expired."""

    ballot: ObjectId
    kind: str
    subject: Lei
    outcome: BallotState
    yes: tuple[Lei, ...]
    no: tuple[Lei, ...]


class VoteCast(Event, tag="ballot.VoteCast"):
    """A voter voted, or left the ballot because of a conflict."""

    ballot: ObjectId
    subject: Lei
    voter: Lei
    choice: Choice
    reason: str


class OpenMotion(Struct, tag=1):
    """Index entry: the open ballot of a kind about a party."""

    ballot: ObjectId


BALLOT_TABLE: Final = Table("ballot", Ballot)
"""By id."""
OPEN_MOTION: Final = Table("ballot.open", OpenMotion)
"""By kind and subject: one open ballot of a kind about a party at a time."""

Suspension = Callable[[State, str], str]
_SUSPENSIONS: Final[list[Suspension]] = []


def suspends_votes(rule: Suspension) -> Suspension:
    """Declare a reason for which a party has no vote: ``rule(state, lei)`` is ``""`` or the reason.

    Where everybody's vote is suspended, everybody votes: the council can always act.
    """
    _SUSPENSIONS.append(rule)
    return rule


def vote_suspended(state: State, lei: str) -> str:
    """Why a party has no vote at present, or ``""``."""
    return next(filter(None, (rule(state, lei) for rule in _SUSPENSIONS)), "")


_S = BallotState
BALLOT: Final = Machine[Ballot](
    name="ballot",
    meaning="A question put to voters, such as the guarantors.",
    table=BALLOT_TABLE,
    key=lambda b: (b.id,),
    states=BallotState,
    initial=(_S.OPEN,),
    transitions=(
        step("pass", _S.OPEN, _S.PASSED, "enough voters said yes"),
        step("refuse", _S.OPEN, _S.REFUSED, "enough voters said no"),
        step("expire", _S.OPEN, _S.EXPIRED, "the time limit"),
    ),
    limits={_S.OPEN: Limit("expire", "the ballot's window")},
    rests={},
    parties=lambda b: b.voters,
    awaits=lambda b: b.pending,
)

Decision = Callable[[Context, Ballot, bool], None]
_DECISIONS: dict[str, Decision] = {}


def on_decision(kind: str) -> Callable[[Decision], Decision]:
    """Declare what a decided ballot of a kind does: ``rule(ctx, ballot, passed)``."""

    def register(rule: Decision) -> Decision:
        if kind in _DECISIONS:
            raise ValueError(f"ballots of kind {kind!r} have two rules")
        _DECISIONS[kind] = rule
        return rule

    return register


def ballot_kinds() -> frozenset[str]:
    """The kinds of ballots that have a rule."""
    return frozenset(_DECISIONS)


def open_ballot(
    ctx: Context,
    kind: str,
    subject: str,
    *,
    terms: tuple[Any, ...] = (),
    reason: str,
    majority: Majority,
    voters: Iterable[str],
    conflicted: Iterable[str],
    due: int,
) -> Ballot:
    """Put a question to ``voters`` without those in conflict, until ``due`` (ms).

    Whose vote is suspended is left out. Raises ``NO_VOTERS`` if everybody is in conflict.
    """
    conflicts = set(conflicted)
    everybody = tuple(voters)
    free = tuple(v for v in everybody if v not in conflicts)
    if not free:
        raise CodedError(NO_VOTERS, "every voter is in conflict, so none could vote")
    free = tuple(v for v in free if not vote_suspended(ctx.state, v)) or free
    ballot = Ballot(
        id=ctx.new_id(),
        kind=kind,
        subject=subject,
        terms=terms,
        proposer=ctx.author,
        reason=reason,
        majority=majority,
        voters=free,
        excluded=tuple(v for v in everybody if v in conflicts),
        yes=(),
        no=(),
        state=BallotState.OPEN,
        due=due,
    )
    ctx.open(BALLOT, ballot)
    ctx.put(OPEN_MOTION, OpenMotion(ballot.id), kind, subject)
    ctx.emit(BallotOpened(ballot.id, kind, subject, ballot.voters, ballot.excluded))
    return ballot


def open_motion(ctx: Context, kind: str, subject: str) -> Ballot | None:
    """The open ballot of a kind about a party, or None."""
    entry = ctx.get(OPEN_MOTION, kind, subject)
    return None if entry is None else ctx.get(BALLOT_TABLE, entry.ballot)


def cast(ctx: Context, ballot_id: bytes, choice: Choice, reason: str = "") -> None:
    """Count the author's vote and decide the ballot if its outcome is certain.

    Raises ``NOT_FOUND``, ``NOT_A_VOTER``, ``ALREADY_VOTED``, ``WRONG_STATE``, ``DEADLINE_PASSED``.
    """
    ballot = ctx.find(BALLOT_TABLE, ballot_id, what="ballot", field="ballot")
    voter = ctx.author
    if voter in ballot.yes or voter in ballot.no:
        raise CodedError(ALREADY_VOTED, f"{voter} has voted in this ballot")
    if voter not in ballot.voters:
        why = vote_suspended(ctx.state, voter)
        if voter in ballot.excluded:
            why = "of a conflict of interest"
        because = f" because {why}" if why else ""
        raise CodedError(NOT_A_VOTER, f"{voter} is not on the list of voters{because}")
    ctx.require_open(BALLOT, ballot, "pass")
    changes: dict[str, Any] = {}
    if choice is Choice.YES:
        changes["yes"] = (*ballot.yes, voter)
    elif choice is Choice.NO:
        changes["no"] = (*ballot.no, voter)
    else:
        changes["voters"] = tuple(v for v in ballot.voters if v != voter)
        changes["excluded"] = (*ballot.excluded, voter)
    ballot = ctx.amend(BALLOT, ballot, **changes)
    ctx.emit(VoteCast(ballot.id, ballot.subject, voter, choice, reason))
    _decide_if_certain(ctx, ballot)


def _decide_if_certain(ctx: Context, ballot: Ballot) -> None:
    needed = ballot.majority.votes_of(len(ballot.voters))
    if len(ballot.yes) >= needed:
        _decide(ctx, ballot, "pass")
    elif len(ballot.voters) - len(ballot.no) < needed:
        _decide(ctx, ballot, "refuse")


def leave_ballots(ctx: Context, voter: str) -> None:
    """Take a party whose vote is suspended off the open lists on which it has not voted.

    Votes that it has cast stand, and the last voter of a ballot stays.
    """
    keys = [item.key for _, item in ctx.state.scan(ITEM, voter, BALLOT.name)]
    for key in keys:
        ballot = ctx.get(BALLOT_TABLE, *key)
        if ballot is None or voter not in ballot.pending or ctx.time > ballot.due:
            continue
        rest = tuple(v for v in ballot.voters if v != voter)
        if rest:
            _decide_if_certain(ctx, ctx.amend(BALLOT, ballot, voters=rest))


@BALLOT.on_lapse("expire")
def ballot_expires(ctx: Context, ballot: Ballot) -> None:
    """Silence is not consent: an undecided ballot counts as refused."""
    _decide(ctx, ballot, "expire")


def cancel_ballot(ctx: Context, kind: str, subject: str) -> None:
    """End an open ballot whose question no longer arises, without a decision rule."""
    ballot = open_motion(ctx, kind, subject)
    if ballot is not None:
        _close(ctx, ballot, "refuse")


def _decide(ctx: Context, ballot: Ballot, event: str) -> None:
    closed = _close(ctx, ballot, event)
    _DECISIONS[closed.kind](ctx, closed, closed.state is BallotState.PASSED)


def _close(ctx: Context, ballot: Ballot, event: str) -> Ballot:
    closed = ctx.move(BALLOT, ballot, event)
    ctx.delete(OPEN_MOTION, closed.kind, closed.subject)
    ctx.emit(
        BallotDecided(closed.id, closed.kind, closed.subject, closed.state, closed.yes, closed.no)
    )
    return closed
