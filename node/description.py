"""What a node is doing and why it waits, in words. Pure: from facts to a description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import NamedTuple

from ledger.block import Header
from ledger.validators import ValidatorSet
from node.api.handle import Description, Peer
from node.network.peers import PeerState


class Facts(NamedTuple):
    """What a description is made from. Times are milliseconds since the Unix epoch.

    ``number`` is this node's validator index. ``doing`` are sentences of the replica and the core
    about what they wait for, most specific first. ``final_ms`` is when the last block became
    durable here, None before the first since start; ``idle_ms`` is how long a healthy, idle ledger
    takes for a block. ``entry`` is the state of its node in the register, if it has one.
    """

    name: str
    number: int | None
    validators: ValidatorSet
    head: Header
    view: int
    leader: int | None
    doing: Sequence[str]
    peers: Sequence[PeerState]
    heights: Mapping[int, int]
    pending_transactions: int
    pending_bytes: int
    syncing: bool
    now_ms: int
    started_ms: int
    final_ms: int | None
    idle_ms: int
    entry: str = ""


def version() -> str:
    """The installed version of the distribution."""
    try:
        return installed_version("iic")
    except PackageNotFoundError:
        return "0+source"


def describe(facts: Facts) -> Description:
    """The description that the API serves and ``iic node status`` prints."""
    return Description(
        version=version(),
        name=facts.name,
        role="observer" if facts.number is None else "validator",
        index=facts.number,
        view=facts.view,
        epoch=facts.validators.epoch,
        leader=facts.leader,
        waiting_for=waiting_for(facts),
        validators=facts.validators.size,
        quorum=facts.validators.quorum,
        reachable=_reachable(facts),
        started_ms=facts.started_ms,
        peers=[_peer(facts, state) for state in facts.peers if state.entry.peer >= 0],
        pending_transactions=facts.pending_transactions,
        pending_bytes=facts.pending_bytes,
        syncing=facts.syncing,
        entry=facts.entry,
    )


def waiting_for(facts: Facts) -> str:
    """Why there is no new block, as one sentence; empty while blocks become final."""
    since = facts.final_ms if facts.final_ms is not None else facts.started_ms
    if facts.now_ms - since <= facts.idle_ms:
        return ""
    missing = facts.validators.quorum - _reachable(facts)
    if missing > 0:
        absent = [s.entry.name for s in facts.peers if s.entry.peer >= 0 and not s.connected]
        return (
            f"a quorum: {facts.validators.quorum} of {facts.validators.size} guarantors are "
            f"needed, {_reachable(facts)} are here; not connected: {', '.join(absent)}"
        )
    if facts.syncing:
        best = max(facts.heights.values(), default=facts.head.height)
        return f"final blocks {facts.head.height + 1} to {best}, which peers have"
    return "; ".join(sentence for sentence in facts.doing if sentence)


def _reachable(facts: Facts) -> int:
    connected = sum(1 for s in facts.peers if s.connected and s.entry.peer >= 0)
    return connected + (facts.number is not None)


def _peer(facts: Facts, state: PeerState) -> Peer:
    entry = state.entry
    height = facts.heights.get(entry.peer)
    peer = Peer(
        index=entry.peer,
        name=entry.name,
        party=facts.validators.validators[entry.peer].party,
        address=entry.address,
        reachable=state.connected,
        height=height,
        lag=None if height is None else max(0, facts.head.height - height),
        last_seen_ms=state.heard_ms,
    )
    if state.expires_ms is not None:
        peer["certificate_expires_ms"] = state.expires_ms
    return peer
