"""The benchmark's own instruments measure what they say."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.bench import processes
from cli.bench.ceiling import verifications_per_second
from cli.bench.load import Outcome

BUSY = """
import subprocess, sys, time
command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
child = subprocess.Popen(command, stdin=subprocess.PIPE)
end = time.process_time() + 0.3
while time.process_time() < end: pass
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate()


def test_a_family_is_the_process_and_its_children(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert set(processes.family(parent.pid)) == {parent.pid, child}


def test_cpu_time_counts_what_was_spent(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    parent.stdout.readline()
    spent = processes.cpu_seconds(processes.family(parent.pid))
    assert 0.25 <= spent < 5


def test_memory_is_in_mebibytes(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    parent.stdout.readline()
    assert 4 < processes.rss_mib([parent.pid]) < 200


def test_a_process_that_is_gone_costs_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert processes.family(process.pid) == []
    assert processes.cpu_seconds([process.pid]) == 0
    assert processes.rss_mib([process.pid]) == 0


def test_a_sparse_file_counts_what_it_uses(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.write(b"x" * 8192)
        file.truncate(1 << 30)
        os.fsync(file.fileno())
    assert 8192 <= processes.disk_bytes(tmp_path) < 1 << 20


def test_the_ceiling_is_near_what_one_core_does_times_the_cores() -> None:
    started = time.perf_counter()
    rate = verifications_per_second(0.2)
    assert 1_000 < rate < 1_000_000 * (os.cpu_count() or 1)
    assert time.perf_counter() - started < 20


def test_percentiles_are_values_that_occurred() -> None:
    outcome = Outcome(latencies=[0.4, 0.1, 0.3, 0.2])
    assert outcome.percentile(0.5) == 0.2
    assert outcome.percentile(0.99) == 0.4
    assert outcome.percentile(0.25) == 0.1
    assert Outcome().percentile(0.5) is None
