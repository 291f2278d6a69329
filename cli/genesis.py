"""``iic genesis``: the ceremony that starts a ledger, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import output
from cli.output import Exit, Failure

if TYPE_CHECKING:
    from ledger.genesis import GenesisFile

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_OUT = click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write."
)
_HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    envvar="IIC_HOME",
    help="The node's folder.",
)


@click.group(cls=output.Group)
def genesis() -> None:
    """The ceremony that starts a ledger.

    \b
    1. each guarantor   iic node init --home DIR …          makes keys and a node card
    2. one of them      iic genesis collect DEFINITION CARD… --out FILE
    3. each guarantor   iic genesis show FILE               compare with what was agreed
                        iic genesis sign FILE --home DIR    approve it
    4. one of them      iic genesis combine COPY… --out FILE
    5. each guarantor   iic genesis install FILE --home DIR
                        iic node run --home DIR
    """


@genesis.command()
@_HOME
@output.json_option
def card(home: Path) -> None:
    """Show a node's card: what its guarantor sends to whoever collects."""
    from cli import ceremony
    from node.config import Home

    path = Home(home).card
    (found,) = ceremony.read_cards([path])
    v = found.validator
    facts = {
        "name": v.name,
        "party": v.party,
        "country": v.country,
        "address": v.address,
        "vote_key": v.vote_key.hex(),
        "certificate_sha256": _fingerprint(v.certificate),
        "file": str(path),
    }
    output.emit(facts, lambda: output.facts((k.replace("_", " "), v) for k, v in facts.items()))


@genesis.command()
@click.argument("definition", type=_FILE)
@click.argument("cards", type=_FILE, nargs=-1, required=True)
@_OUT
@output.json_option
def collect(definition: Path, cards: tuple[Path, ...], out: Path) -> None:
    """Make the genesis document from DEFINITION and the guarantors' CARDS.

    DEFINITION is a JSON or TOML file with the network's name, the application (parameters,
    calendar, parties, roles and their keys) and, if it is not to be now, the time. Validators get
    their numbers in the order of CARDS.
    """
    from cli import ceremony

    if out.exists():
        raise Failure("FILE_EXISTS", f"{out} exists already", Exit.LOCAL)
    file = ceremony.collect(ceremony.read_definition(definition), ceremony.read_cards(cards))
    ceremony.write(file, out)
    _report(file, out, "Next: send it to every guarantor, who runs: iic genesis sign")


@genesis.command()
@click.argument("file", type=_FILE)
@output.json_option
def show(file: Path) -> None:
    """Show what a genesis file says, and who has approved it."""
    from cli import ceremony

    _report(ceremony.read(file), file, "")


@genesis.command()
@click.argument("file", type=_FILE)
@_HOME
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Holds the password of the vote key.",
)
@click.option("--expect", help="Refuse unless the ledger's id starts so (agreed by other means).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
def sign(file: Path, home: Path, password_file: Path | None, expect: str | None, yes: bool) -> None:
    """Approve a genesis file with this node's vote key; the approval is added to FILE."""
    from cli import ceremony
    from node import config as configuration
    from node import identity
    from node.config import Home

    document = ceremony.read(file)
    chain_id = document.genesis.chain_id.hex()
    if expect is not None and not chain_id.startswith(expect.lower()):
        raise Failure("BAD_GENESIS", f"the file's ledger is {chain_id}, not {expect}…", Exit.LOCAL)
    if not yes and not output.wants_json():
        _show(document)
        click.confirm("Approve this ledger's beginning?", abort=True)
    password_file = password_file or configuration.load(Home(home)).password_file
    password = None if password_file is None else identity.read_password(password_file)
    signed = ceremony.approve(document, identity.load(home, password))
    ceremony.write(signed, file)
    _report(signed, file, "Next: send the file back; the copies are joined by: iic genesis combine")


@genesis.command()
@click.argument("copies", type=_FILE, nargs=-1, required=True)
@_OUT
@output.json_option
def combine(copies: tuple[Path, ...], out: Path) -> None:
    """Join the approvals in several copies of one genesis file."""
    from cli import ceremony

    file = ceremony.combine([ceremony.read(path) for path in copies])
    ceremony.write(file, out)
    _report(file, out, "" if file.missing() else "Next: iic genesis install FILE --home DIR")


@genesis.command()
@click.argument("file", type=_FILE)
@output.json_option
def verify(file: Path) -> None:
    """Verify a genesis file and all approvals. Exit status 1 if it cannot start a ledger."""
    from cli import ceremony
    from contracts.genesis import initial_state
    from ledger.errors import CodedError

    try:
        document = ceremony.read(file)
        initial_state(document.genesis)
    except CodedError as error:
        raise Failure(error.code.name, error.message, Exit.VIOLATION, field=error.field) from None
    missing = document.missing()
    if missing:
        raise Failure("BAD_GENESIS", f"not approved yet by {', '.join(missing)}", Exit.VIOLATION)
    chain_id = document.genesis.chain_id.hex()
    output.emit({"file": str(file), "chain_id": chain_id, "complete": True}, lambda: None)


@genesis.command()
@click.argument("file", type=_FILE)
@_HOME
@output.json_option
def install(file: Path, home: Path) -> None:
    """Put a complete genesis file into a node's folder, ready for `iic node run`."""
    from cli import ceremony
    from node.config import Home

    document = ceremony.read(file)
    where = Home(home)
    ceremony.install(document, where)
    output.emit(
        {"file": str(where.genesis), "chain_id": document.genesis.chain_id.hex()},
        lambda: output.done(f"{where.genesis} is in place. Next: iic node run --home {home}"),
    )


def _fingerprint(certificate: bytes) -> str:
    import hashlib

    return hashlib.sha256(certificate).hexdigest()


def _report(file: GenesisFile, path: Path, following: str) -> None:
    def human() -> None:
        _show(file)
        output.say(f"File      {path}")
        if following:
            output.say(following)

    output.emit(_to_json(file, path), human)


def _show(file: GenesisFile) -> None:
    from contracts.genesis import read_application

    document = file.genesis
    parties = read_application(document.application).parties
    output.facts(
        [
            ("Ledger", document.chain_id.hex()),
            ("Network", document.network),
            ("Time", output.moment(document.time, local=True)),
            ("Parties", len(parties)),
            ("Quorum", f"{document.validators.quorum} of {document.validators.size}"),
        ]
    )
    output.table(
        (("NO", "right"), "NODE", "COUNTRY", "PARTY", "ADDRESS", "APPROVED"),
        [
            (
                index,
                v.name,
                v.country,
                v.party,
                v.address,
                "yes" if v.party in file.approvals else "no",
            )
            for index, v in enumerate(document.validators.validators)
        ],
    )


def _to_json(file: GenesisFile, path: Path) -> dict[str, Any]:
    document = file.genesis
    return {
        "file": str(path),
        "chain_id": document.chain_id.hex(),
        "network": document.network,
        "time": output.moment(document.time),
        "complete": not file.missing(),
        "missing": file.missing(),
        "quorum": document.validators.quorum,
        "validators": [
            {
                "name": v.name,
                "party": v.party,
                "country": v.country,
                "address": v.address,
                "vote_key": v.vote_key.hex(),
                "approved": v.party in file.approvals,
            }
            for v in document.validators.validators
        ],
    }
