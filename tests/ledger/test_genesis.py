"""Genesis: what every guarantor signs, and the file in which it travels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ledger_chains import genesis_document, validator_set, vote_keys

from ledger.block import NO_BLOCK
from ledger.errors import BAD_GENESIS, BAD_SIGNATURE, MALFORMED, CodedError
from ledger.genesis import (
    GenesisFile,
    NodeCard,
    dump,
    dump_card,
    load,
    make_card,
    parse,
    parse_card,
)
from ledger.keys import PrivateKey
from ledger.validators import Validator


def _approved() -> GenesisFile:
    file = GenesisFile(genesis_document(), {})
    for key in vote_keys():
        file = file.approve(key)
    return file


def _words(application: bytes) -> Any:
    return {"says": application.decode(), "length": len(application)}


def test_a_genesis_travels_as_text_and_keeps_its_name(tmp_path: Path) -> None:
    file = _approved()
    text = dump(file, _words)
    assert parse(text, _words) == file
    assert parse(text) == file
    path = tmp_path / "x.genesis"
    path.write_text(text)
    found = load(path, _words)
    assert found == file.genesis
    assert found.chain_id == file.genesis.chain_id
    assert json.loads(text)["application_text"] == {"says": "application", "length": 11}


def test_it_is_loaded_only_when_all_have_approved(tmp_path: Path) -> None:
    file = GenesisFile(genesis_document(), {})
    path = tmp_path / "x.genesis"
    for key in vote_keys():
        missing = file.missing()
        assert missing
        path.write_text(dump(file))
        with pytest.raises(CodedError) as error:
            load(path)
        assert error.value.code is BAD_GENESIS
        assert missing[0] in error.value.message
        assert parse(dump(file)).missing() == missing
        file = file.approve(key)
    path.write_text(dump(file))
    assert load(path) == file.genesis


def test_only_validators_approve() -> None:
    with pytest.raises(CodedError) as error:
        GenesisFile(genesis_document(), {}).approve(PrivateKey(b"x" * 32))
    assert error.value.code is BAD_GENESIS


def test_every_field_changes_the_chain_id() -> None:
    good = genesis_document()
    variants = [
        good,
        msgspec.structs.replace(good, network="other"),
        msgspec.structs.replace(good, time=2),
        msgspec.structs.replace(good, application=b"another"),
        msgspec.structs.replace(good, validators=validator_set(0, 3)),
    ]
    assert len({variant.chain_id for variant in variants}) == len(variants)


def test_block_0_commits_to_the_state_and_the_first_validators() -> None:
    good = genesis_document()
    header = good.header(b"r" * 32)
    assert (header.height, header.view, header.time) == (0, 0, good.time)
    assert header.parent == NO_BLOCK
    assert header.state_root == b"r" * 32
    assert header.validators_hash == header.next_validators_hash
    assert header.validators_hash == good.validators.hash(good.chain_id)


Edit = Callable[[dict[str, Any]], Any]
EDITS: dict[str, tuple[Edit, str]] = {
    "another network": (lambda d: d.update(network="other"), "chain_id"),
    "another time": (lambda d: d.update(time=5), "chain_id"),
    "another application": (lambda d: d.update(application="AAAA"), "chain_id"),
    "an application of other words": (
        lambda d: d.update(application_text={"says": "nothing"}),
        "application_text",
    ),
    "a network name with capitals": (lambda d: d.update(network="Test"), "network"),
    "another protocol": (lambda d: d.update(protocol=2), "protocol"),
    "another format": (lambda d: d.update(format="iic-genesis-2"), "format"),
    "bytes that are not base64": (lambda d: d.update(application="A"), "application"),
    "base64 with spare bits": (lambda d: d.update(application="YXBwbGljYXRpb2"), "application"),
    "an unknown field": (lambda d: d.update(extra=1), ""),
    "a missing field": (lambda d: d.pop("time"), ""),
    "a party twice": (
        lambda d: d["validators"][1].update(party=d["validators"][0]["party"]),
        "validators[].party",
    ),
    "a vote key twice": (
        lambda d: d["validators"][1].update(vote_key=d["validators"][0]["vote_key"]),
        "validators[].vote_key",
    ),
    "a key of small order": (
        lambda d: d["validators"][2].update(vote_key="01" + "00" * 31),
        "validators[2].vote_key",
    ),
    "a key in capitals": (
        lambda d: d["validators"][2].update(vote_key=d["validators"][2]["vote_key"].upper()),
        "validators[2].vote_key",
    ),
    "an address without port": (
        lambda d: d["validators"][3].update(address="localhost"),
        "validators[3].address",
    ),
    "an approval by a stranger": (
        lambda d: d["approvals"][0].update(party="X" * 20),
        "approvals[0].signature",
    ),
    "an approval twice": (
        lambda d: d["approvals"].append(d["approvals"][0]),
        "approvals[4].signature",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_file_is_refused_with_the_field(name: str) -> None:
    edit, field = EDITS[name]
    document = json.loads(dump(_approved(), _words))
    edit(document)
    with pytest.raises(CodedError) as error:
        parse(json.dumps(document), _words)
    assert error.value.code in {BAD_GENESIS, MALFORMED}
    assert error.value.field == field


def test_an_approval_of_another_document_is_refused() -> None:
    document = json.loads(dump(_approved()))
    other = GenesisFile(msgspec.structs.replace(genesis_document(), time=2), {})
    other = other.approve(vote_keys()[1])
    ((party, signature),) = other.approvals.items()
    for entry in document["approvals"]:
        if entry["party"] == party:
            entry["signature"] = signature.hex()
    with pytest.raises(CodedError) as error:
        parse(json.dumps(document))
    assert error.value.code is BAD_SIGNATURE


def test_no_party_can_pass_its_approval_off_as_anothers() -> None:
    document = json.loads(dump(_approved()))
    first, second = document["approvals"][:2]
    first["signature"], second["signature"] = second["signature"], first["signature"]
    with pytest.raises(CodedError) as error:
        parse(json.dumps(document))
    assert error.value.code is BAD_SIGNATURE


def test_a_card_proves_possession_of_the_vote_key() -> None:
    validator = validator_set().validators[0]
    card = make_card(validator, vote_keys()[0])
    assert parse_card(dump_card(card)) == card
    with pytest.raises(CodedError) as error:
        make_card(validator, vote_keys()[1])
    assert error.value.code is BAD_SIGNATURE


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"country": "DE"},
        {"address": "127.0.0.1:1"},
        {"certificate": b"other"},
    ],
)
def test_a_changed_card_is_refused(change: dict[str, Any]) -> None:
    card = make_card(validator_set().validators[0], vote_keys()[0])
    changed: Validator = msgspec.structs.replace(card.validator, **change)
    with pytest.raises(CodedError) as error:
        parse_card(dump_card(NodeCard(changed, card.signature)))
    assert error.value.code is BAD_SIGNATURE
