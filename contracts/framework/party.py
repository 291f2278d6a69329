"""Who is who: parties, their standing, the rights that follow from it, and their offices.

Records here are shared vocabulary: the register changes them, every capability and the authority
check read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.errors import STANDING_FORBIDS, UNKNOWN_PARTY
from contracts.framework.types import BASIS_POINTS, Country, Digest, Instant, Lei, Line, Title
from ledger.codec import Struct, Uint
from ledger.errors import CodedError
from ledger.policy import Keyring
from ledger.state import State, Table


class PartyKind(StrEnum):
    """What kind of organisation a party is."""

    NATIONAL = "national"
    FOREIGN = "foreign"
    JOINT_VENTURE = "joint venture"
    INTERNATIONAL = "international"
    INSTITUTION = "institution"
    """Holds offices (issuer, guarantor, registrar …) and trades like a resident."""


class Standing(StrEnum):
    """The states of membership; what each allows is in :data:`RIGHTS`."""

    APPLIED = "applied"
    CHECKED = "checked"
    VOTED = "voted"
    ADMITTED = "admitted"
    SUSPENDED = "suspended"
    EXCLUDED = "excluded"
    RUN_OFF = "run-off"
    REFUSED = "refused"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class Right(StrEnum):
    """What a standing allows. Operations ask for a right, never for a standing."""

    JOIN = "pursue its application"
    PAY = "pay"
    RECEIVE = "receive payments"
    OBLIGE = "take on or ask for new obligations"
    SETTLE = "perform and close existing obligations"
    SERVE = "exercise its offices"
    MANAGE = "manage its keys and membership"


_PERFORMING: Final = frozenset({Right.PAY, Right.RECEIVE, Right.SETTLE, Right.MANAGE})
_JOINING: Final = frozenset({Right.JOIN})
_NOTHING: Final[frozenset[Right]] = frozenset()

RIGHTS: Final[dict[Standing, frozenset[Right]]] = {
    Standing.APPLIED: _JOINING,
    Standing.CHECKED: _JOINING,
    Standing.VOTED: _JOINING,
    Standing.ADMITTED: _PERFORMING | {Right.OBLIGE, Right.SERVE},
    Standing.SUSPENDED: _PERFORMING,
    Standing.EXCLUDED: _PERFORMING,
    Standing.RUN_OFF: frozenset({Right.SETTLE, Right.MANAGE}),
    Standing.REFUSED: _NOTHING,
    Standing.LAPSED: _NOTHING,
    Standing.WITHDRAWN: _NOTHING,
    Standing.CLOSED: _NOTHING,
}

STANDINGS_WITH: Final[dict[Right, frozenset[Standing]]] = {
    right: frozenset(s for s, rights in RIGHTS.items() if right in rights) for right in Right
}

HOLDERS: Final = frozenset(
    {Standing.ADMITTED, Standing.SUSPENDED, Standing.EXCLUDED, Standing.RUN_OFF}
)
"""Only parties of these standings have balances: the system is closed."""


class Role(StrEnum):
    """Offices that parties hold. The first three are held for a state, the others for all."""

    ISSUER = "issuer"
    GUARANTOR = "guarantor"
    CUSTOMS = "customs"
    REGISTRAR = "registrar"
    INSPECTOR = "inspector"
    MEDIATOR = "mediator"
    ARBITRATOR = "arbitrator"
    TRIBUNAL = "tribunal"
    NETTING = "netting"
    FUND = "fund"
    AUDITOR = "auditor"


OF_A_STATE: Final = frozenset({Role.ISSUER, Role.GUARANTOR, Role.CUSTOMS})
HELD_ONCE: Final = frozenset(
    {Role.ISSUER, Role.GUARANTOR, Role.REGISTRAR, Role.TRIBUNAL, Role.FUND}
)
"""Roles that one party holds at a time, per state or for all."""


class Office(Struct):
    """A role and the state it is held for; ``scope`` is empty for a role that serves all states."""

    role: Annotated[Role, Meta(description="The role.")]
    scope: Annotated[
        str,
        Meta(
            max_length=2,
            description="The state it is held for (ISO 3166-1 alpha-2), or empty for all.",
        ),
    ] = ""

    @property
    def name(self) -> str:
        """``issuer:KZ``, ``registrar``: how to-do lists name whoever holds the office."""
        return f"{self.role.value}:{self.scope}" if self.scope else self.role.value


class Owner(Struct):
    """An owner of a party and its share."""

    lei: Annotated[Lei, Meta(description="The owner.")]
    country: Annotated[Country, Meta(description="The owner's country.")]
    share: Annotated[
        int, Meta(ge=1, le=BASIS_POINTS, description="Share in basis points; all sum to 10,000.")
    ]


class Profile(Struct):
    """What a party says about itself when it applies."""

    name: Annotated[Title, Meta(description="Registered name.")]
    kind: Annotated[PartyKind, Meta(description="National, foreign, joint venture …")]
    country: Annotated[Country, Meta(description="Country of registration.")]
    home: Annotated[Country, Meta(description="Member state that vouches for the party.")]
    owners: Annotated[
        tuple[Owner, ...],
        Meta(max_length=16, description="Owners; at least two for a joint venture."),
    ] = ()
    sector: Annotated[Line, Meta(description="Item of the sector plan that it serves.")] = ""
    programme: Annotated[
        Digest | None, Meta(description="Commitment to its production programme.")
    ] = None


class Party(Struct, tag=1):
    """A party of the register. ``due`` is the time limit of its standing, 0 for none.

    ``since`` is when the standing began and ``reason`` why, as far as somebody stated it.
    ``agreement`` is the digest of the membership agreement it signed.
    """

    lei: Lei
    profile: Profile
    state: Standing
    due: Uint = 0
    since: Instant = 0
    reason: str = ""
    offices: tuple[Office, ...] = ()
    agreement: Digest | None = None

    def may(self, right: Right) -> bool:
        """Whether its standing gives a right."""
        return self.state in STANDINGS_WITH[right]

    def holds(self, role: Role, scope: str | None = None) -> bool:
        """Whether it holds a role, for a state if ``scope`` is given."""
        return any(o.role is role and scope in (None, o.scope) for o in self.offices)


class Holding(Struct, tag=1):
    """Index entry: ``lei`` holds a role for a scope."""

    lei: Lei


PARTY: Final = Table("party", Party)
"""By LEI."""
KEYRING: Final = Table("keyring", Keyring)
"""By LEI."""
HOLDING: Final = Table("office", Holding)
"""By role, scope, LEI."""


def party_of(state: State, lei: str, *, field: str = "") -> Party:
    """The party of an LEI; raises ``UNKNOWN_PARTY``."""
    party = state.get(PARTY, lei)
    if party is None:
        raise CodedError(UNKNOWN_PARTY, f"no party {lei} is in the register", field=field)
    return party


def party_with(state: State, lei: str, right: Right, *, field: str = "") -> Party:
    """The party of an LEI, if its standing gives it a right.

    Raises ``UNKNOWN_PARTY`` or ``STANDING_FORBIDS``.
    """
    party = state.get(PARTY, lei)
    if party is None:
        raise CodedError(UNKNOWN_PARTY, f"no party {lei} is in the register", field=field)
    if party.state not in STANDINGS_WITH[right]:
        raise CodedError(
            STANDING_FORBIDS, f"{lei} is {party.state.value} and may not {right.value}", field=field
        )
    return party


def holders(state: State, role: Role, scope: str | None = None) -> Iterator[str]:
    """LEIs that hold a role, in order; for every scope unless one is given."""
    parts = (role.value,) if scope is None else (role.value, scope)
    for _, holding in state.scan(HOLDING, *parts):
        yield holding.lei


def holder(state: State, role: Role, scope: str = "") -> str | None:
    """The one party that holds a role of :data:`HELD_ONCE`, or None."""
    return next(holders(state, role, scope), None)
