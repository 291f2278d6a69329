"""All that the API knows of the node: implemented by the service, and by a single-validator
vehicle in the API's own tests.

Every method is called on the node's event loop and none of them blocks it. Reads go to the
committed state, so what the API answers is final.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NotRequired, Protocol, TypedDict

from prometheus_client import CollectorRegistry

from ledger.block import Header

if TYPE_CHECKING:
    from ledger.evidence import DoubleVote
    from ledger.genesis import Genesis
    from ledger.store.interface import ChainStore

Status = Literal["unknown", "pending", "final", "refused"]


@dataclass(frozen=True, slots=True)
class Submission:
    """What a node knows of one transaction.

    ``pending``: checked, held and shared, not yet in a final block. ``final``: applied, at
    ``height`` and receipt ``index``. ``refused`` with a height: recorded as refused, for good;
    without one: not admitted and not recorded, so nothing happened on the ledger and the same
    content may be sent again once the reason is gone. ``unknown``: this node never saw it, or
    dropped it before a block recorded it. ``id`` is None when the bytes do not decode far enough.
    """

    id: bytes | None
    status: Status
    height: int | None = None
    index: int | None = None
    code: str = ""
    reason: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisedAlarm:
    """Something that nobody responsible for a ledger may overlook; alarms are never taken back.

    ``number`` counts a node's alarms from 1, ``code`` is stable, ``text`` a sentence that names
    everything. ``block``, ``position`` (a receipt's index in it) and ``object`` say where, and
    ``source`` which peer showed it, where there is one. After one that ``freezes`` the node
    verifies no further. ``raised_ms`` is the wall clock in ms since the Unix epoch.
    """

    number: int
    code: str
    text: str
    raised_ms: int
    block: int | None = None
    position: int | None = None
    object: str = ""
    source: str = ""
    freezes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a node that verifies for auditors has checked since it was started.

    ``comparisons`` counts the times that a peer's chain was held against the verified one. The last
    complete check of all invariants was made at ``complete_block`` (None: not yet) and took
    ``complete_s`` seconds. ``frozen`` says why nothing more is verified, empty while it is.
    """

    blocks: int
    transactions: int
    certificates: int
    comparisons: int
    complete_checks: int
    complete_block: int | None
    complete_s: float
    frozen: str


class Peer(TypedDict):
    """One other node as this node sees it: a validator by its index, anybody else by a negative
    one."""

    index: int
    name: str
    party: str
    address: str
    reachable: bool
    height: int | None
    lag: int | None
    last_seen_ms: int | None
    certificate_expires_ms: NotRequired[int]


class Description(TypedDict):
    """What the node is doing and why it waits, for people and for ``iic node status``.

    ``waiting_for`` is a sentence, empty while blocks become final; ``peers`` are those of the
    epoch's validators that are not this node. ``quorum`` of ``validators`` are needed and
    ``reachable`` are there, this node included. Times are milliseconds since the Unix epoch.
    ``alarms`` are sentences that the explorer shows on every page. ``not_ready``, if it is there,
    says why the node does not serve its clients now; empty if it does.
    """

    version: str
    name: str
    role: Literal["validator", "observer", "follower"]
    index: int | None
    view: int
    epoch: int
    leader: int | None
    waiting_for: str
    validators: int
    quorum: int
    reachable: int
    started_ms: int
    peers: list[Peer]
    pending_transactions: int
    pending_bytes: int
    syncing: bool
    alarms: NotRequired[list[str]]
    not_ready: NotRequired[str]
    entry: NotRequired[str]
    """The node's part in consensus by the register, such as ``voting`` or ``suspended``."""


class NodeHandle(Protocol):
    """The running node, as far as the API is concerned."""

    @property
    def genesis(self) -> Genesis: ...

    @property
    def genesis_file(self) -> bytes:
        """The genesis file as the node was given it, with every approval."""
        ...

    @property
    def chain_id(self) -> bytes: ...

    @property
    def index(self) -> int | None:
        """This node's position in the current validator set; None for an observer."""
        ...

    @property
    def store(self) -> ChainStore:
        """Read only, committed state; the service's writer thread is its one writer."""
        ...

    @property
    def metrics(self) -> CollectorRegistry:
        """The registry that ``/metrics`` renders; the API adds its own families to it."""
        ...

    async def submit(self, wires: Sequence[bytes]) -> list[Submission]:
        """Check, admit and share transactions; one answer per wire, in order.

        The same bytes get their first result again. A transaction that cannot be admitted is
        answered as ``refused`` without height. Raises :class:`node.errors.Busy` for the whole
        list when the node's bounded queue has no room for it (nothing of it is taken then).
        """
        ...

    def status(self, transaction_id: bytes) -> Submission:
        """What is known of a transaction now; an id never seen gives ``unknown``."""
        ...

    def describe(self) -> Description: ...

    def head(self) -> Header:
        """The newest committed header."""
        ...

    @property
    def alarms(self) -> Sequence[RaisedAlarm]:
        """Every alarm that the node remembers, oldest first."""
        ...

    @property
    def evidence(self) -> Sequence[DoubleVote]:
        """Proofs that guarantors contradicted themselves, each of them verified."""
        ...

    @property
    def watch(self) -> Watch | None:
        """What was checked on behalf of auditors; None for a node that has other work."""
        ...

    async def wait_for_height(self, height: int) -> None:
        """Return as soon as block ``height`` is committed and readable from :attr:`store`."""
        ...

    async def confirm(self) -> None:
        """Return once :attr:`store` reflects every transaction that any node had answered as final
        before this was called. Raises ``NOT_CONFIRMED`` or ``BUSY``."""
        ...
