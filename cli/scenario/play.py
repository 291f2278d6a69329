"""Playing a scenario on running nodes: act by act, each step's outcome held against the script."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from cli import calls
from cli.client import Client
from cli.describe import object_fields
from cli.output import Exit, Failure
from cli.scenario.cast import Cast
from cli.scenario.file import Act
from cli.scenario.script import Order, Script
from contracts.framework.operation import write_operation
from ledger.codec import encode
from ledger.transaction import SignedTransaction, Transaction, transaction_id
from node.api.models import BlockEvent, SubmissionView

WAIT_S = 60.0
_VALID_MS = 3_600_000
_SALT_BYTES = 8


class Played(NamedTuple):
    """What an act did. ``refused`` counts the codes of deliberate refusals, all as expected."""

    title: str
    sent: int
    applied: int
    refused: Counter[str]
    height: int
    seconds: float


class Stage:
    """A ledger that a scenario is played on."""

    def __init__(self, client: Client, chain_id: bytes, cast: Cast) -> None:
        self._client = client
        self._chain_id = chain_id
        self._script = Script(cast)
        self._salt = 0
        self.last_payment = b""

    def play(self, act: Act) -> Played:
        """Send an act's transactions and wait until each is final or refused.

        Raises a failure if one ends otherwise than its step says.
        """
        started = time.monotonic()
        if act.until:
            self._wait_past(self._script.objects[act.until])
        now = time.time_ns() // 1_000_000
        orders = self._script.orders(act, now)
        signed = [self._sign(order, now) for order in orders]
        results = self._client.submit([encode(s) for s in signed], wait_s=WAIT_S)
        for order, result in zip(orders, results, strict=True):
            self._check(act, order, result)
        self._save(orders, results)
        return _played(act, orders, results, time.monotonic() - started)

    def _wait_past(self, identity: bytes) -> None:
        """Wait for the first block that is later than an object's time limit."""
        due = self._client.do(calls.object(identity)).due
        if due is None:
            return
        for event in self._client.events():
            if isinstance(event, BlockEvent) and event.time.ms > due.ms:
                return

    def _sign(self, order: Order, now: int) -> SignedTransaction:
        self._salt += 1
        content = encode(
            Transaction(
                self._chain_id,
                order.lei,
                tuple(write_operation(op) for op in order.operations),
                now + _VALID_MS,
                order.reference,
                self._salt.to_bytes(_SALT_BYTES, "big"),
            )
        )
        signed = SignedTransaction(content)
        for key in order.keys:
            signed = signed.with_signature(self._chain_id, key)
        if order.operations[0].declaration.name == "currency.Transfer" and not order.expect:
            self.last_payment = transaction_id(self._chain_id, content)
        return signed

    def _check(self, act: Act, order: Order, result: SubmissionView) -> None:
        code = result.code if result.status == "refused" else ""
        if result.status in ("final", "refused") and code == order.expect:
            return
        operation = order.operations[0].declaration.name
        wanted = order.expect or "final"
        raise Failure(
            "SCENARIO_DIVERGED",
            f"{act.title}: {operation} by {order.by} should be {wanted}, "
            f"is {result.status} {result.code}: {result.reason}",
            Exit.VIOLATION,
            field=result.field,
            details={"id": result.id or ""},
        )

    def _save(self, orders: Sequence[Order], results: Sequence[SubmissionView]) -> None:
        for order, result in zip(orders, results, strict=True):
            if not order.save:
                continue
            identity = bytes.fromhex(result.id or "")
            answer = self._client.do(calls.transaction(identity))
            events = answer.receipt.events if answer.receipt is not None else []
            opened = [v for event in events for v in object_fields(event.name, event.fields)]
            self._script.objects[order.save] = bytes.fromhex(opened[0]) if opened else identity


def _played(
    act: Act, orders: Sequence[Order], results: Sequence[SubmissionView], seconds: float
) -> Played:
    refused = Counter(order.expect for order in orders if order.expect)
    return Played(
        act.title,
        len(orders),
        len(orders) - refused.total(),
        refused,
        max((r.height or 0 for r in results), default=0),
        seconds,
    )
