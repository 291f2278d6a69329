"""Joining without I/O: peers of which some lie, stall or vanish, and crashes in between."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.bench.accounts import account
from cli.bench.funding import application
from cli.bench.grown import Grower, Invoices, grow
from contracts.framework.calendar import MS_PER_DAY
from ledger import keys
from ledger.codec import encode
from ledger.genesis import Genesis
from ledger.keys import PrivateKey
from ledger.snapshot import Outline, PartKind, read_items, read_records, write_items, write_records
from ledger.store.chain import Chain, Store
from ledger.store.check import check
from ledger.store.disk import open_store
from ledger.store.memory import MemoryEnvironment
from ledger.store.snapshots import certify_from, take
from ledger.store.staging import Staging
from ledger.store.tables import CHAIN_TABLES, Table, each
from ledger.validators import Validator, ValidatorSet
from node.joining.join import Begin, Done, GaveUp, Join, Keep, Lied, Send
from node.joining.serving import Shelf
from node.joining.taking import window_of
from node.messages import JoiningMessage, PartAnswer, PartRequest, SnapshotOffer, SnapshotRequest

COUNTRIES = ("RU", "CN", "IN", "BR")
PEERS = (0, 1, 2)


class Source:
    """A ledger of fifteen days, twice the replay window, with a snapshot in many parts."""

    def __init__(self, folder: Path) -> None:
        vote_keys = [PrivateKey(bytes((9, n)) * 16) for n in range(4)]
        guarantors = [(f"g{n}", account(n).lei, country) for n, country in enumerate(COUNTRIES)]
        validators = ValidatorSet(
            0,
            tuple(
                Validator(lei, name, country, key.public, name.encode(), f"127.0.0.1:{7000 + n}")
                for n, ((name, lei, country), key) in enumerate(
                    zip(guarantors, vote_keys, strict=True)
                )
            ),
        )
        members = [account(1_000 + n) for n in range(20)]
        start = time.time_ns() // 1_000_000 - 60 * MS_PER_DAY
        self.genesis = Genesis("test", start, validators, encode(application(guarantors, members)))
        self.store = Store(MemoryEnvironment())
        grower = Grower(self.store, self.genesis, vote_keys)
        grow(grower, Invoices(members, 300), 60, start + MS_PER_DAY, MS_PER_DAY // 4)
        self.folder = folder
        with self.store.environment.snapshot() as reader:
            chain = Chain(reader)
            self.height = take(reader, folder, window_of(chain), lambda h: certify_from(chain, h))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.store.snapshots.STATE_ENTRIES", 70)
        yield Source(tmp_path_factory.mktemp("snapshots"))


Lie = Callable[[PartAnswer | SnapshotOffer], PartAnswer | SnapshotOffer]


class Run:
    """A newcomer and its peers on virtual time."""

    def __init__(self, source: Source, folder: Path, run_bytes: int = 20_000) -> None:
        self.source = source
        self.folder = folder
        self.run_bytes = run_bytes
        self.shelf = Shelf(source.folder, source.store)
        self.lies: dict[int, Lie] = {}
        self.now = 0
        self.queue: deque[tuple[int, SnapshotRequest | PartRequest]] = deque()
        self.named: list[tuple[int, str]] = []
        self.asked: list[tuple[int, JoiningMessage]] = []
        self.end: Done | GaveUp | None = None
        self.start()

    def start(self) -> None:
        """A fresh process on what is on disk."""
        self.staging = Staging(self.folder / "staging", self.run_bytes)
        self.join = Join(
            self.source.genesis,
            keys.verify,
            least=1,
            expected=len(PEERS),
            staged=self.staging.manifest,
            done=self.staging.done,
            now=self.now,
        )
        self.queue.clear()
        self.left: set[int] = set()
        for peer in PEERS:
            self.carry_out(self.join.peer_up(peer, self.now))

    def carry_out(self, effects: list[Send | Begin | Keep | Lied | Done | GaveUp]) -> None:
        for effect in effects:
            match effect:
                case Send(peer, message):
                    assert isinstance(message, SnapshotRequest | PartRequest)
                    assert peer not in self.left, "a liar is left"
                    self.asked.append((peer, message))
                    self.queue.append((peer, message))
                case Begin(manifest):
                    self.staging.begin(manifest)
                case Keep(part, records):
                    self.staging.add(part, records)
                case Lied(peer, text):
                    self.named.append((peer, text))
                    self.left.add(peer)
                case Done() | GaveUp():
                    self.end = effect

    def step(self) -> None:
        """One answer, or time that passes because there is none."""
        if not self.queue:
            self.now += 1_000
            self.carry_out(self.join.tick(self.now))
            return
        self.now += 1
        peer, request = self.queue.popleft()
        answer = self.shelf.answer(request)
        lie = self.lies.get(peer)
        self.carry_out(self.join.received(peer, lie(answer) if lie else answer, self.now))

    def finish(self) -> Outline:
        for _ in range(5_000):
            if self.end is not None:
                break
            self.step()
        assert isinstance(self.end, Done), self.end
        return self.end.outline

    def assert_complete(self) -> None:
        """The new store is sound, and the source's but for what is older than the window."""
        self.staging.build(self.folder / "ledger", self.finish(), self.source.genesis)
        made = open_store(self.folder / "ledger")
        try:
            assert list(check(made)) == []
            base = made.base
            assert 30 < base < 40
            for table in CHAIN_TABLES:
                mine = dict(each(made.environment, table))
                theirs = dict(each(self.source.store.environment, table))
                if table in (Table.ROW, Table.TRANSACTION, Table.EVENT, Table.ANCHOR):
                    assert mine.items() <= theirs.items()
                elif table not in (Table.META, Table.CERTIFICATE):
                    assert mine == theirs, table
            assert made.rows(base) == self.source.store.rows(base)
            wires = {
                row.wire
                for h in range(base, self.source.height + 1)
                for row in made.rows(h)
                if row.wire
            }
            assert len(dict(each(made.environment, Table.TRANSACTION))) == len(wires) > 0
        finally:
            made.close()


def test_three_honest_peers_share_the_work(source: Source, tmp_path: Path) -> None:
    run = Run(source, tmp_path)
    run.assert_complete()
    parts = [peer for peer, message in run.asked if isinstance(message, PartRequest)]
    assert len(parts) > 16 and set(parts) == set(PEERS)
    assert run.named == []


def _of(kind: PartKind, change: Callable[[bytes], bytes]) -> Lie:
    def lie(answer: PartAnswer | SnapshotOffer) -> PartAnswer | SnapshotOffer:
        if isinstance(answer, PartAnswer) and answer.kind is kind and answer.content:
            return msgspec.structs.replace(answer, content=change(answer.content))
        return answer

    return lie


def _first_value(data: bytes) -> bytes:
    (key, value), *rest = read_records(data)
    return write_records([(key, value[:-1] + bytes((value[-1] ^ 1,))), *rest])


LIES: dict[str, tuple[Lie, str]] = {
    "a record of the state changed": (_of(PartKind.STATE, _first_value), "had another value"),
    "a record of the state left out": (
        _of(PartKind.STATE, lambda d: write_records(read_records(d)[1:])),
        "was left out",
    ),
    "a header changed": (
        _of(PartKind.HEADERS, lambda d: d[:-1] + bytes((d[-1] ^ 1,))),
        "headers 0 to",
    ),
    "a header left out": (
        _of(PartKind.HEADERS, lambda d: write_items(read_items(d)[1:])),
        "headers 0 to",
    ),
    "rows of other blocks": (
        _of(PartKind.ROWS, lambda d: write_items(reversed(read_items(d)))),
        "rows",
    ),
    "a byte of rows": (_of(PartKind.ROWS, lambda d: d[:-1] + bytes((d[-1] ^ 1,))), "rows"),
    "nonsense": (_of(PartKind.STATE, lambda d: b"\xff" * 99), "state part"),
}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("liar", [0, 1])
def test_a_lying_peer_is_named_with_what_was_false_and_left(
    source: Source, tmp_path: Path, name: str, liar: int
) -> None:
    run = Run(source, tmp_path)
    run.lies[liar], words = LIES[name]
    if liar == 1 and name.startswith(("a header", "rows", "a byte")):
        # There is one such part: ask only the liar and one honest peer, the liar first.
        run.carry_out(run.join.peer_down(0, run.now))
    run.assert_complete()
    assert run.named and {peer for peer, _ in run.named} == {liar}
    assert any(words in text for _, text in run.named)


def test_a_false_manifest_is_refused_and_another_peers_taken(
    source: Source, tmp_path: Path
) -> None:
    def lie(answer: PartAnswer | SnapshotOffer) -> PartAnswer | SnapshotOffer:
        if isinstance(answer, SnapshotOffer):
            changed = bytearray(answer.manifest)
            changed[len(changed) // 2] ^= 1
            return SnapshotOffer(bytes(changed))
        return answer

    run = Run(source, tmp_path)
    run.lies[0] = lie
    run.assert_complete()
    assert [peer for peer, _ in run.named] == [0]
    assert not any(isinstance(m, PartRequest) for peer, m in run.asked if peer == 0)


def test_a_silent_peer_is_left_alone_and_the_rest_do_its_part(
    source: Source, tmp_path: Path
) -> None:
    run = Run(source, tmp_path)

    def silent(answer: PartAnswer | SnapshotOffer) -> PartAnswer | SnapshotOffer:
        if isinstance(answer, PartAnswer):
            return msgspec.structs.replace(answer, start=10**6)  # fits no question: as if lost
        return answer

    run.lies[2] = silent
    run.assert_complete()


def test_nobody_who_offers_anything_ends_it_soon(source: Source, tmp_path: Path) -> None:
    run = Run(source, tmp_path)
    for peer in PEERS:
        run.lies[peer] = lambda answer: SnapshotOffer(b"")
    while run.end is None:
        run.step()
    assert isinstance(run.end, GaveUp) and run.now < 10_000


@settings(
    deadline=None,
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_killed_at_any_moments_it_goes_on_and_completes(
    source: Source, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    run = Run(source, tmp_path_factory.mktemp("run"), data.draw(st.sampled_from([1, 9_000, 10**6])))
    if data.draw(st.booleans()):
        run.lies[data.draw(st.sampled_from(PEERS))] = LIES[data.draw(st.sampled_from(list(LIES)))][
            0
        ]
    for _ in range(data.draw(st.integers(0, 3))):
        for _ in range(data.draw(st.integers(0, 60))):
            if run.end is None:
                run.step()
        if data.draw(st.booleans()) and run.end is None:
            peer = data.draw(st.sampled_from(PEERS))
            run.carry_out(run.join.peer_down(peer, run.now))
            run.queue = deque(item for item in run.queue if item[0] != peer)
            run.carry_out(run.join.peer_up(peer, run.now))
        before = set(run.staging.done)
        run.end = None
        run.start()
        assert run.staging.done <= before
    run.assert_complete()
