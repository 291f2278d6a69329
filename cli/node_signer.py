"""``iic node signer``: keep the vote key in a process of its own."""

from __future__ import annotations

from pathlib import Path

import click

from cli import output

_FOLDER = click.Path(file_okay=False, path_type=Path)
_SOCKET = click.Path(dir_okay=False, path_type=Path)
_KEYS = click.option("--keys", type=_FOLDER, required=True, help="The signer's folder.")
_AT = click.option("--socket", type=_SOCKET, required=True, help="Its Unix socket.")


@click.group("signer", cls=output.Group)
def signer() -> None:
    """Keep a node's vote key in another process, which never signs two ways.

    The signer remembers, durably, what the key has signed, so neither a second node with the same
    key nor one restored from an old backup can make it contradict itself.
    """


@signer.command("move")
@click.option("--home", type=_FOLDER, envvar="IIC_HOME", required=True, help="The node's folder.")
@_KEYS
@_AT
@output.json_option
def move(home: Path, keys: Path, socket: Path) -> None:
    """Move the vote key of a stopped node to a signer's folder.

    An encrypted key stays encrypted under its password. The node's key file then names the socket.
    """
    from node import identity

    where = home / identity.folders(home)[-1] / identity.VOTE_KEY
    identity.move_vote_key(where, keys, socket)

    def human() -> None:
        output.done(f"the vote key is in {keys}; {where} names {socket.absolute()}")
        output.say(f"Next: iic node signer run --keys {keys} --socket {socket}")

    body = {"home": str(home), "keys": str(keys), "socket": str(socket.absolute())}
    output.emit(body, human)


@signer.command("run")
@_KEYS
@_AT
@click.option("--password-file", type=click.Path(dir_okay=False, path_type=Path))
def run(keys: Path, socket: Path, password_file: Path | None) -> None:
    """Sign for a node until it is told to stop (Ctrl-C or SIGTERM).

    On another machine, forward the socket, for example with `ssh -R`.
    """
    from ledger.errors import CodedError
    from ledger.keys import PrivateKey
    from node import identity, logs
    from node.errors import BAD_KEY_FILE
    from node.signer.server import Signer, serve

    logs.configure("info", "auto")
    password = None if password_file is None else identity.read_password(password_file)
    key = identity.open_vote_key(keys / identity.VOTE_KEY, password)
    if not isinstance(key, PrivateKey):
        raise CodedError(BAD_KEY_FILE, f"{keys} holds no key but names another signer")
    serve(
        Signer(key, keys),
        socket,
        lambda: output.done(f"signing for {key.public.hex()} at {socket}"),
    )
