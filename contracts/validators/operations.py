"""What guarantors can do about their nodes, and about each other's."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.errors import (
    ALREADY_REPORTED,
    INVALID_TERMS,
    KEY_IN_USE,
    MOTION_OPEN,
    NO_VOTERS,
    NOT_ENTITLED,
    NOT_FOUND,
    UNSAFE_CHANGE,
    WRONG_STATE,
)
from contracts.framework.authority import Signing, holder_of
from contracts.framework.ballot import BallotOpened
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Role
from contracts.framework.types import (
    Count,
    Country,
    Digest,
    Kind,
    Lei,
    PartyKey,
    Reason,
    kind_of,
)
from contracts.validators.events import FaultProven, NodeMoved, NodeRegistered
from contracts.validators.records import NODE, NodeState
from ledger import limits
from ledger.codec import Struct
from ledger.errors import BAD_FAULT_PROOF, BAD_GENESIS, BAD_SIGNATURE
from ledger.limits import MAX_INT
from ledger.policy import Key, Keyring
from ledger.state import State

GUARANTOR: Final = holder_of(Role.GUARANTOR)
SignatureBytes = Annotated[bytes, Meta(min_length=64, max_length=64), kind_of(Kind.BYTES)]
_CARD_ERRORS = (BAD_GENESIS, BAD_SIGNATURE, INVALID_TERMS, KEY_IN_USE)


class Card(Struct):
    """A node's public half, as ``iic node card`` shows it, signed with its vote key."""

    name: Annotated[
        str, Meta(min_length=1, max_length=64, description="What others call the node.")
    ]
    country: Annotated[Country, Meta(description="For which state it decides.")]
    vote_key: Annotated[PartyKey, Meta(description="The key that signs its votes.")]
    certificate: Annotated[
        bytes,
        Meta(
            min_length=1,
            max_length=limits.MAX_CERTIFICATE_BYTES,
            description="Its TLS certificate (X.509, DER).",
        ),
        kind_of(Kind.BYTES),
    ]
    address: Annotated[
        str, Meta(min_length=3, max_length=128, description="Where peers reach it, host:port.")
    ]
    signature: Annotated[
        SignatureBytes, Meta(description="By the vote key: whoever made the card holds it.")
    ]


CardField = Annotated[Card, Meta(description="The node's card.")]


@operation(
    policy="office",
    by=GUARANTOR,
    emits=(NodeRegistered, NodeMoved),
    errors=(*_CARD_ERRORS, WRONG_STATE),
    text={
        "en": "Register the node {card}",
        "ru": "Зарегистрировать узел {card}",
        "zh": "登记节点 {card}",
    },
)
class RegisterNode(Operation, tag="validators.RegisterNode"):
    """Enter one's node. It may connect to the others from now on, and follows without a vote.

    Where the guarantor's admission named a node card, it must be this one.
    """

    card: CardField


@operation(
    policy="keys",
    by=GUARANTOR,
    emits=(NodeRegistered,),
    errors=(*_CARD_ERRORS, NOT_FOUND, WRONG_STATE),
    text={
        "en": "Change the node's entry to {card}",
        "ru": "Изменить запись узла на {card}",
        "zh": "将节点登记变更为 {card}",
    },
)
class RotateNode(Operation, tag="validators.RotateNode"):
    """Give one's node another vote key, TLS certificate, address or name.

    A validator's entry changes with the next epoch, a few blocks from now; any other node's at
    once. A retired vote key never returns, and evidence against it stays valid.
    """

    card: CardField


@operation(
    policy="office",
    by=GUARANTOR,
    emits=(NodeMoved,),
    errors=(NOT_FOUND, WRONG_STATE, KEY_IN_USE, INVALID_TERMS),
    text={
        "en": "Have the node decide from the next epoch on",
        "ru": "Включить узел в число решающих со следующей эпохи",
        "zh": "节点自下一周期起参与决定",
    },
)
class JoinValidators(Operation, tag="validators.JoinValidators"):
    """Have one's registered node vote from the next epoch on. It should be in step by now."""


@operation(
    policy="office",
    by=GUARANTOR,
    emits=(NodeMoved,),
    errors=(NOT_FOUND, WRONG_STATE, UNSAFE_CHANGE, INVALID_TERMS),
    text={
        "en": "Have the node stop deciding from the next epoch on: {reason}",
        "ru": "Исключить узел из числа решающих со следующей эпохи: {reason}",
        "zh": "节点自下一周期起停止参与决定：{reason}",
    },
)
class LeaveValidators(Operation, tag="validators.LeaveValidators"):
    """Have one's node vote no more from the next epoch on. It goes on following and serving."""

    reason: Annotated[Reason, Meta(description="Why.")]


class NodeStep(StrEnum):
    """What guarantors can decide about a node."""

    REMOVE = "remove"
    """It votes no more, and its entry ends."""
    REINSTATE = "reinstate"
    """It may vote again, with another vote key."""
    REPLACE = "replace"
    """It gets the entry of a card: the rescue of a guarantor that cannot sign for itself."""


@operation(
    policy="governance",
    by=GUARANTOR,
    emits=(BallotOpened,),
    errors=(*_CARD_ERRORS, NOT_FOUND, WRONG_STATE, MOTION_OPEN, NO_VOTERS),
    text={
        "en": "Propose to {change} the node of {party}, card {card}: {reason}",
        "ru": "Предложить {change} узел {party}, карточка {card}: {reason}",
        "zh": "提议{change}{party} 的节点，节点卡 {card}：{reason}",
    },
)
class ProposeNode(Operation, tag="validators.ProposeNode"):
    """Put it to the guarantors to remove a node, reinstate it, or replace its entry."""

    party: Annotated[Lei, Meta(description="Whose node.")]
    change: Annotated[NodeStep, Meta(description="Remove, reinstate or replace.")]
    reason: Annotated[Reason, Meta(description="Why.")]
    card: Annotated[Card | None, Meta(description="The new card, to replace the entry.")] = None


class CastKind(StrEnum):
    """The three votes of consensus."""

    NOTARIZE = "notarize"
    NULLIFY = "nullify"
    FINALIZE = "finalize"


class SeenVote(Struct):
    """A vote as the faulty node signed it."""

    kind: Annotated[CastKind, Meta(description="Which vote.")]
    block: Annotated[Digest, Meta(description="The block's hash; zeros in a nullify vote.")]
    signature: Annotated[SignatureBytes, Meta(description="The node's signature.")]


def _node_key(state: State, author: str) -> Keyring:
    node = state.get(NODE, author)
    if node is None or node.state is NodeState.REMOVED:
        return Keyring((), ())
    return Keyring((Key("node", "node", node.validator.vote_key, 0, MAX_INT),), ())


@operation(
    policy="governance",
    by=GUARANTOR,
    signing=Signing.by_key_of("by its node's vote key", _node_key),
    emits=(FaultProven, NodeMoved, BallotOpened),
    errors=(NOT_FOUND, BAD_FAULT_PROOF, ALREADY_REPORTED, NOT_ENTITLED),
    text={
        "en": "Report that validator {signer} of epoch {epoch} contradicted itself in view {view}: "
        "{first}; {second}",
        "ru": "Сообщить: валидатор {signer} эпохи {epoch} противоречил себе в раунде {view}: "
        "{first}; {second}",
        "zh": "举报：周期 {epoch} 的验证者 {signer} 在视图 {view} 自相矛盾：{first}；{second}",
    },
)
class ReportFault(Operation, tag="validators.ReportFault"):
    """Prove that a guarantor's node signed two votes that no correct node signs both.

    Nodes report by themselves, with their vote keys. The first proof against a key is recorded:
    the vote ends with the epoch, and the guarantors are asked what becomes of the node.
    """

    epoch: Annotated[Count, Meta(description="The epoch of both votes.")]
    view: Annotated[Count, Meta(description="Their view.")]
    signer: Annotated[Count, Meta(description="The validator's index in that epoch.")]
    first: Annotated[SeenVote, Meta(description="The vote that comes first by kind and block.")]
    second: Annotated[SeenVote, Meta(description="The other one.")]
