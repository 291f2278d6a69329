"""The simulator finds planted bugs: each of these is one that others have had in production.

Every bug is planted in the running code, one at a time, and a bounded number of seeds must break a
promise. Where an assertion of the core would stop the bug first, the assertion is taken out too:
the promises must hold by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
import pytest

from ledger.block import NO_BLOCK, Certificate, Vote, VoteKind
from ledger.validators import ValidatorSet
from node.consensus.simplex import Core
from node.consensus.state import Check, Held, Round
from node.consensus.views import Views
from node.replica import blocktree, catchup, replica
from node.replica.proposals import ProposalBook
from node.sim.disk import Disk
from node.sim.draw import draw
from node.sim.plan import Crash, Plan, Strategy
from tests.sim.plans import play, whole_power_cuts, with_traitor

Plant = Callable[[pytest.MonkeyPatch], None]


def quorum_off_by_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ValidatorSet, "quorum", property(lambda m: max(1, m.size - m.faults - 1)))


def votes_not_deduplicated(patch: pytest.MonkeyPatch) -> None:
    def receive(self: Round, vote: Vote, check: Check) -> None:
        slots = self.votes[vote.kind]
        slots[1_000 + len(slots)] = Held(vote, checked=False)

    patch.setattr(Round, "receive", receive)


def own_votes_forgotten_on_restart(patch: pytest.MonkeyPatch) -> None:
    construct = Core.__init__

    def forgetful(self, config, validators, identity, recovered, verify) -> None:
        without = msgspec.structs.replace(recovered, votes=())
        construct(self, config, validators, identity, without, verify)

    patch.setattr(Core, "__init__", forgetful)


def sync_skipped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Disk, "persist", lambda self, records, prune_before: None)


def without_own_assertions(patch: pytest.MonkeyPatch) -> None:
    def cast(self: Round, vote: Vote) -> None:
        self.own[vote.kind] = vote
        self.votes[vote.kind][vote.signer] = Held(vote, checked=True)

    patch.setattr(Round, "cast", cast)


def finalize_after_nullify(patch: pytest.MonkeyPatch) -> None:
    without_own_assertions(patch)
    patch.setattr(
        Core,
        "_may_finalize",
        lambda self, here: VoteKind.FINALIZE not in here.own and self._may_vote(here.view),
    )


def nullify_after_finalize(patch: pytest.MonkeyPatch) -> None:
    without_own_assertions(patch)

    def nullify(self: Core) -> None:
        for view in (self._view - 1, self._view):
            undecided = view > self._views.final[0] and self._may_vote(view)
            if undecided and VoteKind.NULLIFY not in self._views.round(view).own:
                self._cast(VoteKind.NULLIFY, view, NO_BLOCK)

    patch.setattr(Core, "_nullify", nullify)


def notarize_twice(patch: pytest.MonkeyPatch) -> None:
    without_own_assertions(patch)
    once = Core._on_proposal

    def every_proposal(self, proposal) -> None:
        here = self._views.peek(proposal.view)
        known = here.proposal if here is not None else None
        if known is None or known.block == proposal.block or proposal.view != self._view:
            once(self, proposal)
            return
        here.proposal, here.judging, here.valid = proposal, False, None
        here.own.pop(VoteKind.NOTARIZE, None)
        self._try_judge()

    patch.setattr(Core, "_on_proposal", every_proposal)


def certificates_not_verified(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Certificate, "verify", lambda *_, **__: None)


def vote_signatures_not_verified(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Core, "_check", lambda self, vote: True)


def lost_messages_not_sent_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Core, "_resend", lambda self, *, always: None)


def parent_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Views, "missing", lambda self, parent, parent_view, view: [] if parent_view < view else None
    )


def transactions_recorded_again(patch: pytest.MonkeyPatch) -> None:
    make = blocktree.make_block

    def again(*arguments, **named):
        return make(*arguments, **{**named, "is_recorded": lambda transaction_id: False})

    patch.setattr(blocktree, "make_block", again)


def synced_blocks_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(catchup, "check_chain", lambda *_: None)


def content_not_saved_with_the_vote(patch: pytest.MonkeyPatch) -> None:
    whole = replica.Replica._persist

    def votes_only(self, votes, certificates) -> None:
        books, self._proposals = self._proposals, ProposalBook()
        whole(self, votes, certificates)
        self._proposals = books

    patch.setattr(replica.Replica, "_persist", votes_only)


def a_wrong_proposal_condemns_its_block(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ProposalBook, "is_wanted", lambda self, block: False)


def seeds(count: int) -> list[Plan]:
    return [draw(seed) for seed in range(count)]


def busy(strategy: Strategy) -> Iterator[Plan]:
    """A traitor among four who have much to decide, while one of them is away for a while."""
    for seed in range(30):
        yield with_traitor(
            strategy,
            seed=seed,
            heal=9_000,
            crashes=(Crash(1, 1_500, 6_000, wiped=False),),
            submissions=tuple((time, 2) for time in range(200, 8_000, 80)),
        )


CONSENSUS: list[tuple[Plant, Iterable[Plan]]] = [
    (quorum_off_by_one, seeds(5)),
    (votes_not_deduplicated, seeds(5)),
    (own_votes_forgotten_on_restart, seeds(40)),
    (sync_skipped, seeds(40)),
    (finalize_after_nullify, seeds(20)),
    (nullify_after_finalize, seeds(30)),
    (notarize_twice, seeds(60)),
    (certificates_not_verified, busy(Strategy.FORGE)),
    (vote_signatures_not_verified, busy(Strategy.FORGE)),
    (lost_messages_not_sent_again, seeds(20)),
    (parent_not_checked, busy(Strategy.EQUIVOCATE)),
]
REPLICA: list[tuple[Plant, Iterable[Plan]]] = [
    (transactions_recorded_again, seeds(5)),
    (synced_blocks_not_checked, busy(Strategy.MISLEAD)),
    (content_not_saved_with_the_vote, whole_power_cuts()),
    (a_wrong_proposal_condemns_its_block, busy(Strategy.EQUIVOCATE)),
]


def name(value: object) -> str:
    return getattr(value, "__name__", "")


@pytest.mark.parametrize(("plant", "plans"), CONSENSUS, ids=name)
def test_a_planted_bug_of_consensus_is_found(
    plant: Plant, plans: Iterable[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert any(play(plan, core=True).violation for plan in plans)


@pytest.mark.parametrize(("plant", "plans"), REPLICA, ids=name)
def test_a_planted_bug_of_the_replica_is_found(
    plant: Plant, plans: Iterable[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert any(play(plan).violation for plan in plans)


@pytest.mark.parametrize("strategy", [Strategy.EQUIVOCATE, Strategy.MISLEAD])
def test_the_plans_themselves_break_nothing(strategy: Strategy) -> None:
    for plan in list(busy(strategy))[:2]:
        assert play(plan).violation == ""
        assert play(plan, core=True).violation == ""
