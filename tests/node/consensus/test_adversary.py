"""Three correct cores against an adversary with one key, the network, the timers and the power.

Hypothesis plays the adversary: it decides what is delivered to whom and when, twice or never; fires
timers at will; crashes cores, which keep only what they persisted; and signs anything with its own
key. Whatever it does, the cores agree; and once it leaves them alone, they go on.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger import keys
from ledger.block import NO_BLOCK, Certificate, Vote, VoteKind
from node.consensus import effects as fx
from node.consensus import events as ev
from node.consensus.config import CoreConfig, Identity, Recovered
from node.consensus.simplex import Core
from tests.node.consensus.transcript import CHAIN, GENESIS, key, validators, vote

CORRECT = (0, 1, 2)
TRAITOR = 3
verify = lru_cache(maxsize=None)(keys.verify)

correct = st.sampled_from(CORRECT)
small = st.integers(0, 3)


def make_block(view: int, parent: bytes, salt: int) -> bytes:
    return sha256(b"%d %d %b" % (view, salt, parent)).digest()


class Adversary(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.parents: dict[bytes, tuple[bytes, int, int]] = {}
        self.saved: dict[int, tuple[list[Vote], list[Certificate]]] = {i: ([], []) for i in CORRECT}
        self.mail: dict[int, list[ev.AnyEvent]] = {i: [] for i in CORRECT}
        self.final: dict[bytes, int] = {}
        self.certified: set[tuple[VoteKind, int, bytes]] = set()
        self.known: list[Certificate] = []
        self.cores: dict[int, Core] = {}
        for i in CORRECT:
            self.power_on(i)

    # -- the world around the cores

    def power_on(self, i: int) -> None:
        votes, certificates = self.saved[i]
        self.cores[i] = Core(
            CoreConfig(CHAIN, ahead=6),
            validators(4),
            Identity(i, key(i)),
            Recovered(0, GENESIS, certificates=tuple(certificates), votes=tuple(votes)),
            verify,
        )
        self.tell(i, ev.Start())
        self.tell(i, ev.WorkChanged(True))

    def tell(self, i: int, event: ev.AnyEvent) -> None:
        waiting = [event]
        while waiting:
            for effect in self.cores[i].handle(waiting.pop(0)):
                match effect:
                    case fx.Persist(votes, certificates):
                        self.saved[i][0].extend(votes)
                        self.saved[i][1].extend(certificates)
                    case fx.CastVote(cast):
                        assert cast in self.saved[i][0], "a vote leaves only when it is durable"
                        self.send(i, ev.VoteArrived(cast))
                    case fx.SendCertificate(certificate):
                        self.note(certificate)
                        self.send(i, ev.CertificateArrived(certificate))
                    case fx.Build(view, parent, parent_view):
                        built = make_block(view, parent, i)
                        self.parents[built] = (parent, parent_view, view)
                        waiting.append(ev.BlockBuilt(view, built, parent, parent_view))
                    case fx.Propose(view, block):
                        parent, parent_view, _ = self.parents[block]
                        self.send(i, ev.ProposalArrived(view, block, parent, parent_view))
                    case fx.Judge(view, block, parent, parent_view):
                        sound = self.parents[block] == (parent, parent_view, view)
                        waiting.append(ev.BlockJudged(view, block, sound))
                    case fx.Finalize(view, block, _):
                        self.final[block] = view
                    case fx.NeedViews(views, _):
                        for j in CORRECT:
                            if j != i:
                                found = self.cores[j].certificates(views)
                                self.mail[i].extend(map(ev.CertificateArrived, found))
                    case fx.Equivocation(evidence):
                        assert evidence.verify(CHAIN, validators(4), verify) == TRAITOR
                    case fx.Fork():
                        raise AssertionError("one traitor cannot fork four validators")

    def send(self, sender: int, event: ev.AnyEvent) -> None:
        for i in CORRECT:
            if i != sender:
                self.mail[i].append(event)

    def note(self, certificate: Certificate) -> None:
        certificate.verify(CHAIN, validators(4), verify)
        self.certified.add((certificate.kind, certificate.view, certificate.block))
        if certificate not in self.known:
            self.known.append(certificate)

    # -- what the adversary may do

    @rule(i=correct, at=st.integers(0, 30), keep=st.booleans())
    def deliver_one(self, i: int, at: int, keep: bool) -> None:
        if self.mail[i]:
            at %= len(self.mail[i])
            event = self.mail[i][at] if keep else self.mail[i].pop(at)
            self.tell(i, event)

    @rule(among=st.sets(correct, min_size=1), times=st.integers(1, 12))
    def let_them_talk(self, among: set[int], times: int) -> None:
        for _ in range(times):
            for i in sorted(among):
                self.deliver_all(i)

    @rule(among=st.sets(correct, min_size=2), timer=st.sampled_from(list(ev.Timer)))
    def let_time_pass(self, among: set[int], timer: ev.Timer) -> None:
        for i in sorted(among):
            self.fire(i, timer)

    def deliver_all(self, i: int) -> None:
        arrived, self.mail[i] = self.mail[i], []
        for event in arrived:
            self.tell(i, event)

    @rule(i=correct, sure=st.booleans())
    def lose_all(self, i: int, sure: bool) -> None:
        if sure:
            self.mail[i].clear()

    @rule(i=correct, timer=st.sampled_from(list(ev.Timer)))
    def fire(self, i: int, timer: ev.Timer) -> None:
        self.tell(i, ev.TimerFired(timer, self.cores[i].view))

    @rule(i=correct, sure=small)
    def crash(self, i: int, sure: int) -> None:
        if sure == 3:
            self.power_on(i)

    @rule(i=correct, kind=st.sampled_from(list(VoteKind)), of=correct, back=small, salt=small)
    def vote_as_the_traitor(self, i: int, kind: VoteKind, of: int, back: int, salt: int) -> None:
        view = max(1, self.cores[of].view - back)
        block = NO_BLOCK
        if kind is not VoteKind.NULLIFY:
            there = sorted(b for b, (_, _, v) in self.parents.items() if v == view)
            if not there:
                return
            block = there[salt % len(there)]
        self.tell(i, ev.VoteArrived(vote(TRAITOR, kind, view, block)))

    @rule(i=correct, of=correct, forth=small, salt=small, parent=st.integers(0, 8))
    def propose_as_the_traitor(self, i: int, of: int, forth: int, salt: int, parent: int) -> None:
        view = self.cores[of].view + forth
        if validators(4).leader(view) != TRAITOR:
            return
        blocks = [(GENESIS, 0)] + [(b, v) for b, (_, _, v) in self.parents.items() if v < view]
        below, parent_view = blocks[-1 - parent % len(blocks)]
        block = make_block(view, below, 100 + salt)
        self.parents.setdefault(block, (below, parent_view, view))
        self.tell(i, ev.ProposalArrived(view, block, below, parent_view))

    @rule(i=correct, at=st.integers(0, 30))
    def show_an_old_certificate(self, i: int, at: int) -> None:
        if self.known:
            self.tell(i, ev.CertificateArrived(self.known[-1 - at % len(self.known)]))

    # -- what must hold

    def ancestors(self, block: bytes) -> list[bytes]:
        chain = [block]
        while chain[-1] != GENESIS:
            chain.append(self.parents[chain[-1]][0])
        return chain

    @invariant()
    def final_blocks_form_one_chain(self) -> None:
        if self.final:
            tip = max(self.final, key=lambda b: self.final[b])
            assert set(self.final) <= set(self.ancestors(tip))

    @invariant()
    def certificates_exclude_each_other(self) -> None:
        final = {view: block for kind, view, block in self.certified if kind is VoteKind.FINALIZE}
        notarized: dict[int, bytes] = {}
        for kind, view, block in self.certified:
            if kind is VoteKind.NOTARIZE:
                assert notarized.setdefault(view, block) == block, "one notarized block in a view"
                assert final.get(view, block) == block, "no other block where one is final"
            if kind is VoteKind.NULLIFY:
                assert view not in final, "no nullification of a final view"

    def teardown(self) -> None:
        """Left alone, with every message delivered and timers firing when nothing moves."""
        if not hasattr(self, "cores") or not self.cores:
            return
        before = max((v for v in self.final.values()), default=0)
        start = max(core.view for core in self.cores.values())
        for _ in range(40):
            for _ in range(200):
                if not any(self.mail.values()):
                    break
                for i in CORRECT:
                    self.deliver_all(i)
                if min(core.finalized[0] for core in self.cores.values()) > max(before, start):
                    return
            for timer in (ev.Timer.RESEND, ev.Timer.LEADER, ev.Timer.VIEW):
                for i in CORRECT:
                    self.fire(i, timer)
        raise AssertionError("the correct cores do not go on once they are left alone")


TestAdversary = Adversary.TestCase
TestAdversary.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)
