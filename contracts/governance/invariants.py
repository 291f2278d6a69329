"""What is true of governance after every block."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.framework.ballot import BALLOT_TABLE, BallotState
from contracts.framework.capability import invariant
from contracts.framework.parameters import all_parameters, contradictions, parameters_of
from contracts.framework.party import Role, holder, holders
from contracts.framework.pause import NEVER_PAUSED, pauses
from contracts.framework.protocol import PROTOCOL
from contracts.framework.schedule import DEADLINE, HEIGHT_DEADLINE
from contracts.governance.changes import PAUSE_ENDS
from contracts.governance.records import PROPOSAL_TABLE, ProposalState
from contracts.governance.rules import ENACT
from ledger.state import State


@invariant("proposals-follow-their-ballots", 12)
def proposals_follow_their_ballots(state: State) -> Iterator[str]:
    """A proposal is voted on while its ballot is open, and enacted only if that passed."""
    for _, proposal in state.scan(PROPOSAL_TABLE):
        name = proposal.id.hex()[:16]
        ballot = state.get(BALLOT_TABLE, proposal.ballot)
        if ballot is None or ballot.terms != (proposal.id,):
            yield f"proposal {name} has no ballot of its own"
            continue
        voting = proposal.state is ProposalState.VOTING
        if voting is not (ballot.state is BallotState.OPEN):
            yield f"proposal {name} is {proposal.state.value}, its ballot {ballot.state.value}"
        decided = {ProposalState.PASSED, ProposalState.ENACTED, ProposalState.VOID}
        if proposal.state in decided and ballot.state is not BallotState.PASSED:
            yield f"proposal {name} is {proposal.state.value} without a majority"
        if proposal.enacted and proposal.height not in {0, proposal.enacted}:
            yield f"proposal {name} was enacted at {proposal.enacted}, not at {proposal.height}"


@invariant("enactments-are-planned", 13)
def enactments_are_planned(state: State) -> Iterator[str]:
    """Each passed proposal waits for its height once, and nothing else does."""
    waiting = sorted(
        (p.height, p.id) for _, p in state.scan(PROPOSAL_TABLE) if p.state is ProposalState.PASSED
    )
    planned = sorted(
        (entry.due, entry.parts[0])
        for _, entry in state.scan(HEIGHT_DEADLINE)
        if entry.handler == ENACT
    )
    if waiting != planned:
        yield f"{len(waiting)} proposals wait for their height, {len(planned)} are planned"


@invariant("parameters-are-coherent", 12)
def parameters_are_coherent(state: State) -> Iterator[str]:
    """No capability's parameters contradict each other or what the ledger holds."""
    for name, kind in all_parameters().items():
        for sentence in contradictions(state, parameters_of(state, kind)):
            yield f"{name}: {sentence}"


@invariant("pauses-end", 13)
def pauses_end(state: State) -> Iterator[str]:
    """Every pause has its end planned, and nothing that would end a pause is paused."""
    planned = {
        (entry.due, entry.parts[0])
        for _, entry in state.scan(DEADLINE)
        if entry.handler == PAUSE_ENDS
    }
    standing = {(pause.until, pause.policy) for pause in pauses(state)}
    if planned != standing:
        yield f"{len(standing)} pauses, {len(planned)} planned ends"
    for _, policy in sorted(standing):
        if policy in NEVER_PAUSED:
            yield f"class {policy} is paused"


@invariant("the-ledger-can-decide", 12)
def the_ledger_can_decide(state: State) -> Iterator[str]:
    """There is a registrar and a guarantor; protocol versions ascend without gaps."""
    if holder(state, Role.REGISTRAR) is None:
        yield "nobody is the registrar"
    if next(holders(state, Role.GUARANTOR), None) is None:
        yield "nobody is a guarantor"
    for expected, (_, protocol) in enumerate(state.scan(PROTOCOL), start=2):
        if protocol.version != expected:
            yield f"protocol {protocol.version} follows {expected - 1}"


INVARIANTS = (
    proposals_follow_their_ballots,
    enactments_are_planned,
    parameters_are_coherent,
    pauses_end,
    the_ledger_can_decide,
)
