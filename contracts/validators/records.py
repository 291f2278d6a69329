"""What the ledger stores about validators, their nodes and proven faults."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.ballot import Majority
from contracts.framework.machine import Machine, step
from contracts.framework.parameters import parameters_table
from contracts.framework.types import Lei, PartyKey
from ledger.codec import Struct, Uint
from ledger.evidence import DoubleVote
from ledger.state import Table
from ledger.validators import Validator, ValidatorSet


class ValidatorParameters(Struct, tag="validators.Parameters"):
    """How epochs follow each other, and how guarantors decide about nodes."""

    shortest_epoch: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Fewest blocks that an epoch lasts.")
    ] = 5
    least_validators: Annotated[
        int, Meta(ge=1, le=100, description="Nobody leaves if fewer validators would remain.")
    ] = 1
    decisions: Annotated[
        Majority, Meta(description="Guarantors that must agree to decide about a node.")
    ] = Majority(1, 2)
    vote_days: Annotated[
        int, Meta(ge=1, le=3_650, description="Days that guarantors have to vote about a node.")
    ] = 14


VALIDATOR_PARAMETERS: Final = parameters_table("validators", ValidatorParameters)

VALIDATORS: Final = Table("validators.next", ValidatorSet)
"""One record: the validators that decide the next block. Its hash is the header's
``next_validators_hash``."""


class Member(Struct):
    """A validator of an epoch, as far as proofs about that epoch need it."""

    party: Lei
    vote_key: PartyKey


class Epoch(Struct, tag=1):
    """An epoch for ever: the height of the block that began it, and who decided in it."""

    since: Uint
    members: tuple[Member, ...]


EPOCH: Final = Table("validators.epoch", Epoch)
"""By epoch. Kept for ever, so that evidence against a retired key stays valid."""


class Turn(Struct, tag=1):
    """The height at which the epoch ends."""

    height: Uint


TURN: Final = Table("validators.turn", Turn)
"""One record while changes wait."""


class KeyOwner(Struct, tag=1):
    """Whose vote key it is or was."""

    party: Lei


VOTE_KEY: Final = Table("validators.key", KeyOwner)
"""By vote key: every one that ever was registered. None passes to another party or comes back."""


class Offence(Struct, tag=1):
    """A proven fault of a vote key: the proof, who reported it, and when."""

    party: Lei
    vote_key: PartyKey
    proof: DoubleVote
    reporter: Lei
    height: Uint


OFFENCE: Final = Table("validators.offence", Offence)
"""By vote key: the first proof against it. A second one would say nothing new."""


class NodeState(StrEnum):
    """A node's part in consensus. Those between two states change at the end of the epoch."""

    OBSERVING = "observing"
    JOINING = "joining"
    VOTING = "voting"
    LEAVING = "leaving"
    CONVICTED = "convicted"
    SUSPENDED = "suspended"
    REMOVING = "removing"
    REMOVED = "removed"


IN_OFFICE: Final = frozenset(
    {NodeState.VOTING, NodeState.LEAVING, NodeState.CONVICTED, NodeState.REMOVING}
)
"""The states of nodes that are validators of the epoch."""


class Node(Struct, tag=1):
    """A guarantor's node. ``following`` is what its entry becomes at the end of the epoch."""

    party: Lei
    validator: Validator
    state: NodeState
    due: Uint = 0
    following: Validator | None = None


NODE: Final = Table("validators.node", Node)
"""By party."""

_S = NodeState
_TURN: Final = "the end of the epoch"
_WAITS: Final = "the end of the epoch ends this state, as soon as the limits of a change allow it"
NODE_MACHINE: Final = Machine[Node](
    name="node",
    meaning="A guarantor's node and its part in consensus.",
    table=NODE,
    key=lambda n: (n.party,),
    states=NodeState,
    initial=(_S.OBSERVING, _S.VOTING),
    transitions=(
        step("join", _S.OBSERVING, _S.JOINING, "guarantor"),
        step("enter", _S.JOINING, _S.VOTING, _TURN),
        step("stand back", _S.JOINING, _S.OBSERVING, "guarantor"),
        step("leave", _S.VOTING, _S.LEAVING, "guarantor"),
        step("stay", _S.LEAVING, _S.VOTING, "guarantor"),
        step("go", _S.LEAVING, _S.OBSERVING, _TURN),
        step("convict", (_S.VOTING, _S.LEAVING), _S.CONVICTED, "evidence of a fault"),
        step("suspend", _S.CONVICTED, _S.SUSPENDED, _TURN),
        step("reinstate", _S.CONVICTED, _S.VOTING, "enough guarantors"),
        step("readmit", _S.SUSPENDED, _S.OBSERVING, "enough guarantors"),
        step(
            "expel",
            (_S.VOTING, _S.LEAVING, _S.CONVICTED),
            _S.REMOVING,
            "enough guarantors, or the end of its office",
        ),
        step(
            "remove",
            (_S.OBSERVING, _S.JOINING, _S.SUSPENDED, _S.REMOVING),
            _S.REMOVED,
            "enough guarantors, the end of its office, or the end of the epoch",
        ),
    ),
    limits={},
    rests={
        _S.OBSERVING: "it follows the ledger and serves it; its guarantor decides when it votes",
        _S.JOINING: _WAITS,
        _S.VOTING: "it decides with the others",
        _S.LEAVING: _WAITS,
        _S.CONVICTED: "the end of the epoch suspends it, unless too few others would remain; then "
        "the guarantors decide",
        _S.SUSPENDED: "the guarantors decide, in a ballot that the evidence opened or a later one",
        _S.REMOVING: _WAITS,
    },
    parties=lambda n: (n.party,),
    awaits=lambda n: (),
)
TABLES: Final = (VALIDATORS, EPOCH, TURN, VOTE_KEY, OFFENCE, NODE)
