"""``iic wallet create|import|export|show|add-key|password|unlock|lock``: the keys themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from cli import agent, output, profile
from cli.errors import FILE_EXISTS
from cli.files import write_private
from cli.keystore import Header, Keystore
from cli.passwords import new_password, read_password, read_seed_file
from cli.wallet.session import FILE, Session, with_session
from ledger.errors import CodedError
from ledger.keys import PrivateKey

DEFAULT_KEY = "director"
_DURATION = re.compile(r"(\d{1,6})(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def duration(text: str) -> int:
    """Seconds of ``90s``, ``15m`` or ``8h``; a number without unit is ambiguous and refused."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is no duration; write 90s, 15m or 8h")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not 1 <= seconds <= agent.MAX_SECONDS:
        raise click.BadParameter(f"{text} is not between 1s and {agent.MAX_SECONDS // 3600}h")
    return seconds


def _keys_json(header: Header, path: Path) -> dict[str, Any]:
    return {
        "keystore": str(path),
        "label": header.label,
        "keys": [{"name": e.name, "public": e.public.hex()} for e in header.entries],
    }


def _show_keys(header: Header, path: Path) -> None:
    output.table(("KEY", "PUBLIC KEY"), [(e.name, e.public.hex()) for e in header.entries])
    output.say(f"Keystore: {path}")


def _target(session: Session) -> Path:
    return session.profile.keystore or profile.data_dir() / "member.keystore"


@click.command()
@click.option(
    "--key", "names", multiple=True, metavar="NAME", help="Key to make (repeatable); 'director'."
)
@click.option("--label", default="", help="Whose keys these are, in words.")
@with_session
def create(session: Session, names: tuple[str, ...], label: str) -> None:
    """Make new keys in a new encrypted keystore.

    The keys go straight into the file and are never shown. Make a copy of the file, and keep the
    password elsewhere: without both, only the register's recovery of lost keys helps.
    """
    path = _target(session)
    if path.exists():
        raise CodedError(
            FILE_EXISTS, f"{path} exists; add a key to it (iic wallet add-key) or name another file"
        )
    password = new_password(session.profile.password_file, what=str(path))
    keys = {name: PrivateKey.generate() for name in names or (DEFAULT_KEY,)}
    store = Keystore.create(path, password, keys, label=label)

    def human() -> None:
        output.done(f"{path} holds {len(keys)} new key{'s' if len(keys) > 1 else ''}")
        _show_keys(store.header, path)
        output.say("Next: iic wallet export FILE, and apply for membership with the public keys")

    output.emit(_keys_json(store.header, path), human)


@click.command("add-key")
@click.argument("name")
@with_session
def add_key(session: Session, name: str) -> None:
    """Make one more key in the keystore, for example to rotate to."""
    _add(session, name, PrivateKey.generate())


@click.command("import")
@click.argument("name")
@click.option(
    "--seed-file",
    type=FILE,
    required=True,
    help="File (mode 0600) with the 32-byte Ed25519 seed as hexadecimal digits.",
)
@with_session
def import_key(session: Session, name: str, seed_file: Path) -> None:
    """Take a key that was made elsewhere into the keystore, as NAME."""
    key = PrivateKey(read_seed_file(seed_file))
    path = _target(session)
    if path.exists():
        _add(session, name, key)
        return
    password = new_password(session.profile.password_file, what=str(path))
    store = Keystore.create(path, password, {name: key})
    output.emit(_keys_json(store.header, path), lambda: _show_keys(store.header, path))


def _add(session: Session, name: str, key: PrivateKey) -> None:
    path = session.profile.require_keystore()
    store = Keystore.open(path, read_password(session.profile.password_file, what=str(path)))
    store.add(name, key)
    output.emit(_keys_json(store.header, path), lambda: _show_keys(store.header, path))


@click.command()
@click.argument("file", type=FILE)
@with_session
def export(session: Session, file: Path) -> None:
    """Write the public keys to FILE, for an application or a key rotation. Never a secret."""
    header, path = session.keystore, session.profile.require_keystore()
    body = {"format": "iic-public-keys", "version": 1} | _keys_json(header, path)
    del body["keystore"]
    text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    write_private(file, text.encode(), exclusive=True)
    output.emit(body, lambda: output.done(f"{file} holds {len(header.entries)} public keys"))


@click.command()
@with_session
def show(session: Session) -> None:
    """Show profile, member and public keys. Needs neither password nor node."""
    chosen = session.profile
    running = agent.find(chosen.keystore) if chosen.keystore else None
    header = session.keystore if chosen.keystore else None
    unlocked = running.seconds_left() if running else 0
    data: dict[str, Any] = {
        "profile": chosen.name,
        "label": chosen.label,
        "party": chosen.party,
        "nodes": list(chosen.nodes),
        "genesis": str(chosen.genesis) if chosen.genesis else None,
        "unlocked_seconds": unlocked,
    }
    if header is not None and chosen.keystore is not None:
        data |= _keys_json(header, chosen.keystore)

    def human() -> None:
        output.facts(
            [
                ("Profile", chosen.name or None),
                ("Member", " ".join(filter(None, (chosen.label, chosen.party))) or None),
                ("Nodes", ", ".join(chosen.nodes) or None),
                ("Genesis", chosen.genesis),
                ("Keys", f"unlocked for {unlocked} s" if unlocked else "locked"),
            ]
        )
        if header is not None and chosen.keystore is not None:
            _show_keys(header, chosen.keystore)

    output.emit(data, human)


@click.command()
@click.option("--new-password-file", type=FILE, help="File (mode 0600) with the new password.")
@with_session
def password(session: Session, new_password_file: Path | None) -> None:
    """Change the keystore's password."""
    path = session.profile.require_keystore()
    store = Keystore.open(path, read_password(session.profile.password_file, what=str(path)))
    store.change_password(new_password(new_password_file, what=str(path)))
    output.emit(_keys_json(store.header, path), lambda: output.done(f"{path} has a new password"))


@click.command()
@click.option("--for", "seconds", type=duration, default="15m", show_default=True)
@with_session
def unlock(session: Session, seconds: int) -> None:
    """Keep the keys unlocked for a while, so that commands do not ask for the password."""
    path = session.profile.require_keystore()
    store = Keystore.open(path, read_password(session.profile.password_file, what=str(path)))
    agent.start(path, store.keys(), seconds)
    output.emit(
        {"keystore": str(path), "unlocked_seconds": seconds},
        lambda: output.done(f"{path} is unlocked for {seconds} s; lock it with: iic wallet lock"),
    )


@click.command()
@with_session
def lock(session: Session) -> None:
    """Forget the unlocked keys now."""
    path = session.profile.require_keystore()
    running = agent.find(path)
    if running is not None:
        running.lock()
    output.emit(
        {"keystore": str(path), "was_unlocked": running is not None},
        lambda: output.done(f"{path} is locked"),
    )


COMMANDS = (create, add_key, import_key, export, show, password, unlock, lock)
