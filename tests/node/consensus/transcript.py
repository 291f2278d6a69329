"""Plays transcripts: commands to one core, and the effects that it answers with, as text.

A transcript file holds paragraphs. A line ``> command`` is an event; the lines after it are the
expected effects in order, ``(nothing)`` for none. ``#`` starts a comment. Blocks are single
letters, the genesis block is ``genesis``; peers sign with real keys.

Commands::

    core n=4 me=0 [final=5:E] [abstain=9]    a new core (me=- for an observer), not started;
                                             epoch=1 makes it one of a later epoch, and
                                             refuses=finalize gives it a key whose signer does
    start | restart                          Start; restart rebuilds the core from what it persisted
    proposal 3 C on B@2                      the leader's proposal of view 3
    valid 3 C | invalid 3 C                  the replica's judgement
    built 3 C on B@2                         the own block is ready
    vote 2 notarize 3 C [forged]             validator 2's vote
    cert notarize 3 C by 1 2 3 [forged]      a certificate
    … epoch=0                                either of them, of another epoch than the core's
    timer leader 3                           a timer of view 3 fires
    work | no work
    committed 3 C                            the replica has committed; later restarts begin there
    answer 1 2                               what a peer that asks for these views gets
    explain
"""

from __future__ import annotations

from functools import cache

from ledger.block import NO_BLOCK, Certificate, Vote, VoteKind, assemble, sign_vote
from ledger.keys import PrivateKey, SigningRefused
from ledger.validators import Validator, ValidatorSet
from node.consensus import effects as fx
from node.consensus import events as ev
from node.consensus.config import CoreConfig, Identity, Recovered
from node.consensus.simplex import Core

CHAIN = b"C" * 32
GENESIS = b"G" * 32
KINDS = {"notarize": VoteKind.NOTARIZE, "nullify": VoteKind.NULLIFY, "finalize": VoteKind.FINALIZE}


@cache
def key(index: int) -> PrivateKey:
    return PrivateKey(bytes([index + 1]) * 32)


@cache
def validators(n: int, epoch: int = 0) -> ValidatorSet:
    return ValidatorSet(
        epoch,
        tuple(
            Validator(f"{i:020d}", f"g{i}", "DE", key(i).public, b"", f"h{i}:1") for i in range(n)
        ),
    )


def block(name: str) -> bytes:
    return GENESIS if name == "genesis" else name.encode() * 32


def name(of: bytes) -> str:
    if of == GENESIS:
        return "genesis"
    return "" if of == NO_BLOCK else of[:1].decode()


def vote(signer: int, kind: VoteKind, view: int, of: bytes = NO_BLOCK, epoch: int = 0) -> Vote:
    return sign_vote(CHAIN, key(signer), signer, kind, epoch, view, of)


def certificate(kind: VoteKind, view: int, of: bytes, signers: list[int]) -> Certificate:
    return assemble([vote(s, kind, view, of) for s in signers])


def forged(genuine: Vote) -> Vote:
    flipped = bytes([genuine.signature[0] ^ 1]) + genuine.signature[1:]
    return Vote(genuine.kind, genuine.epoch, genuine.view, genuine.block, genuine.signer, flipped)


class Refusing:
    """A key whose signer refuses votes of one kind, because it remembers others."""

    def __init__(self, secret: PrivateKey, kind: VoteKind) -> None:
        self.public = secret.public
        self._secret = secret
        self._refused = f"iic/vote-{kind.name.lower()}/".encode()

    def sign(self, message: bytes) -> bytes:
        if message.startswith(self._refused):
            raise SigningRefused("it remembers another vote")
        return self._secret.sign(message)


class Player:
    """One core under a transcript."""

    def __init__(self, arguments: dict[str, str]) -> None:
        self.n = int(arguments["n"])
        self.epoch = int(arguments.get("epoch", "0"))
        me = arguments["me"]
        self.identity = Identity() if me == "-" else Identity(int(me), key(int(me)))
        if "refuses" in arguments:
            refusing = Refusing(key(int(me)), KINDS[arguments["refuses"]])
            self.identity = Identity(int(me), refusing)
        view, _, at = arguments.get("final", "0:genesis").partition(":")
        self.committed = (int(view), block(at))
        self.abstain = int(arguments.get("abstain", "0"))
        self.votes: list[Vote] = []
        self.certificates: list[Certificate] = []
        self.core = self.rebuilt()

    def rebuilt(self) -> Core:
        return Core(
            CoreConfig(CHAIN),
            validators(self.n, self.epoch),
            self.identity,
            Recovered(
                *self.committed,
                certificates=tuple(self.certificates),
                votes=tuple(self.votes),
                abstain_below=self.abstain,
            ),
        )

    def play(self, command: str) -> str:
        """The effects of a command, one a line."""
        match command.split():
            case ["answer", *views]:
                found = self.core.certificates([int(v) for v in views])
                return "\n".join(show_certificate(c) for c in found) or "(nothing)"
            case ["explain"]:
                return "\n".join(self.core.explain())
            case ["restart"]:
                self.core = self.rebuilt()
                return self.run(ev.Start())
            case ["committed", view, of]:
                self.committed = (int(view), block(of))
                return "(nothing)"
            case [*words, last] if last.startswith("epoch="):
                return self.run(event(words, int(last.removeprefix("epoch="))))
            case words:
                return self.run(event(words, self.epoch))

    def run(self, happened: ev.AnyEvent) -> str:
        done = self.core.handle(happened)
        for effect in done:
            if isinstance(effect, fx.Persist):
                self.votes.extend(effect.votes)
                self.certificates.extend(effect.certificates)
        return "\n".join(show(effect) for effect in done) or "(nothing)"


def event(words: list[str], epoch: int) -> ev.AnyEvent:
    match words:
        case ["start"]:
            return ev.Start()
        case ["proposal", view, of, "on", parent]:
            below, _, parent_view = parent.partition("@")
            return ev.ProposalArrived(int(view), block(of), block(below), int(parent_view))
        case ["built", view, of, "on", parent]:
            below, _, parent_view = parent.partition("@")
            return ev.BlockBuilt(int(view), block(of), block(below), int(parent_view))
        case ["valid" | "invalid" as verdict, view, of]:
            return ev.BlockJudged(int(view), block(of), verdict == "valid")
        case ["vote", signer, "nullify", view, *rest]:
            cast = vote(int(signer), VoteKind.NULLIFY, int(view), epoch=epoch)
            return ev.VoteArrived(forged(cast) if rest else cast)
        case ["vote", signer, kind, view, of, *rest]:
            cast = vote(int(signer), KINDS[kind], int(view), block(of), epoch)
            return ev.VoteArrived(forged(cast) if rest else cast)
        case ["cert", kind, view, *rest]:
            named = NO_BLOCK if rest[0] == "by" else block(rest[0])
            signers = [int(s) for s in rest[rest.index("by") + 1 :] if s != "forged"]
            votes = [vote(s, KINDS[kind], int(view), named, epoch) for s in signers]
            if rest[-1] == "forged":
                votes[-1] = forged(votes[-1])
            return ev.CertificateArrived(assemble(votes))
        case ["timer", timer, view]:
            return ev.TimerFired(ev.Timer(timer), int(view))
        case ["work"]:
            return ev.WorkChanged(True)
        case ["no", "work"]:
            return ev.WorkChanged(False)
    raise ValueError(f"no such command: {' '.join(words)}")


def show_vote(cast: Vote) -> str:
    return f"{cast.kind.name.lower()} {cast.view} {name(cast.block)}".rstrip()


def show_certificate(of: Certificate) -> str:
    signers = " ".join(str(s.signer) for s in of.signatures)
    ending = {1: "notarization", 2: "nullification", 3: "finalization"}[of.kind]
    return " ".join(f"{ending} {of.view} {name(of.block)} by {signers}".split())


def show(effect: fx.AnyEffect) -> str:
    match effect:
        case fx.Persist(votes, certificates):
            return "persist " + ", ".join(
                [show_vote(v) for v in votes] + [show_certificate(c) for c in certificates]
            )
        case fx.CastVote(cast):
            return f"cast {show_vote(cast)}"
        case fx.SendCertificate(sent):
            return f"send {show_certificate(sent)}"
        case fx.Propose(view, of):
            return f"propose {view} {name(of)}"
        case fx.Build(view, parent, parent_view):
            return f"build {view} on {name(parent)}@{parent_view}"
        case fx.Judge(view, of, parent, parent_view):
            return f"judge {view} {name(of)} on {name(parent)}@{parent_view}"
        case fx.SetTimer(timer, view, delay):
            return f"set {timer.value} {view} {delay}"
        case fx.CancelTimer(timer):
            return f"cancel {timer.value}"
        case fx.Finalize(view, of, _):
            return f"final {view} {name(of)}"
        case fx.NeedViews(views, ask):
            return f"need {' '.join(map(str, views))} of {'all' if ask is None else ask}"
        case fx.Equivocation(evidence):
            pair = f"{show_vote(evidence.first)}, {show_vote(evidence.second)}"
            return f"convict {evidence.first.signer}: {pair}"
        case fx.Fork(first, second):
            return f"fork {show_certificate(first)} / {show_certificate(second)}"
        case fx.EnteredView(view, leader, why):
            return f"view {view} of {leader} ({why})"


def replay(text: str) -> str:
    """The transcript with the effects that really came; equal to ``text`` if all is as told."""
    lines: list[str] = []
    player: Player | None = None
    for line in text.splitlines():
        if line.startswith("> "):
            command = line[2:]
            lines.append(line)
            if command.startswith("core "):
                player = Player(dict(a.split("=") for a in command.split()[1:]))
            else:
                assert player is not None, "a transcript starts with a core"
                lines.append(player.play(command))
        elif not line or line.startswith("#"):
            lines.append(line)
    return "\n".join(lines) + "\n"
