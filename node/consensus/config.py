"""What a core is constructed from."""

from __future__ import annotations

import msgspec

from ledger.block import Certificate, Vote
from ledger.keys import SigningKey


class CoreConfig(msgspec.Struct, frozen=True):
    """The ledger a core decides for, and its pacing; times in milliseconds.

    Pacing never changes what is decided, so nodes may differ in it. With Δ the longest message
    delay of a healthy network: ``leader_ms`` is 2Δ, ``view_ms`` 3Δ, ``resend_ms`` a few Δ.
    ``heartbeat_ms`` is how long an idle ledger waits for its next, empty block. ``silent_views`` is
    how many views a validator may go unheard before its turn as leader is skipped at once; 0 means
    one round of all validators. ``ahead`` is how many views beyond the current one votes and
    proposals are kept.
    """

    chain_id: bytes
    leader_ms: int = 800
    view_ms: int = 1_200
    resend_ms: int = 1_000
    heartbeat_ms: int = 2_000
    silent_views: int = 0
    ahead: int = 16


class Identity(msgspec.Struct, frozen=True):
    """Who this core is in its epoch: an index and the vote key, or neither for an observer."""

    index: int | None = None
    key: SigningKey | None = None


class Recovered(msgspec.Struct, frozen=True):
    """Where a core starts: at the last committed block, with what was persisted above it.

    ``view`` and ``block`` name the last committed block (genesis: view 0), ``finalization`` is its
    certificate if there is one. ``certificates`` and ``votes`` are all that ``Persist`` effects
    carried, in any order; those at or below ``view`` are ignored. In views below ``abstain_below``
    the core casts no vote: for a node that may have voted there and has lost the record.
    """

    view: int
    block: bytes
    finalization: Certificate | None = None
    certificates: tuple[Certificate, ...] = ()
    votes: tuple[Vote, ...] = ()
    abstain_below: int = 0
