"""Invariants that only history shows: from receipts alone, and by executing every block again.

:class:`History` needs nothing but receipts, in order. :class:`Replay` starts from the genesis
document and computes every block anew, so it also sees each object move.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from contracts.dispute.events import RulingExecuted
from contracts.executor import BlockInput, Candidate, Execution, execute_block, read_candidate
from contracts.framework.event import Event
from contracts.framework.machine import Machine, machines
from contracts.framework.posting import BALANCE, Balance, balances
from contracts.framework.schedule import DEADLINE, HEIGHT_DEADLINE, Deadline
from contracts.genesis import initial_state
from contracts.guarantee.events import GuaranteePaid
from contracts.invariants import Finding
from contracts.netting.events import CycleEnded
from ledger.block import Certificate, Header, survivors_in
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.receipt import NO_PLACE, Place, Receipt, read_receipt
from ledger.state import MemoryMap, State
from ledger.statetree import LayeredPages, NoPages, PageReader, tree_of
from ledger.store.interface import Row
from ledger.transaction import open_envelope, verify_signatures

_Account = tuple[int, int, Place]
"""An account as its postings left it: balance, their number, place of the last."""

_EMPTY: Final[_Account] = (0, 0, NO_PLACE)


def _account(balance: Balance) -> _Account:
    return balance.amount, balance.count, (balance.height, balance.index)


def _tag(kind: type[Event]) -> str:
    return str(kind.__struct_config__.tag)


def _index(kind: type[Event], field: str) -> int:
    return 1 + kind.__struct_fields__.index(field)


ONCE: Final = {
    _tag(GuaranteePaid): (
        (10, "demands-are-paid-once", _index(GuaranteePaid, "demand")),
        (11, "payments-are-told-once", _index(GuaranteePaid, "payment")),
    ),
    _tag(RulingExecuted): ((15, "rulings-are-told-once", _index(RulingExecuted, "dispute")),),
    _tag(CycleEnded): ((7, "cycles-end-once", _index(CycleEnded, "cycle")),),
}
"""Events that an object has at most once: by event, number and name of the check, its field."""


class History:
    """What receipts say, taken block by block.

    ``opening`` is the state of block 0; with ``before`` instead, accounts start as they stand in a
    later state when their first posting comes.
    """

    def __init__(self, opening: State | None = None, *, before: State | None = None) -> None:
        self._before = before
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._subjects: set[bytes] = set()
        self._told: set[tuple[str, bytes]] = set()
        for account, unit, balance in balances(opening) if opening is not None else ():
            self._accounts[account, unit.value] = _account(balance)

    def block(self, height: int, receipts: Iterable[Receipt]) -> Iterator[Finding]:
        """Take the receipts of the next block; what is wrong with them."""
        accounts, subjects = self._accounts, self._subjects
        for index, receipt in enumerate(receipts):
            place = (height, index)
            subject = receipt.subject
            if subject in subjects:
                what = f"{_where(place)}: {subject.hex()} has a receipt already"
                yield Finding(13, "once", what)
            subjects.add(subject)
            if receipt.code and (receipt.postings or receipt.events):
                yield Finding(1, "refusals-book-nothing", f"{_where(place)}: refused, and booked")
            sums: dict[str, int] = {}
            for posting in receipt.postings:
                unit, amount = posting.unit, posting.amount
                sums[unit] = sums.get(unit, 0) + amount
                entry = (posting.account, unit)
                balance, count, last = accounts.get(entry) or self._opened(entry)
                balance, count = balance + amount, count + 1
                if (
                    posting.balance != balance
                    or posting.sequence != count
                    or posting.previous != last
                ):
                    what = f"{_where(place)}: {posting.account} does not follow from its postings"
                    yield Finding(16, "postings-chain", what)
                accounts[entry] = (balance, count, place)
            for unit, total in sums.items():
                if total:
                    what = f"{_where(place)}: {unit} sums to {total}"
                    yield Finding(1, "receipts-balance", what)
            if receipt.events:
                yield from self._events(_where(place), receipt)

    def _opened(self, entry: tuple[str, str]) -> _Account:
        record = None if self._before is None else self._before.get(BALANCE, *entry)
        return _EMPTY if record is None else _account(record)

    def _events(self, where: str, receipt: Receipt) -> Iterator[Finding]:
        for event in receipt.events:
            for number, check, field in ONCE.get(event[0], ()):
                entry = (check, event[field])
                if entry in self._told:
                    yield Finding(number, check, f"{where}: {event[field].hex()} a second time")
                self._told.add(entry)

    def against(self, state: State) -> Iterator[Finding]:
        """How the balances of a state differ from what the postings so far make."""
        stored = {(account, unit.value): balance for account, unit, balance in balances(state)}
        for account, unit in sorted(stored.keys() | self._accounts.keys()):
            balance = stored.get((account, unit))
            kept = _EMPTY if balance is None else _account(balance)
            booked = self._accounts.get((account, unit), _EMPTY)
            if kept != booked:
                yield _unlike(account, unit, kept, booked)

    def against_booked(self, state: State, changed: Collection[bytes]) -> Iterator[Finding]:
        """How the accounts that were posted to differ in a state; and which of ``changed`` keys are
        those of accounts that nobody posted to."""
        booked_keys = set()
        for entry, booked in self._accounts.items():
            key = BALANCE.key(*entry)
            booked_keys.add(key)
            balance = state.record(BALANCE, key)
            kept = _EMPTY if balance is None else _account(balance)
            if kept != booked:
                yield _unlike(*entry, kept, booked)
        for key in changed:
            if key.startswith(BALANCE.prefix) and key not in booked_keys:
                what = f"account {key!r} changed without a posting"
                yield Finding(16, "postings-make-balances", what)


def _unlike(account: str, unit: str, kept: _Account, booked: _Account) -> Finding:
    what = (
        f"{account} ({unit}) stands at {kept[0]} after {kept[1]} postings, receipts make "
        f"{booked[0]} after {booked[1]}"
    )
    return Finding(16, "postings-make-balances", what)


def _where(place: Place) -> str:
    return f"block {place[0]}, receipt {place[1]}"


@cache
def _machine_tables() -> Mapping[bytes, Machine[Any]]:
    return {machine.table.prefix: machine for machine in machines().values()}


@cache
def _reachable(name: str, state: str | None) -> frozenset[str]:
    """The states that a machine's object may be in after some steps; from the start for None."""
    machine = machines()[name]
    reached = set(machine.initial) if state is None else {machine.states(state)}
    while True:
        more = {t.target for t in machine.transitions if reached.intersection(t.sources)} - reached
        if not more:
            return frozenset(str(s.value) for s in reached)
        reached |= more


def illegal_moves(before: State, changes: Mapping[bytes, bytes | None]) -> Iterator[Finding]:
    """Objects that a block's changes took where no steps of their machine lead."""
    tables = _machine_tables()
    for key, data in changes.items():
        machine = tables.get(key[: key.index(b"/") + 1])
        if machine is None:
            continue
        record: Any = before.record(machine.table, key)
        old = None if record is None or machine.is_end(record.state) else str(record.state.value)
        if data is None:
            if old is not None:
                yield Finding(12, "legal-steps", f"{machine.name} {key.hex()} vanished as {old}")
            continue
        new: Any = machine.table.decode(data)
        same = record is not None and record.state is new.state
        if not same and new.state.value not in _reachable(machine.name, old):
            what = f"{machine.name} {key.hex()} went from {old or 'nothing'} to {new.state.value}"
            yield Finding(12, "legal-steps", what)


def untimely(before: State, execution: Execution, block: BlockInput) -> Iterator[Finding]:
    """Deadlines of a block that had no reason to fire, or did not fire by themselves."""
    due = {
        entry.id(block.chain_id): entry
        for table, limit in ((DEADLINE, block.time), (HEIGHT_DEADLINE, block.height + 1))
        for entry in _until(before, table, limit)
    }
    fired = len(execution.receipts) - len(execution.included)
    for receipt in execution.receipts[:fired]:
        if receipt.subject not in due and receipt.subject != execution.recovery:
            yield Finding(13, "in-time", f"block {block.height}: a deadline fired untimely")
        if not receipt.applied:
            entry = due.get(receipt.subject)
            name = "a deadline" if entry is None else f"the deadline of {entry.handler}"
            yield Finding(13, "fires", f"block {block.height}: {name} failed: {receipt.reason}")


def _until(state: State, table: Any, limit: int) -> Iterator[Deadline]:
    for _, entry in state.scan(table):
        if entry.due >= limit:
            return
        yield entry


class Replay:
    """A ledger computed again from its genesis document, block by block, in memory.

    ``signatures`` says whether each signature is verified too. Raises ``BAD_GENESIS`` or an error
    of decoding if the document is none of this software's.
    """

    def __init__(self, genesis: Genesis, *, signatures: bool = True) -> None:
        self.chain_id = genesis.chain_id
        opening = initial_state(genesis)
        self._signatures = signatures
        self._map = MemoryMap()
        self._pages: PageReader = NoPages()
        self._tree: dict[bytes, bytes | None] = {}
        self._recorded: set[bytes] = set()
        self._root = self._commit(opening)
        self.state = State(self._map)
        """The state after the newest block taken."""

    def _commit(self, changes: Mapping[bytes, bytes | None]) -> bytes:
        update = tree_of(self.chain_id).update(LayeredPages(NoPages(), self._tree), changes)
        self._tree.update(update.pages)
        self._map.apply(changes)
        return update.root

    def block(
        self, header: Header, rows: Sequence[Row], survivors: tuple[int, ...] = ()
    ) -> Iterator[Finding]:
        """Execute the next block again (0 has no rows); how it differs from what is stored.

        ``survivors`` are those that it hands over to, if it is a recovery.
        """
        if header.height == 0:
            if header.state_root != self._root:
                yield Finding(16, "roots", "block 0 has another state than the genesis document")
            return
        block = BlockInput(self.chain_id, header.height, header.time)
        candidates: list[Candidate] = []
        for index, row in enumerate(rows):
            if row.wire:
                try:
                    candidates.append(self._candidate(row.wire))
                except CodedError as error:
                    yield self._unfit(header.height, index, error)
        execution = execute_block(
            self.state, block, candidates, self._recorded.__contains__, survivors
        )
        for id, reason in execution.dropped:
            what = f"block {header.height}: {id.hex()} was not to be recorded: {reason}"
            yield Finding(12, "authorised", what)
        yield from untimely(self.state, execution, block)
        changes = execution.overlay.changes()
        yield from illegal_moves(self.state, changes)
        for index, receipt in enumerate(execution.receipts):
            if index >= len(rows) or encode(receipt) != rows[index].receipt:
                what = f"block {header.height}, receipt {index}: replay makes another"
                yield Finding(16, "receipts", what)
        if len(rows) > len(execution.receipts):
            yield Finding(16, "receipts", f"block {header.height}: replay makes fewer receipts")
        self._recorded.update(candidate.id for candidate in execution.included)
        if self._commit(changes) != header.state_root:
            yield Finding(16, "roots", f"block {header.height}: replay makes another state root")
        self.state.absorb(execution.overlay)

    def _candidate(self, wire: bytes) -> Candidate:
        if self._signatures:
            verify_signatures(self.chain_id, open_envelope(wire))
        return read_candidate(self.chain_id, wire)

    @staticmethod
    def _unfit(height: int, index: int, error: CodedError) -> Finding:
        return Finding(12, "authorised", f"block {height}, receipt {index}: {error}")


class Chain(NamedTuple):
    """How to read a ledger: its height, a block's header, its rows, and its own certificate."""

    height: int
    header: Callable[[int], Header | None]
    rows: Callable[[int], Sequence[Row]]
    certificate: Callable[[int], Certificate | None] = lambda height: None


def audit_history(
    chain: Chain, state: State, genesis: Genesis | None, *, signatures: bool = True
) -> Iterator[Finding]:
    """Everything that history shows of a ledger whose newest state is ``state``.

    Without ``genesis`` only receipts are held against each other and against the balances.
    """
    replay = None if genesis is None else Replay(genesis, signatures=signatures)
    history = History(None if replay is None else replay.state)
    for height in range(chain.height + 1):
        header = chain.header(height)
        if header is None:
            yield Finding(16, "blocks", f"block {height} is missing")
            return
        rows = chain.rows(height) if height else ()
        yield from history.block(height, (read_receipt(row.receipt) for row in rows))
        if replay is not None:
            survivors = survivors_in(chain.certificate(height), header)
            yield from replay.block(header, rows, survivors)
    yield from history.against(state)
    if replay is not None:
        yield from _balances_differ(replay.state, state)


def _balances_differ(replayed: State, stored: State) -> Iterator[Finding]:
    """The trial balance by replay against the stored one, account by account."""
    left = dict(replayed.scan(BALANCE))
    right = dict(stored.scan(BALANCE))
    for key in sorted(left.keys() | right.keys()):
        if left.get(key) != right.get(key):
            what = f"account {key!r}: replay makes another balance"
            yield Finding(16, "trial-balance", what)
