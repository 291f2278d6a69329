"""``iic audit case`` and ``iic audit verify-case``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli import annexes, output
from cli.annexes import EncryptionSecret
from cli.case import archive, contents
from cli.case.contents import Handed
from cli.case.words import CANNOT_PROVE, in_language
from cli.errors import FILE_MISSING, NO_SUCH_ID
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
from contracts.annex.events import AnnexGranted
from contracts.annex.records import GRANT, Annex
from contracts.errors import INVALID_FIELD
from contracts.extracts import case as cases
from contracts.extracts.case import Case
from contracts.extracts.evidence import Evidence, Gatherer
from contracts.extracts.source import Source
from contracts.framework.render import LANGUAGES
from contracts.framework.types import lei_problem
from ledger import proof
from ledger.errors import MALFORMED, CodedError
from ledger.genesis import Genesis, load
from ledger.proof import ProvenReceipt, ProvenState

_HEX = frozenset("0123456789abcdef")


@click.command("case")
@click.argument("object")
@options(one_store_option, node_option, genesis_option, out_option)
@click.option(
    "--annex", "files", type=FILE, multiple=True, help="An encrypted annex file; repeatable."
)
@click.option("--keystore", type=FILE, help="Keystore of encryption keys: opens those annexes.")
@click.option("--password-file", type=FILE, help="File (mode 0600) with the keystore's password.")
@click.option("--lang", "language", type=click.Choice(LANGUAGES), default="en")
def case(
    object: str,
    store: Path | None,
    nodes: tuple[str, ...],
    genesis: Path,
    out: Path,
    files: tuple[Path, ...],
    keystore: Path | None,
    password_file: Path | None,
    language: str,
) -> None:
    """Write one archive with the whole history of OBJECT: an id, or a member by LEI or name.

    A contract, guarantee, dispute, escrow, annex or any other object with a life of its own, with
    the objects linked to it. In it: receipts with full proofs, newest records, the keys behind each
    signature, what was signed in three languages, a timeline that opens offline, and an index.
    """
    document = load(genesis)
    with sourced(store, nodes, document) as source:
        subject = subject_of(source, object)
        found = cases.gather(source, subject)
        told = cases.read(found, subject)
        handed = _handed(found, told, files, _secrets(keystore, password_file))
        told = cases.read(found, subject)
    made = contents.entries(told, found, handed, language)
    write_new(out, [archive.pack(made)])
    _tell(told, found, made, handed, out)


def subject_of(source: Source, text: str) -> bytes:
    """An id or a name saved for one, an LEI or a registered name; raises ``NO_SUCH_ID``."""
    wanted = text.strip()
    if len(wanted) == 64 and set(wanted.lower()) <= _HEX:
        return bytes.fromhex(wanted)
    if not lei_problem(wanted):
        return wanted.encode()
    from cli.wallet.names import Names  # with all of the wallet, so only if it is needed

    saved = Names(source.genesis.chain_id).find(wanted.lower())
    if saved is not None:
        return bytes.fromhex(saved)
    lei = source.party_named(wanted)
    if lei is None:
        raise CodedError(
            NO_SUCH_ID,
            f"{text!r} is neither an id of 64 hexadecimal digits, nor a name saved for one, nor a "
            "party's LEI or registered name",
        )
    return lei.encode()


def _secrets(keystore: Path | None, password_file: Path | None) -> list[EncryptionSecret]:
    if keystore is None:
        return []
    from cli.keystore import Keystore
    from cli.passwords import read_password

    opened = Keystore.open(keystore, read_password(password_file, what=str(keystore)))
    return [EncryptionSecret(key.seed()) for key in opened.keys().values()]


def _handed(
    found: Gatherer, told: Case, files: tuple[Path, ...], secrets: list[EncryptionSecret]
) -> dict[bytes, Handed]:
    """Annex files by commitment, opened as far as the keys go."""
    records = {o.id: o.record for o in told.annexes if isinstance(o.record, Annex)}
    handed: dict[bytes, Handed] = {}
    for path in files:
        if not path.exists():
            raise CodedError(FILE_MISSING, f"{path} does not exist")
        data = path.read_bytes()
        file = annexes.read_annex(data)
        record = records.get(file.commitment)
        if record is None:
            raise CodedError(INVALID_FIELD, f"{path} is no annex of this case", field="annex")
        given = Handed(data, None, b"")
        contents.require_annex(record, given, found.genesis.chain_id)
        key = _content_key(found, told, file.commitment, secrets)
        if key is not None:
            opened = annexes.open_annex(file, key)
            given = Handed(data, opened.content, opened.salt)
        handed[file.commitment] = given
    return handed


def _content_key(
    found: Gatherer, told: Case, annex: bytes, secrets: list[EncryptionSecret]
) -> bytes | None:
    """The key of an annex, if it was sealed to one of these keys for anybody."""
    recipients = {
        event.recipient
        for step in told.steps
        for event in step.events
        if isinstance(event, AnnexGranted) and event.annex == annex
    }
    for recipient in sorted(recipients):
        for secret in secrets:
            given = found.fetch(GRANT, annex, recipient, secret.public)
            if given is not None:
                return annexes.unwrap(given.sealed, secret)
    return None


@click.command("verify-case")
@click.argument("file", type=FILE)
@options(genesis_option)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing if it is verified.")
def verify_case(file: Path, genesis: Path, quiet: bool) -> None:
    """Verify FILE, a case file, offline.

    Every proof is checked from the genesis file; everything else in the archive is made again from
    the proofs and compared byte by byte, so whatever was changed is found and named.
    """
    if not file.exists():
        raise CodedError(FILE_MISSING, f"{file} does not exist")
    told, evidence, made, handed = verify(file.read_bytes(), load(genesis))
    if not quiet:
        _tell(told, evidence, made, handed, None)


Verified = tuple[Case, Evidence, dict[str, bytes], dict[bytes, Handed]]


def verify(data: bytes, genesis: Genesis) -> Verified:
    """The case of an archive.

    Raises ``MALFORMED`` for a damaged archive, what verifying a proof raises with the entry's name
    in front, and ``BAD_PROOF`` for whatever does not follow from the proofs.
    """
    given = archive.unpack(data)
    evidence = Evidence(genesis)
    for name in sorted(given):
        if name.startswith((contents.RECEIPTS, contents.STATE)):
            _take(evidence, name, given[name])
    subject, language = contents.read_index(given.get(contents.INDEX))
    told = cases.read(evidence, subject)
    handed = _handed_in(told, given, genesis)
    made = contents.entries(told, evidence, handed, language)
    archive.require_same(data, given, made)
    return told, evidence, made, handed


def _take(evidence: Evidence, name: str, data: bytes) -> None:
    try:
        proven = proof.read(data)
        if isinstance(proven, ProvenReceipt):
            evidence.take_receipt(proven)
        elif isinstance(proven, ProvenState):
            evidence.take_record(proven)
        else:
            raise CodedError(MALFORMED, "neither a receipt nor a record")
    except CodedError as error:
        raise CodedError(error.code, f"{name}: {error.message}", field=error.field) from None


def _handed_in(told: Case, given: dict[str, bytes], genesis: Genesis) -> dict[bytes, Handed]:
    handed: dict[bytes, Handed] = {}
    for found in told.annexes:
        folder = f"{contents.ANNEXES}{found.id.hex()}/"
        encrypted = given.get(folder + contents.ENCRYPTED)
        content = given.get(folder + contents.CONTENT)
        if encrypted is None and content is None:
            continue
        try:
            salt = bytes.fromhex(given.get(folder + contents.SALT, b"").decode("ascii").strip())
        except ValueError:
            raise CodedError(MALFORMED, f"{folder}{contents.SALT} is no hexadecimal") from None
        handed[found.id] = Handed(encrypted, content, salt)
        assert isinstance(found.record, Annex)
        contents.require_annex(found.record, handed[found.id], genesis.chain_id)
    return handed


def _tell(
    told: Case,
    evidence: Evidence,
    made: dict[str, bytes],
    handed: dict[bytes, Handed],
    out: Path | None,
) -> None:
    doubtful = [use for use in told.keys if not use.valid]
    body: dict[str, Any] = {
        "verified": True,
        "network": evidence.genesis.network,
        "chain_id": evidence.genesis.chain_id.hex(),
        "subject": contents.subject_text(told),
        "kind": told.kind,
        "height": told.height,
        "time": {"iso": output.moment(told.time), "ms": told.time},
        "objects": len(told.objects),
        "steps": len(told.steps),
        "receipts": len(evidence.receipts),
        "records": len(evidence.records),
        "signatures": len(told.keys),
        "signatures_not_in_force": len(doubtful),
        "whole_accounts": [account.account for account in told.accounts],
        "annexes": len(told.annexes),
        "annexes_opened": sum(given.content is not None for given in handed.values()),
        "files": len(made),
        "cannot_prove": in_language(CANNOT_PROVE, "en"),
        "file": None if out is None else str(out),
    }

    def human() -> None:
        output.done(f"written: {out}" if out else "verified: every proof, and every byte beside it")
        output.facts(
            [
                ("Case", f"{told.kind} {contents.subject_text(told)}"),
                ("Ledger", f"{evidence.genesis.network} {evidence.genesis.chain_id.hex()}"),
                ("Proven up to", f"block {told.height}, {output.moment(told.time)}"),
                ("Objects", ", ".join(f"{o.kind} ({o.state})" for o in told.objects) or None),
                ("Course", f"{len(told.steps)} receipts of {len(evidence.receipts)} in the file"),
                ("Signatures", f"{len(told.keys)}, {len(doubtful)} by keys not in force"),
                ("Whole accounts", len(told.accounts)),
                ("Annexes", f"{len(told.annexes)}, {body['annexes_opened']} opened"),
            ]
        )
        output.say("What the file cannot prove:")
        for sentence in body["cannot_prove"]:
            output.say(f"  - {sentence}")

    output.emit(body, human)
