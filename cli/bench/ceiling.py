"""The machine's signature-verification ceiling: how fast all cores together verify.

Measured with the verifier and message size of real transactions, right before the load. Every node
verifies every signature, so the ceiling of a cluster on one machine is this rate divided by the
number of nodes; no arrangement of processes can finalize more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from ledger import keys

MESSAGE_BYTES = 220
"""About what a single-leg transfer's signature covers: tag, chain id and content."""

MESSAGES = 1_000
"""Distinct messages by distinct keys, as in a ledger: of one message that is verified again and
again a processor learns how it branches, which no ledger lets it do."""


class Ceiling(NamedTuple):
    """Verifications per second of all cores together, and the CPU time of one in µs.

    Other work on the machine lowers the first; the second hardly.
    """

    per_s: float
    cpu_us: float


def verifications_per_second(seconds: float = 2.0) -> float:
    """The rate on all cores this process may use, each in a process of its own."""
    return measure(seconds).per_s


def measure(seconds: float = 2.0) -> Ceiling:
    """What verifying signatures, and nothing else, takes on all cores."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    workers = [
        subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", "cli.bench.ceiling", str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _ in range(len(os.sched_getaffinity(0)))
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()  # warmed up
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        found = [worker.communicate()[0].split() for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    costs = [float(cpu_us) for _, cpu_us in found]
    return Ceiling(sum(float(rate) for rate, _ in found), sum(costs) / len(costs))


Signed = tuple[bytes, bytes, bytes]
"""Public key, message, signature."""


def _signed() -> list[Signed]:
    found = []
    for number in range(MESSAGES):
        key = keys.PrivateKey(number.to_bytes(keys.SEED_BYTES, "big"))
        message = number.to_bytes(MESSAGE_BYTES, "big")
        found.append((key.public, message, key.sign(message)))
    return found


def _verify_all(signed: list[Signed]) -> None:
    for public, message, signature in signed:
        if not keys.verify(public, message, signature):
            raise AssertionError("a good signature was refused")


def _rate(seconds: float, signed: list[Signed]) -> tuple[float, float]:
    done = 0
    cpu = time.process_time()
    started = now = time.perf_counter()
    while now - started < seconds:
        _verify_all(signed)
        done += len(signed)
        now = time.perf_counter()
    return done / (now - started), (time.process_time() - cpu) / done * 1e6


def main() -> None:
    """One worker: get ready, wait for the word, measure, print the rate."""
    signed = _signed()
    _verify_all(signed)
    print("ready", flush=True)
    sys.stdin.readline()
    print(*_rate(float(sys.argv[1]), signed))


if __name__ == "__main__":
    main()
