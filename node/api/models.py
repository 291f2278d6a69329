"""What the API answers, as typed structures: the server encodes them, the client decodes them,
and the OpenAPI document is generated from them.

Ids, hashes and keys are lower-case hex. Amounts are integers in minor units with their text
beside; times are ISO 8601 in UTC with milliseconds since the Unix epoch beside. ``height`` is the
height of the committed state that an answer reflects. Clients ignore fields they do not know, so
fields may be added; none is renamed, and none changes its meaning.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, dataclass_transform

import msgspec
from msgspec import Meta

Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})*$", description="Bytes as lower-case hex.")]
Iso = Annotated[str, Meta(description="ISO 8601, UTC, with milliseconds.")]
Ms = Annotated[int, Meta(description="Milliseconds since the Unix epoch.")]
Height = Annotated[int, Meta(ge=0, description="A block's height; 0 is the genesis block.")]
Index = Annotated[int, Meta(ge=0, description="A receipt's position in its block.")]
Cursor = Annotated[str, Meta(description="Opaque; pass it back for the next page. Empty: the end.")]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class View(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything below."""


class Problem(View):
    """RFC 9457 problem details. ``code`` is stable and what programs act on."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str = ""


class Moment(View):
    """A time of the ledger or of the node's clock."""

    iso: Iso
    ms: Ms


class Money(View):
    """An amount: an integer in minor units (cents of an SCU), and as people write it."""

    amount: int
    text: str
    unit: str


class Answer(View):
    """An answer from committed state."""

    height: Height


class SubmissionView(View):
    """What the node knows of one transaction.

    ``pending``: accepted and shared, not final. ``final``: applied. ``refused`` with a height:
    recorded as refused; without one: not admitted, nothing was recorded. ``unknown``: this node
    has not seen it, or a block left it out.
    """

    id: Hex | None
    status: Literal["unknown", "pending", "final", "refused"]
    height: Height | None = None
    index: Index | None = None
    code: str = ""
    reason: str = ""
    field: str = ""


class SubmissionAnswer(Answer):
    """One entry per transaction, in the order in which they were sent."""

    transactions: list[SubmissionView]


class SubmissionRequest(View, forbid_unknown_fields=True):
    """Signed transactions, each in URL-safe base64 without padding."""

    transactions: Annotated[list[str], Meta(min_length=1)]


class StatusRequest(View, forbid_unknown_fields=True):
    """Transaction ids to ask about."""

    ids: Annotated[list[Hex], Meta(min_length=1)]


class PostingView(View):
    """One side of an entry: ``amount`` is signed, positive when it raises the account's balance."""

    account: str
    amount: Money
    balance: Money
    sequence: int
    previous: tuple[Height, Index] | None
    """Where this account's posting before this one is: (height, index)."""


class EventView(View):
    """Something that a receipt says happened, with its fields by name."""

    name: str
    text: str
    fields: dict[str, Any]


class ReceiptView(View):
    """What a block says happened to one transaction, or at one deadline."""

    subject: Hex
    kind: Literal["transaction", "deadline"]
    at: Height
    index: Index
    time: Moment
    applied: bool
    code: str
    reason: str
    field: str
    postings: list[PostingView]
    events: list[EventView]


class OperationView(View):
    """One operation of a transaction: its name, its meaning in words, its fields by name."""

    name: str
    text: str
    fields: dict[str, Any]


class TransactionView(Answer):
    """A transaction's status, and, once it is recorded, its content and receipt."""

    submission: SubmissionView
    author: str = ""
    reference: str = ""
    valid_until: Moment | None = None
    operations: list[OperationView] = []
    signers: list[Hex] = []
    receipt: ReceiptView | None = None


class CertificateView(View):
    """A quorum's signatures, by the validators' indices in their epoch."""

    kind: Literal["notarization", "nullification", "finalization"]
    epoch: int
    view: int
    signers: list[int]


class BlockView(View):
    """A block's header. ``certificate`` is the finalization of exactly this block when the node
    holds one; else a later block's finalization covers it."""

    block: Height
    hash: Hex
    view: int
    epoch: int
    parent: Hex
    time: Moment
    transactions: int
    receipts: int
    transactions_root: Hex
    receipts_root: Hex
    state_root: Hex
    history_root: Hex
    validators_hash: Hex
    next_validators_hash: Hex
    protocol: int
    certificate: CertificateView | None = None


class BlockAnswer(Answer):
    """One block."""

    block: BlockView


class BlockPage(Answer):
    """Blocks, newest first. ``before`` continues: pass it as ``?before=``; None at the end."""

    blocks: list[BlockView]
    before: Height | None


class BlockRows(Answer):
    """What one block records, in order: deadlines that fired, then transactions."""

    block: Height
    rows: list[RowView]
    next: Cursor


class RowView(View):
    """One receipt and, unless it is a deadline's, the transaction it answers."""

    id: Hex
    author: str
    reference: str
    operations: list[OperationView]
    receipt: ReceiptView


class HistoryPage(Answer):
    """Entries that concern a party or an object, newest first."""

    entries: list[RowView]
    next: Cursor


class AccountEntry(View):
    """One posting of an account, and the transaction or deadline that made it."""

    posting: PostingView
    row: RowView


class AccountPage(Answer):
    """An account's postings, newest first. ``count`` is how many there are in all."""

    account: str
    balance: Money
    count: int
    entries: list[AccountEntry]
    next: Cursor


class BlockEvent(View):
    """The data of a server-sent event ``block``; its id is the height."""

    height: Height
    hash: Hex
    view: int
    time: Moment
    state_root: Hex
    receipts: int
    transactions: list[EventTransaction]
    filtered: bool = False


class EventTransaction(View):
    """A transaction in a block event; ``code`` is empty when it was applied."""

    id: Hex
    status: Literal["final", "refused"]
    code: str = ""


class GapEvent(View):
    """The data of a server-sent event ``gap``: blocks ``first`` to ``last`` are not replayed here;
    read them under ``/v1/blocks``."""

    first: Height
    last: Height
    reason: str


class ErrorView(View):
    """A published error code."""

    code: str
    status: int
    meaning: str


class ErrorCatalogue(Answer):
    """Every code that this node can answer with."""

    errors: list[ErrorView]


class PeerView(View):
    """Another validator, as this node sees it."""

    index: int
    name: str
    party: str
    address: str
    reachable: bool
    height: int | None
    lag: int | None
    last_seen: Moment | None
    certificate_expires: Moment | None = None


class NodeView(Answer):
    """What the node is doing and why it waits."""

    chain_id: Hex
    network: str
    version: str
    name: str
    role: Literal["validator", "observer"]
    index: int | None
    head: BlockView
    clock: Moment
    started: Moment
    view: int
    epoch: int
    leader: int | None
    waiting_for: str
    ready: bool
    not_ready_because: str
    validators: int
    quorum: int
    reachable: int
    further_failures_tolerated: int
    peers: list[PeerView]
    pending_transactions: int
    pending_bytes: int
    syncing: bool


class Readiness(Answer):
    """Whether the node serves its clients now, and why not."""

    ready: bool
    reason: str
