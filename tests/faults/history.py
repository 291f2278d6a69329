"""What clients did and what they were told: the record that a run is judged by.

Times are of one monotonic clock, since all clients live in one process.
"""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path


class Outcome(StrEnum):
    """What the client knows afterwards. ``UNKNOWN`` may have happened, and may still happen."""

    FINAL = "final"
    RECORDED_REFUSAL = "recorded refusal"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Payment:
    """``amount`` from one account to another, asked for at ``begun`` and answered at ``ended``.

    ``height`` and ``index`` are where the node said that it is recorded.
    """

    client: int
    node: str
    begun: float
    ended: float
    id: str
    source: str
    target: str
    amount: int
    outcome: Outcome
    height: int | None = None
    index: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A balance that a node told; ``height`` is the block whose state the answer shows.

    ``consistent`` reads promise to reflect whatever anybody was told before they began.
    """

    client: int
    node: str
    begun: float
    ended: float
    account: str
    balance: int
    height: int
    consistent: bool = True


@dataclass(slots=True)
class History:
    """Everything that the clients of one run recorded. ``failed_reads`` told nothing."""

    payments: list[Payment] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    failed_reads: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, entry: Payment | Read | None) -> None:
        """Take an operation when it has ended; None for a read without an answer."""
        with self._lock:
            match entry:
                case Payment():
                    self.payments.append(entry)
                case Read():
                    self.reads.append(entry)
                case None:
                    self.failed_reads += 1

    def count(self, outcome: Outcome) -> int:
        """How many payments ended so."""
        with self._lock:
            return sum(payment.outcome is outcome for payment in self.payments)

    def longest_wait(self) -> float:
        """The longest time between two answers that something is final, in seconds."""
        ends = sorted(p.ended for p in self.payments if p.outcome is Outcome.FINAL)
        return max((later - earlier for earlier, later in itertools.pairwise(ends)), default=0.0)

    def save(self, path: Path) -> None:
        """One JSON object per operation, in the order in which they began."""
        entries: list[Payment | Read] = sorted(
            [*self.payments, *self.reads], key=lambda entry: entry.begun
        )
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(entry)) + "\n" for entry in entries)
