"""What commands on a node's home share: where it is, and the password of its vote key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from node.config import Home, NodeConfig

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    envvar="IICHOME",
    help="The node's folder.",
)
PASSWORD = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Holds the password of the vote key; only you may be able to read it.",
)


def password(where: Home, config: NodeConfig, file: Path | None) -> bytes | None:
    """The password of the vote key, from a file; None if it is not encrypted."""
    from node import identity

    file = file or config.password_file
    return None if file is None else identity.read_password(file)
