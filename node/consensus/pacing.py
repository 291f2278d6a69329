"""How long to wait: the lengths of the core's timers. Pacing never changes what is decided.

Three deviations from the paper's fixed 3Δ live here (``docs/consensus.md`` gives the reasons): a
separate leader timer, an idle wait while there is nothing to record, and patience that grows while
views fail.
"""

from __future__ import annotations

from node.consensus.config import CoreConfig

MAX_PATIENCE = 8
"""Timers grow to at most ``1 + MAX_PATIENCE`` times their configured length."""


class Pacing:
    """The pace of one core; ``faults`` is f of its validator set."""

    __slots__ = ("_config", "_faults", "_hurried", "_nullified", "_waited", "late", "work")

    def __init__(self, config: CoreConfig, faults: int) -> None:
        self._config = config
        self._faults = faults
        self._nullified = 0
        self._hurried = False
        self._waited = False
        self.late = False
        """Whether a timer has run out in the current view."""
        self.work = False
        """Whether there is something to propose."""

    def enter(self, nullified: bool) -> None:
        """A view has ended, by a nullification or with a block; the next one begins."""
        self._nullified = self._nullified + 1 if nullified else 0
        self._hurried = self._waited = self.late = False

    @property
    def idle(self) -> bool:
        """Nothing to propose, and the wait for the next empty block is not over."""
        return not (self.work or self._hurried)

    @property
    def patience(self) -> int:
        """How many views in a row failed beyond the f that faulty leaders can spoil, bounded."""
        return min(max(0, self._nullified - self._faults), MAX_PATIENCE)

    @property
    def may_shorten(self) -> bool:
        """Whether faulty leaders alone explain the failures: then give up views without waiting.

        When more views fail in a row something else is wrong (a slow network, clocks apart), and
        giving up at once would only spin.
        """
        return self.patience == 0

    @property
    def leader_ms(self) -> int:
        """How long the leader may take to propose."""
        return self._config.leader_ms * (1 + self.patience) + self._slack

    @property
    def view_ms(self) -> int:
        """How long the view may take to end."""
        return self._config.view_ms * (1 + self.patience) + self._slack

    @property
    def view_rest_ms(self) -> int:
        """How long the view may still take once an idle leader has proposed."""
        return self._config.view_ms * (1 + self.patience)

    @property
    def _slack(self) -> int:
        return self._config.heartbeat_ms if self.idle else 0

    @property
    def first_wait_ms(self) -> int:
        """How long an idle leader waits before it looks whether all is final."""
        return min(self._config.leader_ms, self._config.heartbeat_ms)

    def next_wait_ms(self, undecided: bool) -> int:
        """How long it waits then: 0 if it should propose now, to bring a block to finality."""
        rest = self._config.heartbeat_ms - self._config.leader_ms
        if undecided or self._waited or rest <= 0:
            self._hurried = True
            return 0
        self._waited = True
        return rest
