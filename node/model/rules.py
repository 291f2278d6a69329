"""The protocol as rules about votes: what a correct validator may sign, and what must never exist.

Written from ``docs/consensus.md`` (R2 to R5) and the paper cited there, and on purpose not from
``simplex.py``: no timers, no messages, no order. A certificate is known or it is not, and a vote is
permitted or it is not. Views are positive integers, genesis stands in view 0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from ledger.block import NO_BLOCK, VoteKind


class Said(NamedTuple):
    """A vote without its signer, or what a certificate certifies."""

    kind: VoteKind
    view: int
    block: bytes = NO_BLOCK


class Place(NamedTuple):
    """Where a block stands: its parent and the view that notarized the parent."""

    view: int
    parent: bytes
    parent_view: int


Known = Collection[Said]
"""What certificates a validator may lean on."""
PlaceOf = Callable[[bytes], Place | None]


def forbidden(vote: Said, own: Known, known: Known, place_of: PlaceOf, root: Place) -> str:
    """Why a correct validator that signed ``own`` and knows ``known`` may not sign ``vote``.

    ``root`` is the last block that is final beyond doubt (genesis at first), named by its own view
    and hash in ``parent_view`` and ``parent``. Empty if the vote is permitted.
    """
    if vote.view <= root.parent_view:
        return f"view {vote.view} is decided"
    match vote.kind:
        case VoteKind.NOTARIZE:
            return _notarize(vote, own, known, place_of(vote.block), root)
        case VoteKind.NULLIFY:
            if any(v.kind is VoteKind.FINALIZE and v.view == vote.view for v in own):
                return "R4: finalize was voted in this view"
        case VoteKind.FINALIZE:
            if Said(VoteKind.NOTARIZE, vote.view, vote.block) not in known:
                return "R3: its notarization is not known"
            if Said(VoteKind.NULLIFY, vote.view) in own:
                return "R3: nullify was voted in this view"
            if any(v.kind is VoteKind.FINALIZE and v.view == vote.view and v != vote for v in own):
                return "R3: another block was voted final in this view"
    return ""


def _notarize(vote: Said, own: Known, known: Known, place: Place | None, root: Place) -> str:
    if any(v.kind is VoteKind.NOTARIZE and v.view == vote.view and v != vote for v in own):
        return "R2: another block was notarized in this view"
    if place is None:
        return "R2: nobody has proposed this block"
    if place.view < vote.view:  # the last block of an epoch, proposed again until it is final
        seen = (said.view for said in known if said.block == vote.block)
        before = max((view for view in seen if view < vote.view), default=-1)
        place = Place(vote.view, vote.block, before)
    if place.view != vote.view:
        return f"R2: the block belongs to view {place.view}"
    if place.parent_view >= vote.view:
        return "R2: the parent's view is not an earlier one"
    is_root = (place.parent_view, place.parent) == (root.parent_view, root.parent)
    final = Said(VoteKind.FINALIZE, place.parent_view, place.parent)
    notarized = Said(VoteKind.NOTARIZE, place.parent_view, place.parent)
    if not is_root and notarized not in known and final not in known:
        return f"R2: the parent is not notarized in view {place.parent_view}"
    for between in range(place.parent_view + 1, vote.view):
        if Said(VoteKind.NULLIFY, between) not in known:
            return f"R2: view {between} between block and parent is not nullified"
    return ""


def broken(
    certified: Iterable[Said], place_of: PlaceOf, root: Place, *, complete: bool = True
) -> str:
    """Which promise a set of certificates breaks that exist side by side; empty if none.

    Where the set is not ``complete`` (what some nodes kept, not all that exists), what only an
    absent certificate or block could show is not held against it.

    P1: one notarized block in a view. P2: a finalized view is neither nullified nor notarized for
    another block, and what is finalized is notarized. P3 and P4: what is notarized above a final
    block descends from it, so final blocks form one chain.
    """
    all_of = set(certified)
    notarized = {said.view: said.block for said in all_of if said.kind is VoteKind.NOTARIZE}
    final = {said.view: said.block for said in all_of if said.kind is VoteKind.FINALIZE}
    for said in sorted(all_of):
        match said.kind:
            case VoteKind.NOTARIZE:
                if notarized[said.view] != said.block:
                    return f"P1: two blocks are notarized in view {said.view}"
            case VoteKind.NULLIFY:
                if said.view in final:
                    return f"P2: view {said.view} is final and nullified"
            case VoteKind.FINALIZE:
                if final[said.view] != said.block:
                    return f"P4: two blocks are final in view {said.view}"
                notarization = Said(VoteKind.NOTARIZE, said.view, said.block)
                if notarized.get(said.view, said.block) != said.block or (
                    complete and notarization not in all_of and said.view > root.view
                ):
                    return f"P2: the block final in view {said.view} is not the notarized one"
    for view, block in sorted(notarized.items()):
        below = max((v for v in final if v < view), default=root.parent_view)
        base = final.get(below, root.parent)
        at, at_view = block, view
        while at_view > below:
            place = place_of(at)
            if place is None:
                if complete:
                    return f"P3: the block notarized in view {view} has no known place"
                break
            if place.view < at_view:  # proposed again
                at_view = place.view
            else:
                at, at_view = place.parent, place.parent_view
        if at_view <= below and (at_view, at) != (below, base):
            return f"P3: the block notarized in view {view} does not descend from view {below}'s"
    return ""
