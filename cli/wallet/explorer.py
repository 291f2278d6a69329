"""``iic wallet explorer login``: show a node's explorer who looks, and read annexes beside it.

The wallet signs a challenge in a domain of its own, so the signature can be nothing but this login.
Annexes are opened here: the explorer never sees a key or a content (decision 0019).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from cli import annexes, calls, output
from cli.annexview import Document, Listed, Reader
from cli.client import Client
from cli.errors import ANNEX_UNKNOWN, NO_SUCH_KEY
from cli.keystore import Keystore
from cli.passwords import read_password
from cli.wallet.annex import SUFFIX, keystore_path, open_document, secrets_of
from cli.wallet.session import Session, with_session
from contracts.annex.records import ANNEX
from contracts.framework.party import KEYRING
from ledger.errors import WRONG_CHAIN, CodedError
from ledger.keys import PrivateKey
from node.errors import NO_SUCH_RESOURCE
from node.explorer.sessions import Challenge, Login, login_bytes

FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


@click.group("explorer")
def group() -> None:
    """A node's explorer, with the eyes of a member."""


@group.command("login")
@click.argument("code")
@click.option(
    "--annexes",
    "folder",
    type=FOLDER,
    default=Path(),
    help="Where your annex files are; here by default.",
)
@click.option("--no-reader", is_flag=True, help="Only log in; read no annexes.")
@click.option("--key", "wanted", metavar="NAME", help="The key to sign with; the first by default.")
@with_session
def login(session: Session, code: str, folder: Path, no_reader: bool, wanted: str | None) -> None:
    """Log a browser in that shows CODE, and open annexes for it on this machine.

    The reader runs until it is interrupted. It decrypts in memory; nothing is written, and neither
    keys nor contents leave this machine.
    """
    url, challenge = _challenge(session, code)
    key = _signing_key(session, wanted)
    reader = None if no_reader or not keystore_path(session).exists() else _reader(session, folder)
    nonce = bytes.fromhex(challenge.nonce)
    signed = key.sign(login_bytes(session.ledger.chain_id, nonce, session.party, key.public))
    body = Login(
        party=session.party,
        key=key.public.hex(),
        signature=signed.hex(),
        reader="" if reader is None else reader.address,
    )
    Client([url]).do(
        calls.Call(
            "POST",
            _path(code),
            bytes,
            body=msgspec.json.encode(body),
            media_type="application/json",
        )
    )
    output.emit(
        {"logged_in": session.party, "node": challenge.node, "reader": reader and reader.url},
        lambda: _told(session, challenge, reader),
    )
    if reader is not None:
        try:
            reader.serve_forever()
        except KeyboardInterrupt:
            output.note("the reader is closed")
        finally:
            reader.server_close()


def _path(code: str) -> str:
    return f"/explorer/login/{calls.quoted(code)}"


def _challenge(session: Session, code: str) -> tuple[str, Challenge]:
    """The node of the profile that showed the code, and what it asks to be signed."""
    for url in session.profile.require_nodes():
        try:
            found = Client([url]).do(calls.get(_path(code), Challenge))
        except CodedError as error:
            if error.code is not NO_SUCH_RESOURCE:
                raise
            continue
        if found.chain_id != session.ledger.chain_id.hex():
            raise CodedError(WRONG_CHAIN, f"the node at {url} keeps another ledger")
        return url, found
    raise CodedError(
        NO_SUCH_RESOURCE,
        "no node of this profile shows this code now; codes are good for five minutes",
    )


def _signing_key(session: Session, wanted: str | None) -> PrivateKey:
    """A key of the keystore that is in the member's keyring; raises ``NO_SUCH_KEY``."""
    path = session.profile.require_keystore()
    keyring = session.state.get(KEYRING, session.party)
    known = {k.public_key: k.name for k in (() if keyring is None else keyring.keys)}
    password = read_password(session.profile.password_file, what=str(path))
    for key in Keystore.open(path, password).keys().values():
        name = known.get(key.public)
        if name is not None and wanted in (None, name):
            return key
    raise CodedError(NO_SUCH_KEY, f"{path} holds no such key of {session.party}'s keyring")


def _reader(session: Session, folder: Path) -> Reader:
    """The reader over the annex files of a folder. Opens the encryption keys once."""
    secrets = secrets_of(session)

    def files() -> Iterator[tuple[str, Path]]:
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                yield annexes.read_annex(path.read_bytes()).commitment.hex(), path
            except CodedError:
                continue  # not an annex, whatever its name says

    def open_(commitment: str) -> Document:
        path = dict(files()).get(commitment)
        if path is None:
            raise CodedError(
                ANNEX_UNKNOWN,
                f"the file of this annex is not in {folder.resolve()}; get it from a party to it",
            )
        record, opened = open_document(session, path, secrets)
        facts: tuple[tuple[str, str], ...] = (
            ("The content is the one that was committed to", record.commitment.hex()),
            ("Salt, which proves the content to others", opened.salt.hex()),
            ("File", str(path.resolve())),
        )
        return Document(record.title, opened.content, facts)

    def listed() -> list[Listed]:
        found = []
        for commitment, path in files():
            record = session.state.get(ANNEX, bytes.fromhex(commitment))
            found.append(Listed(commitment, path.name if record is None else record.title))
        return found

    return Reader(open_, listed)


def _told(session: Session, challenge: Challenge, reader: Reader | None) -> None:
    output.done(f"logged in at {challenge.node} as {session.party}: go on in the browser")
    facts: list[tuple[str, Any]] = []
    if reader is not None:
        facts.append(("Your reader", reader.url))
        facts.append(("It ends with", "Ctrl-C"))
    output.facts(facts)
