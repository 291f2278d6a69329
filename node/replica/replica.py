"""The replica: consensus core, intake, block tree and sync, as one map from events to effects."""

from __future__ import annotations

from collections import deque

from ledger import keys
from ledger.block import Certificate, Verify, Vote, VoteKind
from ledger.evidence import DoubleVote
from ledger.store.interface import ChainStore
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
    Status,
    ViewRequest,
    ViewResponse,
    sign_proposal,
    verify_proposal,
)
from node.replica import sync
from node.replica.assembly import Assembly
from node.replica.blocktree import BlockTree
from node.replica.catchup import CatchUp
from node.replica.config import ReplicaConfig
from node.replica.effects import (
    Alarm,
    Announce,
    Broadcast,
    CancelTimer,
    Effect,
    Persist,
    Send,
    SetTimer,
    Submission,
)
from node.replica.events import (
    Checked,
    Committed,
    Event,
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
        validators = store.validators(head.epoch)
        assert validators is not None, "the store holds its head's validator set"
        self.validators = validators
        self._checks = Checks()
        self.intake = Intake(
            config,
            chain_id,
            store,
            self.tree,
            (identity.index, identity.key),
            verify,
            self._checks,
            self._emit,
            self._progress,
        )
        self._sync = sync.Sync(config.fetch_retry)
        self._finality = Finality(self.tree, self._emit, self._halt)
        self._catch_up = CatchUp(
            chain_id,
            validators,
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
        recalled = recall(journal)
        if journal:
            self._cursor.appended(0, _newest_view(recalled.votes, recalled.certificates))
        for batch in recalled.batches:
            self.intake.restore(batch)
        for proposal in recalled.proposals:
            if proposal.header.view > head.view:
                self._proposals.want(proposal.block, proposal.header.view)
                self._proposals.add(proposal, head.time)
        self.core = Core(
            CoreConfig(
                chain_id=chain_id,
                leader_ms=2 * config.delta,
                view_ms=3 * config.delta,
                resend_ms=config.resend,
                heartbeat_ms=config.heartbeat,
            ),
            validators,
            identity,
            Recovered(
                head.view,
                self.tree.head.hash,
                store.certificate(head.height),
                recalled.certificates,
                recalled.votes,
                abstain_below,
            ),
            verify,
        )
        self._core_events: deque[tell.AnyEvent] = deque()
        self._core_busy = False
        self._timer_views: dict[tell.Timer, int] = {}
        self._judging: ask.Judge | None = None
        self._building: ask.Build | None = None
        self._target: ask.Finalize | None = None
        self._dead_views: set[int] = set()
        self._work = False
        self._fetching = False
        self.evidence: list[DoubleVote] = []
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
        match event:
            case Received(peer, message):
                self._receive(peer, message)
            case Checked(token, verdicts):
                self._checks.answered(token, verdicts)
            case Submitted():
                self.intake.submit(event, self.validators, now)
            case TimerFired(token):
                self._timer(token)
            case Committed(height):
                self._committed(height)
            case PeerUp(peer):
                self._emit(Send(peer, self._status()))
            case PeerDown(peer):
                self._sync.peer_down(peer)
        return self._flush()

    def status(self, transaction_id: bytes) -> Submission:
        """What is known of a transaction: unknown, pending, final or refused."""
        return self.intake.status(transaction_id)

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
            case ask.Propose(_, block):
                heard = self._proposals.get(block)
                if heard is not None:
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
                self.evidence.append(evidence)
                name = self.validators.validators[evidence.first.signer].name
                self._emit(
                    Alarm("EQUIVOCATION", f"{name} signed two conflicting votes in one view")
                )
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
            self.intake.batch_timer(self.validators)
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
            case Vote():
                self._tell(tell.VoteArrived(message))
            case Certificate():
                self._tell(tell.CertificateArrived(message))
            case Proposal():
                self._hear(message)
            case Batch():
                self.intake.receive(message, self.validators, wanted=self._wanted_batches())
            case BatchRequest(digests):
                for digest in digests:
                    pooled = self.intake.pool.get(digest)
                    if pooled is not None:
                        self._emit(Send(peer, pooled.batch))
            case ViewRequest(views):
                self._answer_views(peer, views)
            case ViewResponse(certificates, proposals):
                for certificate in certificates:
                    self._tell(tell.CertificateArrived(certificate))
                for proposal in proposals:
                    self._hear(proposal)
            case BlockRequest():
                self._emit(Send(peer, sync.serve(self._store, message)))
            case BlockResponse():
                self._catch_up.receive(peer, message, self._now)
                self._arm_fetch()
            case Status(height, _):
                self._sync.peer_height(peer, height)
                self._catch_up.ask(self._now)
                self._arm_fetch()

    def _hear(self, proposal: Proposal) -> None:
        header = proposal.header
        if (
            header.chain_id != self._chain_id
            or header.view <= self.tree.head.header.view
            or header.view > self.core.view + self._config.views_ahead
            or not verify_proposal(proposal, self.validators, self._verify)
            or not self._proposals.add(proposal, self._now)
        ):
            return
        event = tell.ProposalArrived(
            header.view, proposal.block, header.parent, proposal.parent_view
        )
        self._tell(event)
        self._progress()

    def _answer_views(self, peer: Peer, views: tuple[int, ...]) -> None:
        certificates = self.core.certificates(views)
        proposals = [p for view in views for p in self._proposals.of_view(view)]
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
            self._check_drift(judge.block)
            valid = True
        except Invalid as reason:
            self._emit(Alarm("INVALID_PROPOSAL", f"view {judge.view}: {reason}"))
            valid = False
        if self._judging is judge:
            self._judging = None
            self._update_work()
            self._tell(tell.BlockJudged(judge.view, judge.block, valid))

    def _check_drift(self, block: bytes) -> None:
        heard = self._proposals.get(block)
        if heard is not None:
            distance = heard.proposal.header.time - heard.arrived
            if abs(distance) > self._config.drift:
                raise Invalid(
                    f"its time is {distance} ms from this node's clock, "
                    f"at most {self._config.drift} are accepted"
                )

    def _try_build(self) -> None:
        build = self._building
        if build is None or self._identity.key is None:
            return
        try:
            parent = self._assembly.obtain(build.parent, build.parent_view, self._now)
        except Invalid:
            self._building = None
            return
        if parent is None:
            self._arm_fetch()
            return
        self._building = None
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
        proposal = sign_proposal(self._identity.key, executed.header, build.parent_view, batches)
        self.tree.add(executed)
        self._proposals.want(executed.hash, build.view)
        self._proposals.add(proposal, self._now)
        self._update_work()
        self._tell(tell.BlockBuilt(build.view, executed.hash, build.parent, build.parent_view))

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
        self._assembly.committed()
        self.intake.committed(block)
        assert block.commit is not None, "a committed block was executed here"
        self._emit(Announce(block.commit))
        self._progress()
        self._catch_up.ask(self._now)
        self._arm_fetch()


def _newest_view(votes: tuple[Vote, ...], certificates: tuple[Certificate, ...]) -> int:
    return max([vote.view for vote in votes] + [cert.view for cert in certificates], default=0)
