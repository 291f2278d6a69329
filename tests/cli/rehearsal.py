"""A ledger of one process on virtual time, for playing scenarios without nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cli.scenario.cast import Cast, application
from cli.scenario.file import Scenario
from cli.scenario.mirror import Mirror
from cli.scenario.play import Stage
from contracts.blocks import Parent, make_block
from contracts.executor import read_candidate
from contracts.verifier import Verifier
from ledger.block import Certificate, Header, VoteKind, assemble, sign_vote
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.keys import PrivateKey
from ledger.receipt import Receipt
from ledger.segment import PublishedBlock, PublishedRow
from ledger.transaction import SignedTransaction
from ledger.validators import Validator, ValidatorSet
from ledger.working import WorkingLedger
from node.api.models import SubmissionView

START = 1_795_000_000_000
BLOCK_MS = 200


class OneProcess:
    """A venue that makes a block for each submission, and for each pause, all of them certified."""

    def __init__(self, genesis: Genesis, voting: Sequence[PrivateKey]) -> None:
        self.genesis = genesis
        self.made: list[PublishedBlock] = []
        self._voting = voting
        self._ledger = WorkingLedger()
        self._state = Verifier(genesis, self._ledger).state

    def now(self) -> int:
        return self._head.time

    def submit(self, signed: Sequence[SignedTransaction]) -> Sequence[SubmissionView]:
        return self._block([encode(entry) for entry in signed])

    def pause(self) -> None:
        self._block([])

    def blocks(self, after: int) -> Iterator[Sequence[PublishedBlock]]:
        if len(self.made) > after:
            yield self.made[after:]

    @property
    def _head(self) -> Header:
        head = self._ledger.head
        assert head is not None
        return head

    def _block(self, wires: Sequence[bytes]) -> list[SubmissionView]:
        chain_id, head = self.genesis.chain_id, self._head
        candidates = [read_candidate(chain_id, wire) for wire in wires]
        made = make_block(
            chain_id,
            Parent(head, head.hash(), self._state, self._ledger, self._ledger.history()),
            self.genesis.validators,
            view=head.view + 1,
            time=head.time + BLOCK_MS,
            candidates=candidates,
            is_recorded=self._ledger.is_recorded,
        )
        assert not made.execution.defects, made.execution.defects
        certificate = self._certify(made.header)
        self._ledger.commit(made.commit._replace(certificate=certificate))
        self._state.absorb(made.execution.overlay)
        rows = tuple(PublishedRow(row.wire, row.receipt) for row in made.commit.rows)
        self.made.append(PublishedBlock(made.header, rows, certificate))
        dropped = dict(made.execution.dropped)
        receipts = {receipt.subject: receipt for receipt in made.execution.receipts}
        return [_answer(c.id, made.header.height, dropped, receipts) for c in candidates]

    def _certify(self, header: Header) -> Certificate:
        return assemble(
            [
                sign_vote(
                    header.chain_id, key, at, VoteKind.FINALIZE, 0, header.view, header.hash()
                )
                for at, key in enumerate(self._voting)
            ]
        )


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
    keys = [cast.derive(state.guarantor.id, "vote") for state in scenario.states]
    validators = tuple(
        Validator(
            state.guarantor.lei,
            state.guarantor.id,
            state.country,
            key.public,
            bytes([index + 1]),
            f"node-{index}.invalid:1",
        )
        for index, (state, key) in enumerate(zip(scenario.states, keys, strict=True))
    )
    genesis = Genesis(
        "rehearsal", START, ValidatorSet(0, validators), encode(application(cast, START))
    )
    venue = OneProcess(genesis, keys)
    return Stage(venue, Mirror(genesis), genesis.chain_id, cast), venue
