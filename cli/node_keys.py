"""``iic node card|rotate``: a node's public half, and new keys for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import output
from cli.node_options import HOME, PASSWORD, password

if TYPE_CHECKING:
    from ledger.genesis import NodeCard
    from node.config import Home
    from node.identity import NodeIdentity


OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write what the option --card of wallet operations takes, as --card @FILE.",
)


@click.command()
@HOME
@OUT
@output.json_option
def card(home: Path, out: Path | None) -> None:
    """Show the node's card: what a guarantor registers, and what the council votes on.

    \b
    iic node card --home HOME --out card.json
    iic wallet validators register-node --card @card.json
    """
    from node.config import Home

    made = _read(Home(home))
    _write(made, out)
    output.emit(_body(made), lambda: _show(made))


@click.command()
@HOME
@PASSWORD
@click.option("--address", help="host:port at which others reach the node from then on.")
@click.option("--name", help="Another short name.")
@click.option("--same-keys", is_flag=True, help="Make no new keys: change address or name alone.")
@OUT
@output.json_option
def rotate(
    home: Path,
    password_file: Path | None,
    address: str | None,
    name: str | None,
    same_keys: bool,
    out: Path | None,
) -> None:
    """Make new keys for the node and the card that registers them.

    The new keys lie beside the old ones. A running node takes both and changes over by itself in
    the block that ends the epoch in which the guarantor's RotateNode is recorded.
    """
    from ledger import genesis
    from ledger.validators import Validator
    from node import config as configuration
    from node import identity
    from node.config import Home

    where = Home(home)
    old = _read(where).validator
    secret = password(where, configuration.load(where), password_file)
    keys = (
        _present(where, old.vote_key, secret)
        if same_keys
        else identity.create(
            home,
            name=name or old.name,
            party=old.party,
            password=secret,
            folder=identity.following_folder(home),
        )
    )
    validator = Validator(
        old.party,
        name or old.name,
        old.country,
        keys.vote_key.public,
        keys.certificate,
        address or old.address,
    )
    made = genesis.make_card(validator, keys.vote_key)
    partial = where.card.with_suffix(".part")
    partial.write_text(genesis.dump_card(made), encoding="utf-8")
    partial.replace(where.card)
    _write(made, out)

    def human() -> None:
        output.done("the same keys, another entry" if same_keys else f"new keys of {old.name}")
        _show(made)
        shown = out or "card.json"
        first = "" if out else f"iic node card --home {home} --out {shown}, then "
        output.say(f"Next: {first}iic wallet validators rotate-node --card @{shown}")

    output.emit(_body(made), human)


def _present(where: Home, vote_key: bytes, secret: bytes | None) -> NodeIdentity:
    from ledger.errors import CodedError
    from node import identity
    from node.errors import BAD_KEY_FILE

    for folder in identity.folders(where.path):
        found = identity.load(where.path, secret, folder)
        if found.vote_key.public == vote_key:
            return found
    raise CodedError(BAD_KEY_FILE, f"{where.path} has no longer the keys of {where.card}")


def _read(where: Home) -> NodeCard:
    from ledger.genesis import parse_card

    return parse_card(where.card.read_bytes())


def _write(made: NodeCard, out: Path | None) -> None:
    if out is not None:
        out.write_text(json.dumps(form_of(made), indent=2) + "\n", encoding="utf-8")


def form_of(made: NodeCard) -> dict[str, str]:
    """The card as wallet operations take it: named fields, bytes in hexadecimal."""
    entry = made.validator
    return {
        "name": entry.name,
        "country": entry.country,
        "vote_key": entry.vote_key.hex(),
        "certificate": entry.certificate.hex(),
        "address": entry.address,
        "signature": made.signature.hex(),
    }


def _body(made: NodeCard) -> dict[str, Any]:
    return {"party": made.validator.party, "digest": made.digest().hex(), "card": form_of(made)}


def _show(made: NodeCard) -> None:
    entry = made.validator
    output.facts(
        [
            ("Node", f"{entry.name}, {entry.country}"),
            ("Guarantor", entry.party),
            ("Vote key", entry.vote_key.hex()),
            ("Announced at", entry.address),
            ("Digest", made.digest().hex()),
        ]
    )
