"""What guarantors do about their own nodes: enter, change, join, leave."""

from __future__ import annotations

from contracts.errors import INVALID_TERMS, KEY_IN_USE, NOT_FOUND, UNSAFE_CHANGE, WRONG_STATE
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import Office, Role
from contracts.governance.records import GUARANTOR_CHANGE
from contracts.validators.epochs import move, plan_end
from contracts.validators.events import NodeRegistered
from contracts.validators.operations import (
    Card,
    JoinValidators,
    LeaveValidators,
    RegisterNode,
    RotateNode,
)
from contracts.validators.records import (
    IN_OFFICE,
    NODE,
    NODE_MACHINE,
    OFFENCE,
    VALIDATORS,
    VOTE_KEY,
    KeyOwner,
    Node,
    NodeState,
    ValidatorParameters,
)
from ledger.errors import CodedError
from ledger.genesis import NodeCard
from ledger.validators import Validator


def checked_card(ctx: Context, party: str, card: Card) -> Validator:
    """The entry of a card, if it is sound and fits beside the others.

    Raises ``BAD_GENESIS`` or ``BAD_SIGNATURE`` for the card itself, ``INVALID_TERMS`` where the
    party does not decide for its state or another node has its name, certificate or address, and
    ``KEY_IN_USE`` where the vote key is another node's or was retired.
    """
    validator = Validator(
        party, card.name, card.country, card.vote_key, card.certificate, card.address
    )
    try:
        NodeCard(validator, card.signature).check()
    except CodedError as error:
        raise CodedError(error.code, error.message, field="card") from None
    if Office(Role.GUARANTOR, card.country) not in ctx.party(party).offices:
        raise CodedError(
            INVALID_TERMS, f"{party} is not the guarantor of {card.country}", field="card.country"
        )
    own = ctx.get(NODE, party)
    known = ctx.get(VOTE_KEY, card.vote_key)
    present = own is not None and own.validator.vote_key == card.vote_key
    if known is not None and not present:
        raise CodedError(
            KEY_IN_USE,
            f"{known.party} has or had this vote key; each is registered once",
            field="card.vote_key",
        )
    for _, node in ctx.state.scan(NODE):
        if node.party == party or node.state is NodeState.REMOVED:
            continue
        for entry in (node.validator, node.following or node.validator):
            for name in ("name", "certificate", "address"):
                if getattr(entry, name) == getattr(validator, name):
                    raise CodedError(
                        INVALID_TERMS, f"{node.party} has this {name}", field=f"card.{name}"
                    )
    return validator


def own_node(ctx: Context, party: str, *, field: str = "") -> Node:
    """A party's node; raises ``NOT_FOUND``."""
    node = ctx.get(NODE, party)
    if node is None or node.state is NodeState.REMOVED:
        raise CodedError(NOT_FOUND, f"{party} has no node in the register", field=field)
    return node


@transition(RegisterNode)
def register_node(ctx: Context, op: RegisterNode) -> None:
    """Enter the author's node as one that follows."""
    if ctx.get(VALIDATORS) is None:
        raise CodedError(INVALID_TERMS, "no consensus decides on this ledger")
    known = ctx.get(NODE, ctx.author)
    if known is not None and known.state is not NodeState.REMOVED:
        raise CodedError(WRONG_STATE, "the author has a node; its entry is changed by RotateNode")
    validator = checked_card(ctx, ctx.author, op.card)
    _require_decided(ctx, validator, op.card)
    ctx.put(VOTE_KEY, KeyOwner(ctx.author), validator.vote_key)
    ctx.open(NODE_MACHINE, Node(ctx.author, validator, NodeState.OBSERVING))
    ctx.emit(NodeRegistered(ctx.author, validator.vote_key, validator.address))


def _require_decided(ctx: Context, validator: Validator, card: Card) -> None:
    """The card is the one that the council saw, until the guarantor once had a node."""
    decided = None
    for _, change in ctx.state.scan(GUARANTOR_CHANGE):
        if change.party == ctx.author and change.node is not None:
            decided = change.node
    shown = NodeCard(validator, card.signature).digest()
    if decided is not None and decided != shown and ctx.get(NODE, ctx.author) is None:
        raise CodedError(
            INVALID_TERMS,
            f"the council admitted the card {decided.hex()}, this one is {shown.hex()}",
            field="card",
        )


@transition(RotateNode)
def rotate_node(ctx: Context, op: RotateNode) -> None:
    """Change the author's own entry."""
    node = own_node(ctx, ctx.author)
    change_entry(ctx, node, checked_card(ctx, ctx.author, op.card))


def change_entry(ctx: Context, node: Node, validator: Validator) -> None:
    """Give a node another entry: a validator's with the next epoch, any other's now."""
    if node.state is NodeState.REMOVING:
        raise CodedError(WRONG_STATE, "the node is being removed")
    if validator == node.validator and node.following is None:
        raise CodedError(INVALID_TERMS, "this is the entry in force", field="card")
    ctx.put(VOTE_KEY, KeyOwner(node.party), validator.vote_key)
    if node.state in IN_OFFICE:
        following = None if validator == node.validator else validator
        ctx.amend(NODE_MACHINE, node, following=following)
        plan_end(ctx)
    else:
        ctx.amend(NODE_MACHINE, node, validator=validator)
    ctx.emit(NodeRegistered(node.party, validator.vote_key, validator.address))


@transition(JoinValidators)
def join_validators(ctx: Context, op: JoinValidators) -> None:
    """Have the author's node vote from the next epoch on, or stay if it was about to leave."""
    node = own_node(ctx, ctx.author)
    if node.state is NodeState.LEAVING:
        move(ctx, node, "stay", "")
        return
    if ctx.get(OFFENCE, node.validator.vote_key) is not None:
        raise CodedError(KEY_IN_USE, "this vote key is convicted of a fault; rotate it first")
    move(ctx, node, "join", "")
    plan_end(ctx)


@transition(LeaveValidators)
def leave_validators(ctx: Context, op: LeaveValidators) -> None:
    """Have the author's node stop voting, if enough others remain."""
    node = own_node(ctx, ctx.author)
    if node.state is NodeState.JOINING:
        move(ctx, node, "stand back", op.reason)
        return
    staying = sum(
        n.state is NodeState.VOTING and n.party != node.party for _, n in ctx.state.scan(NODE)
    )
    least = ctx.params(ValidatorParameters).least_validators
    if node.state is NodeState.VOTING and staying < max(1, least):
        raise CodedError(UNSAFE_CHANGE, f"{staying} validators would remain, at least {least} must")
    move(ctx, node, "leave", op.reason)
    plan_end(ctx)
