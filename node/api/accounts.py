"""Accounts: balances, and every posting newest first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from contracts.framework.posting import BALANCE, Balance, account_kinds, kind_of, owner_of
from ledger.errors import CodedError
from ledger.limits import MAX_STATE_KEY_BYTES
from ledger.receipt import NO_PLACE
from ledger.state import State
from node.api import cursors
from node.api.blocks import CursorParameter, Limit, page_size
from node.api.context import Api
from node.api.cursors import Place
from node.api.describe import Describer, counterparties, money
from node.api.history import Entry, Step, as_far_as_held, postings
from node.api.models import AccountAnswer, AccountEntry, AccountPage, AccountView
from node.api.schema import answers
from node.api.words import missing, moment, respond
from node.errors import BAD_REQUEST

_HISTORY = "account"
SHOWN_COUNTERPARTIES = 8

AccountName = Annotated[
    str,
    Path(
        max_length=MAX_STATE_KEY_BYTES,
        description="`owner/kind` or `owner/kind/reference`; the owner is an LEI or a country.",
    ),
]

Consistent = Annotated[
    bool,
    Query(description="`true`: reflect all that any node had answered as final before."),
]


def account_view(account: str, unit: str, record: Balance | None) -> AccountView:
    """An account; None for one that was never used, which stands at zero."""
    kind = kind_of(account)
    amount, count, last = 0, 0, NO_PLACE
    if record is not None:
        amount, count, last = record.amount, record.count, (record.height, record.index)
    return AccountView(
        account=account,
        owner=owner_of(account),
        kind=kind.name,
        meaning=kind.meaning,
        balance=money(amount, unit),
        count=count,
        last=None if last == NO_PLACE else last,
    )


def _entry(told: Describer, entry: Entry, deadlines: int, time_ms: int) -> AccountEntry:
    candidate = told.candidate(entry.row)
    others = list(counterparties(entry.receipt, entry.posting.account))
    shown = others[:SHOWN_COUNTERPARTIES]
    told.mention(*shown)
    return AccountEntry(
        posting=told.posting(entry.posting),
        at=entry.height,
        index=entry.position,
        time=moment(time_ms),
        id=entry.receipt.subject.hex(),
        kind="deadline" if entry.position < deadlines else "transaction",
        author="" if candidate is None else candidate.transaction.author,
        reference="" if candidate is None else candidate.transaction.reference,
        texts=[operation.text for operation in told.operations(candidate)],
        events=[told.event(event).name for event in entry.receipt.events],
        counterparties=shown,
        counterparty_count=len(others),
    )


def known_account(account: str) -> str:
    """The unit of an account by its declared kind; raises ``BAD_REQUEST``."""
    parts = account.split("/", 2)
    if len(parts) < 2 or parts[1] not in account_kinds():
        kinds = ", ".join(account_kinds())
        raise CodedError(
            BAD_REQUEST, f"an account is owner/kind with a kind of: {kinds}", field="account"
        )
    return kind_of(account).unit.value


def routes(api: Api) -> APIRouter:
    """``/v1/accounts``."""
    router = APIRouter(prefix="/v1/accounts", tags=["accounts"])

    @router.get(
        "/{account:path}/history",
        summary="An account's postings, newest first",
        openapi_extra=answers(AccountPage),
    )
    async def history(
        account: AccountName, cursor: CursorParameter = "", limit: Limit = None
    ) -> Response:
        """Complete by construction: each posting names the one before it.

        A cursor stays valid for good: later postings come before it, never after.
        """
        unit = known_account(account)
        key = BALANCE.key(account, unit)
        async with api.long_read() as (reader, head):
            record = State(reader).record(BALANCE, key)
            if record is None:
                raise missing(f"account {account}", head.height)
            step = Step(record.height, record.index, record.count)
            if cursor:
                place = cursors.read(cursor, _HISTORY, key)
                step = Step(place.height, place.index, place.extra)
            told = Describer(reader, api.node.chain_id)
            entries: list[AccountEntry] = []
            for entry in as_far_as_held(postings(reader, account, unit, step)):
                header = reader.header(entry.height)
                assert header is not None, "a stored row has a stored header"
                deadlines = header.receipts - header.transactions
                entries.append(_entry(told, entry, deadlines, header.time))
                step = entry.before
                if len(entries) >= page_size(api, limit):
                    break
            names = told.names()
        following = ""
        if entries and step.sequence:
            following = cursors.write(
                Place(_HISTORY, key, step.height, step.position, step.sequence)
            )
        return respond(
            AccountPage(
                height=head.height,
                account=account_view(account, unit, record),
                entries=entries,
                names=names,
                next=following,
            )
        )

    @router.get("/{account:path}", summary="One account", openapi_extra=answers(AccountAnswer))
    async def one(account: AccountName, consistent: Consistent = False) -> Response:
        """Its balance. One that was never used stands at zero.

        The balance is final, and other nodes may have told somebody of newer blocks already.
        With `consistent=true` it reflects every transaction that any node had answered as final
        before this request came; `NOT_CONFIRMED` if no quorum of guarantors confirms that in time.
        """
        unit = known_account(account)
        if consistent:
            await api.node.confirm()
        with api.snapshot() as (reader, head):
            record = State(reader).get(BALANCE, account, unit)
            told = Describer(reader, api.node.chain_id)
            told.mention(owner_of(account))
            names = told.names()
        return respond(
            AccountAnswer(
                height=head.height, account=account_view(account, unit, record), names=names
            )
        )

    return router
