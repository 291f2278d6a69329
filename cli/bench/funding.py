"""The benchmark's genesis, and how its accounts get their money: issued, then paid out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Final

from cli import calls
from cli.bench.accounts import Account, account, signed
from cli.bench.load import Signed
from cli.client import Client
from cli.output import Exit, Failure
from contracts.currency.operations import Leg, Transfer
from contracts.currency.supply_operations import AttestReserve, Issue, RequestIssue
from contracts.framework.calendar import MS_PER_DAY, Calendar
from contracts.framework.operation import Operation
from contracts.framework.party import Office, PartyKind, Profile, Role
from contracts.genesis import ApplicationGenesis, GenesisParty, application_genesis
from ledger.policy import single_key

START_AMOUNT: Final = 1_000_000
"""What each account starts with, in minor units: enough for any number of payments of 1 SCU."""

_LEGS: Final = 250
_VALID_MS: Final = 3_600_000
_KEY_DAYS: Final = 365
_WAIT_S: Final = 60.0

REGISTRAR: Final = account(900)
ISSUER: Final = account(901)
TREASURY: Final = account(902)


def application(
    members: Sequence[tuple[str, str, str]],
    accounts: Sequence[Account],
    *,
    now: int | None = None,
) -> ApplicationGenesis:
    """The application's genesis: guarantors (name, LEI, country), institutions, accounts.

    ``now`` is the genesis time in ms, the present one if it is not given.
    """
    home = members[0][2]
    now = time.time_ns() // 1_000_000 if now is None else now
    parties = [
        _party(account(index), f"Guarantor {name}", country, Office(Role.GUARANTOR, country), now)
        for index, (name, _, country) in enumerate(members)
    ]
    parties += [
        _party(REGISTRAR, "Registrar", home, Office(Role.REGISTRAR), now),
        _party(ISSUER, "Issuer", home, Office(Role.ISSUER, home), now),
        _party(TREASURY, "Treasury", home, None, now),
    ]
    parties += [_party(a, f"Account {a.lei}", home, None, now) for a in accounts]
    until = now // MS_PER_DAY + 3_650
    return application_genesis(Calendar("bench", (5, 6), (), until), tuple(parties))


def _party(who: Account, name: str, country: str, office: Office | None, now: int) -> GenesisParty:
    kind = PartyKind.NATIONAL if office is None else PartyKind.INSTITUTION
    keyring = single_key(who.key.public, expires=now + _KEY_DAYS * MS_PER_DAY)
    return GenesisParty(
        who.lei,
        Profile(name, kind, country, country),
        () if office is None else (office,),
        keyring.keys,
        keyring.rules,
    )


def fund(client: Client, chain_id: bytes, country: str, accounts: Sequence[Account]) -> None:
    """Give every account :data:`START_AMOUNT`; returns when all of it is final.

    ``country`` is the first guarantor's. Raises a failure if any step is refused.
    """
    until = time.time_ns() // 1_000_000 + _VALID_MS
    total = START_AMOUNT * len(accounts)
    evidence = hashlib.sha256(b"iic bench").digest()

    def order(author: Account, op: Operation, salt: int, *cosigners: Account) -> Signed:
        return signed(chain_id, author, [op], until, salt, *cosigners)

    _done(client, [order(ISSUER, AttestReserve(country, total, evidence), 0, account(0))])
    [request] = _done(client, [order(TREASURY, RequestIssue(country, total), 0)])
    found = client.do(calls.transaction(bytes.fromhex(request)))
    assert found.receipt is not None, "a final transaction has a receipt"
    issue = bytes.fromhex(found.receipt.events[0].fields["issue"])
    _done(client, [order(ISSUER, Issue(issue, evidence), 0)])
    parts = [accounts[start : start + _LEGS] for start in range(0, len(accounts), _LEGS)]
    _done(
        client,
        [
            order(TREASURY, Transfer(tuple(Leg(a.lei, START_AMOUNT) for a in part)), number)
            for number, part in enumerate(parts, start=1)
        ],
    )


def _done(client: Client, transactions: Sequence[Signed]) -> list[str]:
    results = client.submit([transaction.wire for transaction in transactions], wait_s=_WAIT_S)
    for result in results:
        if result.status != "final":
            raise Failure(
                result.code or "NOT_FINAL_YET",
                f"the accounts could not be funded: {result.reason or result.status}",
                Exit.UNKNOWN,
            )
    return [transaction.id for transaction in transactions]
