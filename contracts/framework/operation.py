"""Operations: declared once, used everywhere.

The declaration says what a party states (the fields), who may do it and how it signs, what it
books, tells and may refuse. Forms, JSON Schemas, reference pages and words are made from it.

    @operation(
        policy="payment",
        by=member(Right.PAY),
        amount=lambda state, op, party: sum(leg.amount for leg in op.legs),
        posts=(entry("payer", AVAIL, "payee", AVAIL),),
        text={"en": "Pay {legs}"},
    )
    class Transfer(Operation, tag="currency.Transfer"):
        \"\"\"Pay one or more parties at once: all legs or none.\"\"\"

        legs: Annotated[tuple[Leg, ...], Meta(min_length=1, max_length=256, description="…")]

    @transition(Transfer)
    def transfer(ctx: Context, op: Transfer) -> None: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from contracts.errors import UNKNOWN_OPERATION
from contracts.framework.authority import Actor, Signing, by_policy
from contracts.framework.event import Event
from contracts.framework.fields import Check, Field, checker_of, fields_of
from contracts.framework.posting import Entry
from ledger.codec import Struct, encode, from_plain, to_plain
from ledger.errors import MALFORMED, NOT_CANONICAL, CodedError, ErrorCode
from ledger.state import State
from ledger.transaction import PlainOperation

if TYPE_CHECKING:
    from contracts.framework.context import Context


class Operation(Struct):
    """What one party states in a transaction. Subclasses are declared with :func:`operation`."""

    declaration: ClassVar[Declaration]


O = TypeVar("O", bound=Operation)  # noqa: E741
Amount = Callable[[State, Any, str], int | None]
Cosigners = Callable[[State, str, Any], tuple[str, ...]]
Proofs = Callable[[Any], tuple[bytes, ...]]


def no_amount(state: State, op: Operation, party: str) -> None:
    """The amount of operations that move no value."""


@dataclass(eq=False, slots=True)
class Declaration:
    """Everything about an operation that does not depend on a block.

    ``amount(state, op, party)`` is what the party's policy weighs, in minor units.
    ``cosigners(state, author, op)`` are further parties whose policies must approve, named in words
    by ``cosigned_by``. ``proofs(op)`` are new public keys that must sign too, which proves that
    somebody holds them.
    """

    name: str
    kind: type[Operation]
    policy: str
    by: Actor
    signing: Signing
    amount: Amount
    cosigners: Cosigners | None
    cosigned_by: str
    proofs: Proofs | None
    posts: tuple[Entry, ...]
    emits: tuple[type[Event], ...]
    errors: tuple[ErrorCode, ...]
    text: Mapping[str, str]
    check: Check
    transition: Callable[[Context, Any], None]

    @property
    def meaning(self) -> str:
        """One paragraph: the declaration's docstring."""
        return inspect.cleandoc(self.kind.__doc__ or "")

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its fields in their order on the wire."""
        return fields_of(self.kind)

    @property
    def title(self) -> str:
        """The name in words: ``currency.OpenEscrow`` is ``Open escrow``."""
        words = "".join(f" {c.lower()}" if c.isupper() else c for c in self.kind.__name__)
        return words.strip().capitalize()


_DECLARATIONS: dict[str, Declaration] = {}


def operation(
    *,
    policy: str,
    by: Actor,
    text: Mapping[str, str],
    signing: Signing | None = None,
    amount: Amount = no_amount,
    cosigners: Cosigners | None = None,
    cosigned_by: str = "",
    proofs: Proofs | None = None,
    posts: tuple[Entry, ...] = (),
    emits: tuple[type[Event], ...] = (),
    errors: tuple[ErrorCode, ...] = (),
) -> Callable[[type[O]], type[O]]:
    """Declare an operation; see :class:`Declaration` for the arguments.

    ``by`` is who may author it, ``policy`` the class of operations in signing policies, ``text``
    its words by language, with fields in braces.
    """

    def declare(kind: type[O]) -> type[O]:
        name = str(kind.__struct_config__.tag)
        if name in _DECLARATIONS:
            raise ValueError(f"operation {name} is declared twice")
        if (cosigners is None) is not (cosigned_by == ""):
            raise ValueError(f"{name}: cosigners and the words for them go together")
        kind.declaration = _DECLARATIONS[name] = Declaration(
            name=name,
            kind=kind,
            policy=policy,
            by=by,
            signing=signing or by_policy(),
            amount=amount,
            cosigners=cosigners,
            cosigned_by=cosigned_by,
            proofs=proofs,
            posts=posts,
            emits=emits,
            errors=errors,
            text=text,
            check=checker_of(kind),
            transition=_undefined,
        )
        return kind

    return declare


def _undefined(ctx: Context, op: Operation) -> None:
    raise NotImplementedError(f"{op.declaration.name} has no transition")


def transition(
    kind: type[O],
) -> Callable[[Callable[[Context, O], None]], Callable[[Context, O], None]]:
    """Declare the rule of an operation."""

    def register(rule: Callable[[Context, O], None]) -> Callable[[Context, O], None]:
        if kind.declaration.transition is not _undefined:
            raise ValueError(f"{kind.declaration.name} has two rules")
        kind.declaration.transition = rule
        return rule

    return register


def declarations() -> dict[str, Declaration]:
    """All declared operations by name."""
    return dict(sorted(_DECLARATIONS.items()))


def declaration_named(name: str) -> Declaration:
    """The declaration of a name; raises ``UNKNOWN_OPERATION``."""
    found = _DECLARATIONS.get(name)
    if found is None:
        raise CodedError(UNKNOWN_OPERATION, f"no operation is called {name[:64]!r}")
    return found


def read_operation(plain: PlainOperation) -> Operation:
    """The operation of nested arrays as a transaction carries them, fully checked.

    Raises ``UNKNOWN_OPERATION``, ``MALFORMED``, ``NOT_CANONICAL`` or ``INVALID_FIELD``.
    """
    name = plain[0] if plain else None
    if not isinstance(name, str):
        raise CodedError(MALFORMED, "an operation starts with its name")
    found = declaration_named(name)
    op = from_plain(plain, found.kind)
    if not _same(op, plain):
        raise CodedError(NOT_CANONICAL, f"{name}: every field is written, each in its own type")
    found.check(op)
    return op


def _same(op: Operation, plain: PlainOperation) -> bool:
    """Whether nested arrays say exactly what the operation does: their bytes are the same."""
    try:
        return encode(plain) == encode(op)
    except CodedError:
        return False


def read_trusted_operation(plain: PlainOperation) -> Operation:
    """As :func:`read_operation`, for bytes that this node has checked before."""
    return from_plain(plain, _DECLARATIONS[plain[0]].kind)


def write_operation(op: Operation) -> PlainOperation:
    """The nested arrays of an operation, for a transaction."""
    return tuple(to_plain(op))
