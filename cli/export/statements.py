"""``iic audit export statement|camt053|camt054|csv``: one account over a period, proven whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from cli import output
from cli.errors import NO_SUCH_PARTY
from cli.export import camt, paper
from cli.export.journals import decimal
from cli.export.options import (
    FILE,
    genesis_option,
    node_option,
    one_store_option,
    options,
    out_option,
    sourced,
)
from cli.files import write_new
from contracts import compact, scanned
from contracts.errors import INVALID_FIELD
from contracts.extracts import statement as statements
from contracts.extracts.source import Source
from contracts.extracts.statement import Statement
from contracts.framework.forms import format_instant
from contracts.framework.posting import account_kinds
from contracts.framework.render import LANGUAGES
from contracts.framework.types import lei_problem
from ledger import proof
from ledger.codec import decode
from ledger.errors import MALFORMED, CodedError
from ledger.genesis import Genesis, load

Form = Callable[[bytes, Genesis, str], bytes]
"""From a statement's proofs, the genesis document and a language to the bytes of a file."""

FORMS: Final[dict[str, Form]] = {
    "html": paper.page,
    "camt053": lambda proofs, genesis, _: camt.statement(statements.read(proofs, genesis)),
    "camt054": lambda proofs, genesis, _: camt.notice(statements.read(proofs, genesis)),
    "csv": lambda proofs, genesis, _: table(statements.read(proofs, genesis)),
}
"""The formats of a statement by name."""

_DAY = click.DateTime(["%Y-%m-%d"])
_ALWAYS: Final = 1 << 62
_COLUMNS: Final = (
    *("line", "account", "unit", "sequence", "time", "amount", "balance", "counterparties"),
    *("text", "reference", "id", "height", "index"),
)


def period_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--from`` and ``--to``."""
    for option in (
        click.option("--to", "last", type=_DAY, help="Last day, UTC; the newest block if absent."),
        click.option("--from", "first", type=_DAY, help="First day, UTC; the ledger's beginning."),
    ):
        command = option(command)
    return command


def period(genesis: Genesis, first: datetime | None, last: datetime | None) -> tuple[int, int]:
    """Whole days as a half-open period in ms of block time."""
    since = genesis.time if first is None else _ms(first)
    until = _ALWAYS if last is None else _ms(last + timedelta(days=1))
    if since >= until:
        raise click.UsageError("--from is not after --to")
    return since, until


def _ms(day: datetime) -> int:
    return int(day.replace(tzinfo=UTC).timestamp()) * 1000


def table(found: Statement) -> bytes:
    """A statement as CSV (RFC 4180): opening balance, entries, closing balance.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    account = (found.account, found.unit)
    opens, closes = format_instant(found.since), format_instant(found.until - 1)
    rest = [""] * 4
    signers = found.signers
    reach = (
        f"{len(found.entries)} entries; state root {found.state_root.hex()}; "
        f"certified by {len(signers.names)} of {signers.validators}; time zone UTC"
    )
    writer.writerow(("opening", *account, "", opens, "", decimal(found.opening), "", "", *rest))
    for entry in found.entries:
        writer.writerow(
            (
                "entry",
                *account,
                entry.sequence,
                format_instant(entry.time),
                decimal(entry.amount),
                decimal(entry.balance),
                " ".join(entry.counterparties),
                _harmless("; ".join(found.texts(entry))),
                _harmless(entry.reference),
                entry.id.hex(),
                entry.height,
                entry.position,
            )
        )
    closing = ("closing", *account, "", closes, "", decimal(found.closing), "", reach)
    writer.writerow((*closing, "", "", found.height, ""))
    return text.getvalue().encode()


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text


def account_of(source: Source, text: str) -> str:
    """The account that a text names; its owner may be named by the registered name.

    Raises ``INVALID_FIELD`` or ``NO_SUCH_PARTY``.
    """
    owner, slash, rest = text.partition("/")
    _require_account(text)
    if not lei_problem(owner) or owner.isupper():
        return text
    return f"{party_of(source, owner)}{slash}{rest}"


def party_of(source: Source, text: str) -> str:
    """The LEI of a party named by its LEI or registered name; raises ``NO_SUCH_PARTY``."""
    if not lei_problem(text):
        return text
    found = source.party_named(text)
    if found is None:
        raise CodedError(NO_SUCH_PARTY, f"not exactly one party of the register is named {text!r}")
    return found


def _require_account(account: str) -> None:
    parts = account.split("/")
    if len(parts) < 2 or parts[1] not in account_kinds():
        raise CodedError(
            INVALID_FIELD,
            f"{account!r} is no account: owner/kind, such as LEI/avail; kinds are "
            + ", ".join(account_kinds()),
            field="account",
        )


def write(
    source: Source, account: str, since: int, until: int, form: str, language: str, out: Path
) -> Statement:
    """Gather, verify and write a statement; what it says."""
    name = account_of(source, account)
    proofs = statements.write(statements.gather(source, name, since, until))
    write_new(out, [FORMS[form](proofs, source.genesis, language)])
    return statements.read(proofs, source.genesis)


def _command(name: str, form: str, meaning: str) -> click.Command:
    @click.command(name, help=meaning)
    @click.argument("account")
    @options(one_store_option, node_option, genesis_option, out_option)
    @period_options
    @click.option(
        "--lang", "language", type=click.Choice(LANGUAGES), default="en", show_default=True
    )
    def command(
        account: str,
        store: Path | None,
        nodes: tuple[str, ...],
        genesis: Path,
        out: Path,
        first: datetime | None,
        last: datetime | None,
        language: str,
    ) -> None:
        document = load(genesis)
        since, until = period(document, first, last)
        with sourced(store, nodes, document) as source:
            found = write(source, account, since, until, form, language, out)
        tell(found, out)

    return command


COMMANDS: Final = (
    _command("statement", "html", "An ACCOUNT's statement as a page that proves itself offline."),
    _command("camt053", "camt053", "An ACCOUNT's statement as ISO 20022 camt.053.001.08."),
    _command("camt054", "camt054", "An ACCOUNT's movements as ISO 20022 camt.054.001.08."),
    _command("csv", "csv", "An ACCOUNT's statement as CSV."),
)


@click.command("verify-statement")
@click.argument("file", type=FILE)
@options(genesis_option)
@click.option(
    "--validators",
    type=FILE,
    help="For scanned texts after a change of validators: a newer receipt or proof of the ledger.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing if it is verified.")
def verify_statement(file: Path, genesis: Path, validators: Path | None, quiet: bool) -> None:
    """Verify FILE, a statement page or the scanned texts of its QR codes, offline.

    A page: every entry is proven, none is left out, and not a byte of the page says anything else.
    Scanned texts (one per line): the last entry and the balance after it.
    """
    document = load(genesis)
    data = file.read_bytes()
    if not data.startswith(scanned.HEADING.encode()):
        found = paper.read(data, document)
        if not quiet:
            tell(found)
        return
    changes = () if validators is None else proof.read(validators.read_bytes()).finality.changes
    try:
        texts = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise CodedError(MALFORMED, "scanned texts are ASCII") from None
    scan = decode(scanned.from_parts(t for t in texts if t.strip("\r")), compact.CompactReceipt)
    summary = compact.verify(scan, document, changes)
    if not quiet:
        output.emit(_scan_json(summary), lambda: _show_scan(summary))


def tell(found: Statement, out: Path | None = None) -> None:
    """What a statement says and how far it is proven."""
    signers = found.signers
    body = {
        "verified": True,
        "network": found.network,
        "chain_id": found.chain_id.hex(),
        "account": found.account,
        "unit": found.unit,
        "from": {"iso": output.moment(found.since), "ms": found.since},
        "until": {"iso": output.moment(found.until), "ms": found.until},
        "opening": found.opening,
        "closing": found.closing,
        "entries": len(found.entries),
        "height": found.height,
        "state_root": found.state_root.hex(),
        "time_zone": "UTC",
        "certified": {
            "epoch": signers.epoch,
            "validators": signers.validators,
            "signers": list(signers.names),
        },
        "file": None if out is None else str(out),
    }

    def human() -> None:
        output.done(f"written: {out}" if out else f"verified: {found.account}, whole and unchanged")
        output.facts(
            [
                ("Account", found.account),
                ("Owner", found.names.get(found.owner, found.owner)),
                ("Period", f"{output.moment(found.since)} to {output.moment(found.until - 1)}"),
                ("Opening", f"{output.money(found.opening)} {found.unit}"),
                ("Entries", len(found.entries)),
                ("Closing", f"{output.money(found.closing)} {found.unit}"),
                ("Block", f"{found.height}, state root {found.state_root.hex()}"),
                ("Ledger", f"{found.network} {found.chain_id.hex()}"),
                (
                    "Certified by",
                    f"{len(signers.names)} of {signers.validators}: {', '.join(signers.names)}",
                ),
            ]
        )

    output.emit(body, human)


def _scan_json(summary: proof.Summary) -> dict[str, Any]:
    return {
        "verified": True,
        "network": summary.network,
        "chain_id": summary.chain_id.hex(),
        "id": summary.subject.hex(),
        "height": summary.height,
        "index": summary.position,
        "time": {"iso": output.moment(summary.time), "ms": summary.time},
        "postings": [
            {
                "account": p.account,
                "unit": p.unit,
                "amount": p.amount,
                "balance": p.balance,
                "sequence": p.sequence,
            }
            for p in summary.receipt.postings
        ],
        "certified": {
            "epoch": summary.signers.epoch,
            "validators": summary.signers.validators,
            "signers": list(summary.signers.names),
        },
    }


def _show_scan(summary: proof.Summary) -> None:
    output.done(f"verified: {summary.subject.hex()}, block {summary.height}")
    output.table(
        ("ACCOUNT", ("NUMBER", "right"), ("AMOUNT", "right"), ("BALANCE AFTER", "right"), "UNIT"),
        [
            (p.account, p.sequence, output.money(p.amount), output.money(p.balance), p.unit)
            for p in summary.receipt.postings
        ],
    )
    output.say(f"  at {output.moment(summary.time, local=True)}")
