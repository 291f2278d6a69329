"""A ledger of one process on virtual time, for playing scenarios without nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cli.scenario.cast import Cast, application
from cli.scenario.file import Scenario
from cli.scenario.mirror import Block, Mirror
from cli.scenario.play import Stage
from contracts.executor import BlockInput, execute_block, read_candidate
from contracts.genesis import found
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.receipt import Receipt
from ledger.state import MemoryMap, State
from ledger.statetree import LayeredPages, NoPages, update
from ledger.transaction import SignedTransaction
from ledger.validators import Validator, ValidatorSet
from node.api.models import SubmissionView

START = 1_795_000_000_000
BLOCK_MS = 200


class OneProcess:
    """A venue that makes a block for each submission, and for each pause."""

    def __init__(self, genesis: Genesis, cast: Cast) -> None:
        self.genesis = genesis
        self.time = genesis.time
        self.made: list[Block] = []
        self._map = MemoryMap()
        self._pages: dict[bytes, bytes | None] = {}
        self._recorded: set[bytes] = set()
        self._take(found(application(cast, START), START, genesis.validators).changes())

    def now(self) -> int:
        return self.time

    def submit(self, signed: Sequence[SignedTransaction]) -> Sequence[SubmissionView]:
        return self._block([encode(entry) for entry in signed])

    def pause(self) -> None:
        self._block([])

    def blocks(self, after: int) -> Iterator[Block]:
        yield from self.made[after:]

    def _block(self, wires: Sequence[bytes]) -> list[SubmissionView]:
        self.time += BLOCK_MS
        chain_id, height = self.genesis.chain_id, len(self.made) + 1
        candidates = [read_candidate(chain_id, wire) for wire in wires]
        execution = execute_block(
            State(self._map),
            BlockInput(chain_id, height, self.time),
            candidates,
            self._recorded.__contains__,
        )
        assert not execution.defects, execution.defects
        root = self._take(execution.overlay.changes())
        self._recorded.update(c.id for c in execution.included)
        self.made.append(Block(height, self.time, root, tuple(c.wire for c in execution.included)))
        dropped = dict(execution.dropped)
        receipts = {receipt.subject: receipt for receipt in execution.receipts}
        return [_answer(c.id, height, dropped, receipts) for c in candidates]

    def _take(self, changes: dict[bytes, bytes | None]) -> bytes:
        self._map.apply(changes)
        done = update(self.genesis.chain_id, LayeredPages(NoPages(), self._pages), changes)
        self._pages |= done.pages
        return done.root


def _answer(
    id: bytes, height: int, dropped: Mapping[bytes, CodedError], receipts: Mapping[bytes, Receipt]
) -> SubmissionView:
    error = dropped.get(id)
    if error is not None:
        return SubmissionView(
            id=id.hex(),
            status="refused",
            code=error.code.name,
            reason=error.message,
            field=error.field,
        )
    receipt = receipts[id]
    return SubmissionView(
        id=id.hex(),
        status="final" if receipt.applied else "refused",
        height=height,
        code=receipt.code,
        reason=receipt.reason,
        field=receipt.field,
    )


def rehearsal(scenario: Scenario) -> tuple[Stage, OneProcess]:
    """A stage on a new ledger of the scenario."""
    cast = Cast(scenario)
    validators = tuple(
        Validator(
            state.guarantor.lei,
            state.guarantor.id,
            state.country,
            cast.derive(state.guarantor.id, "vote").public,
            bytes([index + 1]),
            f"node-{index}.invalid:1",
        )
        for index, state in enumerate(scenario.states)
    )
    genesis = Genesis(
        "rehearsal", START, ValidatorSet(0, validators), encode(application(cast, START))
    )
    venue = OneProcess(genesis, cast)
    return Stage(venue, Mirror(genesis), genesis.chain_id, cast), venue
