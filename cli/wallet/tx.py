"""``iic wallet tx build|show|sign|combine|submit``: transactions that travel between signers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli import output, txfile
from cli.describe import describe
from cli.signing import sign as sign_file
from cli.txfile import TransactionFile
from cli.wallet import approval, compose
from cli.wallet.compose import Order, with_order
from cli.wallet.forms import read_document
from cli.wallet.provenstate import NotProvable
from cli.wallet.session import FILE, Session, with_session
from cli.wallet.words import statement_json
from contracts.framework.forms import operation_from_text
from contracts.framework.party import KEYRING
from contracts.framework.statement import statement
from ledger.errors import CodedError
from ledger.policy import Keyring


@click.group("tx", cls=output.Group)
def group() -> None:
    """Transactions as files: build, review, sign elsewhere, combine, submit.

    Signing needs the genesis file and a keystore only; the machine may be offline.
    """


@group.command()
@click.argument("operations", metavar="FILE", type=FILE)
@with_order
@with_session
def build(session: Session, operations: Path, order: Order) -> None:
    """Build a transaction from FILE: a JSON operation, or a list of them that succeed as one.

    An operation is {"operation": "currency.Transfer", "legs": [{"payee": …, "amount": "1500.00"}]};
    `iic wallet op NAME --help` names the fields. Any other command builds one with --out.
    """
    try:
        document = read_document(f"@{operations}")
    except ValueError as error:
        raise click.BadParameter(f"{operations}: {error}", param_hint="FILE") from None
    entries = document if isinstance(document, list) else [document]
    typed = [
        operation_from_text(entry, names=session.lei_or_none, ids=session.id) for entry in entries
    ]
    file = compose.build(session, typed, order)
    path = order.out or Path(f"{compose.label(file)}.tx")
    txfile.save(path, file, describe)
    compose.saved(file, path)


def _load(session: Session, path: Path) -> TransactionFile:
    return txfile.load(path, describe, chain_id=session.ledger.chain_id)


def _missing(session: Session, file: TransactionFile) -> CodedError | str | None:
    """Why it is not complete, None if it is, or why that cannot be told here."""
    if not session.profile.nodes:
        return "not asked: no node is given"
    try:
        return approval.problem(session.state, file)
    except NotProvable:
        return "only a node can tell, when it is submitted"
    except CodedError as error:
        if error.code.name == "NODE_UNREACHABLE":
            return "not asked: no node answers"
        raise


def _names(session: Session, file: TransactionFile) -> dict[bytes, str]:
    """Names of keys, from the keystore and, where a node can be asked, the author's keyring."""
    names: dict[bytes, str] = {}
    if session.profile.keystore is not None and session.profile.keystore.exists():
        names |= {e.public: e.name for e in session.keystore.entries}
    if session.profile.nodes:
        try:
            keyring: Keyring | None = session.state.get(KEYRING, file.transaction.author)
        except CodedError:
            keyring = None
        for key in keyring.keys if keyring is not None else ():
            names[key.public_key] = f"{key.name} ({key.role})"
    return names


@group.command()
@click.argument("file", type=FILE)
@with_session
def show(session: Session, file: Path) -> None:
    """Show what a transaction file does, who has signed it, and what is missing.

    The bytes decide: a file whose words differ from them is refused.
    """
    loaded = _load(session, file)
    missing = _missing(session, loaded)
    names = _names(session, loaded)
    transaction = loaded.transaction
    state = _state_text(missing)
    words = txfile.decoded(transaction, describe)
    data = {
        "id": loaded.id.hex(),
        "network": loaded.network,
        "decoded": words,
        "statement": statement_json(statement(transaction, session.language)),
        "signers": [{"key": k.hex(), "name": names.get(k, "")} for k in loaded.signers],
        "complete": missing is None if not isinstance(missing, str) else None,
        "missing": "" if missing is None else str(missing),
    }

    def human() -> None:
        compose.show(session, loaded)
        output.facts(
            [
                ("Author", transaction.author),
                ("Valid until", output.moment(transaction.valid_until, local=True)),
                ("Reference", transaction.reference or None),
                ("Signed by", ", ".join(names.get(k, k.hex()) for k in loaded.signers) or "nobody"),
                ("State", state),
            ]
        )

    output.emit(data, human)


def _state_text(missing: CodedError | str | None) -> str:
    if missing is None:
        return "complete: it can be submitted"
    return missing if isinstance(missing, str) else f"{missing.code.name}: {missing.message}"


@group.command()
@click.argument("file", type=FILE)
@click.option(
    "--sign-with", "key", multiple=True, metavar="NAME", help="Key to sign with; repeatable."
)
@click.option("--out", type=FILE, help="Where to write; by default FILE itself.")
@click.option("-y", "--yes", is_flag=True, help="Sign without asking.")
@with_session
def sign(session: Session, file: Path, key: tuple[str, ...], out: Path | None, yes: bool) -> None:
    """Review FILE and add signatures. Works offline.

    Without --sign-with: the only key there is, or, where a node can be asked, those that count.
    """
    loaded = _load(session, file)
    header = session.keystore
    if key:
        chosen = [header.named(name) for name in key]
    elif len(header.entries) == 1 or not session.profile.nodes:
        chosen = list(header.entries)
    else:
        chosen = approval.choose(session.state, loaded, header.entries)
    if not output.wants_json():
        compose.show(session, loaded)
        output.say(f"  sign as {', '.join(e.name for e in chosen) or 'nobody'}")
    compose.confirm(yes)
    signed = sign_file(loaded, session.signer, [entry.public for entry in chosen])
    path = out or file
    txfile.save(path, signed, describe, overwrite=out is None)
    missing = _missing(session, signed)

    def human() -> None:
        output.done(f"{path} signed by {', '.join(e.name for e in chosen) or 'nobody'}")
        output.say(f"State: {_state_text(missing)}")
        follow = "submit" if missing is None else "show"
        output.say(f"Next: iic wallet tx {follow} {path}")

    output.emit(_summary(signed, path, missing), human)


def _summary(file: TransactionFile, path: Path, missing: CodedError | str | None) -> dict[str, Any]:
    return {
        "id": file.id.hex(),
        "file": str(path),
        "signers": [k.hex() for k in file.signers],
        "complete": missing is None if not isinstance(missing, str) else None,
        "missing": "" if missing is None else str(missing),
    }


@group.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--out", type=FILE, required=True, help="Where to write.")
@with_session
def combine(session: Session, files: tuple[Path, ...], out: Path) -> None:
    """Put the signatures of several FILES of the same transaction into one."""
    first, *others = (_load(session, file) for file in files)
    combined = first.combined(others)
    txfile.save(out, combined, describe)
    missing = _missing(session, combined)

    def human() -> None:
        output.done(f"{out} has {len(combined.signers)} signatures")
        output.say(f"State: {_state_text(missing)}")

    output.emit(_summary(combined, out, missing), human)


@group.command()
@click.argument("file", type=FILE)
@with_order
@with_session
def submit(session: Session, file: Path, order: Order) -> None:
    """Submit a signed FILE and wait for its finality. Doing it again is safe."""
    loaded = _load(session, file)
    if not output.wants_json():
        compose.show(session, loaded)
    compose.submit(session, loaded, order)
