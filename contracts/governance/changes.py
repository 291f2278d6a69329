"""What each kind of proposal may be, and what it does when it is enacted.

Every kind has a *check*, which raises unless the change could be made now, and an *effect*, which
makes it. The check runs when a change is proposed and again just before its effect, so nothing is
enacted that would break a rule by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from contracts.accounts import ISSUED
from contracts.errors import (
    INVALID_FIELD,
    INVALID_TERMS,
    NO_HOME_STATE,
    ROLE_HELD,
    ROLE_NOT_HELD,
    UNSAFE_CHANGE,
)
from contracts.framework.ballot import Majority
from contracts.framework.context import Context
from contracts.framework.forms import from_named, to_named
from contracts.framework.operation import Operation, declarations
from contracts.framework.parameters import (
    all_parameters,
    contradictions,
    parameters_of,
    parameters_table_of,
)
from contracts.framework.party import HELD_ONCE, Office, Right, Role, holder, holders
from contracts.framework.pause import NEVER_PAUSED, PAUSES, Pause, Pauses, pauses
from contracts.framework.posting import balance_of
from contracts.framework.protocol import PROTOCOL, Protocol, newest_protocol
from contracts.framework.schedule import deadline
from contracts.governance.events import (
    ClassPaused,
    ClassResumed,
    GuarantorDecided,
    ParameterChanged,
    UpgradeDecided,
)
from contracts.governance.hooks import tell_guarantor
from contracts.governance.operations import (
    GuarantorStep,
    ProposeGuarantor,
    ProposeParameters,
    ProposePause,
    ProposeResumption,
    ProposeRole,
    ProposeUpgrade,
    RoleStep,
)
from contracts.governance.records import (
    GUARANTOR_CHANGE,
    GovernanceParameters,
    GuarantorChange,
    Proposal,
)
from contracts.register.membership import check_office, conflicts, grant_office, revoke_office
from contracts.register.withdrawal import begin_withdrawal, is_withdrawing
from ledger.codec import Struct
from ledger.errors import CodedError
from ledger.state import State

PAUSE_ENDS: Final = "governance.pause"
INDISPENSABLE: Final = frozenset({Role.REGISTRAR, Role.TRIBUNAL})
"""Offices without which nothing could be decided any more: they pass on, but do not end."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of proposal: its quorum, who is in conflict, its check and its effect.

    ``subject(op)`` is the party concerned, or ``""``: two proposals about one party exclude each
    other. ``urgent`` kinds are voted on in days and enacted at once.
    """

    name: str
    quorum: Callable[[GovernanceParameters, Any], Majority]
    check: Callable[[Context, Any], None]
    effect: Callable[[Context, Any, Proposal], None]
    subject: Callable[[Any], str] = lambda op: ""
    conflicted: Callable[[Context, Any], Iterable[str]] = lambda ctx, op: ()
    urgent: bool = False


def _unsafe(sentence: str, field: str) -> CodedError:
    return CodedError(UNSAFE_CHANGE, sentence, field=field)


# Parameters


def revised(state: State, op: ProposeParameters) -> tuple[Struct, Struct]:
    """A capability's parameters now, and as a proposal would have them.

    Raises ``INVALID_TERMS``, ``INVALID_FIELD`` or ``UNSAFE_CHANGE``, naming the parameter.
    """
    kind = all_parameters().get(op.capability)
    if kind is None:
        raise CodedError(
            INVALID_TERMS,
            f"no capability has parameters {op.capability!r}; there are "
            + ", ".join(all_parameters()),
            field="capability",
        )
    before = parameters_of(state, kind)
    named = to_named(before)
    for index, change in enumerate(op.changes):
        where = f"changes[{index}]"
        if change.name not in named:
            raise CodedError(
                INVALID_FIELD, f"{op.capability} has no parameter {change.name!r}", field=where
            )
        if change.name in {other.name for other in op.changes[:index]}:
            raise CodedError(INVALID_TERMS, "each parameter is changed once", field=where)
        named[change.name] = _value(change.value, where)
    after = from_named(kind, named, op.capability)
    if after == before:
        raise CodedError(INVALID_TERMS, "these are the values in force", field="changes")
    problem = next(contradictions(state, after), "")
    if problem:
        raise _unsafe(problem, "changes")
    return before, after


def _value(text: str, where: str) -> Any:
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise CodedError(INVALID_FIELD, "a value is written as JSON", field=where) from None


def _check_parameters(ctx: Context, op: ProposeParameters) -> None:
    revised(ctx.state, op)


def _change_parameters(ctx: Context, op: ProposeParameters, proposal: Proposal) -> None:
    before, after = revised(ctx.state, op)
    ctx.put(parameters_table_of(type(after)), after)
    old, new = to_named(before), to_named(after)
    for change in op.changes:
        ctx.emit(
            ParameterChanged(
                proposal.id,
                op.capability,
                change.name,
                _json(old[change.name]),
                _json(new[change.name]),
            )
        )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _parameters_quorum(params: GovernanceParameters, op: ProposeParameters) -> Majority:
    return params.constitution if op.capability == "governance" else params.parameters


# Offices


def _check_role(ctx: Context, op: ProposeRole) -> None:
    role, office = op.office.role, op.office
    if role is Role.GUARANTOR:
        raise CodedError(
            INVALID_TERMS, "guarantors are admitted and removed by their own kind", field="office"
        )
    party = ctx.party(op.party, field="party")
    if op.change is RoleStep.REVOKE:
        check_office(ctx, party, office, granting=False)
        if role in INDISPENSABLE:
            raise _unsafe(f"the ledger needs a {role.value}; transfer the office", "office")
        _require_redeemed(ctx.state, office)
        return
    ctx.party(op.party, Right.SERVE, field="party")
    if op.change is RoleStep.GRANT:
        check_office(ctx, party, office, granting=True)
        if office.scope:
            _require_state(ctx.state, office.scope)
        return
    if role not in HELD_ONCE:
        raise CodedError(
            INVALID_TERMS, "only an office that one party holds is transferred", field="change"
        )
    current = holder(ctx.state, role, office.scope)
    if current is None:
        raise CodedError(ROLE_NOT_HELD, f"nobody is {office.name}", field="office")
    if current == op.party:
        raise CodedError(ROLE_HELD, f"{current} is {office.name} already", field="party")


def _require_redeemed(state: State, office: Office) -> None:
    issued = -balance_of(state, ISSUED.of(office.scope)) if office.role is Role.ISSUER else 0
    if issued:
        raise _unsafe(
            f"{issued} (minor units) of the issue of {office.scope} is not redeemed; "
            "transfer the office",
            "office",
        )


def _require_state(state: State, country: str) -> None:
    if holder(state, Role.GUARANTOR, country) is None or is_withdrawing(state, country):
        raise CodedError(
            NO_HOME_STATE, f"{country} has no guarantor here or withdraws", field="office.scope"
        )


def _change_role(ctx: Context, op: ProposeRole, proposal: Proposal) -> None:
    if op.change is RoleStep.REVOKE:
        revoke_office(ctx, ctx.party(op.party), op.office)
        return
    current = holder(ctx.state, op.office.role, op.office.scope)
    if op.change is RoleStep.TRANSFER and current is not None:
        revoke_office(ctx, ctx.party(current), op.office)
    grant_office(ctx, ctx.party(op.party), op.office)


def _role_conflicts(ctx: Context, op: ProposeRole) -> Iterable[str]:
    yield from conflicts(ctx, ctx.party(op.party))
    if op.change is RoleStep.TRANSFER:
        current = holder(ctx.state, op.office.role, op.office.scope)
        if current is not None:
            yield from conflicts(ctx, ctx.party(current))


# Guarantors


def _check_guarantor(ctx: Context, op: ProposeGuarantor) -> None:
    office = Office(Role.GUARANTOR, op.country)
    if op.change is GuarantorStep.ADMIT:
        party = ctx.party(op.party, Right.SERVE, field="party")
        check_office(ctx, party, office, granting=True)
        if op.node_card is None:
            raise CodedError(
                INVALID_TERMS, "a new guarantor presents a node card", field="node_card"
            )
        return
    check_office(ctx, ctx.party(op.party, field="party"), office, granting=False)
    if is_withdrawing(ctx.state, op.country):
        raise CodedError(INVALID_TERMS, f"{op.country} withdraws already", field="country")
    remaining = sum(
        not is_withdrawing(ctx.state, scope)
        for lei in sorted(set(holders(ctx.state, Role.GUARANTOR)))
        for scope in _scopes(ctx, lei)
    )
    least = ctx.params(GovernanceParameters).least_guarantors
    if remaining - 1 < least:
        raise _unsafe(f"{remaining - 1} guarantors would remain, at least {least} must", "party")


def _scopes(ctx: Context, lei: str) -> list[str]:
    return [o.scope for o in ctx.party(lei).offices if o.role is Role.GUARANTOR]


def _change_guarantor(ctx: Context, op: ProposeGuarantor, proposal: Proposal) -> None:
    if op.change is GuarantorStep.ADMIT:
        grant_office(ctx, ctx.party(op.party), Office(Role.GUARANTOR, op.country))
    else:
        begin_withdrawal(ctx, op.country, op.reason)
    change = GuarantorChange(
        ctx.height, op.party, op.country, op.change.value, op.node_card, proposal.id
    )
    ctx.put(GUARANTOR_CHANGE, change, ctx.height, proposal.id)
    ctx.emit(GuarantorDecided(proposal.id, op.party, op.country, op.change.value, op.node_card))
    tell_guarantor(ctx, change)


# Upgrades


def _check_upgrade(ctx: Context, op: ProposeUpgrade) -> None:
    newest = newest_protocol(ctx.state)
    if op.protocol != newest.version + 1:
        raise CodedError(
            INVALID_TERMS,
            f"the newest protocol is {newest.version}, the next one {newest.version + 1}",
            field="protocol",
        )


def _upgrade(ctx: Context, op: ProposeUpgrade, proposal: Proposal) -> None:
    ctx.put(PROTOCOL, Protocol(op.protocol, ctx.height, op.release), op.protocol)
    ctx.emit(UpgradeDecided(proposal.id, op.protocol, ctx.height, op.release))


# Pauses


def _check_pause(ctx: Context, op: ProposePause) -> None:
    known = {found.policy for found in declarations().values()}
    if op.policy not in known:
        raise CodedError(
            INVALID_TERMS,
            f"no operation is of class {op.policy!r}; there are {', '.join(sorted(known))}",
            field="policy",
        )
    if op.policy in NEVER_PAUSED:
        raise _unsafe(f"class {op.policy!r} cannot be paused: it is needed to resume", "policy")
    longest = ctx.params(GovernanceParameters).pause_days
    if op.days > longest:
        raise CodedError(
            INVALID_TERMS, f"one decision pauses for {longest} days at most", field="days"
        )


def _pause(ctx: Context, op: ProposePause, proposal: Proposal) -> None:
    _lift(ctx, op.policy)
    until = ctx.in_days(op.days)
    pause = Pause(op.policy, until, proposal.id, op.reason)
    every = sorted((*pauses(ctx.state), pause), key=lambda p: p.policy)
    ctx.put(PAUSES, Pauses(tuple(every)))
    ctx.schedule(until, PAUSE_ENDS, op.policy)
    ctx.emit(ClassPaused(proposal.id, op.policy, until, op.reason))


def _lift(ctx: Context, policy: str) -> bool:
    """End the pause of a class, if there is one; whether there was."""
    for pause in pauses(ctx.state):
        if pause.policy == policy:
            rest = tuple(p for p in pauses(ctx.state) if p.policy != policy)
            ctx.put(PAUSES, Pauses(rest))
            ctx.cancel(pause.until, PAUSE_ENDS, policy)
            return True
    return False


@deadline(PAUSE_ENDS)
def pause_is_over(ctx: Context, policy: str) -> None:
    """A pause ends by itself."""
    if _lift(ctx, policy):
        ctx.emit(ClassResumed(policy, "its time is over"))


def _check_resumption(ctx: Context, op: ProposeResumption) -> None:
    if all(pause.policy != op.policy for pause in pauses(ctx.state)):
        raise CodedError(INVALID_TERMS, f"class {op.policy!r} is not paused", field="policy")


def _resume(ctx: Context, op: ProposeResumption, proposal: Proposal) -> None:
    if _lift(ctx, op.policy):
        ctx.emit(ClassResumed(op.policy, op.reason))


KINDS: Final[dict[type[Operation], Kind]] = {
    ProposeParameters: Kind(
        "governance.parameters", _parameters_quorum, _check_parameters, _change_parameters
    ),
    ProposeRole: Kind(
        "governance.role",
        lambda params, op: params.roles,
        _check_role,
        _change_role,
        subject=lambda op: op.party,
        conflicted=_role_conflicts,
    ),
    ProposeGuarantor: Kind(
        "governance.guarantor",
        lambda params, op: params.guarantors,
        _check_guarantor,
        _change_guarantor,
        subject=lambda op: op.party,
        conflicted=lambda ctx, op: conflicts(ctx, ctx.party(op.party)),
    ),
    ProposeUpgrade: Kind(
        "governance.upgrade", lambda params, op: params.upgrades, _check_upgrade, _upgrade
    ),
    ProposePause: Kind(
        "governance.pause", lambda params, op: params.pauses, _check_pause, _pause, urgent=True
    ),
    ProposeResumption: Kind(
        "governance.resumption",
        lambda params, op: params.resumptions,
        _check_resumption,
        _resume,
        urgent=True,
    ),
}
