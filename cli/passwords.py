"""Where secrets come from: a prompt or a private file, never the command line.

Arguments are visible to every user of a machine and stay in shell histories, so the wallet has no
option that takes a secret; those that people try are caught and explained.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from cli import output
from cli.errors import FILE_MODE, PASSWORD_NEEDED
from cli.files import require_private
from ledger.errors import CodedError

MIN_PASSWORD_CHARS = 8
_MAX_PASSWORD_BYTES = 4096


def read_password(password_file: Path | None, *, what: str) -> str:
    """The password for ``what``, from the file or from the terminal.

    Raises ``FILE_MODE`` for a file that others can read, ``PASSWORD_NEEDED`` without a terminal.
    """
    if password_file is not None:
        return _from_file(password_file)
    _require_terminal(what)
    answer: str = click.prompt(f"Password for {what}", hide_input=True, err=True)
    return answer


def new_password(password_file: Path | None, *, what: str) -> str:
    """A password for a new keystore: asked for twice, and of a minimum length."""
    if password_file is not None:
        password = _from_file(password_file)
    else:
        _require_terminal(what)
        password = click.prompt(
            f"New password for {what}", hide_input=True, confirmation_prompt=True, err=True
        )
    if len(password) < MIN_PASSWORD_CHARS:
        raise output.Failure(
            "WEAK_PASSWORD",
            f"a keystore's password has at least {MIN_PASSWORD_CHARS} characters",
            output.Exit.LOCAL,
        )
    return password


def read_seed_file(path: Path) -> bytes:
    """A private key's 32-byte seed as 64 hex digits in a file of mode 0600."""
    require_private(path)
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        seed = bytes.fromhex(text)
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise CodedError(FILE_MODE, f"{path} does not hold a key: 64 hexadecimal digits")
    return seed


def refuse_secrets(*names: str) -> Any:
    """A decorator that catches options such as ``--password`` and says what to do instead."""

    def refuse(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            raise output.Failure(
                "SECRET_ON_COMMAND_LINE",
                f"{parameter.opts[0]} would show the secret to every user of this machine; "
                "nothing was done, and a secret typed here should be changed",
                output.Exit.USAGE,
                hint="Leave it out to be asked, or use --password-file FILE (mode 0600).",
            )

    def decorate(command: Any) -> Any:
        for name in names:
            command = click.option(
                name, hidden=True, expose_value=False, callback=refuse, is_eager=True
            )(command)
        return command

    return decorate


def _from_file(path: Path) -> str:
    require_private(path)
    with path.open("rb") as file:
        raw = file.read(_MAX_PASSWORD_BYTES + 1)
    if len(raw) > _MAX_PASSWORD_BYTES:
        raise CodedError(FILE_MODE, f"{path} is too large for a password file")
    try:
        lines = raw.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise CodedError(FILE_MODE, f"{path} is not UTF-8 text") from None
    if not lines or not lines[0]:
        raise CodedError(FILE_MODE, f"{path} has no password in its first line")
    return lines[0]


def _require_terminal(what: str) -> None:
    if not sys.stdin.isatty():
        raise CodedError(
            PASSWORD_NEEDED,
            f"a password for {what} is needed and there is no terminal to ask at; "
            "use --password-file FILE or: iic wallet unlock",
        )
