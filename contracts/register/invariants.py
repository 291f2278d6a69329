"""What is true of the register after every block. The numbers are those that auditors check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contracts.framework.ballot import BALLOT_TABLE, BallotState
from contracts.framework.capability import invariant
from contracts.framework.machine import ITEM, Machine, machines
from contracts.framework.party import (
    HELD_ONCE,
    HOLDING,
    KEYRING,
    PARTY,
    Right,
    Standing,
)
from contracts.framework.schedule import DEADLINE, handlers
from contracts.register.records import KEY_OWNER
from ledger.state import State


@invariant("ballots-are-fair", 12)
def ballots_are_fair(state: State) -> Iterator[str]:
    """Every vote is by a distinct voter on the list, and none by a party in conflict."""
    for _, ballot in state.scan(BALLOT_TABLE):
        name = ballot.id.hex()[:16]
        votes = (*ballot.yes, *ballot.no)
        if len(set(votes)) != len(votes):
            yield f"ballot {name}: somebody voted twice"
        if not set(votes) <= set(ballot.voters):
            yield f"ballot {name}: a vote is by nobody on the list"
        if set(ballot.voters) & set(ballot.excluded):
            yield f"ballot {name}: a party in conflict is on the list"
        needed = ballot.majority.votes_of(len(ballot.voters))
        if (ballot.state is BallotState.PASSED) is not (len(ballot.yes) >= needed):
            yield f"ballot {name}: {ballot.state.value} with {len(ballot.yes)} of {needed} votes"


@invariant("keys-have-one-owner", 12)
def keys_have_one_owner(state: State) -> Iterator[str]:
    """Every key in a keyring is registered to that party, and every party has a keyring."""
    for _, party in state.scan(PARTY):
        keyring = state.get(KEYRING, party.lei)
        if keyring is None:
            yield f"{party.lei} has no keyring"
            continue
        for key in keyring.keys:
            owner = state.get(KEY_OWNER, key.public_key)
            if owner is None or owner.lei != party.lei:
                yield f"the key {key.name!r} of {party.lei} is registered to another party"


@invariant("offices-agree", 12)
def offices_agree(state: State) -> Iterator[str]:
    """The index of offices and the parties' entries agree, and single offices are held once."""
    indexed: list[tuple[str, str, str]] = []
    for key, holding in state.scan(HOLDING):
        role, scope, *_ = key[len(HOLDING.prefix) :].decode().split("\0")
        indexed.append((role, scope, holding.lei))
    listed = [
        (office.role.value, office.scope, party.lei)
        for _, party in state.scan(PARTY)
        for office in party.offices
    ]
    if sorted(indexed) != sorted(listed):
        yield "the index of offices differs from the parties' own entries"
    for role in HELD_ONCE:
        scopes = [scope for name, scope, _ in indexed if name == role.value]
        if len(set(scopes)) != len(scopes):
            yield f"the role of {role.value} is held twice"
    for _, party in state.scan(PARTY):
        if party.offices and not (party.may(Right.SERVE) or party.state is Standing.SUSPENDED):
            yield f"{party.lei} is {party.state.value} and holds offices"


@invariant("deadlines-match", 13)
def deadlines_match(state: State) -> Iterator[str]:
    """Every time limit of an object has exactly one deadline, and no deadline lacks its object."""
    by_name = machines()
    known = handlers()
    expected: set[tuple[Any, ...]] = set()
    for machine in by_name.values():
        expected.update(_limits_of(state, machine))
    for _, deadline in state.scan(DEADLINE):
        if deadline.handler in by_name:
            entry = (deadline.handler, deadline.due, tuple(deadline.parts))
            if entry not in expected:
                yield f"a deadline of {deadline.handler} at {deadline.due} has no object"
            expected.discard(entry)
        elif deadline.handler not in known:
            yield f"nobody handles deadlines of {deadline.handler}"
    for name, due, _ in sorted(expected, key=repr):
        yield f"an object of {name} has no deadline at {due}"


def _limits_of(state: State, machine: Machine[Any]) -> Iterator[tuple[Any, ...]]:
    for _, record in state.scan(machine.table):
        if record.due:
            yield machine.name, record.due, tuple(machine.key(record))


@invariant("limits-match-states", 13)
def limits_match_states(state: State) -> Iterator[str]:
    """An object has a time limit if and only if its state has one."""
    for machine in machines().values():
        for _, record in state.scan(machine.table):
            stored: Any = record
            if bool(stored.due) is not (stored.state in machine.limits):
                yield f"{machine.name} is {stored.state.value} with a time limit of {stored.due}"


@invariant("to-do-lists-match", 13)
def to_do_lists_match(state: State) -> Iterator[str]:
    """Everybody's list of open objects is exactly that of the objects themselves."""
    expected: set[tuple[str, str, tuple[Any, ...], str]] = set()
    for machine in machines().values():
        for _, record in state.scan(machine.table):
            stored: Any = record
            if not machine.is_end(stored.state):
                for party in machine.parties(record):
                    key = tuple(machine.key(record))
                    expected.add((party, machine.name, key, stored.state.value))
    for entry, item in state.scan(ITEM):
        owner = entry[len(ITEM.prefix) :].split(b"\0", 1)[0].decode()
        found = (owner, item.machine, tuple(item.key), item.state)
        if found not in expected:
            yield f"the list of {owner} has an entry of {item.machine} without an object"
        expected.discard(found)
    for owner, name, _, _ in sorted(expected, key=repr):
        yield f"the list of {owner} lacks an object of {name}"


INVARIANTS = (
    ballots_are_fair,
    keys_have_one_owner,
    offices_agree,
    deadlines_match,
    limits_match_states,
    to_do_lists_match,
)
