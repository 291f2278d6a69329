"""Clients that pay and read at random nodes, and write down everything that they are told."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

from cli import calls
from cli.bench.accounts import signed
from cli.client import Client
from cli.localcluster import LocalNode
from contracts.currency.operations import Leg, Transfer
from ledger.errors import CodedError
from tests.faults.cluster import ACCOUNTS, account_name
from tests.faults.history import History, Outcome, Payment, Read

_ANSWER_S = 3.0
_VALID_MS = 60_000
_REST_S = 0.02
_READS = 0.35


class Clients:
    """So many clients, each on a thread of its own. A context manager that ends them."""

    def __init__(self, chain_id: bytes, nodes: Sequence[LocalNode], seed: int, count: int) -> None:
        self.history = History()
        self._chain_id = chain_id
        self._nodes = nodes
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number, seed + number), daemon=True)
            for number in range(count)
        ]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _run(self, number: int, seed: int) -> None:
        draw = random.Random(seed)
        asking = [Client(node.url, patience_s=0.0, timeout_s=_ANSWER_S) for node in self._nodes]
        while not self._stop.wait(_REST_S):
            at = draw.randrange(len(self._nodes))
            name, client = self._nodes[at].name, asking[at]
            if draw.random() < _READS:
                self.history.add(self._read(number, name, client, draw))
            else:
                self.history.add(self._pay(number, name, client, draw))
        for client in asking:
            client.close()

    def _pay(self, number: int, name: str, client: Client, draw: random.Random) -> Payment:
        source, target = draw.sample(ACCOUNTS, 2)
        amount, until = draw.randint(1, 100), time.time_ns() // 1_000_000 + _VALID_MS
        order = [Transfer(legs=(Leg(target.lei, amount),))]
        sent = signed(self._chain_id, source, order, until, draw.getrandbits(63))
        begun = time.monotonic()
        height, index, code = None, None, ""
        try:
            [told] = client.submit([sent.wire], wait_s=_ANSWER_S)
        except CodedError as error:  # also "not now": it may have been taken all the same
            outcome, code = Outcome.UNKNOWN, error.code.name
        else:
            height, index, code = told.height, told.index, told.code
            if told.status == "final":
                outcome = Outcome.FINAL
            elif told.status == "refused":
                outcome = Outcome.REFUSED if height is None else Outcome.RECORDED_REFUSAL
            else:
                outcome, height, index = Outcome.UNKNOWN, None, None
        return Payment(
            number,
            name,
            begun,
            time.monotonic(),
            sent.id,
            account_name(source),
            account_name(target),
            amount,
            outcome,
            height,
            index,
            code,
        )

    def _read(self, number: int, name: str, client: Client, draw: random.Random) -> Read | None:
        account = account_name(draw.choice(ACCOUNTS))
        begun = time.monotonic()
        try:
            told = client.do(calls.account(account, consistent=True))
        except CodedError:
            return None
        ended = time.monotonic()
        return Read(
            number, name, begun, ended, account, told.account.balance.amount, told.height, True
        )
