"""Evidence against validators: found here or heard of, told to all, and reported to the ledger.

Every node that holds a proof could report it, and one report is enough. So each waits for its turn,
the nodes after the faulty one in the order of the set first, and reports only what the ledger does
not hold by then. A report is an ordinary transaction of the node's guarantor, signed by the node's
vote key, which may sign nothing else that costs anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from contracts.framework.operation import write_operation
from contracts.validators.faults import report_of
from contracts.validators.records import OFFENCE
from ledger.block import Verify, VoteKind
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.evidence import DoubleVote
from ledger.limits import SALT_BYTES
from ledger.state import State
from ledger.store.interface import ChainReader
from ledger.transaction import Transaction, build
from ledger.validators import ValidatorSet
from node.consensus.config import Identity
from node.replica.effects import Alarm, Broadcast, Effect, SetTimer

WITNESS_TIMER = "witness"
TURN_MS = 1_000
"""How long a node waits for each one before it to report."""
AGAIN_MS = 10_000
"""After this time a report that the ledger still lacks is made again."""
VALID_MS = 3_600_000
MAX_KEPT = 1_000
"""Proofs kept at once, of distinct validators of an epoch."""


class Witness:
    """The proofs that a replica holds since it was started, and what the ledger lacks of them."""

    def __init__(
        self,
        chain_id: bytes,
        store: ChainReader,
        verify: Verify,
        emit: Callable[[Effect], None],
    ) -> None:
        self._chain_id = chain_id
        self._store = store
        self._verify = verify
        self._emit = emit
        self._held: dict[tuple[int, int], DoubleVote] = {}
        self._open: dict[tuple[int, int], DoubleVote] = {}
        self.evidence: list[DoubleVote] = []

    def found(self, proof: DoubleVote, validators: ValidatorSet, own: int | None) -> None:
        """A proof that this node's core made, or that :meth:`heard` verified."""
        vote = proof.first
        place = (vote.epoch, vote.signer)
        if place in self._held or len(self._held) >= MAX_KEPT:
            return
        self._held[place] = proof
        self.evidence.append(proof)
        name = validators.validators[vote.signer].name
        of_recovery = VoteKind.RECOVER in (vote.kind, proof.second.kind)
        what = "a recovery and a vote that it excludes" if of_recovery else "in one view"
        self._emit(Alarm("EQUIVOCATION", f"{name} signed two conflicting votes: {what}"))
        self._emit(Broadcast(proof))
        if of_recovery:
            return  # people signed that, in a ceremony, and people answer for it
        self._open[place] = proof
        if own is not None:
            turn = (own - vote.signer - 1) % validators.size
            self._emit(SetTimer(WITNESS_TIMER, (turn + 1) * TURN_MS))

    def heard(self, proof: DoubleVote, own: int | None) -> None:
        """A peer shows a proof: believed once it verifies among the validators of its epoch."""
        vote = proof.first
        validators = self._store.validators(vote.epoch)
        if (vote.epoch, vote.signer) in self._held or validators is None:
            return
        try:
            proof.verify(self._chain_id, validators, self._verify)
        except CodedError:
            return
        self.found(proof, validators, own)

    def reports(
        self, state: State, time: int, identity: Identity, validators: ValidatorSet
    ) -> list[bytes]:
        """Signed transactions for what the ledger lacks, made at a block time (ms).

        Asked for when the timer fires, which is set again while something is lacking.
        """
        if identity.index is None or identity.key is None:
            return []
        made: list[bytes] = []
        for place, proof in list(self._open.items()):
            members = self._store.validators(proof.first.epoch)
            assert members is not None, "a proof was verified among the validators of its epoch"
            key = members.validators[proof.first.signer].vote_key
            if state.get(OFFENCE, key) is not None:
                del self._open[place]
                continue
            content = Transaction(
                self._chain_id,
                validators.validators[identity.index].party,
                (write_operation(report_of(proof)),),
                time + VALID_MS,
                "",
                hashlib.sha256(encode(proof) + encode(time)).digest()[:SALT_BYTES],
            )
            signed = build(content).with_signature(self._chain_id, identity.key)
            made.append(encode(signed))
        if self._open:
            self._emit(SetTimer(WITNESS_TIMER, AGAIN_MS))
        return made
