"""What a follower finds wrong becomes an alarm, told once; what a quorum signed freezes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from contracts.verifier import Verifier
from contracts.violations import Violation
from ledger.block import Header
from ledger.evidence import DoubleVote
from ledger.validators import ValidatorSet
from node.api.alarms import vote_words
from node.api.handle import RaisedAlarm
from node.follower.alarms import EQUIVOCATION, PEER_LIES, AlarmBook
from node.follower.changes import Changes
from node.follower.metrics import FollowerMetrics
from node.follower.peer import Peer
from node.logs import logger

_log = logger("follower")


class Outside(Protocol):
    """Who is told. Called on the event loop."""

    def committed(self, header: Header) -> None: ...

    def alarmed(self, alarm: RaisedAlarm) -> None: ...


class Raising:
    """Raises alarms. ``frozen`` is why no further block is taken, or empty."""

    def __init__(
        self,
        verifier: Verifier,
        book: AlarmBook,
        metrics: FollowerMetrics,
        outside: Outside,
        changes: Changes,
        clock: Callable[[], int],
    ) -> None:
        self.frozen = ""
        self._verifier = verifier
        self._book = book
        self._metrics = metrics
        self._outside = outside
        self._changes = changes
        self._clock = clock

    def judge(self, violations: Sequence[Violation], source: str = "") -> None:
        """Raise what violates a rule; if a quorum signed it, freeze."""
        for found in violations:
            if found.certified:
                self._freeze(str(found))
            self._publish(self._book.violation(found, self._clock(), source))

    def alarm(
        self,
        code: str,
        text: str,
        *,
        block: int | None = None,
        object: str = "",
        source: str = "",
        freezes: bool = False,
    ) -> None:
        """Raise an alarm that was not raised before."""
        if freezes:
            self._freeze(text)
        self._publish(
            self._book.raised(
                code,
                text,
                self._clock(),
                block=block,
                object=object,
                source=source,
                freezes=freezes,
            )
        )

    def nonsense(self, peer: Peer, what: str) -> None:
        """A peer shows what no correct node shows."""
        text = f"{peer.url} shows what no node of this ledger shows: {what}"
        self.alarm(PEER_LIES, text, object=what[:80], source=peer.url)

    def convict(self, proof: DoubleVote, validators: ValidatorSet, source: str) -> None:
        """A guarantor contradicted itself: told once, whoever shows it."""
        if not self._book.convict(proof):
            return
        vote = proof.first
        name = validators.validators[vote.signer].name
        self.alarm(
            EQUIVOCATION,
            f"{name} signed two votes in view {vote.view} of epoch {vote.epoch} of which a correct "
            f"guarantor signs one: {vote_words(proof.first)}, and {vote_words(proof.second)} "
            f"(shown by {source})",
            object=f"{name}, epoch {vote.epoch}, view {vote.view}",
        )

    def _freeze(self, why: str) -> None:
        if not self.frozen:
            self.frozen = why
            self._metrics.frozen.set(1)
            _log.error("frozen", height=self._verifier.head.height, reason=why)

    def _publish(self, alarm: RaisedAlarm | None) -> None:
        if alarm is not None:
            self._metrics.alarms.labels(alarm.code).inc()
            _log.error(
                "alarm",
                code=alarm.code,
                text=alarm.text,
                block=alarm.block,
                position=alarm.position,
                source=alarm.source or None,
            )
            self._outside.alarmed(alarm)
        self._changes.tell()
