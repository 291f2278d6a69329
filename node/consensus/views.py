"""The views above the last final block, and what may stand on what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.block import Certificate, Vote, VoteKind, votes_in
from node.consensus.state import Round

MAX_VIEWS_ASKED = 32
"""Views whose certificates are asked for at once."""
MAX_CERTIFICATES_ANSWERED = 64
"""Certificates in one answer."""


class Views:
    """Rounds by view, from the last final one upward.

    ``final`` is the view and hash of the last final block; everything below it is forgotten.
    """

    __slots__ = ("_rounds", "final", "finalization")

    def __init__(self, view: int, block: bytes, finalization: Certificate | None) -> None:
        self._rounds: dict[int, Round] = {}
        self.final = (view, block)
        self.finalization = finalization
        if finalization is not None:
            self.round(view).certificates[VoteKind.FINALIZE] = finalization

    def round(self, view: int) -> Round:
        """What is known of a view, made on first use."""
        known = self._rounds.get(view)
        if known is None:
            known = self._rounds[view] = Round(view)
        return known

    def certificate(self, kind: VoteKind, view: int) -> Certificate | None:
        """The certificate of that kind, if this node has it."""
        known = self._rounds.get(view)
        return known.certificates.get(kind) if known is not None else None

    def peek(self, view: int) -> Round | None:
        """What is known of a view, if anything."""
        return self._rounds.get(view)

    def votes_of(self, signer: int) -> tuple[Vote, ...]:
        """The votes of a validator in the views that are not decided, certificates included."""
        found: list[Vote] = []
        for known in self._rounds.values():
            found += [slots[signer].vote for slots in known.votes.values() if signer in slots]
            for certificate in known.certificates.values():
                found += votes_in(certificate, signer)
        return tuple(found)

    def finalize(self, certificate: Certificate) -> None:
        """Raise the floor: everything below a final view is decided."""
        assert certificate.view > self.final[0], "finality only grows"
        self.final = (certificate.view, certificate.block)
        self.finalization = certificate
        self._rounds = {v: r for v, r in self._rounds.items() if v >= certificate.view}

    def certify(self, certificate: Certificate) -> None:
        """Keep a late finalization of the last final block, which had been decided indirectly."""
        named = (certificate.view, certificate.block)
        if certificate.kind is VoteKind.FINALIZE and named == self.final:
            self.finalization = certificate

    def forget_votes_below(self, view: int) -> None:
        """Let go of others' votes in views long left."""
        for number, known in self._rounds.items():
            if number < view:
                known.forget_votes()

    def missing(self, parent: bytes, parent_view: int, view: int) -> list[int] | None:
        """Views whose certificates are needed before a block of ``view`` may stand on ``parent``.

        Its parent is notarized in ``parent_view``, or is the last final block, and every view
        between is nullified: then the list is empty. None if that can never be. At most
        :data:`MAX_VIEWS_ASKED` are returned, the lowest first.
        """
        final_view, final_block = self.final
        if not final_view <= parent_view < view:
            return None
        missing: list[int] = []
        if parent_view == final_view:
            if parent != final_block:
                return None
        else:
            notarization = self.certificate(VoteKind.NOTARIZE, parent_view)
            if notarization is None:
                missing.append(parent_view)
            elif notarization.block != parent:
                return None
        for between in range(parent_view + 1, view):
            if self.certificate(VoteKind.NULLIFY, between) is None:
                missing.append(between)
                if len(missing) >= MAX_VIEWS_ASKED:
                    break
        return missing

    def parent_for(self, view: int) -> tuple[bytes, int] | list[int]:
        """The highest block that a block of ``view`` may stand on and its view.

        Or the views whose certificates must be known first, at most :data:`MAX_VIEWS_ASKED`.
        """
        missing: list[int] = []
        for below in range(view - 1, self.final[0], -1):
            notarization = self.certificate(VoteKind.NOTARIZE, below)
            if notarization is not None:
                return missing or (notarization.block, below)
            if self.certificate(VoteKind.NULLIFY, below) is None:
                missing.append(below)
                if len(missing) >= MAX_VIEWS_ASKED:
                    break
        return missing or (self.final[1], self.final[0])

    @property
    def undecided(self) -> bool:
        """Whether a notarized block waits for finality."""
        return any(
            VoteKind.NOTARIZE in known.certificates and view > self.final[0]
            for view, known in self._rounds.items()
        )

    @property
    def last_certified(self) -> int:
        """The highest view that is known to have ended."""
        return max(
            (view for view, known in self._rounds.items() if known.certificates),
            default=self.final[0],
        )

    def ended(self, view: int) -> tuple[Certificate, ...]:
        """The certificates by which a view ended, as far as they are known."""
        known = self._rounds.get(view)
        return tuple(known.certificates.values()) if known is not None else ()

    def own_finalizes(self, below: int) -> Iterable[Round]:
        """The rounds under ``below`` in which this node voted finalize, not final yet."""
        return (
            known
            for view, known in sorted(self._rounds.items())
            if self.final[0] < view < below and VoteKind.FINALIZE in known.own
        )

    def answer(self, views: Sequence[int], current: int) -> tuple[Certificate, ...]:
        """What helps a peer that asks how ``views`` ended, from a node in view ``current``."""
        found: list[Certificate] = []
        if self.finalization is not None and any(view <= self.final[0] for view in views):
            found.append(self.finalization)
        if any(view < current - 1 for view in views):
            found.extend(self.ended(current - 1))
        for view in views:
            if view > self.final[0]:
                found.extend(self.ended(view))
        return tuple(dict.fromkeys(found))[:MAX_CERTIFICATES_ANSWERED]
