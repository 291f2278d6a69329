"""``iic audit words``: what was signed, in words, made again offline from a file or from bytes.

It reads receipts and transaction files alike; the words and their hash are those that every wallet
showed before signing, because they follow from the content alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli import output
from cli.describe import describe
from cli.errors import FILE_MISSING
from cli.txfile import parse
from contracts.framework.render import LANGUAGES
from contracts.framework.statement import Statement, statement
from ledger import proof
from ledger.codec import decode
from ledger.errors import BAD_PROOF, CodedError
from ledger.limits import MAX_TRANSACTION_BYTES
from ledger.transaction import Transaction, open_envelope

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("words")
@click.argument("file", type=_FILE, required=False)
@click.option("--tx", "hexadecimal", metavar="HEX", help="A transaction's bytes instead of FILE.")
@click.option(
    "--lang",
    "languages",
    type=click.Choice(LANGUAGES),
    multiple=True,
    help="Language; repeatable. By default all.",
)
@click.option("--text", is_flag=True, help="The text alone, to hash: … --text | sha256sum.")
@output.json_option
def audit_words(
    file: Path | None, hexadecimal: str | None, languages: tuple[str, ...], text: bool
) -> None:
    """Say in plain words what a transaction states, and the SHA-256 of those words.

    FILE is a receipt or a transaction file. The words are exactly those that its signers were
    shown. They prove nothing about the outcome: see `iic audit verify-receipt`.
    """
    if (file is None) is (hexadecimal is None):
        raise click.UsageError("give a FILE, or a transaction's bytes by --tx")
    transaction = _from_hex(hexadecimal) if hexadecimal is not None else _from_file(file)
    chosen = languages or (LANGUAGES[:1] if text else LANGUAGES)
    said = [statement(transaction, language) for language in chosen]
    if text:
        for one in said:
            click.echo(one.text, nl=False)
        return
    output.emit({one.language: _as_json(one) for one in said}, lambda: _show(said))


def _as_json(said: Statement) -> dict[str, Any]:
    return {"text": said.text, "sha256": said.sha256.hex()}


def _show(statements: list[Statement]) -> None:
    for said in statements:
        output.say(f"{said.language}  SHA-256 {said.sha256.hex()}")
        for line in said.text.splitlines():
            output.say(f"  {line}")


def _from_file(path: Path | None) -> Transaction:
    assert path is not None, "the command checked it"
    try:
        with path.open("rb") as stream:
            data = stream.read(proof.MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise CodedError(FILE_MISSING, f"{path} does not exist") from None
    if data.lstrip()[:1] == b"{":
        return parse(data, describe, name=str(path)).transaction
    found = proof.read(data)
    if not isinstance(found, proof.ProvenReceipt) or not found.transaction:
        raise CodedError(BAD_PROOF, f"{path} holds no transaction")
    return _content(open_envelope(found.transaction).content)


def _from_hex(text: str) -> Transaction:
    """Content or a signed envelope, as hexadecimal digits."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise click.BadParameter("hexadecimal digits are expected", param_hint="--tx") from None
    try:
        return _content(data)
    except CodedError:
        return _content(open_envelope(data).content)


def _content(data: bytes) -> Transaction:
    return decode(data, Transaction, limit=MAX_TRANSACTION_BYTES)
