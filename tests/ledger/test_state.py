"""State and overlays against a model: a dictionary with copies instead of undo."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.codec import Hash32, Struct, Uint, encode
from ledger.errors import MALFORMED, STORE_CORRUPT, TOO_LARGE, CodedError
from ledger.receipt import Signed
from ledger.state import MemoryMap, Overlay, State, Table


class Number(Struct, tag=1):
    value: Signed


class Link(Struct, tag=3):
    target: Hash32
    note: str = ""


NUMBERS: Table[Number] = Table("number", Number)
LINKS: Table[Link] = Table("number-link", Link)

names = st.sampled_from(["a", "ab", "b", "b\x01", "ü", ""])
numbers = st.integers(0, 3)


class OverlayMachine(RuleBasedStateMachine):
    """Layers of overlays over a committed map, with transactions, commits and rebasing."""

    @initialize(start=st.dictionaries(st.tuples(names, numbers), st.integers(-5, 5), max_size=8))
    def begin_chain(self, start: dict[tuple[str, int], int]) -> None:
        self.committed = MemoryMap(
            {NUMBERS.key(*parts): encode(Number(value)) for parts, value in start.items()}
        )
        self.base = State(self.committed, cached_records=4)
        self.layers: list[Overlay] = [Overlay(self.base)]
        self.models: list[dict[bytes, Number]] = [
            {NUMBERS.key(*parts): Number(value) for parts, value in start.items()}
        ]
        self.saved: dict[bytes, Number] | None = None

    @rule(name=names, number=numbers, value=st.integers(-(2**63), 2**63 - 1))
    def put(self, name: str, number: int, value: int) -> None:
        self.layers[-1].put(NUMBERS, Number(value), name, number)
        self.models[-1][NUMBERS.key(name, number)] = Number(value)

    @rule(name=names, number=numbers)
    def put_nonsense(self, name: str, number: int) -> None:
        with pytest.raises(CodedError):
            self.layers[-1].put(NUMBERS, Number(2**63), name, number)

    @rule(name=names, number=numbers)
    def delete(self, name: str, number: int) -> None:
        self.layers[-1].delete(NUMBERS, name, number)
        self.models[-1].pop(NUMBERS.key(name, number), None)

    @rule(name=names, number=numbers)
    def get(self, name: str, number: int) -> None:
        expected = self.models[-1].get(NUMBERS.key(name, number))
        assert self.layers[-1].get(NUMBERS, name, number) == expected

    @rule(name=names, data=st.data())
    def scan(self, name: str, data: st.DataObject) -> None:
        model = self.models[-1]
        prefix = NUMBERS.key(name)
        after = data.draw(st.one_of(st.none(), st.sampled_from([NUMBERS.key("a"), *sorted(model)])))
        expected = [
            (key, model[key])
            for key in sorted(model)
            if key.startswith(prefix) and (after is None or key > after)
        ]
        assert list(self.layers[-1].scan(NUMBERS, name, after=after)) == expected

    @precondition(lambda self: self.saved is None)
    @rule()
    def begin(self) -> None:
        self.layers[-1].begin()
        self.saved = dict(self.models[-1])

    @precondition(lambda self: self.saved is not None)
    @rule()
    def commit(self) -> None:
        self.layers[-1].commit()
        self.saved = None

    @precondition(lambda self: self.saved is not None)
    @rule()
    def rollback(self) -> None:
        self.layers[-1].rollback()
        assert self.saved is not None
        self.models[-1] = self.saved
        self.saved = None

    @precondition(lambda self: self.saved is None)
    @rule()
    def next_block(self) -> None:
        self.layers.append(Overlay(self.layers[-1]))
        self.models.append(dict(self.models[-1]))

    @precondition(lambda self: self.saved is None and len(self.layers) > 1)
    @rule()
    def finalize_oldest(self) -> None:
        oldest = self.layers.pop(0)
        self.models.pop(0)
        self.committed.apply(oldest.changes())
        self.base.absorb(oldest)
        self.layers[0].rebase(self.base)

    @rule()
    def forget(self) -> None:
        self.layers[-1].forget()
        self.base.forget()

    @invariant()
    def everything_reads_as_the_model(self) -> None:
        if not hasattr(self, "layers"):
            return
        for layer, model in zip(self.layers, self.models, strict=True):
            assert list(layer.scan(NUMBERS)) == sorted(model.items())


TestOverlay = OverlayMachine.TestCase
TestOverlay.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_changes_are_canonical_values_and_removals() -> None:
    block = Overlay(State(MemoryMap({NUMBERS.key("old", 0): encode(Number(1))})))
    block.put(NUMBERS, Number(7), "new", 0)
    block.delete(NUMBERS, "old", 0)
    assert block.changes() == {
        NUMBERS.key("new", 0): encode(Number(7)),
        NUMBERS.key("old", 0): None,
    }


def test_a_scan_sees_the_writes_before_it_and_not_those_during_it() -> None:
    block = Overlay(State(MemoryMap()))
    for index in range(5):
        block.put(NUMBERS, Number(index), "a", index)
    seen = []
    for _, record in block.scan(NUMBERS, "a"):
        seen.append(record.value)
        block.delete(NUMBERS, "a", record.value)
        block.put(NUMBERS, Number(9), "a", 9)
    assert seen == [0, 1, 2, 3, 4]


def test_many_writes_scan_in_order_after_rollbacks() -> None:
    block = Overlay(State(MemoryMap()))
    for index in range(500):
        block.begin()
        block.put(NUMBERS, Number(index), "a", (index * 37) % 500)
        block.rollback() if index % 3 else block.commit()
    for index in range(500):
        block.put(NUMBERS, Number(index), "a", index)
    assert [record.value for _, record in block.scan(NUMBERS)] == list(range(500))


def test_transactions_do_not_nest_and_end_once() -> None:
    block = Overlay(State(MemoryMap()))
    for step in (block.commit, block.rollback):
        with pytest.raises(RuntimeError):
            step()
    block.begin()
    for step in (block.begin, block.changes):
        with pytest.raises(RuntimeError):
            step()


def test_tables_never_share_keys() -> None:
    block = Overlay(State(MemoryMap()))
    block.put(NUMBERS, Number(1), "x")
    block.put(LINKS, Link(bytes(32)), "x")
    assert [record for _, record in block.scan(NUMBERS)] == [Number(1)]
    assert [record for _, record in block.scan(LINKS)] == [Link(bytes(32))]


parts = st.tuples(
    st.text(max_size=8), st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32)
)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("nul\0", MALFORMED),
        ("\ud800", MALFORMED),
        (-1, MALFORMED),
        (2**64, MALFORMED),
        (b"short", MALFORMED),
        ("x" * 400, TOO_LARGE),
    ],
)
def test_parts_that_no_key_can_hold_are_refused(part: Any, code: object) -> None:
    with pytest.raises(CodedError) as refused:
        NUMBERS.key(part)
    assert refused.value.code is code


def test_keys_ascend_as_their_parts_do() -> None:
    ordered = [("a", 0), ("a", 1), ("a", 256), ("a", 2**40), ("aa", 0), ("b", 0)]
    made = [NUMBERS.key(*parts) for parts in ordered]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_a_record_of_another_kind_is_a_defect() -> None:
    with pytest.raises(TypeError):
        Overlay(State(MemoryMap())).put(NUMBERS, Link(bytes(32)), "x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="table name"):
        Table("Has/Slash", Number)


def test_bytes_that_are_no_record_are_reported_as_damage() -> None:
    state = State(MemoryMap({NUMBERS.key("x"): b"\x93\x01\x02\x03"}))
    with pytest.raises(CodedError) as found:
        state.get(NUMBERS, "x")
    assert found.value.code is STORE_CORRUPT


class Plain(Struct, tag=2):
    flag: bool
    count: Uint
    text: str
    data: bytes
    nested: tuple[Number, ...]
    maybe: str | None = None


PLAIN: Table[Plain] = Table("plain", Plain)


@pytest.mark.parametrize(
    "record",
    [
        Plain(True, 2**63 - 1, "ü" * 300, bytes(70_000), (Number(-(2**63)), Number(-33))),
        Plain(False, 0, "", b"", tuple(Number(n) for n in range(20)), "x"),
    ],
)
def test_records_are_stored_in_the_ledgers_canonical_encoding(record: Plain) -> None:
    assert PLAIN.encode(record) == encode(record)
    assert PLAIN.decode(encode(record)) == record
