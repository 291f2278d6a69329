"""The verdict on a run: what clients were told, held against what every node stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.history import History, Outcome, Payment
from tests.faults.linear import NEVER, Step, is_linearizable


@dataclass(frozen=True, slots=True)
class Recorded:
    """A transaction as a node stores it; ``moved`` is what it added to which account."""

    id: str
    applied: bool
    moved: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ledger:
    """One node's chain: the hash of each block, and what each records at which receipt index."""

    node: str
    hashes: Sequence[str]
    blocks: Sequence[Mapping[int, Recorded]]

    def up_to(self, blocks: int) -> Ledger:
        """Its first so many blocks."""
        return Ledger(self.node, self.hashes[:blocks], self.blocks[:blocks])


def judge(
    history: History, ledgers: Sequence[Ledger], opening: Mapping[str, int], began: int = 0
) -> list[str]:
    """Every broken promise, as sentences; none if the run was right.

    ``opening`` has each account's balance after block ``began``, when clients began; payments move
    money between these accounts alone. All ledgers are complete up to one height.
    """
    found = list(_disagreements(ledgers))
    for ledger in ledgers:
        found += _against(ledger, history, began)
        found += _money(ledger, opening, began)
    if not found:
        found += _reads(history, ledgers[0], opening, began)
        found += _orders(history, ledgers[0], opening)
    return found


def _disagreements(ledgers: Sequence[Ledger]) -> Iterator[str]:
    first = ledgers[0]
    for other in ledgers[1:]:
        for height, pair in enumerate(zip(first.hashes, other.hashes, strict=False)):
            if pair[0] != pair[1]:
                yield f"{first.node} and {other.node} store different blocks at height {height}"
                break
        if len(first.hashes) != len(other.hashes):
            yield (
                f"{first.node} has {len(first.hashes)} blocks and "
                f"{other.node} has {len(other.hashes)}"
            )


def _places(ledger: Ledger) -> Iterator[tuple[int, int, Recorded]]:
    for height, block in enumerate(ledger.blocks):
        for index, recorded in block.items():
            yield height, index, recorded


def _money(ledger: Ledger, opening: Mapping[str, int], began: int) -> Iterator[str]:
    """Payments make and destroy nothing, and what is refused moves nothing."""
    for height, _, recorded in _places(ledger):
        moved = recorded.moved.values()
        if height > began and (sum(moved) or not recorded.moved.keys() <= opening.keys()):
            yield f"{ledger.node}: {recorded.id} moves {dict(recorded.moved)}"
        if not recorded.applied and any(moved):
            yield f"{ledger.node}: {recorded.id} is refused and moves {dict(recorded.moved)}"


def _against(ledger: Ledger, history: History, began: int) -> Iterator[str]:
    """What one node stores, against what anybody was told."""
    sent = {payment.id for payment in history.payments}
    for height, _, recorded in _places(ledger):
        if height > began and recorded.id not in sent:
            yield f"{ledger.node} records {recorded.id}, which nobody sent"
    times = Counter(recorded.id for _, _, recorded in _places(ledger))
    for identity, count in times.items():
        if count > 1:
            yield f"{ledger.node} records {identity} {count} times"
    at = {recorded.id: (height, index) for height, index, recorded in _places(ledger)}
    applied = {recorded.id: recorded.applied for _, _, recorded in _places(ledger)}
    for payment in history.payments:
        place = at.get(payment.id)
        match payment.outcome:
            case Outcome.FINAL | Outcome.RECORDED_REFUSAL:
                if place is None:
                    yield f"{ledger.node} lost {_name(payment)}"
                elif place != (payment.height, payment.index):
                    yield f"{ledger.node} has {_name(payment)} at {place}"
                elif applied[payment.id] != (payment.outcome is Outcome.FINAL):
                    yield f"{ledger.node} has another outcome of {_name(payment)}"
            case Outcome.REFUSED:
                if place is not None:
                    yield f"{ledger.node} records {_name(payment)}"
            case Outcome.UNKNOWN:
                pass


def _name(payment: Payment) -> str:
    place = "" if payment.height is None else f" at ({payment.height}, {payment.index})"
    told = f"which {payment.node} told client {payment.client} is {payment.outcome}"
    return f"{payment.id}, {told}{place}"


def _reads(
    history: History, ledger: Ledger, opening: Mapping[str, int], began: int
) -> Iterator[str]:
    """Each read, held against the ledger at its height and against all that was told before it.

    The order of blocks is known, so a few comparisons per read decide: it may not be older than
    what somebody knew when it began, nor show what nobody had asked for when it ended.
    """
    balances = dict(opening)
    by_height: list[dict[str, int]] = []
    for height, block in enumerate(ledger.blocks):
        for recorded in block.values() if height > began else ():
            for account, amount in recorded.moved.items():
                balances[account] += amount
        by_height.append(dict(balances))
    at = {recorded.id: height for height, _, recorded in _places(ledger)}
    told = sorted(
        [(p.ended, p.height) for p in history.payments if p.height is not None]
        + [(r.ended, r.height) for r in history.reads if r.consistent]
    )
    asked = [(p.begun, at[p.id], p.id) for p in history.payments if p.id in at]
    newest, ended = 0, 0
    for read in sorted(history.reads, key=lambda read: read.begun):
        true = by_height[read.height].get(read.account)
        if read.balance != true:
            yield (
                f"{read.node} told client {read.client} {read.balance} for {read.account} at "
                f"height {read.height}, where it is {true}"
            )
        while ended < len(told) and told[ended][0] < read.begun:
            newest = max(newest, told[ended][1])
            ended += 1
        if read.consistent and read.height < newest:
            yield (
                f"{read.node} answered a consistent read from height {read.height} when somebody "
                f"had been told of height {newest}"
            )
        early = next((i for begun, h, i in asked if h <= read.height and begun > read.ended), None)
        if early is not None:
            yield f"{read.node} showed {early} before anybody asked for it"


def _orders(history: History, ledger: Ledger, opening: Mapping[str, int]) -> Iterator[str]:
    """Each account's history as a counter, by real time alone.

    Heights only bound when a payment took effect whose client was never answered: at the latest
    when somebody was told of its block or of a later one.
    """
    at = {entry.id: height for height, _, entry in _places(ledger) if entry.applied}
    told = sorted((p.ended, p.height) for p in history.payments if p.height is not None)
    for account, start in opening.items():
        steps = []
        for payment in history.payments:
            if payment.id not in at or account not in (payment.source, payment.target):
                continue
            amount = payment.amount if account == payment.target else -payment.amount
            ended = payment.ended
            if payment.outcome is not Outcome.FINAL:
                height = at[payment.id]
                ended = next((end for end, known in told if known >= height), NEVER)
            steps.append(Step(payment.begun, ended, amount))
        steps += [
            Step(read.begun, read.ended, read=read.balance)
            for read in history.reads
            if read.account == account and read.consistent
        ]
        if not is_linearizable(start, steps):
            yield f"no order of its {len(steps)} operations explains what was seen of {account}"
