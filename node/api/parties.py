"""Parties: who they are, what they hold, what waits for them, what concerned them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from contracts.framework.party import KEYRING, PARTY, RIGHTS, Party
from contracts.framework.posting import BALANCE
from ledger.policy import Keyring, KeyStatus
from ledger.state import State
from node.api import cursors
from node.api.accounts import account_view
from node.api.blocks import CursorParameter, Limit, page_size
from node.api.context import Api
from node.api.cursors import Place
from node.api.describe import Describer, money
from node.api.models import (
    AccountsAnswer,
    AccountView,
    KeyView,
    PartyAnswer,
    PartyPage,
    PartyView,
    RequirementView,
    RuleView,
)
from node.api.schema import answers
from node.api.words import missing, moment, respond

_PARTIES, _ACCOUNTS, _TODO = "parties", "accounts", "todo"

MAX_SCANNED = 2_000
"""Records looked at for one page of a filtered list."""
WARNING_DAYS = 45
_MS_PER_DAY = 86_400_000

Lei = Annotated[str, Path(pattern="^[0-9A-Z]{20}$", description="The party's LEI (ISO 17442).")]


def party_view(party: Party) -> PartyView:
    """A party as the API tells it."""
    profile = party.profile
    return PartyView(
        lei=party.lei,
        name=profile.name,
        kind=profile.kind.value,
        country=profile.country,
        home=profile.home,
        standing=party.state.value,
        since=moment(party.since),
        due=moment(party.due) if party.due else None,
        reason=party.reason,
        offices=[office.name for office in party.offices],
        rights=sorted(right.value for right in RIGHTS[party.state]),
    )


def key_warnings(keyring: Keyring, time_ms: int) -> list[str]:
    """What the owner of a keyring should do something about, at a block time."""
    found: list[str] = []
    usable = 0
    for key in keyring.keys:
        if key.status is not KeyStatus.ACTIVE:
            continue
        if key.expires <= time_ms:
            found.append(f"key {key.name} expired at {moment(key.expires).iso}")
            continue
        usable += key.usable(time_ms)
        days = (key.expires - time_ms) // _MS_PER_DAY
        if days < WARNING_DAYS:
            found.append(f"key {key.name} expires at {moment(key.expires).iso}, in {days} days")
    if not usable:
        found.append("no key can sign at present")
    return found


def _keys(keyring: Keyring, time_ms: int) -> list[KeyView]:
    return [
        KeyView(
            name=key.name,
            role=key.role,
            public_key=key.public_key.hex(),
            valid_from=moment(key.valid_from),
            expires=moment(key.expires),
            status=key.status.value,
            usable=key.usable(time_ms),
        )
        for key in keyring.keys
    ]


def _rules(keyring: Keyring) -> list[RuleView]:
    return [
        RuleView(
            operation_class=rule.operation_class,
            required=[RequirementView(role=r.role, count=r.count) for r in rule.required],
            max_amount=None if rule.max_amount is None else money(rule.max_amount, "SCU"),
            daily_limit=None if rule.daily_limit is None else money(rule.daily_limit, "SCU"),
        )
        for rule in keyring.rules
    ]


def routes(api: Api) -> APIRouter:
    """``/v1/parties``, except histories."""
    router = APIRouter(prefix="/v1/parties", tags=["parties"])

    @router.get("", summary="Parties", openapi_extra=answers(PartyPage))
    async def parties(
        q: Annotated[
            str, Query(max_length=140, description="Part of the name or the LEI, any case.")
        ] = "",
        cursor: CursorParameter = "",
        limit: Limit = None,
    ) -> Response:
        """In the order of LEIs. A filtered page may be short, even empty, and still have a next."""
        wanted = q.casefold()
        after = cursors.read(cursor, _PARTIES, b"").key if cursor else None
        views: list[PartyView] = []
        following = ""
        async with api.long_read() as (reader, head):
            scan = State(reader).scan(PARTY, after=after)
            for seen, (key, party) in enumerate(scan, start=1):
                if wanted in party.profile.name.casefold() or wanted in party.lei.casefold():
                    views.append(party_view(party))
                if len(views) >= page_size(api, limit) or seen >= MAX_SCANNED:
                    following = cursors.write(Place(_PARTIES, key=key))
                    break
        return respond(PartyPage(height=head.height, parties=views, next=following))

    @router.get("/{lei}", summary="One party", openapi_extra=answers(PartyAnswer))
    async def one(lei: Lei) -> Response:
        """Its standing, keys and signing policy, and warnings such as keys that expire soon."""
        with api.snapshot() as (reader, head):
            state = State(reader)
            party = state.get(PARTY, lei)
            if party is None:
                raise missing(f"party {lei}", head.height)
            keyring = state.get(KEYRING, lei) or Keyring((), ())
            told = Describer(reader, api.node.chain_id)
            profile, _ = told.fields(party.profile)
            names = told.names()
        return respond(
            PartyAnswer(
                height=head.height,
                party=party_view(party),
                profile=profile,
                keys=_keys(keyring, head.time),
                rules=_rules(keyring),
                warnings=key_warnings(keyring, head.time),
                names=names,
            )
        )

    @router.get(
        "/{lei}/accounts", summary="A party's accounts", openapi_extra=answers(AccountsAnswer)
    )
    async def accounts(lei: Lei, cursor: CursorParameter = "", limit: Limit = None) -> Response:
        """Every account of the party with its balance, in the order of their names."""
        after = cursors.read(cursor, _ACCOUNTS, lei.encode()).key if cursor else b""
        views: list[AccountView] = []
        following = ""
        async with api.long_read() as (reader, head):
            state = State(reader)
            if state.get(PARTY, lei) is None:
                raise missing(f"party {lei}", head.height)
            told = Describer(reader, api.node.chain_id)
            told.mention(lei)
            prefix = BALANCE.prefix + lei.encode() + b"/"
            for key, record in state.records(BALANCE, prefix, after + b"\0" if after else b""):
                account, unit, _ = key[len(BALANCE.prefix) :].split(b"\0")
                views.append(account_view(account.decode(), unit.decode(), record))
                if len(views) >= page_size(api, limit):
                    following = cursors.write(Place(_ACCOUNTS, lei.encode(), key=key))
                    break
            names = told.names()
        return respond(
            AccountsAnswer(
                height=head.height, party=lei, accounts=views, names=names, next=following
            )
        )

    return router
