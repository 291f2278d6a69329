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
Fields = Annotated[
    dict[str, Any],
    Meta(description="By name, in the form of the JSON Schema: integers and hex."),
]
Shown = Annotated[
    dict[str, str],
    Meta(description="Texts of the amounts and times among the fields, by path."),
]
Cursor = Annotated[str, Meta(description="Opaque; pass it back for the next page. Empty: the end.")]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class View(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything below."""


class Problem(View, kw_only=True):
    """RFC 9457 problem details. ``code`` is stable and what programs act on."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str = ""


class Moment(View, kw_only=True):
    """A time of the ledger or of the node's clock."""

    iso: Iso
    ms: Ms


class Money(View, kw_only=True):
    """An amount: an integer in minor units (cents of an SCU), and as people write it."""

    amount: int
    text: str
    unit: str


class Answer(View, kw_only=True):
    """An answer from committed state."""

    height: Height


class Naming(Answer, kw_only=True):
    """An answer that mentions parties: ``names`` are their registered names by LEI."""

    names: dict[str, str] = {}


class SubmissionView(View, kw_only=True):
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


class SubmissionAnswer(Answer, kw_only=True):
    """One entry per transaction, in the order in which they were sent."""

    transactions: list[SubmissionView]


class SubmissionRequest(View, kw_only=True, forbid_unknown_fields=True):
    """Signed transactions, each in URL-safe base64 without padding."""

    transactions: Annotated[list[str], Meta(min_length=1)]


class StatusRequest(View, kw_only=True, forbid_unknown_fields=True):
    """Transaction ids to ask about."""

    ids: Annotated[list[Hex], Meta(min_length=1)]


class PostingView(View, kw_only=True):
    """One side of an entry: ``amount`` is signed, positive when it raises the account's balance."""

    account: str
    amount: Money
    balance: Money
    sequence: int
    previous: tuple[Height, Index] | None
    """Where this account's posting before this one is: (height, index)."""


class EventView(View, kw_only=True):
    """Something that a receipt says happened, with its fields by name."""

    name: str
    fields: Fields
    shown: Shown = {}


class ReceiptView(View, kw_only=True):
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


class OperationView(View, kw_only=True):
    """One operation of a transaction: its name, its meaning in words, its fields by name."""

    name: str
    text: str
    fields: Fields
    shown: Shown


class StatementView(View, kw_only=True):
    """What was signed, in plain words; ``sha256`` is of the text's UTF-8 and the same anywhere."""

    language: str
    text: str
    sha256: Hex


class TransactionView(Naming, kw_only=True):
    """A transaction's status, and, once it is recorded, its content and receipt."""

    submission: SubmissionView
    author: str = ""
    reference: str = ""
    valid_until: Moment | None = None
    operations: list[OperationView] = []
    signers: list[Hex] = []
    statement: StatementView | None = None
    receipt: ReceiptView | None = None


class CertificateView(View, kw_only=True):
    """A quorum's signatures, or a recovery's, by the validators' indices in their epoch."""

    kind: Literal["notarization", "nullification", "finalization", "recovery"]
    epoch: int
    view: int
    signers: list[int]


class BlockView(View, kw_only=True):
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


class BlockAnswer(Answer, kw_only=True):
    """One block."""

    block: BlockView


class BlockPage(Answer, kw_only=True):
    """Blocks, newest first. ``before`` continues: pass it as ``?before=``; None at the end."""

    blocks: list[BlockView]
    before: Height | None


class BlockRows(Naming, kw_only=True):
    """What one block records, in order: deadlines that fired, then transactions."""

    block: Height
    rows: list[RowView]
    next: Cursor


class RowView(View, kw_only=True):
    """One receipt and, unless it is a deadline's, the transaction it answers."""

    id: Hex
    author: str
    reference: str
    operations: list[OperationView]
    receipt: ReceiptView


class HistoryPage(Naming, kw_only=True):
    """Entries that concern a party or an object, newest first."""

    entries: list[RowView]
    next: Cursor


class AccountView(View, kw_only=True):
    """An account: ``owner/kind`` or ``owner/kind/reference``.

    A credit raises the signed balance. ``count`` is the number of its postings.
    """

    account: str
    owner: str
    kind: str
    meaning: str
    balance: Money
    count: int
    last: tuple[Height, Index] | None


class AccountAnswer(Naming, kw_only=True):
    """One account."""

    account: AccountView


class AccountsAnswer(Naming, kw_only=True):
    """A party's accounts."""

    party: str
    accounts: list[AccountView]
    next: Cursor


class AccountEntry(View, kw_only=True):
    """One posting of an account and what made it.

    ``counterparties`` are the owners of the receipt's other accounts, at most 8 of
    ``counterparty_count``.
    """

    posting: PostingView
    at: Height
    index: Index
    time: Moment
    id: Hex
    kind: Literal["transaction", "deadline"]
    author: str
    reference: str
    texts: list[str]
    events: list[str]
    counterparties: list[str]
    counterparty_count: int


class AccountPage(Naming, kw_only=True):
    """An account's postings, newest first."""

    account: AccountView
    entries: list[AccountEntry]
    next: Cursor


class PartyView(View, kw_only=True):
    """A party of the register. ``rights`` are what its standing allows."""

    lei: str
    name: str
    kind: str
    country: str
    home: str
    standing: str
    since: Moment
    due: Moment | None
    reason: str
    offices: list[str]
    rights: list[str]


class PartyPage(Answer, kw_only=True):
    """Parties in the order of their LEIs."""

    parties: list[PartyView]
    next: Cursor


class KeyView(View, kw_only=True):
    """A registered key. ``usable`` at the time of the newest block."""

    name: str
    role: str
    public_key: Hex
    valid_from: Moment
    expires: Moment
    status: str
    usable: bool


class RequirementView(View, kw_only=True):
    """So many signatures by distinct keys of a role (`*` for any)."""

    role: str
    count: int


class RuleView(View, kw_only=True):
    """A rule of a signing policy: who together approves a class of operations, up to an amount."""

    operation_class: str
    required: list[RequirementView]
    max_amount: Money | None
    daily_limit: Money | None


class PartyAnswer(Naming, kw_only=True):
    """A party with its keys, signing policy and whatever needs attention."""

    party: PartyView
    profile: Fields
    keys: list[KeyView]
    rules: list[RuleView]
    warnings: list[str]


class TodoItem(View, kw_only=True):
    """An open object that concerns a party. ``acts``: the party has to act in this state.

    ``capacity`` is empty, or the office by which it concerns the party. ``events`` are what the
    state allows.
    """

    machine: str
    id: Hex | None
    key: list[str | int]
    state: str
    due: Moment | None
    acts: bool
    capacity: str
    events: list[str]
    fields: Fields
    shown: Shown


class TodoAnswer(Naming, kw_only=True):
    """A party's open objects; those that wait for it alone unless all were asked for."""

    party: str
    items: list[TodoItem]
    next: Cursor


class ObjectAnswer(Naming, kw_only=True):
    """An object with a life of its own: an escrow, a payment request, an application …"""

    id: Hex
    machine: str
    meaning: str
    state: str
    ended: bool
    due: Moment | None
    awaits: list[str]
    events: list[str]
    fields: Fields
    shown: Shown


class SupplyState(View, kw_only=True):
    """One state's part of the currency.

    ``outstanding`` is what its issuer has issued and not redeemed; it stays within ``reserve``,
    the newest attestation. ``free`` is the reserve that backs no issue yet. Issue stops when the
    attestation is no longer fresh.
    """

    state: str
    issuer: str
    outstanding: Money
    reserve: Money
    free: Money
    attested: Moment | None
    fresh_until: Moment | None
    fresh: bool


class SupplyAnswer(Naming, kw_only=True):
    """What each state's issuer has outstanding, and the reserve attested for it."""

    states: list[SupplyState]
    outstanding: Money
    reserve: Money


class DeclarationView(View, kw_only=True):
    """A declared operation; ``schema`` is the JSON Schema of its fields."""

    name: str
    title: str
    capability: str
    meaning: str
    policy: str
    by: str
    signing: str
    cosigned_by: str
    posts: list[str]
    emits: list[str]
    errors: list[str]
    text: dict[str, str]
    schema: dict[str, Any]


class DeclarationsAnswer(Answer, kw_only=True):
    """Every operation that a transaction may carry."""

    operations: list[DeclarationView]


class RenderRequest(View, kw_only=True):
    """Operations in their JSON form, or the content of a transaction; one of the two."""

    operations: list[dict[str, Any]] = []
    content: Hex = ""
    language: str = "en"


class RenderAnswer(Answer, kw_only=True):
    """Each operation in the words that are signed, and, of a whole transaction, its statement."""

    texts: list[str]
    statement: StatementView | None = None


class BlockEvent(View, kw_only=True):
    """The data of a server-sent event ``block``; its id is the height."""

    height: Height
    hash: Hex
    view: int
    time: Moment
    state_root: Hex
    transactions: list[EventRow]
    deadlines: list[EventRow] = []
    filtered: bool = False


class EventRow(View, kw_only=True):
    """A transaction, or a deadline that fired, in a block event; ``code`` is empty when it was
    applied."""

    id: Hex
    status: Literal["final", "refused"]
    code: str = ""


class GapEvent(View, kw_only=True):
    """The data of a server-sent event ``gap``: blocks ``first`` to ``last`` are not replayed here;
    read them under ``/v1/blocks``."""

    first: Height
    last: Height
    reason: str


class ErrorView(View, kw_only=True):
    """A published error code."""

    code: str
    status: int
    meaning: str


class ErrorCatalogue(Answer, kw_only=True):
    """Every code that this node can answer with."""

    errors: list[ErrorView]


class PeerView(View, kw_only=True):
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


class UpgradeView(View, kw_only=True):
    """A protocol that the guarantors decided on and that applies from a height on.

    ``known`` tells whether this node's software has its rules; one that has not stops before that
    height. ``release`` is the digest of the release to install.
    """

    protocol: int
    from_height: int
    release: Hex | None
    known: bool


class NodeView(Answer, kw_only=True):
    """What the node is doing and why it waits. ``entry`` is its part in consensus by the
    register, ``""`` for a node that is not registered."""

    chain_id: Hex
    network: str
    version: str
    name: str
    role: Literal["validator", "observer", "follower"]
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
    protocol: int = 1
    """The version whose rules made the newest block."""
    upgrade: UpgradeView | None = None
    entry: str = ""
    history_from: int = 0
    """The lowest block whose transactions this node holds: above 0 once it was pruned or joined by
    a snapshot. Headers, proofs of the state and the validators' changes are complete."""


class Readiness(Answer, kw_only=True):
    """Whether the node serves its clients now, and why not."""

    ready: bool
    reason: str


class AlarmView(View, kw_only=True):
    """Something that nobody responsible for a ledger may overlook."""

    number: int
    code: str
    text: str
    raised: Moment
    block: int | None
    position: int | None
    object: str
    source: str
    freezes: bool


class WatchView(View, kw_only=True):
    """What a follower has checked since it was started."""

    blocks: int
    transactions: int
    certificates: int
    comparisons: int
    complete_checks: int
    complete_block: int | None
    complete_s: float
    frozen: str


class AlarmsAnswer(Answer, kw_only=True):
    """The alarms that the node remembers, oldest first, and what it checks as a follower."""

    alarms: list[AlarmView]
    watch: WatchView | None


class EvidenceView(View, kw_only=True):
    """Two votes of one guarantor of which a correct one signs at most one.

    ``proof`` are the votes in canonical bytes; they verify by the epoch's validators alone.
    """

    validator: int
    name: str
    party: str
    epoch: int
    view: int
    votes: list[str]
    proof: Hex


class EntryView(View, kw_only=True):
    """A guarantor's node in the register. ``state`` is its part in consensus, ``index`` its place
    among the validators of the epoch; ``following`` is the vote key that it gets with the next."""

    party: str
    name: str
    country: str
    state: str
    index: int | None
    vote_key: Hex
    following: Hex | None
    address: str
    certificate_expires: Moment | None


class FaultView(View, kw_only=True):
    """A fault that the ledger has on record: two votes of one key that exclude each other."""

    party: str
    vote_key: Hex
    epoch: int
    view: int
    votes: list[str]
    reporter: str
    recorded_at: int
    proof: Hex


class ValidatorsAnswer(Answer, kw_only=True):
    """Who decides: the epoch in force since block ``since``, which ends with block ``ends`` if
    changes wait. Of its validators ``quorum`` are needed and ``tolerated`` may fail."""

    epoch: int
    since: int
    ends: int | None
    quorum: int
    tolerated: int
    nodes: list[EntryView]
    faults: list[FaultView]


class EvidenceAnswer(Answer, kw_only=True):
    """Every contradiction of a guarantor that this node can prove."""

    evidence: list[EvidenceView]
