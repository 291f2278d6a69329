"""What may be done next about an open object, as commands ready to be completed.

The operations that concern an object are found by the field that takes its id, and those that a
state allows by the words that its events share with operations; the tables name the rest.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

from cli.wallet.forms import command_name, option_name
from contracts.framework.fields import Field
from contracts.framework.forms import format_amount
from contracts.framework.machine import Machine, machines
from contracts.framework.operation import Declaration, declarations
from contracts.framework.party import Party
from contracts.framework.types import Kind
from node.api.models import TodoItem

_FIELDS: Mapping[str, str] = {"barter": "contract", "membership": "applicant"}
"""The field that takes an object's id, where it is called otherwise than its machine or table."""

_MORE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "appeal": {"confirm": ("register.RuleOnAppeal",), "quash": ("register.RuleOnAppeal",)},
    "ballot": {"pass": ("register.CastVote",), "refuse": ("register.CastVote",)},
    "barter": {
        "secure": ("barter.Secure", "barter.AttestRelief"),
        "deliver": ("barter.Ship",),
        "proceed": ("barter.Ship", "barter.CallOff"),
        "suspend": ("barter.ClaimForceMajeure",),
        "call": ("guarantee.PresentDemand",),
    },
    "barter.lot": {"ship": ("barter.Fulfil",)},
    "barter.shift": {"agree": ("barter.AnswerShift",), "refuse": ("barter.AnswerShift",)},
    "credit line": {
        "accept": ("currency.AcceptLine",),
        "decline": ("currency.EndLine",),
        "thaw": ("currency.ThawLine",),
        "call": ("currency.CallLine",),
    },
    "dispute": {
        "respond": ("dispute.AnswerClaim",),
        "appoint": ("dispute.NominateArbitrator", "dispute.AppointArbitrator"),
        "correct": ("dispute.MakeAward",),
        "no mediation": ("dispute.AgreeMediation", "dispute.WaiveMediation"),
    },
    "guarantee": {
        "demand": ("guarantee.PresentDemand",),
        "withdraw": ("guarantee.WithdrawDraft",),
        "withdraw demand": ("guarantee.WithdrawDemand",),
        "fail to extend": (),
    },
    "fund application": {"hold": ("fund.HoldTranches",)},
    "membership": {
        "check": ("register.CheckApplication",),
        "accede": ("register.Accede",),
        "withdraw": ("register.WithdrawApplication",),
        "appeal": ("register.AppealExclusion",),
        "close": ("register.Close",),
    },
    "programme": {
        "report": ("register.ReportProgramme",),
        "attest": ("register.AttestProgramme",),
    },
    "instalment": {"repay": ("currency.PayRequest",)},
    "tranche": {"release": ("fund.AttestMilestone",)},
}
"""Operations that cause an event under other words, by machine and event."""

_STEM = 5
_KNOWN = frozenset({Kind.PARTY, Kind.COUNTRY, Kind.OBJECT, Kind.DIGEST, Kind.INTEGER})


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in text.replace("-", " ").split()}


def id_field(machine: Machine[Any], declared: Declaration) -> Field | None:
    """The field of an operation that takes the id of a machine's object, if it has one."""
    wanted = {
        _FIELDS.get(machine.name, ""),
        machine.name.rpartition(".")[2].rpartition(" ")[2],
        machine.table.name.rpartition(".")[2],
    }
    for field in declared.fields:
        if field.kind is Kind.OBJECT and field.many is None and field.name in wanted:
            return field
    return None


@cache
def operations_for(machine_name: str, state: str) -> tuple[Declaration, ...]:
    """The operations that somebody may answer a state with, the likeliest first."""
    machine = machines()[machine_name]
    every = declarations()
    found: dict[str, Declaration] = {}
    concerning = [d for d in every.values() if id_field(machine, d)]
    for event in machine.events_from(machine.states(state)):
        listed = _MORE.get(machine_name, {}).get(event)
        if listed is None:
            found |= {declared.name: declared for declared in _sharing(event, concerning)}
        else:
            found |= {name: every[name] for name in listed if name in every}
    return tuple(found.values())


def _sharing(event: str, declared: list[Declaration]) -> list[Declaration]:
    """Operations whose name begins with the event's verb; else those that have it anywhere."""
    verb = event.partition(" ")[0][:_STEM]
    beginning = [d for d in declared if command_name(d).partition("-")[0][:_STEM] == verb]
    return beginning or [d for d in declared if verb in _stems(command_name(d))]


def commands(item: TodoItem, party: Party | None) -> list[str]:
    """Commands by which a party may answer an open object; capitals stand for what it fills in."""
    if item.machine not in machines():
        return []
    return [
        command_line(item, declared)
        for declared in operations_for(item.machine, item.state)
        if party is None or not declared.by.refusal(party)
    ]


def command_line(item: TodoItem, declared: Declaration) -> str:
    """``iic wallet guarantee pay-demand --guarantee 5c1e…``, with all that must be given."""
    capability = declared.name.partition(".")[0]
    words = ["iic", "wallet", capability, command_name(declared)]
    subject = id_field(machines()[item.machine], declared)
    for field in declared.fields:
        if not field.required:
            continue
        value = item.id if field is subject and item.id else _from_record(item, field)
        words += [option_name(field), value if value is not None else field.name.upper()]
    return shlex.join(words)


def _from_record(item: TodoItem, field: Field) -> str | None:
    """A field that the object itself knows, such as the hash of its terms."""
    if field.kind is Kind.AMOUNT and field.name == "amount":
        remaining = item.fields.get("remaining")
        return format_amount(remaining) if isinstance(remaining, int) else None
    value = item.fields.get(field.name)
    if field.kind in _KNOWN and field.many is None and isinstance(value, str | int):
        return str(value)
    return None
