"""From operations to a final receipt: build, show, confirm, sign, submit, wait, verify.

The id is derived from the content and shown before anything is sent; sending the same bytes again
is safe. Success is claimed only from a receipt that verifies against the genesis file.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from cli import calls, output, txfile
from cli.describe import describe
from cli.files import write_private
from cli.output import Exit, Failure
from cli.plans import refusal
from cli.signing import sign
from cli.txfile import TransactionFile
from cli.wallet import approval
from cli.wallet.keys import duration
from cli.wallet.names import chosen, require_names
from cli.wallet.provenstate import NotProvable
from cli.wallet.session import FILE, Session
from cli.wallet.words import sentence, show_statement, statement_json
from contracts.framework.operation import Operation, read_operation, write_operation
from contracts.framework.statement import statement
from ledger import limits, proof
from ledger.errors import BAD_RECEIPT, CodedError
from ledger.transaction import Transaction
from node.api.models import SubmissionView

F = TypeVar("F", bound=Callable[..., Any])

_MS = 1000
_SUBMIT_AGAIN = "Sending the same bytes again is safe: iic wallet tx submit {file}"


@dataclass(frozen=True)
class Order:
    """How a command's transaction is to be made and sent, as its options said.

    ``valid_s`` bounds the time in which it may be recorded; ``out`` writes it to a file instead of
    sending it; ``wait_s`` is 0 for ``--no-wait``; ``save`` names the ids that it makes.
    """

    reference: str
    valid_s: int
    keys: tuple[str, ...]
    yes: bool
    wait_s: int
    out: Path | None
    receipt: Path | None
    keep_receipt: bool
    save: tuple[str, ...]


def with_order(command: F) -> F:
    """Give a command its :class:`Order` and the options that make it."""

    @functools.wraps(command)
    def run(
        *args: Any,
        ref: str,
        valid_for: int,
        key: tuple[str, ...],
        yes: bool,
        wait: bool,
        timeout: int,
        out: Path | None,
        receipt: Path | None,
        no_receipt: bool,
        save: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        require_names(save)
        wait_s = timeout if wait else 0
        order = Order(ref, valid_for, key, yes, wait_s, out, receipt, not no_receipt, save)
        return command(*args, order=order, **kwargs)

    wrapped: Any = run
    for option in reversed(
        (
            click.option(
                "--ref",
                default="",
                metavar="TEXT",
                help="Your own reference; the ledger refuses another transaction with the same.",
            ),
            click.option("-y", "--yes", is_flag=True, help="Send without asking."),
            click.option(
                "--wait/--no-wait",
                default=True,
                help="Wait until it is final (the default), or return once it is submitted.",
            ),
            click.option("--timeout", type=duration, default="30s", help="How long to wait."),
            click.option(
                "--sign-with",
                "key",
                multiple=True,
                metavar="NAME",
                help="Key to sign with; repeatable. By default the fewest that are needed.",
            ),
            click.option(
                "--valid-for",
                type=duration,
                default="1h",
                show_default=True,
                help="How long the transaction may still be recorded.",
            ),
            click.option(
                "--out", type=FILE, help="Write the transaction to a file instead of sending it."
            ),
            click.option("--receipt", type=FILE, help="Where to write the receipt."),
            click.option(
                "--save",
                multiple=True,
                metavar="[FIELD=]NAME",
                help="Name what this makes, to give the name instead of its id; repeatable.",
            ),
            click.option("--no-receipt", is_flag=True, help="Write no receipt file."),
        )
    ):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def build(session: Session, operations: Sequence[Operation], order: Order) -> TransactionFile:
    """The unsigned transaction of a command."""
    transaction = Transaction(
        session.ledger.chain_id,
        session.party,
        tuple(write_operation(op) for op in operations),
        (int(time.time()) + order.valid_s) * _MS,
        order.reference,
        os.urandom(limits.SALT_BYTES),
    )
    return txfile.build(session.ledger.network, transaction)


def carry_out(
    session: Session,
    operations: Sequence[Operation],
    order: Order,
    *,
    before: Callable[[], None] = lambda: None,
) -> None:
    """Do what a command asked for, and say how it ended. ``before`` prints further lines first."""
    file = build(session, operations, order)
    if order.out is not None:
        txfile.save(order.out, file, describe)
        saved(file, order.out)
        return
    if not output.wants_json():
        show(session, file)
        before()
    confirm(order.yes)
    file = sign_with_held(session, file, order.keys)
    submit(session, file, order)


def label(file: TransactionFile) -> str:
    """``demo-7f3a9c01``: the network and the start of the id."""
    return f"{file.network}-{file.id.hex()[:8]}"


def show(session: Session, file: TransactionFile) -> None:
    """Say in words what a transaction does."""
    transaction = file.transaction
    reference = f"   ref {transaction.reference}" if transaction.reference else ""
    for plain in transaction.operations:
        output.say(f"  {label(file)}   {sentence(session, transaction.author, plain)}{reference}")
    output.say(f"  id {file.id.hex()}")
    show_statement(session, transaction)


def confirm(yes: bool) -> None:
    """Ask before sending, unless told not to; without a terminal, ``--yes`` is needed."""
    if yes:
        return
    if output.wants_json() or not sys.stdin.isatty():
        raise Failure(
            "CONFIRMATION_NEEDED",
            "nothing was sent: there is nobody to confirm it",
            Exit.USAGE,
            hint="Add --yes to send without being asked.",
        )
    if not click.confirm("Sign and send?", default=False):
        raise Failure("NOT_CONFIRMED", "nothing was sent", Exit.REFUSED)


def sign_with_held(
    session: Session, file: TransactionFile, names: Sequence[str]
) -> TransactionFile:
    """Sign with the keys named, or with the fewest held keys that complete the transaction."""
    header = session.keystore
    if names:
        chosen = [header.named(name) for name in names]
    else:
        chosen = approval.choose(session.state, file, header.entries)
    return sign(file, session.signer, [entry.public for entry in chosen])


def submit(session: Session, file: TransactionFile, order: Order) -> None:
    """Send a signed transaction and report what became of it; raises :class:`Failure` if not."""
    _require_complete(session, file)
    started = time.monotonic()
    try:
        [result] = session.client.submit([file.wire], wait_s=order.wait_s)
    except CodedError as error:
        if error.code.name != "OUTCOME_UNKNOWN":
            raise
        kept = _keep(file)
        raise Failure(
            error.code.name,
            error.message,
            Exit.UNKNOWN,
            hint=_SUBMIT_AGAIN.format(file=kept),
            details={"id": file.id.hex(), "status": "unknown"},
        ) from error
    report(session, file, result, order, time.monotonic() - started)


def report(
    session: Session,
    file: TransactionFile,
    result: SubmissionView,
    order: Order,
    seconds: float,
) -> None:
    """Say how a submission ended."""
    identity = file.id.hex()
    error = refusal(result)
    if error is not None:
        _refused(file, result, error)
    if result.status == "final":
        _final(session, file, order, seconds)
        return
    if order.wait_s == 0 and result.status == "pending":
        text = f"tx {output.short(identity)} submitted, not final yet\n"
        text += f"Next: iic wallet status {identity}"
        output.emit({"id": identity, "status": result.status}, lambda: output.say(text))
        return
    raise Failure(
        "NOT_FINAL_YET",
        f"tx {output.short(identity)} is {result.status} after {seconds:.0f} s; "
        "it may still become final",
        Exit.UNKNOWN,
        hint=f"Next: iic wallet status {identity}\n  " + _SUBMIT_AGAIN.format(file=_keep(file)),
        details={"id": identity, "status": result.status},
    )


def _final(session: Session, file: TransactionFile, order: Order, seconds: float) -> None:
    identity = file.id.hex()
    content = session.client.do(calls.receipt_file(bytes.fromhex(identity)))
    summary = verified(session, content, identity)
    path: Path | None = None
    if order.receipt is not None or order.keep_receipt:
        path = order.receipt or Path(f"{identity[:16]}.receipt")
        write_private(path, content, exclusive=False)
    operations = [read_operation(plain) for plain in file.transaction.operations]
    named, unnamed = chosen(order.save, summary.receipt, operations)
    session.names.save(named)
    signers = summary.signers
    data = {
        "id": identity,
        "status": "final",
        "height": summary.height,
        "index": summary.position,
        "time": {"iso": output.moment(summary.time), "ms": summary.time},
        "seconds": round(seconds, 3),
        "signatures": len(signers.names),
        "validators": signers.validators,
        "receipt": None if path is None else str(path),
        "saved": named,
        "statement": statement_json(statement(file.transaction, session.language)),
    }

    def human() -> None:
        output.say(
            f"tx {output.short(identity)} submitted → FINAL at height {summary.height} "
            f"({len(signers.names)} of {signers.validators} signatures, {seconds:.1f} s)"
        )
        for name, value in named.items():
            output.say(f"  {name} is {value}")
        for name in unnamed:
            output.say(f"  ! nothing was made that could be called {name}")
        if path is not None:
            genesis = session.profile.require_genesis()
            output.say(f"Receipt: {path}")
            output.say(f"Next: iic audit verify-receipt {path} --genesis {genesis}")

    output.emit(data, human)


def verified(session: Session, content: bytes, identity: str) -> proof.Summary:
    """The summary of a receipt file that proves what became of this very transaction."""
    proven = proof.read(content)
    if not isinstance(proven, proof.ProvenReceipt):
        raise CodedError(BAD_RECEIPT, "the node's answer is no receipt")
    summary = proof.verify(proven, session.ledger.genesis)
    if summary.subject.hex() != identity:
        raise CodedError(BAD_RECEIPT, "the node's receipt answers another transaction")
    return summary


def _refused(file: TransactionFile, result: SubmissionView, error: CodedError) -> None:
    identity = file.id.hex()
    details: dict[str, Any] = {"id": identity, "status": "refused"}
    if result.height is not None:
        details["height"] = result.height
        hint = f"It is recorded as refused and changed nothing: iic wallet status {identity}"
    elif error.code.name == "MISSING_SIGNATURES":
        raise _incomplete(file, error)
    else:
        hint = "Nothing was recorded."
    raise Failure(
        error.code.name, error.message, Exit.REFUSED, field=error.field, hint=hint, details=details
    )


def _require_complete(session: Session, file: TransactionFile) -> None:
    try:
        missing = approval.problem(session.state, file)
    except NotProvable:
        return  # the node will say
    if missing is None:
        return
    if approval.is_incomplete(missing):
        raise _incomplete(file, missing)
    raise Failure(
        missing.code.name,
        missing.message,
        Exit.REFUSED,
        field=missing.field,
        hint="Nothing was sent.",
        details={"id": file.id.hex(), "status": "refused"},
    )


def _incomplete(file: TransactionFile, missing: CodedError) -> Failure:
    path = _keep(file)
    return Failure(
        missing.code.name,
        f"{missing.message}; nothing was sent",
        Exit.REFUSED,
        hint=f"Written to {path}. On the machine of the next key: iic wallet tx sign {path}",
        details={"id": file.id.hex(), "status": "incomplete", "file": str(path)},
    )


def _keep(file: TransactionFile) -> Path:
    path = Path(f"{label(file)}.tx")
    txfile.save(path, file, describe, overwrite=True)
    return path


def saved(file: TransactionFile, path: Path) -> None:
    """Say that a transaction was written instead of sent."""

    def human() -> None:
        output.done(f"{path} written, id {file.id.hex()}")
        output.say(f"Next: iic wallet tx sign {path}")

    output.emit({"id": file.id.hex(), "status": "unsigned", "file": str(path)}, human)
