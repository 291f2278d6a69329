"""What an operation means, in one line, with the parties by name."""

from __future__ import annotations

from typing import Any

from cli.describe import describe
from cli.wallet.session import Session
from contracts.framework.types import lei_problem
from ledger.errors import CodedError
from ledger.transaction import PlainOperation


def sentence(session: Session, author: str, plain: PlainOperation) -> str:
    """For example ``Ural Gear Works → Volga Bearings 1,500.00 SCU``."""
    body = describe(plain)
    name = body.pop("operation")
    who = party_name(session, author)
    if name == "currency.Transfer":
        legs = ", ".join(
            f"{party_name(session, leg['payee'])} {leg['amount']} SCU" for leg in body["legs"]
        )
        return f"{who} → {legs}"
    return f"{who}: {name} {_words(session, body)}".rstrip()


def party_name(session: Session, lei: str) -> str:
    """The registered name where a node can be asked, else the LEI."""
    try:
        return session.directory.name(lei)
    except CodedError:
        return lei


def _words(session: Session, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k.replace('_', ' ')} {_words(session, v)}" for k, v in value.items())
    if isinstance(value, list):
        return "[" + "; ".join(_words(session, v) for v in value) + "]"
    if isinstance(value, str) and not lei_problem(value):
        return party_name(session, value)
    return "–" if value in (None, "") else str(value)
