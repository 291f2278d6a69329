"""A bare core in the shape of a replica: blocks without content, for fast runs (``--core``).

Exercises consensus, persistence and catching up, and nothing else: where a header has its state
root stands the hash of the client requests that its leader happened to hold.
"""

from __future__ import annotations

from ledger import merkle
from ledger.block import Certificate, Header, Verify, Vote, VoteKind
from ledger.codec import decode_trusted, encode
from ledger.errors import CodedError
from ledger.evidence import DoubleVote
from ledger.hashing import HASH_BYTES, Tag, digest
from ledger.store.interface import BlockCommit, Row
from ledger.store.tables import Change, Environment, Table, height_key
from ledger.validators import ValidatorSet
from node.consensus import effects as ask
from node.consensus import events as tell
from node.consensus.config import CoreConfig, Identity, Recovered
from node.consensus.simplex import Core
from node.messages import (
    BlockRequest,
    BlockResponse,
    FullBlock,
    Message,
    Proposal,
    Status,
    ViewRequest,
    ViewResponse,
    sign_proposal,
    verify_proposal,
)
from node.replica import effects as fx
from node.replica import events as ev
from node.replica.records import JournalCursor, recall, write_record
from node.replica.sync import check_chain

FETCH = "fetch"
FETCH_MS = 500
SERVED = 32
NOTHING = bytes(HASH_BYTES)


class BareStore:
    """Headers and finalizations by height."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.head: Header | None = None
        last = environment.scan(Table.META, b"", 1)
        if last:
            self.head = self.header(int.from_bytes(last[0][1], "big"))

    def header(self, height: int) -> Header | None:
        """The header at a height."""
        data = self._environment.get(Table.HEADER, height_key(height))
        return None if data is None else decode_trusted(data, Header)

    def certificate(self, height: int) -> Certificate | None:
        """The finalization of exactly the block at a height."""
        data = self._environment.get(Table.CERTIFICATE, height_key(height))
        return None if data is None else decode_trusted(data, Certificate)

    def rows(self, _height: int) -> list[Row]:
        """Bare blocks have none."""
        return []

    def commit(self, block: BlockCommit) -> None:
        """Store the next block."""
        key = height_key(block.header.height)
        changes = [
            Change(Table.HEADER, [(key, encode(block.header))]),
            Change(Table.META, [(b"head", key)]),
        ]
        if block.certificate is not None:
            changes.append(Change(Table.CERTIFICATE, [(key, encode(block.certificate))]))
        self._environment.write(changes)
        self.head = block.header


def commit_of(header: Header, certificate: Certificate | None = None) -> BlockCommit:
    """A commit that writes nothing but the header."""
    return BlockCommit(header, certificate, (), {}, {}, {})


class BareProcess:
    """One validator with nothing but a core."""

    def __init__(
        self,
        identity: Identity,
        validators: ValidatorSet,
        store: BareStore,
        journal: list[bytes],
        next_sequence: int,
        core_config: CoreConfig,
        verify: Verify,
        abstain_below: int,
    ) -> None:
        self._identity = identity
        self._chain_id = core_config.chain_id
        self._validators = validators
        self._verify = verify
        self._store = store
        assert store.head is not None
        self._head = store.head
        self._tip = store.head
        self._proposals: dict[bytes, Proposal] = {}
        self._finalizations: dict[bytes, Certificate] = {}
        self._target: bytes | None = None
        self._judging: ask.Judge | None = None
        self._building: ask.Build | None = None
        self.evidence: list[DoubleVote] = []
        self._requests: list[bytes] = []
        self._work = False
        self._timer_views: dict[tell.Timer, int] = {}
        self._fetching = False
        self._out: list[fx.Effect] = []
        recalled = recall(journal)
        self._cursor = JournalCursor(next_sequence)
        for proposal in recalled.proposals:
            self._proposals[proposal.block] = proposal
        self._core = Core(
            core_config,
            validators,
            identity,
            Recovered(
                self._head.view,
                self._head.hash(),
                store.certificate(self._head.height),
                recalled.certificates,
                recalled.votes,
                abstain_below,
            ),
            verify,
        )

    @property
    def core(self) -> Core:
        """Its consensus core."""
        return self._core

    def start(self, now: int) -> list[fx.Effect]:
        """The first call."""
        self._tell(tell.Start(), now)
        self._out.append(fx.SetTimer(FETCH, FETCH_MS))
        return self._flush()

    def handle(self, event: ev.Event, now: int) -> list[fx.Effect]:
        """Take one event."""
        match event:
            case ev.Received(peer, message):
                self._receive(peer, message, now)
            case ev.TimerFired("fetch"):
                self._out.append(fx.SetTimer(FETCH, FETCH_MS))
                self._fetching = True
                self._retry(now)
                self._fetching = False
            case ev.TimerFired(token):
                timer = tell.Timer(token)
                self._tell(tell.TimerFired(timer, self._timer_views[timer]), now)
            case ev.Submitted(request, wires):
                self._requests.extend(wires)
                self._out.append(fx.Answer(request, ()))
                self._retry(now)
            case ev.Committed(height):
                header = self._store.header(height)
                assert header is not None
                self._head = header
                self._out.append(fx.Announce(commit_of(header)))
                self._forget(header.view)
            case ev.PeerUp(peer):
                self._out.append(fx.Send(peer, Status(self._head.height, self._core.view)))
            case _:
                pass
        return self._flush()

    def _flush(self) -> list[fx.Effect]:
        out, self._out = self._out, []
        return out

    def _forget(self, view: int) -> None:
        old = [block for block, p in self._proposals.items() if p.header.view < view]
        for block in old:
            del self._proposals[block]
        self._finalizations = {b: c for b, c in self._finalizations.items() if c.view > view}

    # -- the core's effects ----------------------------------------------------------------------

    def _tell(self, event: tell.AnyEvent, now: int) -> None:
        waiting = [event]
        while waiting:
            for effect in self._core.handle(waiting.pop(0)):
                self._do(effect, now)
            waiting += self._answers(now)

    def _do(self, effect: ask.AnyEffect, now: int) -> None:
        match effect:
            case ask.Persist(votes, certificates):
                noted = [v.block for v in votes if v.kind is VoteKind.NOTARIZE]
                messages: list[Message] = [self._proposals[b] for b in noted]
                records = tuple(map(write_record, [*messages, *votes, *certificates]))
                newest = max(v.view for v in votes)
                self._cursor.appended(len(records), newest)
                self._out.append(fx.Persist(records, self._cursor.prunable(self._head.view)))
            case ask.CastVote(vote):
                self._out.append(fx.Broadcast(vote))
            case ask.SendCertificate(certificate):
                self._out.append(fx.Broadcast(certificate))
            case ask.Propose(_, block):
                self._out.append(fx.Broadcast(self._proposals[block]))
            case ask.Build():
                self._building = effect
            case ask.Judge():
                self._judging = effect
            case ask.SetTimer(timer, view, delay):
                self._timer_views[timer] = view
                self._out.append(fx.SetTimer(timer.value, delay))
            case ask.CancelTimer(timer):
                self._out.append(fx.CancelTimer(timer.value))
            case ask.Finalize(_, block, certificate):
                self._finalizations[block] = certificate
                self._target = block
                self._commit_target()
            case ask.NeedViews(views, peer):
                request = ViewRequest(views)
                self._out.append(fx.Broadcast(request) if peer is None else fx.Send(peer, request))
            case ask.Equivocation(evidence):
                self.evidence.append(evidence)
                self._out.append(fx.Alarm("EQUIVOCATION", f"by {evidence.first.signer}"))
            case ask.Fork():
                self._out.append(fx.Alarm("FORK", "more than f faults", fatal=True))
            case ask.EnteredView():
                self._judging = self._building = None

    def _answers(self, now: int) -> list[tell.AnyEvent]:
        """Build or judge at once if the parent is known; say whether requests wait."""
        answers: list[tell.AnyEvent] = []
        if (judge := self._judging) is not None and judge.block in self._proposals:
            parent = self._header(judge.parent, judge.parent_view)
            if parent is not None:
                self._judging = None
                header = self._proposals[judge.block].header
                valid = header.height == parent.height + 1 and header.time > parent.time
                answers.append(tell.BlockJudged(judge.view, judge.block, valid))
        if (build := self._building) is not None:
            parent = self._header(build.parent, build.parent_view)
            if parent is not None:
                self._building = None
                answers.append(self._build(build, parent, now))
        if self._work != bool(self._requests):
            self._work = not self._work
            answers.append(tell.WorkChanged(self._work))
        return answers

    def _build(self, build: ask.Build, parent: Header, now: int) -> tell.BlockBuilt:
        content = digest(Tag.OBJECT, self._chain_id, encode(tuple(self._requests)))
        self._requests.clear()
        header = bare_header(
            self._chain_id, self._validators, build.view, parent, max(now, parent.time + 1), content
        )
        assert self._identity.key is not None
        proposal = sign_proposal(self._identity.key, header, build.parent_view, ())
        self._proposals[proposal.block] = proposal
        return tell.BlockBuilt(build.view, proposal.block, build.parent, build.parent_view)

    def _header(self, block: bytes, view: int) -> Header | None:
        """A block's header, if it is known; otherwise it is asked for."""
        if block in self._proposals:
            return self._proposals[block].header
        for height in (self._tip.height, self._head.height):
            header = self._store.header(height)
            if header is not None and header.hash() == block:
                return header
        if self._tip.hash() == block:
            return self._tip
        if self._fetching:
            self._out.append(fx.Broadcast(ViewRequest((view,))))
        return None

    # -- finality and catching up ----------------------------------------------------------------

    def _commit_target(self) -> None:
        if self._target is None:
            return
        path: list[Header] = []
        block = self._target
        while block != self._tip.hash():
            proposal = self._proposals.get(block)
            if proposal is None or proposal.header.height <= self._tip.height:
                if proposal is not None:
                    self._out.append(fx.Alarm("FORK", "final blocks part ways", fatal=True))
                elif self._fetching:
                    self._out.append(fx.Broadcast(BlockRequest(self._tip.height + 1, 0)))
                    below = path[-1].hash() if path else None
                    view = self._proposals[below].parent_view if below else self._core.finalized[0]
                    self._out.append(fx.Broadcast(ViewRequest((view,))))
                return
            path.append(proposal.header)
            block = proposal.header.parent
        for header in reversed(path):
            self._commit(header, self._finalizations.get(header.hash()))
        self._target = None

    def _commit(self, header: Header, certificate: Certificate | None) -> None:
        self._tip = header
        self._out.append(fx.Commit(commit_of(header, certificate)))

    def _retry(self, now: int) -> None:
        self._commit_target()
        for answer in self._answers(now):
            self._tell(answer, now)

    # -- messages --------------------------------------------------------------------------------

    def _receive(self, peer: int, message: Message, now: int) -> None:
        match message:
            case Vote():
                self._tell(tell.VoteArrived(message), now)
            case Certificate():
                self._tell(tell.CertificateArrived(message), now)
            case Proposal():
                self._hear(message, now)
            case ViewRequest(views):
                proposals = tuple(p for p in self._proposals.values() if p.header.view in views)
                certificates = self._core.certificates(views)
                if proposals or certificates:
                    self._out.append(fx.Send(peer, ViewResponse(certificates, proposals)))
            case ViewResponse(certificates, proposals):
                for certificate in certificates:
                    self._tell(tell.CertificateArrived(certificate), now)
                for proposal in proposals:
                    self._hear(proposal, now)
            case BlockRequest(start, _):
                self._serve(peer, start)
            case BlockResponse(blocks):
                self._catch_up(blocks, now)
            case Status(height, _):
                if height > self._tip.height + 1:
                    self._out.append(fx.Send(peer, BlockRequest(self._tip.height + 1, 0)))
            case _:
                pass

    def _hear(self, proposal: Proposal, now: int) -> None:
        header = proposal.header
        if (
            header.view <= self._tip.view
            or header.view > self._core.view + SERVED
            or proposal.block in self._proposals
            or not verify_proposal(proposal, self._validators, self._verify)
        ):
            return
        self._proposals[proposal.block] = proposal
        self._tell(
            tell.ProposalArrived(header.view, proposal.block, header.parent, proposal.parent_view),
            now,
        )
        self._retry(now)

    def _serve(self, peer: int, start: int) -> None:
        blocks: list[FullBlock] = []
        certified = 0
        for height in range(start, start + SERVED):
            header = self._store.header(height)
            if header is None:
                break
            certificate = self._store.certificate(height)
            blocks.append(FullBlock(header, (), certificate))
            if certificate is not None:
                certified = len(blocks)
        if certified:
            self._out.append(fx.Send(peer, BlockResponse(tuple(blocks[:certified]))))

    def _catch_up(self, blocks: tuple[FullBlock, ...], now: int) -> None:
        tip = self._tip
        response = BlockResponse(tuple(b for b in blocks if b.header.height > tip.height))
        try:
            check_chain(
                response, tip.hash(), tip.height, self._chain_id, self._validators, self._verify
            )
        except CodedError:
            return
        for block in response.blocks:
            self._commit(block.header, block.certificate)
        last = response.blocks[-1].certificate
        if last is not None:
            self._tell(tell.CertificateArrived(last), now)
        self._retry(now)


def bare_header(
    chain_id: bytes,
    validators: ValidatorSet,
    view: int,
    parent: Header | None,
    time: int,
    content: bytes,
) -> Header:
    """A header without rows, state or history."""
    members = validators.hash(chain_id)
    return Header(
        chain_id=chain_id,
        height=0 if parent is None else parent.height + 1,
        view=view,
        epoch=validators.epoch,
        parent=NOTHING if parent is None else parent.hash(),
        time=time,
        transactions=0,
        receipts=0,
        transactions_root=merkle.EMPTY_ROOT,
        receipts_root=merkle.EMPTY_ROOT,
        state_root=content,
        history_root=NOTHING,
        validators_hash=members,
        next_validators_hash=members,
    )
