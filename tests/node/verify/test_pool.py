"""Verification in worker processes: real processes, real pipes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger import keys
from ledger.codec import encode
from ledger.transaction import SignedTransaction, Transaction, build, transaction_id
from node import limits
from node.errors import Busy
from node.verify.pipe import encode_job
from node.verify.pool import VerifyPool
from node.verify.worker import check_transaction

CHAIN = bytes(range(32))
KEY = keys.PrivateKey(bytes(32))
AUTHOR = "5493001KJTIIGC8Y1R12"


def signed(number: int, chain_id: bytes = CHAIN) -> SignedTransaction:
    content = Transaction(chain_id, AUTHOR, (("test.Nothing", number),), 1_000)
    return build(content).with_signature(chain_id, KEY)


def wire(number: int, chain_id: bytes = CHAIN) -> bytes:
    return encode(signed(number, chain_id))


def forged(number: int) -> bytes:
    other = signed(number + 1)
    return encode(SignedTransaction(signed(number).content, other.signatures))


@pytest.fixture
async def pool() -> AsyncIterator[VerifyPool]:
    running = VerifyPool(CHAIN, 1)
    running.start()
    yield running
    await running.close()


async def test_each_transaction_gets_its_own_verdict_in_order(pool: VerifyPool) -> None:
    wires = [wire(1), forged(2), b"\xc1", wire(3, bytes(32)), wire(4)[:-1], wire(5)]
    verdicts = await pool.check(wires)
    assert [v[1] for v in verdicts] == [
        "",
        "BAD_SIGNATURE",
        "MALFORMED",
        "WRONG_CHAIN",
        "MALFORMED",
        "",
    ]
    assert verdicts[0][0] == transaction_id(CHAIN, signed(1).content)
    assert verdicts[1][3] == "signatures[0]"
    assert verdicts == [check_transaction(CHAIN, w) for w in wires]


async def test_an_empty_request_is_answered_without_a_worker() -> None:
    assert await VerifyPool(CHAIN, 1).check([]) == []


async def test_many_chunks_come_back_whole_and_in_order(pool: VerifyPool) -> None:
    wires = [wire(n) for n in range(3 * limits.CHECK_CHUNK_WIRES + 5)]
    verdicts = await pool.check(wires)
    assert [v[0] for v in verdicts] == [
        transaction_id(CHAIN, signed(n).content) for n in range(len(wires))
    ]
    assert pool.waiting == 0


async def test_an_urgent_check_does_not_wait_behind_a_large_one(pool: VerifyPool) -> None:
    large = asyncio.create_task(pool.check([wire(n) for n in range(4_000)]))
    await asyncio.sleep(0)
    await pool.check([wire(0)])  # not urgent: it waits for all of the large one
    await asyncio.sleep(0)
    assert large.done()
    large = asyncio.create_task(pool.check([wire(n) for n in range(4_000)]))
    await asyncio.sleep(0)
    await pool.check([wire(0)], urgent=True)
    assert not large.done()
    assert len(await large) == 4_000


async def test_a_killed_worker_is_replaced_and_no_verdict_is_lost(pool: VerifyPool) -> None:
    await pool.check([wire(0)])
    (pid,) = pool.pids
    work = asyncio.create_task(pool.check([wire(n) for n in range(2_000)]))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    verdicts = await work
    assert len(verdicts) == 2_000 and not any(v[1] for v in verdicts)
    assert pool.restarts == 1 and pool.pids != {pid}


async def test_a_transaction_that_kills_workers_is_refused_and_its_neighbours_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies on one certain transaction stands for a defect in a library below it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, os\n"
        "if 'node.verify.worker' in sys.orig_argv:\n"
        "    import ledger.keys as keys\n"
        "    accept = keys.verify\n"
        "    def verify(key, message, signature):\n"
        "        if b'poison' in message: os._exit(9)\n"
        "        return accept(key, message, signature)\n"
        "    keys.verify = verify\n"
    )
    monkeypatch.setattr("node.verify.pool._ROOT", f"{Path.cwd()}{os.pathsep}{tmp_path}")
    monkeypatch.setattr(limits, "WORKER_RESTART_SECONDS", 0.0)
    poison = Transaction(CHAIN, AUTHOR, (("test.Nothing", "poison"),), 1_000)
    wires = [wire(1), encode(build(poison).with_signature(CHAIN, KEY)), wire(2)]
    pool = VerifyPool(CHAIN, 1)
    pool.start()
    try:
        verdicts = await pool.check(wires)
        assert [v[1] for v in verdicts] == ["", "VERIFIER_FAILED", ""]
        assert not (await pool.check([wire(3)]))[0][1]
    finally:
        await pool.close()


async def test_a_full_queue_refuses_clients_but_never_consensus(
    pool: VerifyPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHECK_QUEUE_WIRES", 100)
    work = asyncio.create_task(pool.check([wire(n) for n in range(100)]))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await pool.check([wire(0)])
    assert len(await pool.check([wire(0)], urgent=True)) == 1
    assert len(await work) == 100


async def test_closing_leaves_no_process_behind() -> None:
    pool = VerifyPool(CHAIN, 2)
    pool.start()
    await pool.check([wire(n) for n in range(500)])
    pids = pool.pids
    assert pids
    await pool.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_whose_node_was_killed_ends_without_a_word() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "node.verify.worker", CHAIN.hex()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert worker.stdout is not None
    worker.stdout.close()
    _, said = worker.communicate(encode_job(1, [wire(1)]), timeout=30)
    assert (worker.returncode, said) == (0, b"")


async def test_a_worker_is_small(pool: VerifyPool) -> None:
    await pool.check([wire(n) for n in range(500)])
    (pid,) = pool.pids
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    assert pages * os.sysconf("SC_PAGE_SIZE") < 40 * limits.MIB
