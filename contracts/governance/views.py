"""What people ask of governance. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from contracts.framework.ballot import BALLOT_TABLE, Ballot
from contracts.framework.forms import to_named
from contracts.framework.operation import Operation, read_trusted_operation
from contracts.framework.parameters import all_parameters, parameters_of
from contracts.framework.pause import Pause, pauses
from contracts.framework.protocol import FIRST, PROTOCOL, Protocol, newest_protocol
from contracts.governance.records import (
    GUARANTOR_CHANGE,
    PROPOSAL_TABLE,
    GuarantorChange,
    Proposal,
    ProposalState,
)
from ledger.state import State


class Motion(NamedTuple):
    """A proposal, the operation that it consists of, and its ballot."""

    proposal: Proposal
    change: Operation
    ballot: Ballot | None


def motions(state: State, standing: ProposalState | None = None) -> Iterator[Motion]:
    """Proposals, of one state if given, in order of their ids."""
    for _, proposal in state.scan(PROPOSAL_TABLE):
        if standing is None or proposal.state is standing:
            change = read_trusted_operation(proposal.operation)
            yield Motion(proposal, change, state.get(BALLOT_TABLE, proposal.ballot))


def parameters(state: State) -> dict[str, dict[str, Any]]:
    """Every parameter in force, by capability and name."""
    return {name: to_named(parameters_of(state, k)) for name, k in all_parameters().items()}


def paused(state: State) -> tuple[Pause, ...]:
    """The classes of operations that are refused now, and until when."""
    return pauses(state)


def protocol_at(state: State, height: int) -> Protocol:
    """The protocol version that a block of a height follows, as far as this state knows."""
    found = FIRST
    for _, record in state.scan(PROTOCOL):
        if record.height <= height:
            found = record
    return found


def protocol_ahead(state: State) -> Protocol | None:
    """The version of a passed upgrade that waits for its height, for nodes to prepare; or None."""
    for motion in motions(state, ProposalState.PASSED):
        version = getattr(motion.change, "protocol", None)
        if version is not None:
            release: bytes = getattr(motion.change, "release")  # noqa: B009
            return Protocol(version, motion.proposal.height, release)
    return None


def newest(state: State) -> Protocol:
    """The newest protocol version that took effect."""
    return newest_protocol(state)


def guarantor_changes(state: State, after: int = 0) -> Iterator[GuarantorChange]:
    """Decisions about guarantors enacted above a height, in order: what validators follow."""
    for _, change in state.scan(GUARANTOR_CHANGE):
        if change.height > after:
            yield change
