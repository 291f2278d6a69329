"""What a transaction means: one line to recognise it, and the exact words that are signed."""

from __future__ import annotations

from typing import Any

from cli import output
from cli.wallet.session import Session
from contracts.framework.fields import named_values
from contracts.framework.operation import read_operation
from contracts.framework.render import words
from contracts.framework.statement import Statement, statement
from contracts.framework.types import Kind
from ledger.errors import CodedError
from ledger.transaction import PlainOperation, Transaction


def sentence(session: Session, author: str, plain: PlainOperation) -> str:
    """For example ``Ural Gear Works: Pay Volga Bearings, amount 1,500.00 SCU``."""
    told = words(read_operation(plain), session.language, lambda lei: party_name(session, lei))
    return f"{party_name(session, author)}: {told}"


def party_name(session: Session, lei: str) -> str:
    """The registered name where a node can be asked, else the LEI."""
    if not session.profile.nodes:
        return lei
    try:
        return session.directory.name(lei)
    except CodedError:
        return lei


def show_statement(session: Session, transaction: Transaction) -> None:
    """The words that a signature answers for, whose hash anybody can find again, and who is who."""
    said = statement(transaction, session.language)
    output.say(f"  You sign these words ({said.language}), SHA-256 {said.sha256.hex()}:")
    for line in said.text.splitlines():
        output.say(f"    {line}")
    parties = {transaction.author: None}
    for plain in transaction.operations:
        parties |= dict.fromkeys(named_values(read_operation(plain), frozenset({Kind.PARTY})))
    for lei in parties:
        name = party_name(session, lei)
        if name != lei:
            output.say(f"    {lei} is {name} (by the register)")


def statement_json(said: Statement) -> dict[str, Any]:
    """A statement for scripts."""
    return {"language": said.language, "text": said.text, "sha256": said.sha256.hex()}
