"""The replica: consensus core, intake, block tree and sync, as one map from events to effects."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from contracts.errors import UNKNOWN_PROTOCOL
from contracts.verifier import validators_after
from ledger import keys
from ledger.block import Certificate, Verify, Vote, VoteKind
from ledger.errors import CodedError
from ledger.evidence import DoubleVote
from ledger.keys import SigningKey, SigningRefused
from ledger.store.interface import ChainStore
from ledger.validators import ValidatorSet
from node.consensus import effects as ask
from node.consensus import events as tell
from node.consensus.config import CoreConfig, Identity, Recovered
from node.consensus.simplex import Core
from node.messages import (
    Batch,
    BatchRequest,
    BlockRequest,
    BlockResponse,
    Message,
    Proposal,
    Reproposal,
    Status,
    ViewRequest,
    ViewResponse,
    sign_proposal,
    sign_reproposal,
    verify_proposal,
    verify_reproposal,
)
from node.replica import sync
from node.replica.assembly import Assembly
from node.replica.blocktree import BlockTree, ExecutedBlock
from node.replica.boundary import Boundary, OfEpoch, epoch_of
from node.replica.catchup import CatchUp
from node.replica.config import ReplicaConfig
from node.replica.effects import (
    Alarm,
    Announce,
    Broadcast,
    CancelTimer,
    Effect,
    EpochBegins,
    Persist,
    Send,
    SetTimer,
    Submission,
)
from node.replica.events import (
    Checked,
    Committed,
    Event,
    MayVote,
    Peer,
    PeerDown,
    PeerUp,
    Received,
    Submitted,
    TimerFired,
)
from node.replica.finality import Finality
from node.replica.intake import BATCH_TIMER, Checks, Intake
from node.replica.proposals import Invalid, ProposalBook
from node.replica.records import JournalCursor, recall, write_record
from node.replica.witness import WITNESS_TIMER, Witness

Who = Callable[[ValidatorSet], Identity]
"""Which of this node's keys, if any, decides among these validators, and at which index."""

NOBODY = 0
"""The request number of what this node submits itself: nobody waits for the answer."""
CORE_TIMER = "core/"
FETCH_TIMER = "fetch"
STATUS_TIMER = "status"


class Replica:
    """One validator's (or observer's) node, without I/O. Not for use by several threads.

    ``journal`` holds the vote journal's records, of which the next will have number
    ``next_sequence``. :meth:`start` once, then :meth:`handle` for every event; ``now`` is the local
    wall clock in milliseconds since the Unix epoch.
    """

    def __init__(
        self,
        identity: Identity,
        chain_id: bytes,
        store: ChainStore,
        journal: list[bytes],
        next_sequence: int,
        config: ReplicaConfig | None = None,
        verify: Verify = keys.verify,
        abstain_below: int = 0,
        who: Who | None = None,
    ) -> None:
        self._config = config = config or ReplicaConfig()
        self._chain_id = chain_id
        self._store = store
        self._verify = verify
        self._identity = identity
        self._out: list[Effect] = []
        self._now = 0
        self.tree = BlockTree(chain_id, store)
        head = self.tree.head.header
        self.validators = validators_after(store, head)
        self._who = who or _by_key(identity)
        self._abstain_below = abstain_below
        self._checks = Checks()
        self.intake = Intake(
            config,
            chain_id,
            store,
            self.tree,
            self.validators,
            identity,
            verify,
            self._checks,
            self._emit,
            self._progress,
        )
        self._sync = sync.Sync(config.fetch_retry)
        self._finality = Finality(self.tree, self._emit, self._halt)
        self._catch_up = CatchUp(
            chain_id,
            self.validators,
            verify,
            self._sync,
            self._finality,
            self.intake.verified,
            self._checks,
            self._emit,
            self._halt,
            lambda certificate: self._tell(tell.CertificateArrived(certificate)),
        )
        self._proposals = ProposalBook()
        self._assembly = Assembly(
            chain_id,
            self.validators,
            identity.index,
            config.fetch_retry,
            self.tree,
            self._proposals,
            self.intake.pool,
            self._emit,
        )
        self._cursor = JournalCursor(next_sequence)
        self._recalled = recalled = recall(journal)
        if journal:
            self._cursor.appended(0, _newest_view(recalled.votes, recalled.certificates))
        for batch in recalled.batches:
            self.intake.restore(batch)
        self._again = {again.view: again for again in recalled.reproposals}
        for proposal in recalled.proposals:
            if proposal.header.view > head.view:
                self._proposals.want(proposal.block, proposal.header.view)
                self._proposals.add(proposal, head.time)
        self.core = self._new_core(recalled.certificates, recalled.votes)
        self._boundary = Boundary(store, config.resend)
        self._witness = Witness(chain_id, store, verify, self._emit)
        self._core_events: deque[tell.AnyEvent] = deque()
        self._core_busy = False
        self._timer_views: dict[tell.Timer, int] = {}
        self._judging: ask.Judge | None = None
        self._building: ask.Build | None = None
        self._target: ask.Finalize | None = None
        self._dead_views: set[int] = set()
        self._work = False
        self._fetching = False
        self.entered: ask.EnteredView | None = None
        self._halted = False

    # -- events ----------------------------------------------------------------------------------

    def start(self, now: int) -> list[Effect]:
        """The first call."""
        self._now = now
        self._emit(SetTimer(STATUS_TIMER, self._config.status_interval))
        self._tell(tell.Start())
        return self._flush()

    def handle(self, event: Event, now: int) -> list[Effect]:
        """Take one event; return what to do about it, in order."""
        self._now = now
        if self._halted:
            return []
        try:
            self._take(event, now)
        except CodedError as error:
            if error.code is not UNKNOWN_PROTOCOL:
                raise
            self._halt(error.code.name, error.message)
        return self._flush()

    def _take(self, event: Event, now: int) -> None:
        match event:
            case Received(peer, message):
                self._receive(peer, message)
            case Checked(token, verdicts):
                self._checks.answered(token, verdicts)
            case Submitted():
                self.intake.submit(event, now)
            case TimerFired(token):
                self._timer(token)
            case Committed(height):
                self._committed(height)
            case PeerUp(peer):
                self._emit(Send(peer, self._status()))
            case PeerDown(peer):
                self._sync.peer_down(peer)
            case MayVote():
                self._take_part()

    def status(self, transaction_id: bytes) -> Submission:
        """What is known of a transaction: unknown, pending, final or refused."""
        return self.intake.status(transaction_id)

    @property
    def evidence(self) -> list[DoubleVote]:
        """Proofs against validators that this node came by since it was started."""
        return self._witness.evidence

    @property
    def identity(self) -> Identity:
        """Who this node is in the present epoch."""
        return self._identity

    @property
    def syncing(self) -> bool:
        """Whether this node knows that it lacks final blocks."""
        return self._sync.behind(self.tree.head.header.height)

    def peer_heights(self) -> dict[Peer, int]:
        """The committed heights that connected peers last stated."""
        return self._sync.heights()

    def waiting_for(self) -> str:
        """What keeps this node from its next block, as a sentence; empty if nothing does."""
        if self._halted:
            return "stopped: see the alarm in the log"
        if self._target is not None:
            return f"the blocks up to {self._target.block.hex()[:16]}, which is final"
        if self._judging is not None:
            heard = self._proposals.get(self._judging.block)
            if heard is None:
                return f"the proposal of view {self._judging.view}"
            missing = sum(self.intake.pool.state_of(d) != "ready" for d in heard.proposal.batches)
            return f"{missing} batches or the parent of view {self._judging.view}'s proposal"
        return ""

    # -- plumbing --------------------------------------------------------------------------------

    def _emit(self, effect: Effect) -> None:
        self._out.append(effect)

    def _flush(self) -> list[Effect]:
        out, self._out = self._out, []
        return out

    def _halt(self, code: str, text: str) -> None:
        """Stop before doing harm: more than f validators, or this machine, are at fault."""
        self._halted = True
        self._emit(Alarm(code, text, fatal=True))

    def _tell(self, event: tell.AnyEvent) -> None:
        """Hand an event to the core and carry out its effects, one call's after another's."""
        self._core_events.append(event)
        if self._core_busy:
            return
        self._core_busy = True
        try:
            while self._core_events and not self._halted:
                for effect in self.core.handle(self._core_events.popleft()):
                    self._do(effect)
        finally:
            self._core_busy = False

    def _do(self, effect: ask.AnyEffect) -> None:
        match effect:
            case ask.Persist(votes, certificates):
                self._persist(votes, certificates)
            case ask.CastVote(vote):
                self._emit(Broadcast(vote))
            case ask.SendCertificate(certificate):
                self._emit(Broadcast(certificate))
            case ask.Propose(view, block):
                heard, again = self._proposals.get(block), self._again.get(view)
                if again is not None and again.block == block:
                    self._emit(Broadcast(again))
                elif heard is not None:
                    self._emit(Broadcast(heard.proposal))
            case ask.Build():
                self._building = effect
                self._try_build()
            case ask.Judge():
                self._judging = effect
                self._try_judge()
            case ask.SetTimer(timer, view, delay):
                self._timer_views[timer] = view
                self._emit(SetTimer(CORE_TIMER + timer.value, delay))
            case ask.CancelTimer(timer):
                self._emit(CancelTimer(CORE_TIMER + timer.value))
            case ask.Finalize():
                self._finalize(effect)
            case ask.NeedViews(views, peer):
                request = ViewRequest(views)
                self._emit(Broadcast(request) if peer is None else Send(peer, request))
            case ask.Equivocation(evidence):
                self._witness.found(evidence, self.validators, self._identity.index)
            case ask.Fork(first, second):
                self._halt("FORK", f"conflicting certificates in views {first.view}, {second.view}")
            case ask.EnteredView(view):
                self.entered = effect
                if self._judging is not None and self._judging.view < view:
                    self._judging = None
                if self._building is not None and self._building.view < view:
                    self._building = None

    def _persist(self, votes: tuple[Vote, ...], certificates: tuple[Certificate, ...]) -> None:
        messages: list[Message] = []
        for vote in votes:
            heard = self._proposals.get(vote.block) if vote.kind is VoteKind.NOTARIZE else None
            again = self._again.get(vote.view) if vote.kind is VoteKind.NOTARIZE else None
            if again is not None:
                messages.append(again)
            if heard is not None:
                messages.append(heard.proposal)
                for digest in heard.proposal.batches:
                    pooled = self.intake.pool.get(digest)
                    # Records of decided views are pruned, so one of those must be written again.
                    if pooled is not None and pooled.durable <= self.tree.head.header.view:
                        pooled.durable = vote.view
                        messages.append(pooled.batch)
        messages += votes
        messages += certificates
        for certificate in certificates:
            if certificate.kind is VoteKind.NULLIFY:
                self._dead_views.add(certificate.view)
            else:
                self._proposals.want(certificate.block, certificate.view)
        records = tuple(write_record(m) for m in messages)
        self._cursor.appended(len(records), _newest_view(votes, certificates))
        before = self._cursor.prunable(self.tree.head.header.view)
        self._emit(Persist(records, before))

    def _timer(self, token: str) -> None:
        if token.startswith(CORE_TIMER):
            timer = tell.Timer(token.removeprefix(CORE_TIMER))
            self._tell(tell.TimerFired(timer, self._timer_views.get(timer, 0)))
        elif token == BATCH_TIMER:
            self.intake.batch_timer()
        elif token == WITNESS_TIMER:
            self._report()
        elif token == FETCH_TIMER:
            self._fetching = False
            self._progress()
            self._catch_up.ask(self._now, force=self._target is not None)
            self._arm_fetch()
        elif token == STATUS_TIMER:
            self._emit(Broadcast(self._status()))
            self._catch_up.ask(self._now)
            self._arm_fetch()
            self._emit(SetTimer(STATUS_TIMER, self._config.status_interval))

    def _status(self) -> Status:
        return Status(self.tree.head.header.height, self.core.view)

    # -- messages --------------------------------------------------------------------------------

    def _receive(self, peer: Peer, message: Message) -> None:
        match message:
            case Vote() | Certificate() if message.kind is VoteKind.RECOVER:
                self._of_recovery(message)
            case Vote() | Certificate() | Proposal() | Reproposal() if (
                epoch_of(message) != self.validators.epoch
            ):
                self._of_other_epoch(peer, message)
            case Vote():
                self._tell(tell.VoteArrived(message))
            case Certificate():
                self._tell(tell.CertificateArrived(message))
            case Proposal():
                self._hear(peer, message)
            case Reproposal():
                self._hear_again(message)
            case DoubleVote():
                self._witness.heard(message, self._identity.index)
            case Batch():
                self.intake.receive(message, wanted=self._wanted_batches())
            case BatchRequest(digests):
                for digest in digests:
                    pooled = self.intake.pool.get(digest)
                    if pooled is not None:
                        self._emit(Send(peer, pooled.batch))
            case ViewRequest(views):
                self._answer_views(peer, views)
            case ViewResponse(certificates, proposals):
                for certificate in certificates:
                    self._receive(peer, certificate)
                for proposal in proposals:
                    self._receive(peer, proposal)
            case BlockRequest():
                self._emit(Send(peer, sync.serve(self._store, message)))
            case BlockResponse():
                self._catch_up.receive(peer, message, self._now)
                self._arm_fetch()
            case Status(height, _):
                self._sync.peer_height(peer, height)
                self._catch_up.ask(self._now)
                self._arm_fetch()

    def _hear(self, peer: Peer, proposal: Proposal) -> None:
        header = proposal.header
        if (
            header.chain_id != self._chain_id
            or header.view <= self.tree.head.header.view
            or header.view > self.core.view + self._config.views_ahead
            or not verify_proposal(proposal, self.validators, self._verify)
            or not self._proposals.add(proposal, self._now, peer)
        ):
            return
        event = tell.ProposalArrived(
            header.view, proposal.block, header.parent, proposal.parent_view
        )
        self._tell(event)
        self._progress()

    def _of_recovery(self, message: Vote | Certificate) -> None:
        """Only the block itself tells to whom a recovery hands over; its votes people collect."""
        if isinstance(message, Certificate) and self._boundary.is_over(
            message, self.validators, self._now
        ):
            self._catch_up.ask(self._now, force=True)
            self._arm_fetch()

    def _of_other_epoch(self, peer: Peer, message: OfEpoch) -> None:
        """Keep what comes too early; show who comes too late how its epoch ended."""
        if epoch_of(message) == self.validators.epoch + 1:
            if self._boundary.early(peer, message, self._now):
                self._catch_up.ask(self._now, force=True)
        elif epoch_of(message) < self.validators.epoch:
            ended = self._boundary.late(peer, message, self._now)
            if ended is not None:
                self._emit(Send(peer, ended))

    def _hear_again(self, again: Reproposal) -> None:
        """The last block of the epoch is proposed once more."""
        if (
            again.view <= self.tree.head.header.view
            or again.view > self.core.view + self._config.views_ahead
            or again.view in self._again
            or not verify_reproposal(self._chain_id, again, self.validators, self._verify)
        ):
            return
        self._again[again.view] = again
        self._proposals.want(again.block, again.view)
        self._tell(tell.ProposalArrived(again.view, again.block, again.block, again.parent_view))
        self._progress()

    def _answer_views(self, peer: Peer, views: tuple[int, ...]) -> None:
        certificates = self.core.certificates(views)
        proposals = [p for view in views for p in self._proposals.of_view(view)]
        named = {c.block for c in certificates} | {
            again.block for view in views if (again := self._again.get(view)) is not None
        }
        proposals += [
            heard.proposal
            for block in sorted(named - {p.block for p in proposals})
            if (heard := self._proposals.get(block)) is not None
        ]
        if certificates or proposals:
            self._emit(Send(peer, ViewResponse(certificates[:64], tuple(proposals[:64]))))

    def _progress(self) -> None:
        """Something arrived or was executed: try again whatever waited for it."""
        self._update_work()
        self._try_judge()
        self._try_build()
        self._advance_final()

    def _update_work(self) -> None:
        """Tell the core whether some ready batch is in no block that may still become final."""
        taken = {
            digest
            for block in self.tree.above_head()
            if block.header.view not in self._dead_views
            for digest in block.batches
        }
        work = any(pooled.digest not in taken for pooled in self.intake.pool.ready())
        if work != self._work:
            self._work = work
            self._tell(tell.WorkChanged(work))

    def _wanted_batches(self) -> set[bytes]:
        waiting = (self._judging, self._target)
        return self._assembly.missing_batches(w.block for w in waiting if w is not None)

    def _arm_fetch(self) -> None:
        waiting = self._judging or self._building or self._target or self.syncing
        if waiting and not self._fetching:
            self._fetching = True
            self._emit(SetTimer(FETCH_TIMER, self._config.fetch_retry))

    # -- the core's requests ---------------------------------------------------------------------

    def _try_judge(self) -> None:
        judge = self._judging
        if judge is None:
            return
        try:
            executed = self._assembly.obtain(judge.block, judge.view, self._now)
            if executed is None:
                self._arm_fetch()
                return
            if judge.block == judge.parent:
                self._check_again(executed)
            else:
                self._check_drift(judge.block)
            valid = True
        except CodedError as error:
            self._wait_for_the_block_below(error, judge.parent)
            return
        except Invalid as reason:
            self._emit(Alarm("INVALID_PROPOSAL", f"view {judge.view}: {reason}"))
            valid = False
        if self._judging is judge:
            self._judging = None
            self._update_work()
            self._tell(tell.BlockJudged(judge.view, judge.block, valid))

    def _wait_for_the_block_below(self, error: CodedError, parent: bytes) -> None:
        """A block by rules that this software lacks: let the last one by known rules become final.

        The node stops (:meth:`handle`) as soon as nothing but such blocks is left.
        """
        if error.code is not UNKNOWN_PROTOCOL or parent == self.tree.head.hash:
            raise error

    def _check_drift(self, block: bytes) -> None:
        heard = self._proposals.get(block)
        if heard is not None:
            distance = heard.proposal.header.time - heard.arrived
            if abs(distance) > self._config.drift:
                raise Invalid(
                    f"its time is {distance} ms from this node's clock, "
                    f"at most {self._config.drift} are accepted"
                )

    def _check_again(self, executed: ExecutedBlock) -> None:
        """Only the last block of an epoch is proposed again, until it is final."""
        if not executed.is_last:
            raise Invalid("it proposes its parent, which is not the last block of the epoch")

    def _try_build(self) -> None:
        build = self._building
        if build is None or self._identity.key is None:
            return
        try:
            self._build(build, self._identity.key)
        except (Invalid, SigningRefused):  # the key has signed another proposal of this view
            self._building = None
        except CodedError as error:
            self._wait_for_the_block_below(error, build.parent)

    def _build(self, build: ask.Build, key: SigningKey) -> None:
        parent = self._assembly.obtain(build.parent, build.parent_view, self._now)
        if parent is None:
            self._arm_fetch()
            return
        if parent.is_last:
            self._building = None
            self._propose_again(key, build)
            return
        taken = {digest for block in self.tree.ancestors(parent) for digest in block.batches}
        first = build.view % self.validators.size
        batches = self.intake.pool.choose(taken, first)
        executed = self.tree.execute(
            parent,
            self.validators,
            view=build.view,
            time=max(parent.header.time + 1, self._now),
            candidates=self._assembly.candidates(batches),
            batches=batches,
        )
        self._building = None
        proposal = sign_proposal(key, executed.header, build.parent_view, batches)
        self.tree.add(executed)
        self._proposals.want(executed.hash, build.view)
        self._proposals.add(proposal, self._now)
        self._update_work()
        self._tell(tell.BlockBuilt(build.view, executed.hash, build.parent, build.parent_view))

    def _propose_again(self, key: SigningKey, build: ask.Build) -> None:
        """Nothing stands on the last block of an epoch before the next: propose it once more."""
        if build.parent_view <= self._finality.newest.header.view:
            return  # it is final; the next epoch begins as soon as it is durable
        epoch, view, block = self.validators.epoch, build.view, build.parent
        self._again[view] = sign_reproposal(
            self._chain_id, key, epoch, view, block, build.parent_view
        )
        self._tell(tell.BlockBuilt(view, block, block, build.parent_view))

    # -- finality --------------------------------------------------------------------------------

    def _finalize(self, effect: ask.Finalize) -> None:
        if effect.view <= self._finality.newest.header.view:
            return
        self._finality.certify(effect.certificate)
        self._proposals.want(effect.block, effect.view)
        if self._target is None or self._target.view < effect.view:
            self._target = effect
        self._advance_final()

    def _advance_final(self) -> None:
        target = self._target
        if target is None:
            return
        if target.view <= self._finality.newest.header.view:
            self._target = None
            return
        try:
            executed = self._assembly.obtain(target.block, target.view, self._now)
        except Invalid as reason:
            self._halt("DIVERGED", f"a quorum finalized a block that is invalid here: {reason}")
            return
        if executed is None:
            self._arm_fetch()
            return
        self._target = None
        self._finality.issue(executed)

    def _committed(self, height: int) -> None:
        block = self._finality.committed(height)
        view = block.header.view
        self._proposals.prune(view)
        self._dead_views = {v for v in self._dead_views if v > view}
        self._again = {v: again for v, again in self._again.items() if v > view}
        self._assembly.committed()
        self.intake.committed(block)
        assert block.commit is not None, "a committed block was executed here"
        self._emit(Announce(block.commit))
        kept = [] if block.commit.validators is None else self._begin_epoch(block.commit.validators)
        for peer, message in kept:
            self._receive(peer, message)
        self._progress()
        self._catch_up.ask(self._now)
        self._arm_fetch()

    # -- epochs ----------------------------------------------------------------------------------

    def _new_core(
        self, certificates: tuple[Certificate, ...] = (), votes: tuple[Vote, ...] = ()
    ) -> Core:
        """A core for the validators that decide above the head."""
        config, head = self._config, self.tree.head
        return Core(
            CoreConfig(
                chain_id=self._chain_id,
                leader_ms=2 * config.delta,
                view_ms=3 * config.delta,
                resend_ms=config.resend,
                heartbeat_ms=config.heartbeat,
            ),
            self.validators,
            self._identity,
            Recovered(
                head.header.view,
                head.hash,
                self._store.certificate(head.header.height),
                certificates,
                votes,
                self._abstain_below,
            ),
            self._verify,
        )

    def _begin_epoch(self, validators: ValidatorSet) -> list[tuple[Peer, Message]]:
        """The head is the last block of its epoch, and durable: others decide from here on.

        Returns what peers that were there earlier have sent already.
        """
        assert not self._core_events, "a core is not replaced while it is at work"
        self.validators = validators
        self._identity = self._who(validators)
        self._emit(EpochBegins(validators, self._identity.index))
        for timer in tell.Timer:
            self._emit(CancelTimer(CORE_TIMER + timer.value))
        self._timer_views.clear()
        self._judging = self._building = self._target = None
        self._dead_views.clear()
        self._again.clear()
        self._catch_up.begin_epoch(validators)
        self._assembly.begin_epoch(validators, self._identity.index)
        self.intake.begin_epoch(validators, self._identity)
        self.core = self._new_core()
        self._work = False
        self._tell(tell.Start())
        return self._boundary.begin_epoch()

    def _take_part(self) -> None:
        """Vote from here on, with all that was voted before the restart in mind (R7)."""
        self._identity = self._who(self.validators)
        if self._identity.index is None:
            return
        self._judging = self._building = None
        self._assembly.begin_epoch(self.validators, self._identity.index)
        self.intake.begin_epoch(self.validators, self._identity)
        for batch in self._recalled.batches:
            self.intake.restore(batch)
        self.core = self._new_core(self._recalled.certificates, self._recalled.votes)
        self._work = False
        self._tell(tell.Start())
        self._progress()

    def _report(self) -> None:
        """Report to the ledger what it lacks of the faults that this node knows."""
        head = self.tree.head
        time = max(self._now, head.header.time + 1)
        reports = self._witness.reports(head.state, time, self._identity, self.validators)
        if reports:
            self.intake.submit(Submitted(NOBODY, tuple(reports)), self._now)


def _by_key(identity: Identity) -> Who:
    """Who holds one key for ever."""

    def who(validators: ValidatorSet) -> Identity:
        index = None if identity.key is None else validators.index_of(identity.key.public)
        return Identity(index, identity.key if index is not None else None)

    return who


def _newest_view(votes: tuple[Vote, ...], certificates: tuple[Certificate, ...]) -> int:
    return max([vote.view for vote in votes] + [cert.view for cert in certificates], default=0)
