"""What may be disputed, and what a dispute does to it.

A capability registers each kind of its objects that people may dispute about:

    disputable(
        Disputable(
            kind="escrow",
            sides=lambda state, id: (payer, payee),
            liquid=lambda state, dispute: None,      # money of a party to hold, if any
            freeze=stop_the_clock,                   # ctx, dispute
            thaw=start_the_clock,
            resolve=pay_out,                         # ctx, dispute, ruling -> what it paid itself
            orders={},
        )
    )

``freeze`` runs when the dispute opens and ``thaw`` when it ends without a ruling; with a ruling
``resolve`` runs instead, and does what ``thaw`` would as well. Rules must not refuse a ruling
without need: at the time limit nobody is there to correct it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from contracts.dispute.records import Dispute, Ruling, Subject
from contracts.errors import INVALID_TERMS, UNKNOWN_ORDER
from contracts.framework.context import Context
from ledger.errors import CodedError
from ledger.state import State

BARE: Final = "none"
"""The kind of a claim about no object of this ledger."""


class Liquid(NamedTuple):
    """Money that a dispute is about: whose, and at most how much (minor units)."""

    owner: str
    amount: int


def _nothing(ctx: Context, dispute: Dispute) -> None:
    """Nothing to freeze or thaw."""


def _no_money(state: State, dispute: Dispute) -> Liquid | None:
    return None


def _paid_nothing(ctx: Context, dispute: Dispute, ruling: Ruling) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Disputable:
    """How a kind of objects behaves in a dispute.

    ``sides(state, id)`` are the parties of an object (``NOT_FOUND`` if there is none), of whom one
    may dispute with another. ``liquid(state, dispute)`` is money of a party that the dispute is
    about; as much of it as there is gets held. ``resolve(ctx, dispute, ruling)`` applies a
    settlement or an award to the object and returns how much of ``ruling.amount`` the object paid
    to the payee by itself; the rest is taken from the payer. ``orders`` are what a tribunal may
    order about the object while the dispute lasts, by name.
    """

    kind: str
    sides: Callable[[State, bytes], tuple[str, ...]]
    liquid: Callable[[State, Dispute], Liquid | None] = _no_money
    freeze: Callable[[Context, Dispute], None] = _nothing
    thaw: Callable[[Context, Dispute], None] = _nothing
    resolve: Callable[[Context, Dispute, Ruling], int] = _paid_nothing
    orders: Mapping[str, Callable[[Context, Dispute], None]] = field(default_factory=dict)


_KINDS: dict[str, Disputable] = {}
_BARE: Final = Disputable(BARE, lambda state, id: ())


def disputable(kind: Disputable) -> Disputable:
    """Declare a kind of objects that may be disputed."""
    if kind.kind in _KINDS or kind.kind == BARE:
        raise ValueError(f"disputes about {kind.kind!r} are declared twice")
    _KINDS[kind.kind] = kind
    return kind


def rules_of(subject: Subject) -> Disputable:
    """The rules of a subject's kind; raises ``INVALID_TERMS``."""
    if subject.kind == BARE and subject.id is None:
        return _BARE
    found = _KINDS.get(subject.kind)
    if found is None or subject.id is None:
        kinds = ", ".join((BARE, *sorted(_KINDS)))
        raise CodedError(
            INVALID_TERMS,
            f"a dispute names an object of a known kind by its id; known kinds: {kinds}",
            field="subject",
        )
    return found


def sides_of(state: State, subject: Subject) -> tuple[str, ...]:
    """The parties of a subject; none for a bare claim. Raises ``NOT_FOUND``, ``INVALID_TERMS``."""
    rules = rules_of(subject)
    return () if subject.id is None else rules.sides(state, subject.id)


def subject_id(dispute: Dispute) -> bytes:
    """The id of a dispute's subject, for rules of a kind, which always has one."""
    if dispute.subject.id is None:
        raise ValueError("a bare claim has no subject")
    return dispute.subject.id


def order_named(subject: Subject, name: str) -> Callable[[Context, Dispute], None]:
    """What an order does; raises ``UNKNOWN_ORDER``, naming those that exist."""
    orders = rules_of(subject).orders
    if name not in orders:
        known = ", ".join(sorted(orders)) or "none"
        raise CodedError(
            UNKNOWN_ORDER, f"orders about {subject.kind}: {known}; not {name!r}", field="order"
        )
    return orders[name]
