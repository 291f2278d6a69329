"""The list of capabilities. Importing it declares every operation, machine and deadline."""

from __future__ import annotations

from typing import Final

from contracts.annex import capability as annex
from contracts.barter import capability as barter
from contracts.currency import capability as currency
from contracts.dispute import capability as dispute
from contracts.framework.capability import Capability
from contracts.fund import capability as fund
from contracts.governance import capability as governance
from contracts.guarantee import capability as guarantee
from contracts.market import capability as market
from contracts.netting import capability as netting
from contracts.register import capability as register
from contracts.validators import capability as validators

CAPABILITIES: Final[tuple[Capability, ...]] = (
    register.CAPABILITY,
    currency.CAPABILITY,
    guarantee.CAPABILITY,
    barter.CAPABILITY,
    dispute.CAPABILITY,
    netting.CAPABILITY,
    market.CAPABILITY,
    fund.CAPABILITY,
    governance.CAPABILITY,
    annex.CAPABILITY,
    validators.CAPABILITY,
)


def capability(name: str) -> Capability:
    """The capability of a name; raises ``KeyError``."""
    return {c.name: c for c in CAPABILITIES}[name]
