"""What the ledger layer costs per single-leg transfer, step by step.

``python tests/ledger/bench_ledger.py [blocks] [accounts]``: blocks of 1,000 transfers on a store on
disk. Prints CPU microseconds per transfer (the best and the median block), the disk's share of a
commit's duration, and resident memory. Signature checks and contracts are not part of it.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from ledger_chains import ACCOUNTS, Account, certify, genesis_document

from ledger import merkle, statetree
from ledger.block import Header
from ledger.codec import encode
from ledger.receipt import NO_PLACE, Posting, Receipt, receipt_hash
from ledger.state import Overlay, State
from ledger.store.chain import first_block
from ledger.store.disk import open_store
from ledger.store.interface import BlockCommit, EventEntry, Row

TRANSFERS = 1_000


def main(blocks: int = 20, accounts: int = 10_000) -> None:
    rng = random.Random(1)
    genesis = genesis_document()
    chain_id = genesis.chain_id
    names = [f"{index:020d}" for index in range(accounts)]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        store = open_store(Path(directory))
        start = {ACCOUNTS.key(name, "SCU"): encode(Account(10**6, 0, NO_PLACE)) for name in names}
        store.commit(first_block(genesis, start))
        state = State(store)
        cost: dict[str, list[float]] = defaultdict(list)
        wall: list[float] = []
        for _ in range(blocks):
            head = store.head
            assert head is not None
            height = head.height + 1
            pairs = [rng.sample(names, 2) for _ in range(TRANSFERS)]
            wires = [rng.randbytes(350) for _ in pairs]
            ids = [rng.randbytes(32) for _ in pairs]
            clock = time.process_time()

            def lap(step: str) -> None:
                nonlocal clock
                now = time.process_time()
                cost[step].append((now - clock) / TRANSFERS * 1e6)
                clock = time.process_time()

            block = Overlay(state)
            postings = []
            for index, pair in enumerate(pairs):
                block.begin()
                sides = []
                for name, amount in zip(pair, (-1, 1), strict=True):
                    key = ACCOUNTS.key(name, "SCU")
                    before = block.record(ACCOUNTS, key)
                    assert before is not None
                    after = Account(before.balance + amount, before.count + 1, (height, index))
                    block.put_record(ACCOUNTS, key, after)
                    sides.append(
                        Posting(name, "SCU", amount, after.balance, after.count, before.last)
                    )
                block.commit()
                postings.append(tuple(sides))
            changes = block.changes()
            lap("overlay (2 reads, 2 writes, savepoint)")
            receipts = [encode(Receipt(i, postings=p)) for i, p in zip(ids, postings, strict=True)]
            lap("receipts encoded")
            transactions_root = merkle.tree_head(ids)
            receipts_root = merkle.tree_head([receipt_hash(chain_id, r) for r in receipts])
            lap("transaction and receipt trees")
            tree = statetree.update(chain_id, store, changes)
            lap("state tree (2 keys)")
            header = Header(
                chain_id=chain_id,
                height=height,
                view=height,
                epoch=0,
                parent=head.hash(),
                time=head.time + 1,
                transactions=TRANSFERS,
                receipts=TRANSFERS,
                transactions_root=transactions_root,
                receipts_root=receipts_root,
                state_root=tree.root,
                history_root=store.history().root(),
                validators_hash=head.validators_hash,
                next_validators_hash=head.validators_hash,
            )
            certificate = certify(header)
            events = [
                EventEntry(pair[0].encode(), height, index) for index, pair in enumerate(pairs)
            ]
            rows = [Row(wire, receipt) for wire, receipt in zip(wires, receipts, strict=True)]
            clock, began = time.process_time(), time.perf_counter()
            store.commit(
                BlockCommit(
                    header,
                    certificate,
                    rows,
                    dict.fromkeys(ids, head.time + 1_000),
                    changes,
                    tree.pages,
                    events=events,
                )
            )
            wall.append(time.perf_counter() - began)
            lap("commit (CPU; 1 row, 1 index, 1 event, 2 records, pages)")
            state.absorb(block)
            lap("absorb")
        print(f"{'CPU microseconds per transfer':60}{'best':>8}{'median':>8}")
        for step, values in cost.items():
            print(f"{step:60}{min(values):8.2f}{statistics.median(values):8.2f}")
        print(
            f"{'total':60}{sum(min(v) for v in cost.values()):8.2f}"
            f"{sum(statistics.median(v) for v in cost.values()):8.2f}"
        )
        print(f"commit of a block, duration: median {statistics.median(wall) * 1e3:.1f} ms")
        size = (Path(directory) / "data.mdb").stat().st_size
        print(f"on disk: {size / 1e6:.1f} MB, {size / blocks / TRANSFERS:.0f} bytes per transfer")
        status = Path("/proc/self/status").read_text().splitlines()
        print(*(line for line in status if line.startswith(("VmRSS", "RssAnon"))))
        store.close()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
