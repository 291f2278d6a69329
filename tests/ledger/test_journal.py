"""The vote journal: what was appended is there after a crash, in order, until pruned."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger.errors import STORE_CORRUPT, STORE_LOCKED, CodedError
from ledger.journal import Journal, open_journal
from ledger.store.interface import VoteJournal
from ledger.store.memory import MemoryEnvironment
from ledger.store.tables import Change, Table, height_key

REPO = Path(__file__).parents[2]


class JournalMachine(RuleBasedStateMachine):
    """Against a list and the number of its first element."""

    def __init__(self) -> None:
        super().__init__()
        self.environment = MemoryEnvironment()
        self.journal: VoteJournal = Journal(self.environment)
        self.records: list[bytes] = []
        self.first = 0

    @rule(records=st.lists(st.binary(max_size=4), max_size=3))
    def append(self, records: list[bytes]) -> None:
        self.journal.append(records)
        self.records += records

    @rule(back=st.integers(-2, 4))
    def prune(self, back: int) -> None:
        before = self.first + len(self.records) - back
        self.journal.prune(before)
        self._forget(before)

    @rule(records=st.lists(st.binary(max_size=4), max_size=3), back=st.integers(-2, 4))
    def append_and_prune(self, records: list[bytes], back: int) -> None:
        before = self.first + len(self.records) - back
        assert isinstance(self.journal, Journal)
        self.journal.append_and_prune(records, before)
        self.records += records
        self._forget(before)

    def _forget(self, before: int) -> None:
        before = max(self.first, min(before, self.first + len(self.records)))
        del self.records[: before - self.first]
        self.first = before

    @rule()
    def reopen(self) -> None:
        self.journal = Journal(self.environment)

    @invariant()
    def holds_exactly_what_was_not_pruned(self) -> None:
        assert self.journal.load() == self.records
        assert self.journal.next_sequence == self.first + len(self.records)


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)

_APPEND_FOREVER = """
import sys
from pathlib import Path
from ledger.journal import open_journal
journal = open_journal(Path(sys.argv[1]))
while True:
    number = journal.next_sequence
    journal.append([b"%d" % number, b"%d" % (number + 1)])
    print(number + 2, flush=True)
"""


def test_a_killed_process_keeps_every_record_it_reported_and_no_half_batch(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _APPEND_FOREVER, str(tmp_path / "votes")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPO,
    )
    assert process.stdout is not None
    for _ in range(50):
        reported = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.stdout.read()
    process.wait()
    journal = open_journal(tmp_path / "votes")
    records = journal.load()
    assert len(records) >= reported
    assert len(records) % 2 == 0
    assert records == [b"%d" % number for number in range(len(records))]
    with pytest.raises(CodedError) as refused:
        open_journal(tmp_path / "votes")
    assert refused.value.code is STORE_LOCKED
    journal.close()


def test_a_gap_in_the_journal_is_damage() -> None:
    environment = MemoryEnvironment()
    journal = Journal(environment)
    journal.append([b"a", b"b", b"c"])
    environment.write([Change(Table.JOURNAL, [(height_key(1), None)])])
    with pytest.raises(CodedError) as found:
        journal.load()
    assert found.value.code is STORE_CORRUPT
