"""Proposals and votes for tests of governance."""

from __future__ import annotations

from typing import Any

from cast import vote
from ledger_in_memory import Ledger, event

from contracts.governance.events import ProposalMade
from contracts.governance.records import PROPOSAL_TABLE, Proposal

ALL = ("BY", "CN", "KZ", "RU")


def put(ledger: Ledger, op: Any, author: str = "registrar", **more: Any) -> tuple[bytes, bytes]:
    """Make a proposal; its id and its ballot's."""
    made = event(ledger.must(author, op, **more), ProposalMade)
    return made["proposal"], made["ballot"]


def decide(ledger: Ledger, op: Any, *yes: str, author: str = "registrar", **more: Any) -> bytes:
    """Make a proposal that guarantors of some states (all unless named) agree to; its id."""
    proposal, ballot = put(ledger, op, author, **more)
    vote(ledger, ballot, *(yes or ALL[:3]))
    return proposal


def proposal(ledger: Ledger, id: bytes) -> Proposal:
    """A proposal as it stands."""
    found = ledger.state.get(PROPOSAL_TABLE, id)
    assert found is not None
    return found


def reach(ledger: Ledger, height: int) -> None:
    """Empty blocks until a height is done."""
    while ledger.height < height:
        ledger.later(1_000)
