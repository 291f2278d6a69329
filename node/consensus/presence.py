"""Who was heard lately, so that the turn of a silent leader is skipped at once."""

from __future__ import annotations


class Presence:
    """For each validator, the newest view it has voted in and when (in views) we learned it.

    Measured in this node's own views, so an idle or stopped ledger makes nobody silent. Only a
    newer vote or proposal than the last counts: replaying an old one does not revive anybody.
    """

    __slots__ = ("_newest", "_patience", "_when")

    def __init__(self, size: int, patience: int, view: int) -> None:
        self._patience = patience
        self._newest = [0] * size
        self._when = [view] * size

    def heard(self, index: int, view: int, now: int) -> None:
        """An authentic message by a validator about ``view`` has come while in view ``now``."""
        if view > self._newest[index]:
            self._newest[index] = view
            self._when[index] = max(now, self._when[index])

    def excuse_all(self, view: int) -> None:
        """This node was away itself and knows nothing about anybody's silence."""
        self._when = [view] * len(self._when)

    def in_doubt(self, index: int, view: int, now: int) -> bool:
        """Whether it is worth verifying a message about ``view`` only to hear its sender."""
        return view > self._newest[index] and now - self._when[index] > self._patience // 2

    def is_silent(self, index: int, now: int) -> bool:
        """Whether nothing new came for too many views."""
        return now - self._when[index] > self._patience
