"""What is true of validators after every block. The numbers are those that auditors check."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.framework.capability import invariant
from contracts.framework.schedule import HEIGHT_DEADLINE
from contracts.validators.epochs import END_OF_EPOCH
from contracts.validators.records import EPOCH, IN_OFFICE, NODE, OFFENCE, TURN, VALIDATORS, VOTE_KEY
from ledger.state import State


@invariant("validators-are-nodes-in-office", 12)
def validators_are_nodes_in_office(state: State) -> Iterator[str]:
    """The set that decides the next block consists of the nodes that are in office, as entered."""
    validators = state.get(VALIDATORS)
    if validators is None:
        return
    seated = {v.party: v for v in validators.validators}
    in_office = {n.party: n.validator for _, n in state.scan(NODE) if n.state in IN_OFFICE}
    if seated != in_office:
        different = sorted(p for p in {*seated, *in_office} if seated.get(p) != in_office.get(p))
        yield f"the set and the nodes in office differ in {', '.join(different)}"
    for name in ("party", "vote_key"):
        values = {getattr(v, name) for v in validators.validators}
        if len(values) != validators.size:
            yield f"two validators have the same {name}"


@invariant("epochs-follow-each-other", 12)
def epochs_follow_each_other(state: State) -> Iterator[str]:
    """Epochs are numbered without gaps, begin one after the other, and the newest is in force."""
    validators = state.get(VALIDATORS)
    epochs = [epoch for _, epoch in state.scan(EPOCH)]
    if validators is None:
        if epochs:
            yield "there are epochs but no validators"
        return
    if len(epochs) != validators.epoch + 1:
        yield f"{len(epochs)} epochs are recorded, the one in force is {validators.epoch}"
        return
    members = [(m.party, m.vote_key) for m in epochs[-1].members]
    if members != [(v.party, v.vote_key) for v in validators.validators]:
        yield f"epoch {validators.epoch} was recorded with other members"
    since = [epoch.since for epoch in epochs]
    if since != sorted(set(since)):
        yield "an epoch begins before the one that it follows"


@invariant("vote-keys-have-one-owner", 12)
def vote_keys_have_one_owner(state: State) -> Iterator[str]:
    """Every vote key that ever decided, or will, is its party's and nobody else's."""
    claims = [(m.vote_key, m.party) for _, epoch in state.scan(EPOCH) for m in epoch.members]
    claims += [(n.validator.vote_key, n.party) for _, n in state.scan(NODE)]
    claims += [(n.following.vote_key, n.party) for _, n in state.scan(NODE) if n.following]
    for vote_key, party in dict.fromkeys(claims):
        owner = state.get(VOTE_KEY, vote_key)
        if owner is None or owner.party != party:
            yield f"the vote key {vote_key.hex()[:16]} of {party} is entered for another party"
    for _, offence in state.scan(OFFENCE):
        if offence.height < 1:
            yield f"a fault of {offence.party} was recorded before the first block"


@invariant("ends-of-epochs-are-planned-once", 13)
def ends_of_epochs_are_planned_once(state: State) -> Iterator[str]:
    """The end of an epoch is planned at most once, and for the height that is recorded."""
    turn = state.get(TURN)
    planned = [e.due for _, e in state.scan(HEIGHT_DEADLINE) if e.handler == END_OF_EPOCH]
    if planned != ([] if turn is None else [turn.height]):
        yield f"the end of the epoch is recorded for {turn}, planned for {planned}"


INVARIANTS = (
    validators_are_nodes_in_office,
    epochs_follow_each_other,
    vote_keys_have_one_owner,
    ends_of_epochs_are_planned_once,
)
