"""``iic audit``: verify receipts and proofs offline, from the genesis file alone.

Used by anybody who was handed a file: members, auditors, courts, customs. It stands on the ledger
layer and the declarations only and imports nothing of the node: what checks a node shares no
code with what a node says of itself. (``iic audit follow`` is a node, of the auditor's own.)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cli import output
from cli.audit_certificate import preference_certificate
from cli.audit_compare import consistency, diff, prove
from cli.audit_follow import follow
from cli.audit_invariants import invariants
from cli.audit_records import words_of
from cli.audit_verify import archive, import_archive, verify
from cli.audit_words import audit_words
from cli.case.commands import case, verify_case
from cli.describe import describe, describe_event
from cli.errors import FILE_MISSING
from cli.export.commands import export
from cli.export.statements import verify_statement
from ledger import proof
from ledger.errors import BAD_PROOF, BAD_RECEIPT, CodedError
from ledger.genesis import Genesis, load
from ledger.receipt import Receipt

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("audit", cls=output.Group)
def audit() -> None:
    """Verify receipts and proofs offline.

    The genesis file is all that is trusted: get it, or its chain id, from a guarantor or another
    source that is not the one whose receipt you check. Exit code 0: verified. 1: the file proves
    nothing, and the error says which check failed. 6: a file cannot be read.
    """


def _checked(command: F) -> F:
    for option in reversed(
        (
            click.option(
                "--genesis", type=_FILE, required=True, help="Genesis file of the ledger."
            ),
            click.option("-q", "--quiet", is_flag=True, help="Print nothing if it is verified."),
            output.json_option,
        )
    ):
        command = option(command)
    return command


def _read(path: Path, kind: type[T], what: str) -> T:
    try:
        with path.open("rb") as file:
            data = file.read(proof.MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise CodedError(FILE_MISSING, f"{path} does not exist") from None
    found = proof.read(data)
    if not isinstance(found, kind):
        raise CodedError(BAD_PROOF, f"{path} is not {what}")
    return found


@audit.command("verify-receipt")
@click.argument("file", type=_FILE)
@click.option("--id", "wanted", metavar="ID", help="Also require that it is this transaction's.")
@_checked
def verify_receipt(file: Path, genesis: Path, quiet: bool, wanted: str | None) -> None:
    """Verify that FILE proves what became of a transaction or deadline, and show it.

    Checks: every guarantor approved the genesis; each change of validators since was finalized by
    those before; a quorum finalized the block or a descendant; the block is in that descendant's
    history; the receipt is in the block; the transaction is in the block, is the one that the
    receipt answers, and its signatures verify.
    """
    document = load(genesis)
    summary = proof.verify(_read(file, proof.ProvenReceipt, "a receipt"), document)
    if wanted is not None and summary.subject.hex() != wanted.lower():
        raise CodedError(
            BAD_RECEIPT, f"the receipt answers {summary.subject.hex()}, not {wanted.lower()}"
        )
    if not quiet:
        output.emit(_receipt_json(summary), lambda: _show_receipt(summary))


def _receipt_json(summary: proof.Summary) -> dict[str, Any]:
    receipt, transaction = summary.receipt, summary.transaction
    return {
        "verified": True,
        "network": summary.network,
        "chain_id": summary.chain_id.hex(),
        "id": summary.subject.hex(),
        "kind": "deadline" if transaction is None else "transaction",
        "status": "final" if receipt.applied else "refused",
        "code": receipt.code,
        "reason": receipt.reason,
        "author": transaction.author if transaction else "",
        "reference": transaction.reference if transaction else "",
        "operations": [describe(op) for op in transaction.operations] if transaction else [],
        "events": [describe_event(event) for event in receipt.events],
        "postings": [
            {
                "account": p.account,
                "unit": p.unit,
                "amount": p.amount,
                "balance": p.balance,
                "sequence": p.sequence,
            }
            for p in receipt.postings
        ],
        "height": summary.height,
        "index": summary.position,
        "time": {"iso": output.moment(summary.time), "ms": summary.time},
        "block": summary.block.hex(),
        "certified": _signers_json(summary.signers),
    }


def _signers_json(signers: proof.Signers) -> dict[str, Any]:
    return {
        "epoch": signers.epoch,
        "validators": signers.validators,
        "signers": list(signers.names),
        "recoveries": [recovery._asdict() for recovery in signers.recoveries],
    }


def _signers_text(signers: proof.Signers) -> str:
    said = [f"{len(signers.names)} of {signers.validators}: {', '.join(signers.names)}"]
    said += [
        f"{'confirmed' if r.confirms else 'continued'} by recovery ceremony at block {r.height}, "
        f"signed by {len(r.signed)} of {len(r.signed) + len(r.lost)}: {', '.join(r.signed)}; "
        f"lost: {', '.join(r.lost)}; "
        f"nothing final before it was lost if {_honest(r)}"
        for r in signers.recoveries
    ]
    return "; ".join(said)


def _honest(recovery: proof.Recovery) -> str:
    borne = recovery.lies_borne
    return f"at most {borne} of those hid votes" if borne else "none of those hid a vote"


def _show_receipt(summary: proof.Summary) -> None:
    receipt, transaction = summary.receipt, summary.transaction
    kind = "deadline" if transaction is None else "transaction"
    output.done(f"verified: {kind} {summary.subject.hex()}")
    outcome = "FINAL, applied" if receipt.applied else f"REFUSED, {receipt.code}: {receipt.reason}"
    facts: list[tuple[str, Any]] = [("Outcome", outcome)]
    if transaction is not None:
        facts.append(("Author", transaction.author))
        if transaction.reference:
            facts.append(("Reference", transaction.reference))
        facts.extend(("Operation", _line(describe(op))) for op in transaction.operations)
    facts.extend(("Event", _line(describe_event(event))) for event in receipt.events)
    facts += [
        ("Ledger", f"{summary.network} {summary.chain_id.hex()}"),
        ("Block", f"{summary.height} {output.short(summary.block)}, receipt {summary.position}"),
        ("Time", output.moment(summary.time, local=True)),
        ("Certified by", _signers_text(summary.signers)),
    ]
    output.facts(facts)
    if receipt.postings:
        _show_postings(receipt)


def _show_postings(receipt: Receipt) -> None:
    output.table(
        ("ACCOUNT", "UNIT", ("AMOUNT", "right"), ("BALANCE AFTER", "right")),
        [
            (p.account, p.unit, output.money(p.amount), output.money(p.balance))
            for p in receipt.postings
        ],
    )


def _line(body: dict[str, Any]) -> str:
    name, *rest = body.items()
    return " ".join([str(name[1]), *(f"{key}={_short(value)}" for key, value in rest)])


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + " ".join(f"{k}={_short(v)}" for k, v in value.items()) + ")"
    if isinstance(value, list):
        return "[" + ", ".join(map(_short, value)) + "]"
    return str(value)


@audit.command("verify-state")
@click.argument("file", type=_FILE)
@_checked
def verify_state(file: Path, genesis: Path, quiet: bool) -> None:
    """Verify that FILE proves a record of the state, or that there is none, and show it."""
    document = load(genesis)
    proven = _read(file, proof.ProvenState, "a state proof")
    signers = proof.verify_state(proven, document)
    header = proven.finality.header
    words = words_of(proven.key, proven.value, header.time)
    body = {
        "verified": True,
        "network": document.network,
        "chain_id": document.chain_id.hex(),
        "key": proven.key.hex(),
        "present": proven.value is not None,
        "value": None if proven.value is None else proven.value.hex(),
        "words": words,
        "height": header.height,
        "time": {"iso": output.moment(header.time), "ms": header.time},
        "certified": _signers_json(signers),
    }

    def human() -> None:
        output.done(f"verified: {words}")
        output.facts(
            [
                ("Key", _key_text(proven.key)),
                ("Value", None if proven.value is None else proven.value.hex()),
                ("Ledger", f"{document.network} {document.chain_id.hex()}"),
                ("Block", f"{header.height} {output.short(header.hash())}"),
                ("Time", output.moment(header.time, local=True)),
                ("Certified by", _signers_text(signers)),
            ]
        )

    if not quiet:
        output.emit(body, human)


def _key_text(key: bytes) -> str:
    """Keys are a table's name and text or binary parts; text is shown as text."""
    return "".join(chr(b) if 0x21 <= b < 0x7F else f"\\x{b:02x}" for b in key)


@audit.command("verify-extension")
@click.argument("file", type=_FILE)
@click.option(
    "--known",
    metavar="HASH",
    required=True,
    help="Hash of the block that you kept as the newest one, in hexadecimal.",
)
@_checked
def verify_extension(file: Path, genesis: Path, quiet: bool, known: str) -> None:
    """Verify that the ledger of FILE extends the one that you saw earlier."""
    document: Genesis = load(genesis)
    proven = _read(file, proof.ProvenExtension, "a proof of extension")
    signers = proof.verify_extension(proven, document)
    if proven.header.hash().hex() != known.lower():
        raise CodedError(
            BAD_PROOF,
            f"the file is about block {proven.header.hash().hex()}, you kept {known.lower()}",
        )
    header = proven.finality.header
    body = {
        "verified": True,
        "network": document.network,
        "chain_id": document.chain_id.hex(),
        "from_height": proven.header.height,
        "height": header.height,
        "block": header.hash().hex(),
        "certified": _signers_json(signers),
    }
    if not quiet:
        output.emit(
            body,
            lambda: output.done(
                f"verified: block {header.height} {header.hash().hex()} extends block "
                f"{proven.header.height}; certified by {_signers_text(signers)}"
            ),
        )


audit.add_command(case)
audit.add_command(verify_case)
audit.add_command(verify_statement)
audit.add_command(export)
audit.add_command(preference_certificate)
audit.add_command(audit_words)
audit.add_command(invariants)
audit.add_command(follow)
audit.add_command(verify)
export.add_command(archive)
audit.add_command(import_archive)
audit.add_command(diff)
audit.add_command(consistency)
audit.add_command(prove)
