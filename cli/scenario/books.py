"""The books, rebuilt from every receipt since genesis as a node tells them."""

from __future__ import annotations

from cli import calls
from cli.client import Client
from cli.output import Exit, Failure
from contracts.books import Bookkeeping, Books
from ledger.errors import CodedError
from ledger.receipt import NO_PLACE, Posting, Receipt
from node.api.models import ReceiptView

_PAGE = 200


def rebuild(client: Client, height: int) -> Books:
    """Read every receipt up to ``height`` and add up its postings.

    Raises a failure if a receipt does not balance or an account's balance is not what its postings
    make: neither can happen unless a node tells something that is not so.
    """
    kept = Bookkeeping()
    for block in range(1, height + 1):
        cursor = ""
        while True:
            page = client.do(calls.block_rows(block, cursor=cursor, limit=_PAGE))
            for row in page.rows:
                try:
                    kept.take(_receipt(row.receipt))
                except CodedError as error:
                    sentence = f"block {block}: {error.message}"
                    raise Failure("BOOKS_WRONG", sentence, Exit.VIOLATION) from None
            cursor = page.next
            if not cursor:
                break
    return kept.books(height)


def _receipt(view: ReceiptView) -> Receipt:
    return Receipt(
        bytes.fromhex(view.subject),
        postings=tuple(
            Posting(
                posting.account,
                posting.amount.unit,
                posting.amount.amount,
                posting.balance.amount,
                posting.sequence,
                posting.previous or NO_PLACE,
            )
            for posting in view.postings
        ),
    )
