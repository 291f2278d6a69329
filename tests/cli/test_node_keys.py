"""``iic node card|rotate``: new keys lie beside the old ones, and the card names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from cli.main import main
from contracts.framework.forms import from_named
from contracts.validators.operations import Card
from ledger.genesis import parse_card
from node import identity
from tests.contracts.ledger_in_memory import lei


def iic(*args: object) -> Any:
    """Run a command; the JSON that it printed."""
    done = CliRunner().invoke(main, [*map(str, args), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def made(home: Path) -> Path:
    iic(
        "node", "init", "--home", home, "--name", "g7", "--party", lei("guarantorKZ"),
        "--country", "KZ", "--address", "g7.example:7000",
    )  # fmt: skip
    return home


def test_the_card_is_shown_as_operations_take_it(tmp_path: Path) -> None:
    home, out = made(tmp_path / "g7"), tmp_path / "card.json"
    shown = iic("node", "card", "--home", home, "--out", out)
    card = parse_card((home / "node-card.json").read_bytes())
    assert shown["digest"] == card.digest().hex()
    taken = from_named(Card, json.loads(out.read_text()), "card")
    assert (taken.vote_key, taken.signature) == (card.validator.vote_key, card.signature)


def test_rotation_makes_keys_beside_the_old_ones_and_a_card_for_them(tmp_path: Path) -> None:
    home = made(tmp_path / "g7")
    old = identity.load(home)
    iic("node", "rotate", "--home", home)
    assert identity.folders(home) == ("keys", "keys-1")
    assert identity.load(home).vote_key.public == old.vote_key.public
    new = identity.load(home, folder="keys-1")
    entry = parse_card((home / "node-card.json").read_bytes()).validator
    assert entry.vote_key == new.vote_key.public != old.vote_key.public
    assert entry.certificate == new.certificate != old.certificate
    iic("node", "rotate", "--home", home)
    assert identity.folders(home) == ("keys", "keys-1", "keys-2")


def test_an_address_changes_without_new_keys(tmp_path: Path) -> None:
    home = made(tmp_path / "g7")
    iic("node", "rotate", "--home", home, "--same-keys", "--address", "elsewhere.example:7001")
    assert identity.folders(home) == ("keys",)
    entry = parse_card((home / "node-card.json").read_bytes()).validator
    assert entry.address == "elsewhere.example:7001"
    assert entry.vote_key == identity.load(home).vote_key.public
