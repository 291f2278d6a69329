"""Whether what nodes really did is something that the rules permit.

What a node makes durable tells all: its votes in the order in which it cast them, and with them
the certificates and proposals that they stood on (R7). An :class:`Acceptor` follows one node
through it, across restarts; :func:`side_by_side` holds several nodes' certificates together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ledger import keys
from ledger.block import Certificate, Verify, Vote, VoteKind
from ledger.errors import CodedError
from ledger.validators import ValidatorSet
from node.messages import Message, Proposal, decode_message, verify_proposal
from node.model.alphabet import ROOT
from node.model.explore import Violation
from node.model.rules import Place, Said, broken, forbidden


class Epoch(NamedTuple):
    """Who decides in an epoch, and the block on which it stands: the last of the one before.

    ``base`` is None for the first epoch.
    """

    validators: ValidatorSet
    base: Said | None = None


EpochOf = Callable[[int], Epoch | None]
"""What is known of an epoch."""


class Acceptor:
    """Follows one node. Every method raises :class:`Violation` for what no rule permits."""

    def __init__(self, chain_id: bytes, epoch_of: EpochOf, verify: Verify = keys.verify) -> None:
        self._chain_id = chain_id
        self._epoch_of = epoch_of
        self._verify = verify
        self._own: dict[tuple[int, int], set[Said]] = {}
        self._signers: dict[int, int] = {}
        self.certified: dict[int, set[Said]] = {}
        """What its certificates prove, by epoch: old and new ones may be of one view."""
        self.final: set[Said] = set()
        """What is final, of whichever epoch."""
        self.places: dict[bytes, Place] = {}
        """Where the blocks stand whose proposals it kept."""
        self.votes = 0
        """How many votes were held against the rules."""

    def committed(self, view: int, block: bytes) -> None:
        """The node holds this block as its last committed one."""
        self.final.add(Said(VoteKind.FINALIZE, view, block))

    def saved(self, records: Iterable[bytes]) -> None:
        """The node makes journal records durable, all at once."""
        votes: list[Vote] = []
        for message in (decode_message(record[0], record[1:]) for record in records):
            if isinstance(message, Vote):
                votes.append(message)
            else:
                self._learn(message)
        for vote in votes:
            self._cast(vote)

    def _learn(self, message: Message) -> None:
        match message:
            case Certificate():
                self._certificate(message)
            case Proposal():
                header = message.header
                validators = self._validators(header.epoch)
                if not verify_proposal(message, validators, self._verify):
                    raise Violation(f"the proposal of view {header.view} is not its leader's")
                self.places[message.block] = Place(header.view, header.parent, message.parent_view)

    def _certificate(self, certificate: Certificate) -> None:
        said = Said(certificate.kind, certificate.view, certificate.block)
        known = self.certified.setdefault(certificate.epoch, set())
        if said in known:
            return
        try:
            certificate.verify(self._chain_id, self._validators(certificate.epoch), self._verify)
        except CodedError as error:
            raise Violation(f"view {certificate.view}: {error}") from error
        known.add(said)
        if said.kind is VoteKind.FINALIZE:
            self.final.add(said)
            place = self.places.get(said.block)
            if place is not None:  # the last block of an epoch may be final in a later view (E1)
                self.final.add(said._replace(view=place.view))

    def _cast(self, vote: Vote) -> None:
        validators = self._validators(vote.epoch)
        if not vote.verify(self._chain_id, validators, self._verify):
            raise Violation(f"a vote of view {vote.view} does not verify")
        if self._signers.setdefault(vote.epoch, vote.signer) != vote.signer:
            raise Violation(f"view {vote.view}: two validators' votes are in one node's log")
        said = Said(vote.kind, vote.view, vote.block)
        own = self._own.setdefault((vote.epoch, vote.view), set())
        known = self.final | self.certified.get(vote.epoch, set())
        base = self._epoch(vote.epoch).base
        if base is not None:
            known.add(base)
        reason = forbidden(said, own, known, self.places.get, ROOT)
        if reason:
            raise Violation(f"{vote.kind.name.lower()} in view {vote.view} is against {reason}")
        own.add(said)
        self.votes += 1

    def _epoch(self, epoch: int) -> Epoch:
        found = self._epoch_of(epoch)
        if found is None:
            raise Violation(f"epoch {epoch} has no validators that are known")
        return found

    def _validators(self, epoch: int) -> ValidatorSet:
        return self._epoch(epoch).validators


def side_by_side(acceptors: Sequence[Acceptor]) -> None:
    """Hold the certificates of several nodes together; raises :class:`Violation`."""
    places: dict[bytes, Place] = {}
    certified: dict[int, set[Said]] = {}
    final: set[Said] = set()
    for acceptor in acceptors:
        places |= acceptor.places
        final |= acceptor.final
        for epoch, said in acceptor.certified.items():
            certified.setdefault(epoch, set()).update(said)
    for epoch, said in sorted(certified.items()):
        first = min(s.view for s in said)
        below = {s for s in final if s.view < first}  # what the epoch stands on
        reason = broken(said | below, places.get, ROOT, complete=False)
        if reason:
            raise Violation(f"epoch {epoch}: {reason}")


def accept_log(lines: Iterable[str], acceptor: Acceptor) -> None:
    """Follow one node through its vote log (:mod:`node.votelog`)."""
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            head, saved = entry.get("committed"), entry.get("saved", [])
            if head is not None:
                acceptor.committed(int(head["view"]), bytes.fromhex(head["block"]))
            records = [bytes.fromhex(record) for record in saved]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Violation(f"line {number} is not one of a vote log: {error}") from error
        try:
            acceptor.saved(records)
        except (Violation, CodedError) as error:
            raise Violation(f"line {number}: {error}") from error
