"""``iic wallet evidence make|check``: a document's digest with its issuer's signature, as a file.

The document stays where it is. The file goes to whoever presents it: ``--documents @waybill.json``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import click

from cli import output
from cli.files import write_private
from cli.keystore import Entry, Keystore
from cli.output import Exit, Failure
from cli.passwords import read_password
from cli.wallet.session import FILE, Session, with_session
from contracts.framework.evidence import DocumentKind, Evidence, evidence_message
from contracts.framework.forms import from_named, to_named
from contracts.framework.party import KEYRING
from ledger import keys
from ledger.errors import CodedError
from ledger.policy import KeyStatus

_KINDS = {kind.value.replace(" ", "-"): kind for kind in DocumentKind}


@click.group("evidence", cls=output.Group)
def group() -> None:
    """Documents that stay off the ledger: digest, kind and issuer's signature."""


@group.command()
@click.argument("document", metavar="FILE", type=FILE)
@click.option(
    "--type", "kind", type=click.Choice(list(_KINDS)), required=True, help="What the document is."
)
@click.option("--sign-with", "key", metavar="NAME", help="Key to sign with.")
@click.option("--out", type=FILE, help="Where to write; by default FILE with .evidence.json.")
@with_session
def make(session: Session, document: Path, kind: str, key: str | None, out: Path | None) -> None:
    """Vouch for FILE as its issuer, and write what others need to present it.

    The issuer is you, or whom --as names. An issuer in the register signs with one of its
    registered keys; without --sign-with the first of them in the keystore.
    """
    digest = _digest(document)
    issuer = session.party
    entry = session.keystore.named(key) if key else _registered(session, issuer)
    path = session.profile.require_keystore()
    password = read_password(session.profile.password_file, what=str(path))
    private = Keystore.open(path, password).key(entry.name)
    signed = evidence_message(session.ledger.chain_id, _KINDS[kind], digest, issuer)
    made = Evidence(_KINDS[kind], digest, issuer, private.public, private.sign(signed))
    target = out or document.with_name(f"{document.name}.evidence.json")
    text = json.dumps(to_named(made), indent=2, ensure_ascii=False) + "\n"
    write_private(target, text.encode(), exclusive=False)

    def human() -> None:
        output.done(f"{target}: {kind} {digest.hex()} signed by {entry.name}")
        output.say(f"Next: give it as @{target} where a command asks for a document")

    output.emit({"file": str(target), **to_named(made)}, human)


@group.command()
@click.argument("evidence", metavar="EVIDENCE", type=FILE)
@click.argument("document", metavar="[FILE]", type=FILE, required=False)
@with_session
def check(session: Session, evidence: Path, document: Path | None) -> None:
    """Check that EVIDENCE is signed for this ledger, and that FILE is the document it is about."""
    try:
        found = from_named(Evidence, json.loads(evidence.read_text(encoding="utf-8")))
    except ValueError as error:
        raise Failure("BAD_DOCUMENT", f"{evidence} is no evidence: {error}", Exit.LOCAL) from None
    signed = evidence_message(session.ledger.chain_id, found.kind, found.digest, found.issuer)
    if not keys.verify(found.key, signed, found.signature):
        raise Failure("BAD_DOCUMENT", "the issuer's signature does not verify", Exit.VIOLATION)
    if document is not None and _digest(document) != found.digest:
        raise Failure("BAD_DOCUMENT", f"{document} is another document", Exit.VIOLATION)
    output.emit(
        to_named(found),
        lambda: output.done(f"{found.kind.value} {found.digest.hex()} of {found.issuer}"),
    )


def _digest(document: Path) -> bytes:
    with document.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _registered(session: Session, issuer: str) -> Entry:
    """The first key of the keystore that is registered for the issuer, else the only one."""
    entries = session.keystore.entries
    try:
        keyring = session.state.get(KEYRING, issuer) if session.profile.nodes else None
    except CodedError:
        keyring = None
    for entry in entries if keyring is not None else ():
        known = keyring.find(entry.public) if keyring is not None else None
        if known is not None and known.status is KeyStatus.ACTIVE:
            return entry
    if keyring is None and len(entries) == 1:
        return entries[0]
    raise Failure(
        "NO_SUCH_KEY",
        f"no key of the keystore is known to be one of {issuer}",
        Exit.LOCAL,
        hint="Name the key by --sign-with, or the issuer by --as.",
    )
