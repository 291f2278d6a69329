"""What a rule can do: read and write records, book, move objects, set deadlines, tell.

One context serves one transaction or one deadline. Rules are functions of the context and the
operation; whatever they do goes through here, so books balance, limits hold and a refusal undoes
everything.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import structs

from contracts.errors import (
    DEADLINE_PASSED,
    INSUFFICIENT_FUNDS,
    NOT_ENTITLED,
    NOT_FOUND,
    OVER_BALANCE_LIMIT,
    OVER_CREDIT_LINE,
    SAME_ACCOUNT,
    STANDING_FORBIDS,
    WRONG_STATE,
)
from contracts.framework.calendar import after_business_days, after_days, calendar_of
from contracts.framework.event import Event
from contracts.framework.machine import ITEM, Item, Machine
from contracts.framework.parameters import parameters_of
from contracts.framework.party import HOLDERS, PARTY, Party, Right, party_of, party_with
from contracts.framework.posting import (
    BALANCE,
    LINE,
    AccountKind,
    Balance,
    Side,
    Unit,
    balance_of,
    kind_of,
    owner_of,
)
from contracts.framework.schedule import DEADLINE, Deadline
from ledger.codec import Struct, encode
from ledger.errors import CodedError, ErrorCode
from ledger.hashing import Tag, digest
from ledger.limits import MAX_INT
from ledger.receipt import NO_PLACE, Posting

if TYPE_CHECKING:
    from ledger.state import KeyPart, Overlay, Table

R = TypeVar("R", bound=Struct)
_LEI_CHARS: Final = 20


Moved = tuple[str, AccountKind, int, int]
"""What an operation did to an account: account, its kind, its balances before and after."""

Watch = Callable[["Context", list[Moved]], None]
_WATCHES: Final[list[Watch]] = []


def watches_accounts(rule: Watch) -> Watch:
    """Declare a rule that sees what every operation and deadline did to accounts, at its end.

    For limits on sums of accounts. It may refuse an operation; it posts nothing.
    """
    _WATCHES.append(rule)
    return rule


class Context:
    """The block and the state, as one transaction or deadline sees them.

    ``time`` is block time in ms and ``author`` the LEI that acts (empty at a deadline); ``id`` is
    the transaction's or deadline's; ``policy`` is the present operation's class in signing
    policies, empty at a deadline; ``protocol`` the version whose rules apply. ``postings`` and
    ``events`` become the receipt.
    """

    __slots__ = (
        "_before",
        "_objects",
        "author",
        "chain_id",
        "events",
        "height",
        "id",
        "index",
        "policy",
        "postings",
        "protocol",
        "state",
        "time",
    )

    def __init__(
        self,
        state: Overlay,
        chain_id: bytes,
        height: int,
        time: int,
        index: int,
        id: bytes,
        author: str = "",
        *,
        protocol: int = 1,
    ) -> None:
        self.state = state
        self.chain_id = chain_id
        self.height = height
        self.time = time
        self.index = index
        self.id = id
        self.author = author
        self.policy = ""
        self.protocol = protocol
        self.postings: list[Posting] = []
        self.events: list[Event] = []
        self._before: dict[bytes, tuple[str, str, int]] = {}
        self._objects = 0

    # Records

    def get(self, table: Table[R], *parts: KeyPart) -> R | None:
        """The record of a key, or None."""
        return self.state.get(table, *parts)

    def find(self, table: Table[R], *parts: KeyPart, what: str, field: str = "") -> R:
        """The record of a key; raises ``NOT_FOUND``, saying ``what`` is missing."""
        record = self.state.get(table, *parts)
        if record is None:
            raise CodedError(NOT_FOUND, f"there is no such {what}", field=field)
        return record

    def put(self, table: Table[R], record: R, *parts: KeyPart) -> None:
        """Write a record."""
        self.state.put(table, record, *parts)

    def delete(self, table: Table[Any], *parts: KeyPart) -> None:
        """Remove a record."""
        self.state.delete(table, *parts)

    def params(self, kind: type[R]) -> R:
        """A capability's parameters in force."""
        return parameters_of(self.state, kind)

    def new_id(self) -> bytes:
        """A new object's id, 32 bytes, derived from this transaction and its earlier objects."""
        self._objects += 1
        return digest(Tag.OBJECT, self.chain_id, encode(("object", self.id, self._objects)))

    # Parties

    def party(self, lei: str, right: Right | None = None, *, field: str = "") -> Party:
        """A party, if its standing gives it ``right``.

        Raises ``UNKNOWN_PARTY`` or ``STANDING_FORBIDS``.
        """
        if right is None:
            return party_of(self.state, lei, field=field)
        return party_with(self.state, lei, right, field=field)

    def require(self, condition: bool, code: ErrorCode, sentence: str, *, field: str = "") -> None:
        """Raise a coded error unless a condition holds."""
        if not condition:
            raise CodedError(code, sentence, field=field)

    def require_author(self, *entitled: str, capacity: str) -> None:
        """Raise ``NOT_ENTITLED`` unless the author is one of these parties."""
        if self.author not in entitled:
            raise CodedError(NOT_ENTITLED, f"only {capacity} may do this")

    # Books

    def post(self, unit: Unit, debit: str, credit: str, amount: int) -> None:
        """Move ``amount`` minor units (at least 1) of a unit from ``debit`` to ``credit``.

        Bounds of the accounts are checked when the operation ends. Raises ``SAME_ACCOUNT``,
        ``OVER_BALANCE_LIMIT``, or ``STANDING_FORBIDS`` if the credited owner is no member.
        """
        if amount <= 0:
            raise ValueError("a movement is positive")
        if debit == credit:
            raise CodedError(SAME_ACCOUNT, "the debited and the credited account are the same")
        owner = owner_of(credit)
        if len(owner) == _LEI_CHARS:
            party = self.state.get(PARTY, owner)
            if party is None or party.state not in HOLDERS:
                raise CodedError(STANDING_FORBIDS, f"{owner} is no member and holds no balance")
        name = unit._value_  # as .value, which is a property in Python
        self._book(debit, name, -amount)
        self._book(credit, name, amount)

    def _book(self, account: str, unit: str, amount: int) -> None:
        state = self.state
        key = BALANCE.key(account, unit)
        old = state.record(BALANCE, key)
        if old is None:
            before, count, place = 0, 1, NO_PLACE
        else:
            before, count, place = old.amount, old.count + 1, (old.height, old.index)
        after = before + amount
        if not -MAX_INT <= after <= MAX_INT:
            raise CodedError(OVER_BALANCE_LIMIT, f"{account} would exceed 2^63-1 minor units")
        self._before.setdefault(key, (account, unit, before))
        # Known: the amount was checked right here, and heights and numbers only count.
        state.put_known(BALANCE, key, Balance(after, count, self.height, self.index))
        self.postings.append(Posting(account, unit, amount, after, count, place))

    def finish_operation(self) -> None:
        """Check the bounds of every account that the operation touched.

        Raises ``INSUFFICIENT_FUNDS`` or ``OVER_CREDIT_LINE``.
        """
        moved: list[Moved] = []
        for key, (account, unit, before) in self._before.items():
            record = self.state.record(BALANCE, key)
            after = 0 if record is None else record.amount
            kind = kind_of(account)
            side = kind.side
            moved.append((account, kind, before, after))
            if after == 0 or side is Side.FREE or (after < 0) is (side is Side.DEBIT):
                continue
            if side is Side.LINE:
                if after < before:
                    self._require_line(account, before, after)
                continue
            raise CodedError(
                INSUFFICIENT_FUNDS,
                f"{account} holds {abs(before)} {unit}, needs {abs(before - after)} (minor units)",
            )
        self._before.clear()
        for watch in _WATCHES:
            watch(self, moved)

    def _require_line(self, account: str, before: int, after: int) -> None:
        line = balance_of(self.state, LINE.of(owner_of(account)))
        if after >= -line:
            return
        if line:
            raise CodedError(
                OVER_CREDIT_LINE,
                f"{account} stands at {before} with a credit line of {line}, "
                f"needs {before - after} (minor units)",
            )
        raise CodedError(
            INSUFFICIENT_FUNDS, f"{account} holds {before}, needs {before - after} (minor units)"
        )

    # Objects with states

    def open(self, machine: Machine[R], record: R) -> R:
        """Store a new object in one of its machine's initial states and set its time limit.

        Raises ``WRONG_STATE`` if an object of the same key is still open.
        """
        now: Any = record
        if now.state not in machine.initial:
            raise ValueError(f"{machine.name} does not start as {now.state}")
        old: Any = self.state.get(machine.table, *machine.key(record))
        if old is not None and not machine.is_end(old.state):
            raise CodedError(WRONG_STATE, f"{machine.name} is open and {old.state.value}")
        self._store(machine, None, record)
        return record

    def move(
        self, machine: Machine[R], record: R, event: str, *, due: int = 0, **changes: Any
    ) -> R:
        """Take an object one step further; returns its new record.

        ``due`` is the time limit of the new state, in ms. Raises ``WRONG_STATE`` (naming the state
        and the events it allows) or ``DEADLINE_PASSED``.
        """
        old: Any = record
        target = self.require_open(machine, record, event)
        new = structs.replace(old, state=target, due=due, **changes)
        self._store(machine, old, new)
        return new  # type: ignore[no-any-return]

    def require_open(self, machine: Machine[R], record: R, event: str) -> StrEnum:
        """The state that an event would lead to now.

        Raises ``WRONG_STATE`` or ``DEADLINE_PASSED`` as :meth:`move` does.
        """
        old: Any = record
        target = machine.target(old.state, event)
        if target is None:
            allowed = ", ".join(machine.events_from(old.state)) or "none"
            raise CodedError(
                WRONG_STATE,
                f"{machine.name} is {old.state.value}, which does not allow {event!r}; "
                f"allowed: {allowed}",
            )
        if event not in machine.events_in_time(old.state) and self.time > old.due:
            raise CodedError(
                DEADLINE_PASSED, f"the time limit of {machine.name} passed at {old.due}"
            )
        return target

    def amend(self, machine: Machine[R], record: R, **changes: Any) -> R:
        """Change an object without changing its state or time limit; returns its new record."""
        if not changes.keys().isdisjoint({"state", "due"}):
            raise ValueError("states and limits change by events only")
        new = structs.replace(record, **changes)
        self._store(machine, record, new)
        return new

    def go_on(self, machine: Machine[R], record: R, due: int, **changes: Any) -> R:
        """Work on in the same state: for a rule on lapse whose work takes several blocks.

        Returns the new record, whose state lapses again at ``due``.
        """
        new = structs.replace(record, due=due, **changes)
        self._store(machine, record, new)
        return new

    def _store(self, machine: Machine[R], before: R | None, after: R) -> None:
        old: Any = before
        new: Any = after
        key = machine.key(after)
        if bool(new.due) is not (new.state in machine.limits):
            raise ValueError(f"{machine.name}: {new.state} and its time limit do not fit")
        old_due = old.due if old is not None else 0
        if old_due != new.due:
            if old_due:
                self.cancel(old_due, machine.name, *key)
            if new.due:
                self.schedule(new.due, machine.name, *key)
        self.state.put(machine.table, after, *key)
        open_for = () if machine.is_end(new.state) else machine.parties(after)
        for party in machine.parties(before) if before is not None else ():
            if party not in open_for:
                self.state.delete(ITEM, party, machine.name, *key)
        acting = machine.awaits(after)
        for party in open_for:
            item = Item(machine.name, key, new.state.value, new.due, party in acting)
            self.state.put(ITEM, item, party, machine.name, *key)

    # Time

    def schedule(self, due: int, handler: str, *parts: KeyPart) -> None:
        """Have ``handler`` called with ``parts`` at the first block later than ``due`` (ms)."""
        entry = Deadline(due, handler, parts)
        self.state.put(DEADLINE, entry, *entry.key_parts)

    def cancel(self, due: int, handler: str, *parts: KeyPart) -> None:
        """Remove a deadline, whether it is there or not."""
        self.state.delete(DEADLINE, due, handler, *parts)

    def in_business_days(self, days: int) -> int:
        """The end of the ``days``-th business day after today, in ms."""
        return after_business_days(calendar_of(self.state), self.time, days)

    def in_days(self, days: int) -> int:
        """The end of the ``days``-th day after today, in ms; without days, now."""
        return after_days(self.time, days) if days else self.time

    # Telling

    def emit(self, event: Event) -> None:
        """Put an event into the receipt."""
        self.events.append(event)
