"""Playing a scenario on a ledger: act by act, each step's outcome held against the script."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from cli.output import Exit, Failure
from cli.scenario.cast import Cast
from cli.scenario.file import Act, bad
from cli.scenario.mirror import Mirror
from cli.scenario.script import Now, Order, Script
from cli.scenario.venue import Venue
from cli.solver.plain import solve
from cli.solver.problem import problem_of, proposal_of, transactions_of
from contracts.framework.operation import Operation, write_operation
from contracts.netting.records import CYCLE_TABLE
from contracts.netting.views import snapshot_of
from ledger.codec import encode
from ledger.transaction import SignedTransaction, Transaction, transaction_id
from node.api.models import SubmissionView

_VALID_MS = 3_600_000
_SALT_BYTES = 8
_LONGEST_WAIT_MS = 60_000
_RECORD = re.compile(r"([a-z.]+)\[([^\]]+)\]\.([a-z_]+)")


class Played(NamedTuple):
    """What an act did. ``refused`` counts the codes of deliberate refusals, all as expected."""

    title: str
    sent: int
    applied: int
    refused: Counter[str]
    height: int
    seconds: float


class Stage:
    """A ledger that a scenario is played on.

    ``mirror`` follows it, ``script`` knows what steps saved. ``latest`` is the newest applied
    transaction of each operation, by name.
    """

    def __init__(self, venue: Venue, mirror: Mirror, chain_id: bytes, cast: Cast) -> None:
        self._venue = venue
        self._chain_id = chain_id
        self.script = Script(cast, chain_id, self._clearing)
        self._salt = 0
        self.mirror = mirror
        self.latest: dict[str, bytes] = {}

    def play(self, act: Act) -> Played:
        """Send an act's transactions and wait until each is final or refused.

        Raises a failure if one ends otherwise than its step says.
        """
        started = time.monotonic()
        if act.until:
            self._wait(act)
        now = Now(self._venue.now(), self.mirror.height)
        orders = self.script.orders(act, now)
        signed = [self._sign(order, now.time) for order in orders]
        results = self._venue.submit(signed)
        for order, result in zip(orders, results, strict=True):
            self._check(act, order, result)
        self.mirror.follow(self._venue)
        self._save(orders, results)
        return _played(act, orders, results, time.monotonic() - started)

    def _wait(self, act: Act) -> None:
        """Wait until an object has the act's state or, if that is empty, its time limit passed."""
        identity = self.script.saved(act.until)
        self.mirror.follow(self._venue)
        _, due = self.mirror.standing(identity)
        begun = self._venue.now()
        while True:
            state, _ = self.mirror.standing(identity)
            if state == act.state or (not act.state and self.mirror.time > due):
                return
            if self._venue.now() - begun > _LONGEST_WAIT_MS:
                raise Failure(
                    "SCENARIO_DIVERGED",
                    f"{act.title}: {act.until} stays {state!r} and does not become {act.state!r}",
                    Exit.VIOLATION,
                )
            self._venue.pause()
            self.mirror.follow(self._venue)

    def _clearing(self, cycle: bytes) -> Sequence[Sequence[Operation]]:
        """What a solver posts for a frozen netting cycle."""
        record = self.mirror.state.get(CYCLE_TABLE, cycle)
        if record is None:
            raise bad("there is no such netting cycle")
        snapshot = snapshot_of(self.mirror.state, record)
        return transactions_of(proposal_of(snapshot, solve(problem_of(snapshot))))

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
        if not order.expect:
            identity = transaction_id(self._chain_id, content)
            self.latest |= {op.declaration.name: identity for op in order.operations}
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
            identity = bytes.fromhex(result.id or "")
            if order.save:
                self.script.objects[order.save] = self.mirror.opened(identity)
            for name, path in order.saves.items():
                told = self._told(identity, path)
                if told is None:
                    raise bad(f"{order.by}: there is no {path}, to be saved as {name!r}")
                self.script.objects[name] = told

    def _told(self, identity: bytes, path: str) -> bytes | None:
        record = _RECORD.fullmatch(path)
        if record is None:
            return self.mirror.told(identity, path)
        parts = [self.script.key_part(part) for part in record[2].split(", ")]
        return self.mirror.recorded(record[1], parts, record[3])


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
