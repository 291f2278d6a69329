"""Who writes the index: one thread that follows the committed chain.

It reads blocks from the store as any reader does, so consensus never waits for it; under load it
rests as long as it works. Blocks, their totals and the height that they reach are stored in one
atomic write, so a crash leaves the index at some earlier block, and it goes on from there.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.framework.machine import machines
from contracts.framework.party import PARTY, Party
from contracts.framework.posting import accounts_of, balances, kind_of, owner_of
from contracts.genesis import read_application
from ledger.codec import Struct, decode_trusted, encode
from ledger.errors import STORE_CORRUPT, CodedError
from ledger.state import State
from ledger.store.interface import ChainReader
from ledger.store.lmdb_environment import LmdbEnvironment
from ledger.store.tables import Change, Table, by_key
from node.explorer.balances import step_before
from node.explorer.index import records
from node.explorer.index.gather import Batch, Block
from node.explorer.index.reader import IndexReader
from node.explorer.index.records import Series
from node.logs import logger

if TYPE_CHECKING:
    from node.api.handle import NodeHandle

_log = logger("explorer")

BATCH_RECEIPTS: Final = 2_000
BATCH_BLOCKS: Final = 500
"""A batch ends at whichever comes first."""
REST: Final = 1.0
BUSY_REST: Final = 4.0
"""After a batch the thread rests so many times as long as it worked: consensus has the same cores.
It rests longer while blocks with transactions arrive.
"""
LEAST_PAUSE_S: Final = 0.25
"""Between two writes at the head of the chain: each write waits for the disk."""


class Mark(Struct, tag=1):
    """How far the index reaches: the ledger, the layout, the newest block in it.

    ``first`` is the lowest block that was read; ``based`` tells whether the totals from before it,
    and the parties and objects of that time, are known.
    """

    chain_id: bytes
    layout: int
    height: int
    hash: bytes
    first: int
    based: bool = False


class Index:
    """The index of one node. ``folder`` keeps it; without one it lives as long as this value."""

    def __init__(
        self, node: NodeHandle, folder: Path | None = None, *, batch_blocks: int = BATCH_BLOCKS
    ) -> None:
        self._node = node
        self._batch_blocks = batch_blocks
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="iic-index-")
        self._folder = folder or Path(self._temporary.name if self._temporary else "")
        self._environment = self._open()
        self._mark = self._load()
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._moved = threading.Condition()
        self._thread: threading.Thread | None = None
        self.failure = ""
        """Why the index goes no further, or empty."""

    # life -------------------------------------------------------------------------------------
    def start(self) -> None:
        """Follow the chain from a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="explorer-index", daemon=True)
        self._thread.start()

    def tell(self) -> None:
        """A block was committed."""
        self._news.set()

    def wait_for(self, height: int, seconds: float) -> bool:
        """Wait until the index reaches a height, at most so long; whether it did."""
        with self._moved:
            return self._moved.wait_for(lambda: self.height >= height, seconds)

    def close(self) -> None:
        """Stop after the batch at hand and release the files."""
        self._stopping.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()
        self._environment.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def height(self) -> int:
        """The newest block in the index; -1 before any."""
        return self._mark.height

    @contextmanager
    def snapshot(self) -> Iterator[IndexReader]:
        """Reads of one unchanging index; take it before the store's, so that it is not ahead."""
        with self._environment.snapshot() as reader:
            mark = _read_mark(reader.get(Table.DERIVED, records.META))
            yield IndexReader(reader, mark.height, mark.first) if mark else IndexReader(reader, -1)

    def _run(self) -> None:
        try:
            while True:
                self._news.clear()  # before looking whether to stop: `close` says that first
                if self._stopping.is_set():
                    return
                known = self._node.head().height
                began = time.monotonic()
                moved = self.step()
                took = time.monotonic() - began
                head = self._node.head()
                if not moved:
                    self._news.wait()
                elif self.height >= head.height:
                    self._stopping.wait(max(took * REST, LEAST_PAUSE_S))
                else:
                    busy = head.height > known and head.transactions > 0
                    self._stopping.wait(took * (BUSY_REST if busy else REST))
        except Exception as error:  # whatever it is, the node goes on and pages say it
            self.failure = f"{type(error).__name__}: {error}"
            _log.error("the explorer's index stops", reason=self.failure, exc_info=error)

    # opening ----------------------------------------------------------------------------------
    def _open(self) -> LmdbEnvironment:
        try:
            return LmdbEnvironment(self._folder, (Table.DERIVED,))
        except CodedError as error:
            if error.code is not STORE_CORRUPT:
                raise
            return self._anew(error.message)

    def _anew(self, reason: str) -> LmdbEnvironment:
        """Whatever is wrong with the old index, the chain can give a new one."""
        _log.warning("the explorer's index is made again", reason=reason)
        shutil.rmtree(self._folder, ignore_errors=True)
        return LmdbEnvironment(self._folder, (Table.DERIVED,))

    def _load(self) -> Mark:
        """Where the stored index stands; one that does not fit this chain is made again."""
        chain_id = self._node.chain_id
        mark = _read_mark(self._environment.get(Table.DERIVED, records.META))
        if mark is None:
            return Mark(chain_id, records.LAYOUT, -1, b"", 0)
        header = self._node.store.header(mark.height)
        fits = header is not None and header.hash() == mark.hash
        fits = fits and mark.height + 1 >= self._node.store.base  # no blocks fell out between
        if mark.chain_id == chain_id and mark.layout == records.LAYOUT and fits:
            return mark
        self._environment.close()
        self._environment = self._anew("it belongs to another chain, height or version")
        return Mark(chain_id, records.LAYOUT, -1, b"", 0)

    # work -------------------------------------------------------------------------------------
    def catch_up(self) -> None:
        """Read every committed block that is not in the index yet."""
        while self.step():
            pass

    def step(self) -> bool:
        """Read the next blocks, one batch; False if there are none."""
        with self._node.store.snapshot() as chain:
            head = chain.head
            assert head is not None, "a node serves only once genesis is stored"
            if self._mark.height >= head.height and self._mark.based:
                return False
            self._advance(chain, head.height)
        return True

    def _advance(self, chain: ChainReader, head: int) -> None:
        state = State(chain)
        batch = Batch(
            self._node.chain_id,
            lambda key: self._environment.get(Table.DERIVED, key),
            lambda lei: self._home(state, lei),
            lambda lei, height, index: _held(chain, state, lei, height, index),
        )
        mark = self._mark
        if mark.height < 0:
            self._begin(batch)
            first = chain.base
            mark = Mark(mark.chain_id, mark.layout, first - 1, b"", first)
        last = mark.height
        header = None
        while (
            last < head
            and batch.receipts < BATCH_RECEIPTS
            and last - mark.height < self._batch_blocks
        ):
            last += 1
            header = chain.header(last)
            assert header is not None, "blocks have no holes up to the head"
            batch.add(Block(header, chain.rows(last)))
        based = mark.based
        if not based and last == head:
            _base(batch, state)
            if mark.first:
                self._from_before(batch, state)
            based = True
        self._list(batch, state)
        digest = mark.hash if header is None else header.hash()
        mark = Mark(mark.chain_id, mark.layout, last, digest, mark.first, based)
        batch.puts[records.META] = encode(mark)
        self._store(batch.puts)
        with self._moved:
            self._mark = mark
            self._moved.notify_all()

    def _begin(self, batch: Batch) -> None:
        """The parties of the genesis document: no receipt tells of them."""
        application = read_application(self._node.genesis.application)
        for party in application.parties:
            batch.homes[party.lei] = party.profile.home
            batch.touched.add(party.lei)

    def _from_before(self, batch: Batch, state: State) -> None:
        """Parties and objects of which only blocks tell that the store does not hold."""
        batch.touched.update(party.lei for _, party in state.scan(PARTY))
        for name, machine in machines().items():
            if name in _KEYED_OTHERWISE:
                continue
            for _, record in state.scan(machine.table):
                [identity, *rest] = machine.key(record)
                if rest or not isinstance(identity, bytes) or identity in batch.objects:
                    continue
                if not self._environment.get(Table.DERIVED, records.OBJECT + identity):
                    batch.objects[identity] = (0, 0)

    def _home(self, state: State, lei: str) -> str:
        stored = self._environment.get(Table.DERIVED, records.PARTY + lei.encode())
        if stored is not None:
            return decode_trusted(stored, Listed).counted
        party = state.get(PARTY, lei)
        return "" if party is None else party.profile.home

    def _list(self, batch: Batch, state: State) -> None:
        """Bring the lists of parties and objects to what the state says."""
        for lei in sorted(batch.touched):
            party = state.get(PARTY, lei)
            if party is None:
                continue
            key = records.PARTY + lei.encode()
            stored = self._environment.get(Table.DERIVED, key)
            old = None if stored is None else decode_trusted(stored, Listed)
            counted = batch.homes.get(lei, old.counted if old else party.profile.home)
            new = _listed(party, counted)
            if new == old:
                continue
            if old is None:
                batch.count("parties")
            for gone in _places(lei, old) - _places(lei, new):
                batch.puts[gone] = None
            for place in _places(lei, new):
                batch.puts[place] = b""
            batch.puts[key] = encode(new)
        for identity, (height, index) in batch.objects.items():
            name = _machine_of(state, identity)
            batch.puts[records.OBJECT + identity] = records.place(height, index) + name.encode()
            if name:
                where = records.newest(height, index)
                batch.puts[records.named(records.LIST, name) + where + identity] = b""
                batch.count(f"machine {name}")

    def _store(self, puts: dict[bytes, bytes | None]) -> None:
        self._environment.write([Change(Table.DERIVED, by_key(puts.items()))])


class Listed(Struct, tag=1):
    """What the lists of parties say of one. ``counted`` is the state whose totals it is part of."""

    name: str
    counted: str
    filters: tuple[str, ...]


def filters_of(party: Party) -> tuple[str, ...]:
    """The lists that a party stands in, besides that of all."""
    profile = party.profile
    return (
        f"home:{profile.home}",
        f"kind:{profile.kind.value}",
        f"standing:{party.state.value}",
        *(f"role:{role}" for role in sorted({office.role.value for office in party.offices})),
    )


def _listed(party: Party, counted: str) -> Listed:
    return Listed(party.profile.name, counted, filters_of(party))


def _places(lei: str, listed: Listed | None) -> set[bytes]:
    """Every record that finds a party by its list or its name."""
    if listed is None:
        return set()
    name = listed.name.casefold()
    found = {
        records.named(records.LISTED, one) + records.named(b"", name) + lei.encode()
        for one in ("", *listed.filters)
    }
    return found | {
        records.named(records.WORD, word) + lei.encode() for word in records.words_of(listed.name)
    }


def _machine_of(state: State, identity: bytes) -> str:
    """The machine whose object an id is; empty if none has it (any more)."""
    for name, machine in machines().items():
        if name not in _KEYED_OTHERWISE and state.get(machine.table, identity) is not None:
            return name
    return ""


_KEYED_OTHERWISE: Final = frozenset({"membership", "credit line", "programme"})
"""Machines whose objects are found by their party."""


def _held(
    chain: ChainReader, state: State, lei: str, height: int, index: int
) -> Iterable[tuple[str, str, int]]:
    for account, unit, _ in accounts_of(state, lei):
        amount = step_before(chain, account, unit.value, (height, index))[1]
        if amount:
            yield account, unit.value, amount


def _base(batch: Batch, state: State) -> None:
    """What every total was before the first block: what the state holds, less what was posted."""
    held: dict[Series, int] = {}
    for account, unit, record in balances(state):
        series = Series(kind_of(account).name, unit.value, batch.state_of(owner_of(account)))
        held[series] = held.get(series, 0) + record.amount
    for series, amount in held.items():
        before = amount - batch.total_of(series)
        if before:
            batch.puts[records.series_prefix(records.BASE, series)] = records.total(before)
            if not batch.total_of(series):
                batch.puts[records.series_prefix(records.TOTAL, series)] = records.total(0)


def _read_mark(data: bytes | None) -> Mark | None:
    if data is None:
        return None
    try:
        return decode_trusted(data, Mark)
    except CodedError:
        return None  # of another version
