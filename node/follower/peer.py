"""What a follower knows of one of its peers, and when it turns to it again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from node import limits
from node.follower.source import Source


@dataclass
class Peer:
    """A followed peer. ``height`` is its newest block by its own words, ``agreed`` the highest one
    at which its chain was found to be the verified one; -1 for neither yet."""

    number: int
    source: Source
    name: str = ""
    reachable: bool = False
    foreign: bool = False
    """It serves another ledger."""
    height: int = -1
    agreed: int = -1
    heard_ms: int | None = None
    trouble: str = ""
    failures: int = 0
    """In a row, without a complete look between them."""
    quarrels: int = 0
    """Looks in a row at which its chain was not the verified one."""
    empty: int = 0
    """Questions in a row for blocks that it claims to have, and showed none or none that holds."""
    resting_until: float = 0.0
    """It is not asked for blocks before, by the monotonic clock."""
    looks: int = 0
    """How often it was looked at completely, evidence included."""
    _jitter: random.Random = field(default_factory=random.Random, repr=False)

    @property
    def url(self) -> str:
        """Its API."""
        return self.source.url

    @property
    def credible_height(self) -> int:
        """Its height, as long as it shows the blocks that it claims; else -1."""
        ours = self.reachable and not self.foreign and not self.quarrels
        return self.height if ours and self.empty < limits.FOLLOW_EMPTY_ANSWERS else -1

    def heard(self, now_ms: int) -> None:
        """It answered sensibly."""
        self.reachable, self.heard_ms, self.trouble = True, now_ms, ""

    def useless(self, now: float, *, false: bool = False) -> None:
        """It showed nothing of what it claims, or something ``false``: it is let rest."""
        self.empty += limits.FOLLOW_EMPTY_ANSWERS if false else 1
        self.resting_until = now + self._pause(self.empty)

    def failed(self, why: str) -> float:
        """It did not; returns after how many seconds to try again."""
        self.reachable = False
        self.trouble = why
        self.failures += 1
        return self._pause(self.failures)

    def quarrelled(self) -> float:
        """Its chain is another one; returns after how many seconds to look again."""
        self.quarrels += 1
        return self._pause(self.quarrels)

    def _pause(self, times: int) -> float:
        wait = limits.BACKOFF_FIRST_SECONDS * float(2 ** min(times, 10))
        return min(wait, limits.BACKOFF_LAST_SECONDS) * self._jitter.uniform(0.5, 1.0)
