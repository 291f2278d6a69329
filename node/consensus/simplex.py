"""The Simplex rules: one ``handle`` with a match over the event, one method per rule.

``R1`` … ``R7`` name the rules and ``D1`` … the deviations of ``docs/consensus.md``, which cites the
paper. :mod:`node.consensus` states the duties of the replica around the core.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger import keys
from ledger.block import NO_BLOCK, Certificate, Verify, Vote, VoteKind, sign_vote
from ledger.errors import CodedError
from ledger.keys import SigningRefused
from ledger.validators import ValidatorSet
from node.consensus.config import CoreConfig, Identity, Recovered
from node.consensus.effects import (
    AnyEffect,
    Build,
    CancelTimer,
    CastVote,
    EnteredView,
    Equivocation,
    Finalize,
    Fork,
    Judge,
    NeedViews,
    Persist,
    Propose,
    SendCertificate,
    SetTimer,
)
from node.consensus.events import (
    AnyEvent,
    BlockBuilt,
    BlockJudged,
    CertificateArrived,
    ProposalArrived,
    Start,
    Timer,
    TimerFired,
    VoteArrived,
    WorkChanged,
)
from node.consensus.evidence import double_votes, exclusive
from node.consensus.pacing import Pacing
from node.consensus.presence import Presence
from node.consensus.state import Round
from node.consensus.views import MAX_VIEWS_ASKED, Views

MAX_FINALIZES_RESENT = 8
"""Own finalize votes of earlier views that are sent again, the newest first."""


class Core:
    """One validator's (or observer's) part in one epoch."""

    def __init__(
        self,
        config: CoreConfig,
        validators: ValidatorSet,
        identity: Identity,
        recovered: Recovered,
        verify: Verify = keys.verify,
    ) -> None:
        self._config = config
        self._validators = validators
        self._identity = identity
        self._verify = verify
        self._recovered = recovered
        self._halted = False

        self._view = recovered.view + 1
        self._why = "start"
        self._views = Views(recovered.view, recovered.block, recovered.finalization)
        self._pacing = Pacing(config, validators.faults)
        self._presence = Presence(
            validators.size, config.silent_views or validators.size, self._view
        )
        self._building = False
        self._asked: frozenset[int] = frozenset()

        self._inward: list[AnyEffect] = []
        self._outward: list[AnyEffect] = []
        self._unsaved_votes: list[Vote] = []
        self._unsaved_certificates: list[Certificate] = []

    # ---------------------------------------------------------------- what the replica may ask

    @property
    def view(self) -> int:
        """The current view."""
        return self._view

    @property
    def leader(self) -> int:
        """The index of the current view's leader."""
        return self._validators.leader(self._view)

    @property
    def finalized(self) -> tuple[int, bytes]:
        """View and hash of the last block known to be final (perhaps not committed yet)."""
        return self._views.final

    def certificates(self, views: Sequence[int]) -> tuple[Certificate, ...]:
        """What helps a peer that asks how these views ended: at most 64 certificates."""
        return self._views.answer(views, self._view)

    def votes_of(self, signer: int) -> tuple[Vote, ...]:
        """What is held of a validator's votes, signatures perhaps unchecked, in no order."""
        return self._views.votes_of(signer)

    def explain(self) -> tuple[str, ...]:
        """Why the current view has not ended, in words, for an operator."""
        here = self._views.round(self._view)
        need = f"a quorum is {self._validators.quorum} of {self._validators.size}"
        lines = [
            f"view {self._view} entered by {self._why}, leader {self.leader}, "
            f"last final view {self._views.final[0]}"
        ]
        if here.proposal is None:
            lines.append(f"no proposal of validator {self.leader} has arrived")
        else:
            verdict = {None: "not judged yet", True: "valid", False: "invalid"}[here.valid]
            voters = here.signers(VoteKind.NOTARIZE, here.proposal.block)
            lines.append(f"proposal {here.proposal.block.hex()[:16]}… is {verdict}")
            lines.append(f"notarize votes of {voters}, {need}")
        lines.append(f"nullify votes of {here.signers(VoteKind.NULLIFY)}, {need}")
        if self._asked:
            lines.append(f"certificates of views {sorted(self._asked)} are missing")
        if self._halted:
            lines.append("more than f validators are proven faulty: this node votes no more")
        return tuple(lines)

    # ------------------------------------------------------------------------------- the match

    def handle(self, event: AnyEvent) -> list[AnyEffect]:
        """Take one event; return what to do about it, in order.

        Own votes become durable first: one ``Persist`` stands before everything that leaves the
        node (R7). What stays inside (timers, building, judging) need not wait for it.
        """
        match event:
            case Start():
                self._on_start()
            case ProposalArrived():
                self._on_proposal(event)
            case BlockJudged(view, block, valid):
                self._on_judged(view, block, valid)
            case BlockBuilt():
                self._on_built(event)
            case VoteArrived(vote):
                self._on_vote(vote)
            case CertificateArrived(certificate):
                self._on_certificate(certificate)
            case TimerFired(timer, view):
                if view == self._view:
                    self._on_timer(timer)
            case WorkChanged(pending):
                self._on_work(pending)
        effects, outward = self._inward, self._outward
        self._inward, self._outward = [], []
        if self._unsaved_votes:
            effects.append(Persist(tuple(self._unsaved_votes), tuple(self._unsaved_certificates)))
            self._unsaved_votes, self._unsaved_certificates = [], []
        return effects + outward

    # --------------------------------------------------------------------- starting, restarting

    def _on_start(self) -> None:
        """Take up where the last run ended (R7): the own votes, and what they stood on."""
        saved, epoch, views = self._recovered, self._validators.epoch, self._views
        self._recovered = Recovered(*views.final, abstain_below=saved.abstain_below)
        for certificate in sorted(saved.certificates, key=lambda c: c.view):
            if certificate.view > saved.view and certificate.epoch == epoch:
                views.round(certificate.view).certificates[certificate.kind] = certificate
        for vote in sorted(saved.votes, key=lambda v: v.view):
            mine = vote.signer == self._identity.index and vote.epoch == epoch
            if vote.view > saved.view and mine:
                views.round(vote.view).cast(vote)
        final = [c for c in saved.certificates if c.kind is VoteKind.FINALIZE]
        newest = max(final, key=lambda c: c.view, default=None)
        if newest is not None and newest.view > saved.view:
            self._note_final(newest)
        last = max(views.last_certified, views.final[0])
        self._presence.excuse_all(last + 1)
        self._open(last + 1, "restart" if last else "genesis")
        self._resend(always=last > 0)

    # -------------------------------------------------------------------------- entering a view

    def _enter(self, after: Certificate) -> None:
        """Leave for the view after a certified one (R1)."""
        view = after.view + 1
        assert view > self._view, "views only grow"
        if view > self._view + 1:
            self._presence.excuse_all(view)
        self._pacing.enter(nullified=after.kind is VoteKind.NULLIFY)
        self._open(view, after.kind.name.lower())

    def _open(self, view: int, why: str) -> None:
        self._view, self._why = view, why
        self._building = False
        self._asked = frozenset()
        self._views.forget_votes_below(view - self._config.ahead)
        self._inward.append(EnteredView(view, self.leader, why))
        self._set(Timer.RESEND, self._config.resend_ms)
        silent = not self._leading and self._presence.is_silent(self.leader, view)
        if silent and self._pacing.may_shorten and self._may_vote(view):
            self._nullify()
        else:
            self._set_view_timers()
            if self._leading and self._pacing.idle:
                self._set(Timer.HEARTBEAT, self._pacing.first_wait_ms)
        if self._view == view:
            self._continue()

    def _set_view_timers(self) -> None:
        self._set(Timer.LEADER, self._pacing.leader_ms)
        self._set(Timer.VIEW, self._pacing.view_ms)

    @property
    def _leading(self) -> bool:
        return self._identity.index == self.leader

    def _continue(self) -> None:
        """Do what the current view allows by now: build, or have the proposal judged."""
        self._try_build()
        self._try_judge()

    # -------------------------------------------------------------------------------- proposing

    def _try_build(self) -> None:
        """The leader builds on the highest notarized block that it may (R1)."""
        if not self._leading or self._pacing.idle or self._building:
            return
        here = self._views.round(self._view)
        if here.own or here.proposal is not None or not self._may_vote(self._view):
            return
        match self._views.parent_for(self._view):
            case list(missing):
                self._need(missing, None)
            case (parent, parent_view):
                self._building = True
                self._inward.append(Build(self._view, parent, parent_view))

    def _on_built(self, built: BlockBuilt) -> None:
        """Propose the block and vote for it (R1, R2)."""
        here = self._views.round(self._view)
        if built.view != self._view or not self._building or here.own or here.proposal is not None:
            return
        self._building = False
        if self._views.missing(built.parent, built.parent_view, built.view) != []:
            return
        here.proposal = ProposalArrived(built.view, built.block, built.parent, built.parent_view)
        here.valid = True
        self._proposal_is_here()
        self._outward.append(Propose(built.view, built.block))
        self._cast(VoteKind.NOTARIZE, built.view, built.block)

    # --------------------------------------------------------------------- judging and notarizing

    def _on_proposal(self, proposal: ProposalArrived) -> None:
        """Keep the first proposal of a view; the replica has checked the leader's signature."""
        view = proposal.view
        if not self._views.final[0] < view <= self._view + self._config.ahead:
            return
        here = self._views.round(view)
        if here.proposal is not None or proposal.block == NO_BLOCK:
            return
        self._presence.heard(self._validators.leader(view), view, self._view)
        here.proposal = proposal
        if view == self._view:
            self._proposal_is_here()
            self._try_judge()

    def _proposal_is_here(self) -> None:
        """The leader has done its part in time; an idle view's remaining time starts now."""
        self._inward.append(CancelTimer(Timer.LEADER))
        if self._pacing.idle and VoteKind.NULLIFY not in self._views.round(self._view).own:
            self._set(Timer.VIEW, self._pacing.view_rest_ms)

    def _try_judge(self) -> None:
        """Have the proposal judged once its parent is known to be notarized (R2)."""
        here = self._views.round(self._view)
        proposal = here.proposal
        if proposal is None or here.judging or here.valid is not None:
            return
        if VoteKind.NOTARIZE in here.own or not self._may_vote(self._view):
            return
        missing = self._views.missing(proposal.parent, proposal.parent_view, proposal.view)
        if missing is None:
            here.valid = False
            self._give_up()
        elif missing:
            self._need(missing, None if self._leading else self.leader)
        else:
            here.judging = True
            self._inward.append(
                Judge(proposal.view, proposal.block, proposal.parent, proposal.parent_view)
            )

    def _on_judged(self, view: int, block: bytes, valid: bool) -> None:
        """Notarize the first valid proposal, at most once in a view (R2)."""
        here = self._views.peek(view)
        if here is None or here.proposal is None or here.proposal.block != block:
            return
        if not here.judging or here.valid is not None:
            return
        here.valid = valid
        if view != self._view:
            return
        if not valid:
            self._give_up()
        elif VoteKind.NOTARIZE not in here.own and self._may_vote(view):
            self._cast(VoteKind.NOTARIZE, view, block)

    # ------------------------------------------------------------------------- timers and pacing

    def _on_timer(self, timer: Timer) -> None:
        match timer:
            case Timer.LEADER | Timer.VIEW:
                proposed = self._views.round(self._view).proposal is not None
                if timer is Timer.VIEW or not proposed:
                    self._pacing.late = True
                    self._nullify()
            case Timer.RESEND:
                self._set(Timer.RESEND, self._config.resend_ms)
                self._resend(always=False)
            case Timer.HEARTBEAT:
                wait = self._pacing.next_wait_ms(self._views.undecided)
                if wait:
                    self._set(Timer.HEARTBEAT, wait)
                self._try_build()

    def _on_work(self, pending: bool) -> None:
        """Work ends the idle wait of the view (D5)."""
        was_idle, self._pacing.work = self._pacing.idle, pending
        if was_idle and pending:
            here = self._views.round(self._view)
            if here.proposal is None and VoteKind.NULLIFY not in here.own:
                self._set_view_timers()
            if self._leading:
                self._inward.append(CancelTimer(Timer.HEARTBEAT))
            self._try_build()

    def _give_up(self) -> None:
        """The leader is known to be unable: do not wait for the timers (R4)."""
        if self._pacing.may_shorten:
            self._nullify()

    def _nullify(self) -> None:
        """Vote to end the current view without its block, unless finalize was voted (R4)."""
        own = self._views.round(self._view).own
        if VoteKind.NULLIFY in own or VoteKind.FINALIZE in own or not self._may_vote(self._view):
            return
        self._cast(VoteKind.NULLIFY, self._view, NO_BLOCK)

    # ------------------------------------------------------------------------------------ votes

    def _may_vote(self, view: int) -> bool:
        return (
            self._identity.key is not None
            and not self._halted
            and view >= self._recovered.abstain_below
        )

    def _cast(self, kind: VoteKind, view: int, block: bytes) -> None:
        """Sign, remember and send an own vote; ``handle`` makes it durable before it leaves."""
        index, key = self._identity.index, self._identity.key
        assert index is not None and key is not None, "an observer never votes"
        assert view > self._views.final[0], "a decided view needs no vote"
        epoch = self._validators.epoch
        try:
            vote = sign_vote(self._config.chain_id, key, index, kind, epoch, view, block)
        except SigningRefused:
            return  # the key remembers a vote that this node has lost (R7)
        here = self._views.round(view)
        here.cast(vote)
        self._unsaved_votes.append(vote)
        self._outward.append(CastVote(vote))
        self._tally(here, kind, block)

    def _on_vote(self, vote: Vote) -> None:
        """Cheap checks first; a signature is verified only when it can matter (D7)."""
        if vote.epoch != self._validators.epoch or not 0 <= vote.signer < self._validators.size:
            return
        if vote.signer == self._identity.index or vote.view > self._view + self._config.ahead:
            return
        if (vote.kind is VoteKind.NULLIFY) != (vote.block == NO_BLOCK) or vote.view == 0:
            return
        checked = False
        if vote.view >= max(self._views.final[0], self._view - self._config.ahead):
            here = self._views.round(vote.view)
            evidence = here.receive(vote, self._check)
            if evidence is not None:
                self._inward.append(Equivocation(evidence))
            if vote.view > self._views.final[0]:
                self._tally(here, vote.kind, vote.block)
            checked = here.is_checked(vote)
        doubt = self._presence.in_doubt(vote.signer, vote.view, self._view)
        if checked or (doubt and self._check(vote)):
            self._presence.heard(vote.signer, vote.view, self._view)

    def _check(self, vote: Vote) -> bool:
        return vote.verify(self._config.chain_id, self._validators, self._verify)

    def _tally(self, here: Round, kind: VoteKind, block: bytes) -> None:
        """A quorum of equal votes is a certificate (R3, R4, R5)."""
        known = here.certificates.get(kind)
        if known is not None and known.block == block:
            return
        certificate = here.quorum(kind, block, self._validators.quorum, self._check)
        if certificate is not None:
            self._adopt(certificate)

    # ----------------------------------------------------------------------------- certificates

    def _on_certificate(self, certificate: Certificate) -> None:
        """Anybody may bring a certificate; one that is known is not verified again."""
        if certificate.epoch != self._validators.epoch or certificate.view == 0:
            return
        if certificate.view < self._views.final[0]:
            return
        known = self._views.certificate(certificate.kind, certificate.view)
        if known is not None and known.block == certificate.block:
            return
        try:
            certificate.verify(self._config.chain_id, self._validators, self._verify)
        except CodedError:
            return
        self._adopt(certificate)

    def _adopt(self, certificate: Certificate) -> None:
        """Act on a genuine certificate that is new to this node (R3, R4, R5)."""
        here = self._views.round(certificate.view)
        signers = {entry.signer for entry in certificate.signatures}
        assert len(signers) >= self._validators.quorum, "a certificate is a quorum of signers"
        for other in here.certificates.values():
            if exclusive(certificate, other):
                self._fork(other, certificate)
                return
        here.certificates[certificate.kind] = certificate
        if certificate.view <= self._views.final[0]:
            self._views.certify(certificate)
            return
        self._unsaved_certificates.append(certificate)
        self._outward.append(SendCertificate(certificate))
        for signer in signers:
            self._presence.heard(signer, certificate.view, self._view)
        if certificate.kind is VoteKind.FINALIZE:
            self._note_final(certificate)
        elif certificate.kind is VoteKind.NOTARIZE and self._may_finalize(here):
            self._cast(VoteKind.FINALIZE, certificate.view, certificate.block)
        if certificate.view >= self._view:
            self._enter(certificate)
        else:
            self._continue()

    def _may_finalize(self, here: Round) -> bool:
        """Finalize a notarized view unless nullify was voted in it, or it is nullified (R3)."""
        return (
            VoteKind.NULLIFY not in here.own
            and VoteKind.FINALIZE not in here.own
            and VoteKind.NULLIFY not in here.certificates
            and self._may_vote(here.view)
        )

    def _note_final(self, certificate: Certificate) -> None:
        """The block and all its ancestors are final; everything below is decided (R5)."""
        view = certificate.view
        self._views.finalize(certificate)
        self._unsaved_certificates = [c for c in self._unsaved_certificates if c.view >= view]
        self._outward.append(Finalize(view, certificate.block, certificate))

    def _fork(self, first: Certificate, second: Certificate) -> None:
        """More than f validators are faulty: name them and vote no more."""
        self._inward += map(Equivocation, double_votes(first, second))
        self._inward.append(Fork(first, second))
        self._halted = True

    # ------------------------------------------------------------- asking and sending once more

    def _need(self, views: list[int], ask: int | None) -> None:
        """Ask for certificates, a window at a time; again only on the resend timer (D1)."""
        if self._asked.isdisjoint(views):
            self._asked = frozenset(sorted(views)[:MAX_VIEWS_ASKED])
            self._inward.append(NeedViews(tuple(sorted(self._asked)), ask))

    def _resend(self, *, always: bool) -> None:
        """Lost messages never cost liveness: say it all again while the view lasts (R6).

        Nothing is said in a view that is merely idle.
        """
        own = self._views.round(self._view).own
        settled = self._views.final[0] == self._view - 1 and not own
        if settled and not (self._pacing.work or self._pacing.late or always):
            return
        self._outward += map(SendCertificate, self._views.ended(self._view - 1))
        for earlier in list(self._views.own_finalizes(self._view))[-MAX_FINALIZES_RESENT:]:
            self._outward.append(CastVote(earlier.own[VoteKind.FINALIZE]))
        if self._leading and VoteKind.NOTARIZE in own:
            self._outward.append(Propose(self._view, own[VoteKind.NOTARIZE].block))
        self._outward += map(CastVote, own.values())
        if self._validators.size > 1 or self._identity.index is None:
            wanted = {*self._asked, self._view}
            self._asked = frozenset()
            self._inward.append(NeedViews(tuple(sorted(wanted)), None))
            self._continue()

    def _set(self, timer: Timer, delay_ms: int) -> None:
        self._inward.append(SetTimer(timer, self._view, delay_ms))
