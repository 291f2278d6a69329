"""``iic wallet annex key|seal|open|grant|verify``: confidential documents between members.

The encrypted file goes to its readers by any way that suits them; the ledger holds what proves it
and who was given its key. What the ledger says is believed only with a proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cli import annexes, output
from cli.annexes import AnnexFile, EncryptionSecret, Opened
from cli.errors import (
    ANNEX_DAMAGED,
    ANNEX_NOT_FOR_YOU,
    ANNEX_UNKNOWN,
    FILE_EXISTS,
    FILE_MISSING,
    NO_SUCH_KEY,
)
from cli.files import write_private
from cli.keystore import Keystore, read_header
from cli.passwords import new_password, read_password
from cli.wallet.compose import Order, carry_out, with_order
from cli.wallet.session import FILE, Session, with_session
from contracts.annex.operations import Envelope, Grant, RegisterEncryptionKey, Seal
from contracts.annex.records import ANNEX, ENCRYPTION_KEY, GRANT, Annex
from contracts.errors import NO_ENCRYPTION_KEY
from contracts.framework.forms import from_text
from ledger.errors import CodedError
from ledger.keys import PrivateKey

SUFFIX = ".annex"
MAX_FILE_BYTES = 1 << 30


def keystore_path(session: Session) -> Path:
    """The keystore of encryption keys: beside that of signing keys, and apart from it."""
    signing = session.profile.require_keystore()
    return signing.with_name(signing.name + ".encryption")


def secrets_of(session: Session) -> list[EncryptionSecret]:
    """Every encryption key the member has, the newest first."""
    path = keystore_path(session)
    if not path.exists():
        raise CodedError(
            NO_SUCH_KEY, f"{path} does not exist; make a key with: iic wallet annex key"
        )
    store = Keystore.open(path, read_password(session.profile.password_file, what=str(path)))
    return [EncryptionSecret(key.seed()) for key in reversed(store.keys().values())]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise CodedError(FILE_MISSING, f"{path} does not exist") from None
    if len(data) > MAX_FILE_BYTES:
        raise CodedError(ANNEX_DAMAGED, f"{path} is larger than {MAX_FILE_BYTES} bytes")
    return data


def _annex(session: Session, path: Path) -> tuple[AnnexFile, Annex]:
    """An annex file and what the ledger says of it, the file whole.

    Raises ``ANNEX_DAMAGED``, ``WRONG_CHAIN`` or ``ANNEX_UNKNOWN``.
    """
    file = annexes.read_annex(_read(path))
    annexes.require_chain(file, session.ledger.chain_id)
    record = session.state.get(ANNEX, file.commitment)
    if record is None:
        raise CodedError(
            ANNEX_UNKNOWN, f"the ledger holds no annex with commitment {file.commitment.hex()}"
        )
    if record.ciphertext != file.digest:
        raise CodedError(ANNEX_DAMAGED, f"{path} is not the file that was sealed: it was changed")
    return file, record


def open_document(
    session: Session, path: Path, secrets: Sequence[EncryptionSecret]
) -> tuple[Annex, Opened]:
    """What the ledger says of an annex file, and its content, for a holder of encryption keys."""
    file, record = _annex(session, path)
    return record, annexes.open_annex(file, _content_key(session, file, secrets))


def _content_key(
    session: Session, file: AnnexFile, secrets: Sequence[EncryptionSecret] | None = None
) -> bytes:
    """The content key as it was given to the member; raises ``ANNEX_NOT_FOR_YOU``."""
    for secret in secrets_of(session) if secrets is None else secrets:
        given = session.state.get(GRANT, file.commitment, session.party, secret.public)
        if given is not None:
            return annexes.unwrap(given.sealed, secret)
    raise CodedError(
        ANNEX_NOT_FOR_YOU,
        f"{session.party} was not given the key of this annex, or for a key it does not hold; "
        "a party can give it: iic wallet annex grant",
    )


def _envelopes(session: Session, recipients: Sequence[str], key: bytes) -> tuple[Envelope, ...]:
    """The content key sealed to each recipient's present encryption key."""
    found = []
    for lei in recipients:
        registered = session.state.get(ENCRYPTION_KEY, lei)
        if registered is None:
            raise CodedError(
                NO_ENCRYPTION_KEY,
                f"{lei} has registered no encryption key; it does so with: iic wallet annex key",
            )
        found.append(Envelope(lei, registered.key, annexes.wrap(key, registered.key)))
    return tuple(found)


@click.command("key")
@with_order
@with_session
def key_(session: Session, order: Order) -> None:
    """Make a new encryption key and register it, so that others can send annexes.

    Earlier keys stay in the keystore: what was sealed to them opens with them.
    """
    path = keystore_path(session)
    if path.exists():
        password = read_password(session.profile.password_file, what=str(path))
        store = Keystore.open(path, password)
    else:
        password = new_password(session.profile.password_file, what=str(path))
        store = Keystore.create(path, password, {}, label="encryption keys")
    fresh = PrivateKey.generate()
    store.add(f"encryption-{len(read_header(path).entries) + 1}", fresh)
    carry_out(session, [RegisterEncryptionKey(EncryptionSecret(fresh.seed()).public)], order)


@click.command("seal")
@click.argument("document", type=FILE)
@click.option("--title", required=True, help="What it is; everybody can read this.")
@click.option(
    "--party", "parties", multiple=True, metavar="NAME|LEI", help="Another party; repeatable."
)
@click.option(
    "--to",
    "others",
    multiple=True,
    metavar="NAME|LEI",
    help="A guarantor of a party's state, an auditor or the tribunal; repeatable.",
)
@click.option("--about", metavar="ID", help="The contract or other object it belongs to.")
@click.option("--annex", "target", type=FILE, help="Where the encrypted file goes; FILE.annex.")
@with_order
@with_session
def seal(
    session: Session,
    document: Path,
    title: str,
    parties: tuple[str, ...],
    others: tuple[str, ...],
    about: str | None,
    target: Path | None,
    order: Order,
) -> None:
    """Encrypt DOCUMENT for its parties and commit to it on the ledger."""
    content = _read(document)
    if not content:
        raise click.BadParameter("the document is empty", param_hint="DOCUMENT")
    target = target or document.with_name(document.name + SUFFIX)
    if target.exists():
        raise CodedError(FILE_EXISTS, f"{target} exists; name another file with --annex")
    members = sorted({session.party, *(session.lei(name) for name in parties)})
    readers = [*members, *(lei for lei in map(session.lei, others) if lei not in members)]
    made = annexes.seal(session.ledger.chain_id, content)
    values: dict[str, Any] = {
        "commitment": made.commitment.hex(),
        "ciphertext": made.ciphertext.hex(),
        "size": made.size,
        "title": title,
        "parties": members,
        "envelopes": [
            {"recipient": e.recipient, "key": e.key.hex(), "sealed": e.sealed.hex()}
            for e in _envelopes(session, tuple(dict.fromkeys(readers)), made.content_key)
        ],
    }
    if about:
        values["about"] = session.id(about) or about
    # The file first: a commitment whose file was lost could never be opened.
    write_private(target, made.data, exclusive=True)
    output.note(f"{target} is the encrypted annex: send it to its readers, and keep it")
    carry_out(session, [from_text(Seal, values)], order)


@click.command("open")
@click.argument("file", type=FILE)
@click.option("--into", "target", type=FILE, required=True, help="Where the content goes.")
@with_session
def open_(session: Session, file: Path, target: Path) -> None:
    """Decrypt an annex that was sealed for this member, and check that it is the one committed to.

    The salt that is shown proves the content to anybody who is shown both.
    """
    annex, record = _annex(session, file)
    opened = annexes.open_annex(annex, _content_key(session, annex))
    write_private(target, opened.content, exclusive=True)
    output.emit(
        _facts(record) | {"saved": str(target), "salt": opened.salt.hex()},
        lambda: _show(record, ("Saved", target), ("Salt", opened.salt.hex())),
    )


@click.command("grant")
@click.argument("file", type=FILE)
@click.option(
    "--to", "recipients", multiple=True, required=True, metavar="NAME|LEI", help="Repeatable."
)
@click.option("--reason", required=True, help="Why; it stays on the ledger.")
@with_order
@with_session
def grant(
    session: Session, file: Path, recipients: tuple[str, ...], reason: str, order: Order
) -> None:
    """Let further recipients read an annex. The ledger keeps who was let in, by whom and why."""
    annex, _ = _annex(session, file)
    key = _content_key(session, annex)
    annexes.open_annex(annex, key)  # never hand on a key that opens nothing
    readers = tuple(dict.fromkeys(session.lei(name) for name in recipients))
    operation = Grant(annex.commitment, _envelopes(session, readers, key), reason)
    carry_out(session, [operation], order)


@click.command("verify")
@click.argument("file", type=FILE)
@click.option("--content", type=FILE, help="The content that was disclosed, with --salt.")
@click.option("--salt", metavar="HEX", help="Its salt.")
@with_session
def verify(session: Session, file: Path, content: Path | None, salt: str | None) -> None:
    """Check that an annex file is the one on the ledger; needs no key.

    With ``--content`` and ``--salt``, which a reader disclosed, also that this is what is in it.
    """
    if (content is None) is not (salt is None):
        raise click.UsageError("--content and --salt go together")
    annex, record = _annex(session, file)
    if content is not None and salt is not None:
        try:
            opened = Opened(_read(content), bytes.fromhex(salt))
        except ValueError:
            raise click.BadParameter("not hexadecimal", param_hint="--salt") from None
        found = annexes.commitment_of(annex.chain_id, opened.salt, opened.content)
        if found != record.commitment:
            raise CodedError(ANNEX_DAMAGED, f"{content} is not what was committed to")
    output.emit(
        _facts(record) | {"content_verified": content is not None},
        lambda: _show(record, ("Content", "verified" if content is not None else None)),
    )


def _facts(record: Annex) -> dict[str, Any]:
    return {
        "annex": record.commitment.hex(),
        "title": record.title,
        "author": record.author,
        "parties": list(record.parties),
        "about": None if record.about is None else record.about.hex(),
        "size": record.size,
        "grants": record.grants,
        "time": record.time,
    }


def _show(record: Annex, *more: tuple[str, Any]) -> None:
    output.done(f"{record.title} is the annex that the ledger knows")
    output.facts(
        [
            ("Annex", record.commitment.hex()),
            ("Author", record.author),
            ("Parties", ", ".join(record.parties)),
            ("About", None if record.about is None else record.about.hex()),
            ("Size", f"{record.size} bytes"),
            ("Keys given", record.grants),
            ("Since", output.moment(record.time)),
            *more,
        ]
    )


COMMANDS = (key_, seal, open_, grant, verify)
