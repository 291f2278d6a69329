"""Epochs: when one ends, and who decides in the next.

A change of the set waits for the end of the epoch, at least ``shortest_epoch`` blocks after it
began. The block of that height is the last one that the old set decides, and its state names the
next set. A change never takes a quorum out of the hands of those that vote already: of the next
set at most ``f`` validators are new or have a new vote key, so that the ledger goes on even if none
of them is there. (One always may be: a set of fewer than four tolerates no fault anyway.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from contracts.framework.context import Context
from contracts.framework.parameters import parameters_of
from contracts.framework.schedule import at_height, cancel_at_height, deadline
from contracts.validators.events import EpochEnded, NodeMoved
from contracts.validators.records import (
    EPOCH,
    NODE,
    NODE_MACHINE,
    TURN,
    VALIDATORS,
    VOTE_KEY,
    Epoch,
    KeyOwner,
    Member,
    Node,
    NodeState,
    Turn,
    ValidatorParameters,
)
from ledger import limits
from ledger.state import State
from ledger.validators import Validator, ValidatorSet

END_OF_EPOCH: Final = "validators.end"
RECOVERY: Final = "validators.recovery"
"""What the receipt of a recovery is named after; nothing arranges one."""


def found_validators(ctx: Context, validators: ValidatorSet) -> None:
    """Enter the first validators, as genesis names them."""
    ctx.put(VALIDATORS, validators)
    _put_epoch(ctx, validators)
    for validator in validators.validators:
        ctx.put(VOTE_KEY, KeyOwner(validator.party), validator.vote_key)
        ctx.open(NODE_MACHINE, Node(validator.party, validator, NodeState.VOTING))


def _put_epoch(ctx: Context, validators: ValidatorSet) -> None:
    members = tuple(Member(v.party, v.vote_key) for v in validators.validators)
    ctx.put(EPOCH, Epoch(ctx.height, members), validators.epoch)


def plan_end(ctx: Context) -> None:
    """Have the epoch end as soon as it may, because a change waits."""
    if ctx.get(TURN) is not None:
        return
    validators = ctx.find(VALIDATORS, what="set of validators")
    epoch = ctx.find(EPOCH, validators.epoch, what="epoch")
    shortest = ctx.params(ValidatorParameters).shortest_epoch
    height = max(ctx.height + 1, epoch.since + shortest)
    ctx.put(TURN, Turn(height))
    at_height(ctx, height, END_OF_EPOCH)


class Change(NamedTuple):
    """The next set, in its order, and how it differs; ``rest`` are nodes that go on waiting."""

    validators: tuple[Validator, ...]
    entering: tuple[Node, ...]
    leaving: tuple[Node, ...]
    rotating: tuple[Node, ...]
    rest: tuple[Node, ...]


def next_change(state: State) -> Change:
    """What the end of the epoch would change now."""
    sitting = state.get(VALIDATORS)
    assert sitting is not None, "only a ledger with validators has epochs"
    nodes = {node.party: node for _, node in state.scan(NODE)}
    staying = [nodes[v.party] for v in sitting.validators]
    rest: list[Node] = []
    leaving = _leaving(state, staying, nodes.values(), rest)
    staying = [node for node in staying if node not in leaving]
    joining = [node for node in nodes.values() if node.state is NodeState.JOINING]
    rotating, entering = _fresh(staying, joining, rest)
    order = [n.following if n in rotating and n.following else n.validator for n in staying]
    order += [node.validator for node in entering]
    return Change(tuple(order), tuple(entering), tuple(leaving), tuple(rotating), tuple(rest))


def _leaving(
    state: State, staying: list[Node], nodes: Iterable[Node], rest: list[Node]
) -> list[Node]:
    """Those that go now: by decision, then by conviction, then by their own will."""
    parameters = parameters_of(state, ValidatorParameters)
    suspended = sum(node.state is NodeState.SUSPENDED for node in nodes)
    tolerated = (len(staying) + suspended - 1) // 3
    found: list[Node] = []
    for why in (NodeState.REMOVING, NodeState.CONVICTED, NodeState.LEAVING):
        for node in (n for n in staying if n.state is why):
            left = len(staying) - len(found) - 1
            least = parameters.least_validators if why is NodeState.LEAVING else 1
            # More than f proven faults are beyond what consensus promises: people decide then.
            spared = why is NodeState.CONVICTED and suspended >= tolerated
            if left < least or spared:
                rest.append(node)
            else:
                found.append(node)
                suspended += why is NodeState.CONVICTED
    return found


def _fresh(
    staying: list[Node], joining: list[Node], rest: list[Node]
) -> tuple[list[Node], list[Node]]:
    """New keys first, since an old one may be in wrong hands; then new validators."""
    rotating: list[Node] = []
    fresh = 0
    for node in (n for n in staying if n.following is not None):
        assert node.following is not None
        same_key = node.following.vote_key == node.validator.vote_key
        if same_key or fresh < max(1, (len(staying) - 1) // 3):
            rotating.append(node)
            fresh += not same_key
        else:
            rest.append(node)
    for count in range(len(joining), 0, -1):
        size = len(staying) + count
        if fresh + count <= max(1, (size - 1) // 3) and size <= limits.MAX_VALIDATORS:
            rest += joining[count:]
            return rotating, joining[:count]
    rest += joining
    return rotating, []


@deadline(END_OF_EPOCH)
def end_of_epoch(ctx: Context) -> None:
    """Hand over to the next set of validators, if anything is to change."""
    ctx.delete(TURN)
    sitting = ctx.find(VALIDATORS, what="set of validators")
    change = next_change(ctx.state)
    if change.validators == sitting.validators:
        return
    following = ValidatorSet(sitting.epoch + 1, change.validators)
    ctx.put(VALIDATORS, following)
    _put_epoch(ctx, following)
    for node in change.leaving:
        _leave(ctx, node)
    for node in change.rotating:
        assert node.following is not None
        ctx.amend(NODE_MACHINE, node, validator=node.following, following=None)
    for node in change.entering:
        move(ctx, node, "enter", "")
    ctx.emit(
        EpochEnded(
            sitting.epoch,
            following.size,
            following.quorum,
            tuple(n.party for n in change.entering),
            tuple(n.party for n in change.leaving),
            tuple(n.party for n in change.rotating),
        )
    )
    if next_change(ctx.state).validators != following.validators:
        plan_end(ctx)


def recover(ctx: Context, survivors: tuple[int, ...]) -> None:
    """Hand over to the survivors of a disaster alone; the nodes of the others observe.

    What waits for the end of the epoch waits for that of the next one.
    """
    sitting = ctx.find(VALIDATORS, what="set of validators")
    turn = ctx.get(TURN)
    if turn is not None:
        cancel_at_height(ctx, turn.height, END_OF_EPOCH)
        ctx.delete(TURN)
    staying = tuple(sitting.validators[index] for index in survivors)
    lost = [validator for validator in sitting.validators if validator not in staying]
    following = ValidatorSet(sitting.epoch + 1, staying)
    ctx.put(VALIDATORS, following)
    _put_epoch(ctx, following)
    for validator in lost:
        node = ctx.find(NODE, validator.party, what="node")
        if node.state is NodeState.VOTING:
            node = move(ctx, node, "leave", "lost in a disaster")
        _leave(ctx, node)
    parties = tuple(validator.party for validator in lost)
    ctx.emit(EpochEnded(sitting.epoch, following.size, following.quorum, (), parties, ()))
    if next_change(ctx.state).validators != staying:
        plan_end(ctx)


_ENDS: Final = {
    NodeState.REMOVING: "remove",
    NodeState.CONVICTED: "suspend",
    NodeState.LEAVING: "go",
}


def _leave(ctx: Context, node: Node) -> None:
    """Take a node off the set; a new entry that waited for the next epoch counts at once."""
    entry = node.following or node.validator
    after = ctx.move(NODE_MACHINE, node, _ENDS[node.state], validator=entry, following=None)
    ctx.emit(NodeMoved(after.party, after.state.value, ""))


def move(ctx: Context, node: Node, event: str, reason: str) -> Node:
    """Take a node one step further and tell it."""
    after = ctx.move(NODE_MACHINE, node, event)
    ctx.emit(NodeMoved(after.party, after.state.value, reason))
    return after
