"""``iic wallet profile``: which ledger, nodes, member and keystore commands work with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli import output, profile
from cli.profile import Profile
from cli.wallet.session import FILE
from contracts.framework.render import LANGUAGES


@click.group("profile", cls=output.Group)
def group() -> None:
    """Named settings, so that commands need no options."""


def _json(entry: Profile) -> dict[str, Any]:
    return {
        "name": entry.name,
        "label": entry.label,
        "nodes": list(entry.nodes),
        "genesis": str(entry.genesis) if entry.genesis else None,
        "party": entry.party,
        "keystore": str(entry.keystore) if entry.keystore else None,
        "password_file": str(entry.password_file) if entry.password_file else None,
        "language": entry.language,
        "default": entry.name == profile.default_name(),
    }


@group.command("set")
@click.argument("name")
@click.option("--node", multiple=True, metavar="URL", help="Node to ask; repeatable, in order.")
@click.option("--genesis", type=FILE, help="Genesis file of the ledger.")
@click.option("--party", metavar="LEI", help="Member to act for.")
@click.option("--keystore", type=FILE, help="Keystore file.")
@click.option("--password-file", type=FILE, help="File (mode 0600) with the password.")
@click.option("--label", help="Whose profile it is, in words.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of what is shown to sign.")
@output.json_option
def set_profile(
    name: str,
    node: tuple[str, ...],
    genesis: Path | None,
    party: str | None,
    keystore: Path | None,
    password_file: Path | None,
    label: str | None,
    lang: str | None,
) -> None:
    """Make profile NAME, or change the settings that are given."""
    known = profile.load(name) if name in profile.names() else Profile(name)
    changed = known.overridden(
        nodes=node,
        genesis=genesis and genesis.resolve(),
        party=party,
        keystore=keystore and keystore.resolve(),
        password_file=password_file and password_file.resolve(),
        label=label,
        language=lang,
    )
    path = profile.save(changed)
    output.emit(_json(changed), lambda: output.done(f"{path} written"))


@group.command("list")
@output.json_option
def list_profiles() -> None:
    """List the profiles; the default one is marked."""
    entries = [_json(profile.load(name)) for name in profile.names()]
    output.emit(
        entries,
        lambda: output.table(
            ("", "PROFILE", "MEMBER", "NODES"),
            [
                (
                    "*" if e["default"] else "",
                    e["name"],
                    " ".join(filter(None, (e["label"], e["party"]))),
                    ", ".join(e["nodes"]),
                )
                for e in entries
            ],
        ),
    )


@group.command("use")
@click.argument("name")
@output.json_option
def use(name: str) -> None:
    """Make profile NAME the default one."""
    profile.use(name)
    output.emit({"default": name}, lambda: output.done(f"commands now use profile {name}"))


@group.command("remove")
@click.argument("name")
@output.json_option
def remove(name: str) -> None:
    """Delete profile NAME. The keystore and other files that it names stay."""
    profile.load(name)
    profile.remove(name)
    output.emit({"removed": name}, lambda: output.done(f"profile {name} is removed"))
