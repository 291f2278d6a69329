"""Receipts: what a block says happened to a transaction or at a deadline.

``contracts`` makes them, every replica computes the same bytes, and the header's receipts root
commits to their hashes. A receipt's postings also form each account's history: a posting names the
place of the previous posting of its account, so that an account can be read backwards, newest
first, at constant cost per entry, and no entry can be left out unnoticed.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ledger import limits
from ledger.codec import Hash32, Struct, Uint, decode_trusted, encode
from ledger.hashing import Tag, digest

Signed = Annotated[int, msgspec.Meta(ge=-limits.MAX_INT - 1, le=limits.MAX_INT)]

Place = tuple[Uint, Uint]
"""Height and receipt index."""

NO_PLACE: Place = (0, 0)
"""Before an account's first posting: block 0 has no receipts."""

Event = tuple[Any, ...]
"""An event's name and then its fields, as nested arrays; ``contracts`` gives it a type."""


class Posting(Struct):
    """One account's side of a movement of value.

    ``amount`` is in minor units of ``unit``, positive when it credits the account (a member's
    balance grows), and ``balance`` is the account's after it. ``sequence`` counts the account's
    postings from 1, and ``previous`` is the place of the one before (:data:`NO_PLACE` for none).
    A receipt may hold several postings of one account; they are in ascending sequence, and
    ``previous`` then names the receipt itself.
    """

    account: str
    unit: str
    amount: Signed
    balance: Signed
    sequence: Uint
    previous: Place


class Receipt(Struct, tag=1):
    """The result of one transaction, or of one deadline that fired.

    ``subject`` is the transaction id or the deadline's id. ``code`` is empty when the transition
    was applied, and otherwise the stable code of its refusal, with a sentence in ``reason`` and
    the offending field's path in ``field``; a refused one has neither postings nor events.
    """

    subject: Hash32
    code: str = ""
    reason: Annotated[str, msgspec.Meta(max_length=limits.MAX_REASON_CHARS)] = ""
    field: str = ""
    postings: tuple[Posting, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def applied(self) -> bool:
        """Whether it took effect."""
        return not self.code

    def hash(self, chain_id: bytes) -> bytes:
        """The 32 bytes that enter the receipts tree."""
        return receipt_hash(chain_id, encode(self))


def receipt_hash(chain_id: bytes, data: bytes) -> bytes:
    """:meth:`Receipt.hash` of a receipt that is already encoded."""
    return digest(Tag.RECEIPT, chain_id, data)


def read_receipt(data: bytes) -> Receipt:
    """The receipt of bytes that this ledger stored itself."""
    return decode_trusted(data, Receipt)
