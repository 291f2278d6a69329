"""Shorter and friendlier names of generated commands, besides those that follow from declarations.

Within a group the group's own word may be left out (``guarantee issue`` for ``issue-guarantee``),
where that leaves one meaning. The tables add words that people use and declarations do not.
"""

from __future__ import annotations

from collections.abc import Mapping

from cli.wallet.forms import command_name
from contracts.framework.operation import Declaration, declarations

GROUPS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "invoice": (
        "Invoices: ask for payment, accept, reject, pay, credit.",
        {
            "issue": "currency.RequestPayment",
            "accept": "currency.AcceptRequest",
            "reject": "currency.RejectRequest",
            "pay": "currency.PayRequest",
            "credit": "currency.CreditRequest",
        },
    ),
    "line": (
        "Credit lines that a guarantor gives to its residents.",
        {
            "offer": "currency.OfferLine",
            "accept": "currency.AcceptLine",
            "change": "currency.ChangeLine",
            "freeze": "currency.FreezeLine",
            "thaw": "currency.ThawLine",
            "call": "currency.CallLine",
            "end": "currency.EndLine",
            "limits": "currency.ProposeLimits",
        },
    ),
}
"""Groups that are no capability: what they are for, and their operations by command."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "barter": {"inspect": "barter.RequestInspection"},
    "register": {"vote": "register.CastVote"},
    "netting": {"mandate": "netting.GiveMandate"},
}
"""Further words within capabilities."""


def capability_commands(capability: str) -> dict[str, Declaration]:
    """A capability's operations by their commands, aliases not included."""
    return {
        command_name(declared): declared
        for declared in declarations().values()
        if declared.name.partition(".")[0] == capability
    }


def aliases(capability: str) -> dict[str, Declaration]:
    """Other names of a capability's commands; none of them hides a command."""
    commands = capability_commands(capability)
    found: dict[str, Declaration] = {}
    twice: set[str] = set()
    for name, declared in commands.items():
        short = name.removesuffix(f"-{capability}")
        if short in found:
            twice.add(short)
        if short != name:
            found[short] = declared
    for word, operation in WORDS.get(capability, {}).items():
        found[word] = declarations()[operation]
    return {name: d for name, d in found.items() if name not in commands and name not in twice}
