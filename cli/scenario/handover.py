"""What people need to go on by hand on a demo ledger: keystores, a password file, profiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cli import profile
from cli.files import write_private
from cli.keystore import Kdf, Keystore
from cli.profile import Profile
from cli.scenario.cast import Cast

MAIN = "demo"
PASSWORD = "demo demo demo"  # noqa: S105  # published: the keys are no secret either
_CHEAP = Kdf(operations=1, memory_kib=8 * 1024)
_OTHERS = ("volga-bearings", "issuer-ru", "guarantor-ru", "registrar")


def hand_over(
    cast: Cast, folder: Path, urls: Sequence[str], genesis: Path, member: str
) -> list[str]:
    """Write keystores of all parties below ``folder`` and profiles of some; the profiles' names.

    ``member`` is the party of the profile ``demo``. Demo keys are public, so their keystores take
    the cheapest key derivation and say in their label what they are.
    """
    password_file = folder / "demo.password"
    write_private(password_file, f"{PASSWORD}\n".encode(), exclusive=False)
    keystores = folder / "keystores"
    for player in cast.players.values():
        path = keystores / f"{player.id}.keystore"
        path.unlink(missing_ok=True)
        Keystore.create(path, PASSWORD, player.keys, label=f"{player.name}, DEMO KEYS", kdf=_CHEAP)
    names = []
    for identity in (member, *_OTHERS):
        if identity not in cast.players:
            continue
        player = cast.player(identity)
        name = MAIN if identity == member else f"{MAIN}-{identity}"
        entry = Profile(
            name,
            tuple(urls),
            genesis.resolve(),
            player.lei,
            (keystores / f"{identity}.keystore").resolve(),
            password_file.resolve(),
            player.name,
        )
        profile.save(entry)
        names.append(name)
    if not profile.default_name():
        profile.use(MAIN)
    return names


def take_back() -> None:
    """Remove the demo's profiles."""
    for name in profile.names():
        if name == MAIN or name.startswith(f"{MAIN}-"):
            profile.remove(name)
