"""The steps that start a ledger, as functions: used by ``iic node init``, ``iic genesis`` and by
clusters on one machine.

1. Each guarantor makes its keys alone (:func:`init`) and sends its node card.
2. One collects the cards and the definition of the application into a document (:func:`collect`).
3. Each guarantor checks the document against what was agreed and approves it (:func:`approve`).
4. The copies are combined (:func:`combine`); the complete file starts nodes (:func:`install`).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from contracts import genesis as application_genesis
from contracts.genesis import ApplicationGenesis, initial_state, readable
from ledger import genesis
from ledger.codec import encode
from ledger.errors import BAD_GENESIS, CodedError
from ledger.genesis import Genesis, GenesisFile, NodeCard
from ledger.store.files import write_durably
from ledger.validators import Validator, ValidatorSet
from node import config as configuration
from node import identity
from node.config import Home
from node.errors import BAD_CONFIG
from node.identity import NodeIdentity


class Member(NamedTuple):
    """Who a guarantor's node belongs to: its short name, LEI, country and ``host:port``."""

    name: str
    party: str
    country: str
    address: str


class Definition(NamedTuple):
    """What a genesis document is made from besides the nodes. ``time`` is in ms, None for now."""

    network: str
    time: int | None
    application: ApplicationGenesis


def init(
    home: Home,
    member: Member,
    *,
    listen: str,
    api: str,
    password_file: Path | None = None,
    **settings: Any,
) -> Validator:
    """Make a node's home: keys, configuration and card. Overwrites nothing.

    Raises ``BAD_KEY_FILE``, ``BAD_CONFIG`` or ``BAD_GENESIS`` (something about the member).
    """
    password = None if password_file is None else identity.read_password(password_file)
    if home.config.exists():
        raise CodedError(BAD_CONFIG, f"{home.config} exists already; choose another --home")
    keys = identity.create(home.path, name=member.name, party=member.party, password=password)
    validator = Validator(
        member.party,
        member.name,
        member.country,
        keys.vote_key.public,
        keys.certificate,
        member.address,
    )
    card = genesis.make_card(validator, keys.vote_key)
    if password_file is not None:
        settings["password_file"] = str(password_file.absolute())
    configuration.write(home, name=member.name, listen=listen, api=api, **settings)
    home.card.write_text(genesis.dump_card(card), encoding="utf-8")
    return validator


def read_definition(path: Path) -> Definition:
    """A definition file, JSON or TOML: ``network``, ``time`` (ISO 8601, optional) and
    ``application``. Raises ``BAD_GENESIS``."""
    text = path.read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise CodedError(BAD_GENESIS, f"{path} cannot be read: {error}") from None
    if not isinstance(document, dict) or not {"network", "application"} <= set(document):
        raise CodedError(BAD_GENESIS, f"{path} names a network and an application")
    unknown = set(document) - {"network", "time", "application"}
    if unknown:
        raise CodedError(BAD_GENESIS, f"{path}: {', '.join(sorted(unknown))} is not known")
    return Definition(
        str(document["network"]),
        _milliseconds(document.get("time")),
        application_genesis.from_json(document["application"]),
    )


def read_cards(paths: Sequence[Path]) -> list[NodeCard]:
    """The cards, each with its signature verified."""
    return [genesis.parse_card(path.read_bytes()) for path in paths]


def collect(definition: Definition, cards: Sequence[NodeCard]) -> GenesisFile:
    """The document, not approved by anybody yet. Its validators stand in order of their cards.

    Raises ``BAD_GENESIS`` if the parts do not fit together.
    """
    time = definition.time
    if time is None:
        time = int(datetime.now(UTC).timestamp() * 1000)
    document = Genesis(
        definition.network,
        time,
        ValidatorSet(0, tuple(card.validator for card in cards)),
        encode(definition.application),
    )
    document.check()
    initial_state(document)
    return GenesisFile(document, {})


def approve(file: GenesisFile, keys: NodeIdentity) -> GenesisFile:
    """The file with this node's approval, if the document describes this node rightly."""
    initial_state(file.genesis)
    validators = file.genesis.validators
    index = validators.index_of(keys.vote_key.public)
    if index is None:
        raise CodedError(BAD_GENESIS, "this node is not among the document's validators")
    if validators.validators[index].certificate != keys.certificate:
        raise CodedError(
            BAD_GENESIS,
            "the document has another TLS certificate for this node",
            field=f"validators[{index}].certificate",
        )
    return file.approve(keys.vote_key)


def combine(files: Sequence[GenesisFile]) -> GenesisFile:
    """One file with the approvals of all; raises ``BAD_GENESIS`` if they differ in content."""
    first = files[0]
    approvals: dict[str, bytes] = {}
    for file in files:
        if file.genesis != first.genesis:
            raise CodedError(
                BAD_GENESIS,
                f"the files describe different ledgers: {first.genesis.chain_id.hex()[:16]}… "
                f"and {file.genesis.chain_id.hex()[:16]}…",
                field="chain_id",
            )
        approvals |= file.approvals
    return GenesisFile(first.genesis, approvals)


def install(file: GenesisFile, home: Home) -> None:
    """Put a complete genesis file into a node's home; never replaces another ledger's."""
    missing = file.missing()
    if missing:
        raise CodedError(
            BAD_GENESIS, f"not approved yet by {', '.join(missing)}", field="approvals"
        )
    if home.genesis.exists():
        there = read(home.genesis).genesis
        if there != file.genesis:
            raise CodedError(
                BAD_GENESIS,
                f"{home.genesis} is the genesis of another ledger, {there.chain_id.hex()[:16]}…",
            )
    write(file, home.genesis)


def read(path: Path) -> GenesisFile:
    """A genesis file, perhaps not approved by all yet; raises ``BAD_GENESIS`` and others."""
    return genesis.parse(path.read_bytes(), readable)


def write(file: GenesisFile, path: Path) -> None:
    """Write a genesis file, whole or not at all, durably."""
    write_durably(path, [genesis.dump(file, readable).encode()])


def _milliseconds(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise CodedError(BAD_GENESIS, "a time is in ISO 8601", field="time") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise CodedError(BAD_GENESIS, "a time is in ISO 8601 with its zone", field="time")
    return int(value.timestamp()) * 1000 + value.microsecond // 1000
