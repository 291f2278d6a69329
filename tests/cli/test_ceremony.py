"""The genesis ceremony by its commands: four guarantors who need not trust who collects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.genesis import genesis
from cli.node import node
from cli.output import Exit
from contracts.genesis import application_genesis, to_json
from tests.contracts.ledger_in_memory import CALENDAR, STATES, institutions, lei, member

NAMES = tuple(f"g{index}" for index in range(len(STATES)))


def run(group: Any, *args: object) -> Result:
    return CliRunner().invoke(group, [str(arg) for arg in args])


def ok(group: Any, *args: object) -> Any:
    """Run with ``--json``; the document that the command printed."""
    result = run(group, *args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four homes, each made alone, and the definition of the application."""
    for index, (name, state) in enumerate(zip(NAMES, STATES, strict=True)):
        ok(
            node,
            "init",
            "--home",
            tmp_path / name,
            "--name",
            name,
            "--party",
            lei(f"guarantor{state}"),
            "--country",
            state,
            "--address",
            f"127.0.0.1:{7400 + index}",
        )
    application = application_genesis(CALENDAR, (*institutions(), member("alpha")))
    definition = {
        "network": "test",
        "time": "2026-02-02T09:00:00Z",
        "application": to_json(application),
    }
    (tmp_path / "definition.json").write_text(json.dumps(definition))
    return tmp_path


def cards(folder: Path) -> list[Path]:
    return [folder / name / "node-card.json" for name in NAMES]


def collected(folder: Path) -> Path:
    out = folder / "genesis.json"
    ok(genesis, "collect", folder / "definition.json", *cards(folder), "--out", out)
    return out


def signed(folder: Path, *names: str) -> Path:
    """The document with the approvals of some nodes, given on copies and then combined."""
    original = collected(folder)
    copies = []
    for name in names:
        copy = folder / f"{name}.json"
        copy.write_bytes(original.read_bytes())
        ok(genesis, "sign", copy, "--home", folder / name, "--yes")
        copies.append(copy)
    out = folder / "complete.json"
    ok(genesis, "combine", original, *copies, "--out", out)
    return out


def test_four_guarantors_start_a_ledger_from_copies_that_each_approved(folder: Path) -> None:
    complete = signed(folder, *NAMES)
    assert run(genesis, "verify", complete).exit_code == 0
    assert run(genesis, "verify", complete).stdout == ""
    shown = ok(genesis, "show", complete)
    assert shown["complete"] and [v["name"] for v in shown["validators"]] == list(NAMES)
    for name in NAMES:
        found = ok(genesis, "install", complete, "--home", folder / name)
        assert found["chain_id"] == shown["chain_id"]


def test_everybody_who_collects_the_same_cards_gets_the_same_ledger(folder: Path) -> None:
    first = ok(genesis, "show", collected(folder))["chain_id"]
    other = folder / "other.json"
    ok(genesis, "collect", folder / "definition.json", *cards(folder), "--out", other)
    assert ok(genesis, "show", other)["chain_id"] == first


def test_a_document_that_not_all_approved_starts_nothing(folder: Path) -> None:
    partial = signed(folder, *NAMES[:3])
    refused = run(genesis, "verify", partial)
    assert refused.exit_code == Exit.VIOLATION and lei("guarantorRU") in refused.stderr
    refused = run(genesis, "install", partial, "--home", folder / "g0")
    assert refused.exit_code == Exit.LOCAL and "not approved yet" in refused.stderr


@pytest.mark.parametrize("change", ["time", "network", "application"])
def test_a_document_changed_after_signing_is_refused(folder: Path, change: str) -> None:
    complete = signed(folder, *NAMES)
    document = json.loads(complete.read_text())
    if change == "time":
        document["time"] += 1
    elif change == "network":
        document["network"] = "other"
    else:
        document["application_text"]["parties"][0]["profile"]["name"] = "somebody else"
    complete.write_text(json.dumps(document))
    assert run(genesis, "verify", complete).exit_code == Exit.VIOLATION


def test_a_signature_of_another_document_is_worth_nothing_here(folder: Path) -> None:
    complete = signed(folder, *NAMES)
    definition = json.loads((folder / "definition.json").read_text())
    definition["network"] = "test-2"
    (folder / "definition.json").write_text(json.dumps(definition))
    (folder / "genesis.json").unlink()
    other = json.loads(collected(folder).read_text())
    other["approvals"] = json.loads(complete.read_text())["approvals"]
    (folder / "forged.json").write_text(json.dumps(other))
    refused = run(genesis, "verify", folder / "forged.json")
    assert refused.exit_code == Exit.VIOLATION and "BAD_SIGNATURE" in refused.stderr
    different = run(genesis, "combine", complete, folder / "genesis.json", "--out", folder / "x")
    assert different.exit_code == Exit.LOCAL and "different ledgers" in different.stderr


def test_a_card_that_was_changed_on_its_way_is_refused(folder: Path) -> None:
    card = folder / "g1" / "node-card.json"
    document = json.loads(card.read_text())
    document["validator"]["address"] = "203.0.113.1:7400"
    card.write_text(json.dumps(document))
    refused = run(
        genesis, "collect", folder / "definition.json", *cards(folder), "--out", folder / "x"
    )
    assert refused.exit_code == Exit.VIOLATION and "BAD_SIGNATURE" in refused.stderr
    assert not (folder / "x").exists()


def test_a_node_approves_only_a_document_that_describes_it_rightly(folder: Path) -> None:
    document = collected(folder)
    stranger = folder / "stranger"
    ok(
        node,
        "init",
        "--home",
        stranger,
        "--name",
        "x",
        "--party",
        lei("stranger"),
        "--country",
        "KZ",
        "--address",
        "127.0.0.1:7500",
    )
    refused = run(genesis, "sign", document, "--home", stranger, "--yes")
    assert refused.exit_code == Exit.LOCAL and "not among" in refused.stderr
    refused = run(genesis, "sign", document, "--home", folder / "g0", "--yes", "--expect", "00")
    assert refused.exit_code == Exit.LOCAL and "not 00" in refused.stderr
    assert ok(genesis, "show", document)["missing"] == [lei(f"guarantor{s}") for s in STATES]


def test_signing_asks_first(folder: Path) -> None:
    document = collected(folder)
    answer = CliRunner().invoke(
        genesis, ["sign", str(document), "--home", str(folder / "g0")], input="n\n"
    )
    assert answer.exit_code == 1 and "Approve" in answer.stdout
    assert len(ok(genesis, "show", document)["missing"]) == 4


def test_an_encrypted_vote_key_signs_with_its_password_file(folder: Path) -> None:
    password = folder / "password"
    password.touch(mode=0o600)
    password.write_text("correct horse\n")
    home = folder / "g9"
    made = ok(
        node,
        "init",
        "--home",
        home,
        "--name",
        "g9",
        "--party",
        lei("guarantorKZ"),
        "--country",
        "KZ",
        "--address",
        "127.0.0.1:7499",
        "--password-file",
        password,
    )
    out = folder / "nine.json"
    ok(genesis, "collect", folder / "definition.json", made["card"], "--out", out)
    ok(genesis, "sign", out, "--home", home, "--yes")
    assert ok(genesis, "show", out)["complete"]


def test_a_home_is_never_made_twice_and_never_moved_to_another_ledger(folder: Path) -> None:
    again = run(
        node,
        "init",
        "--home",
        folder / "g0",
        "--name",
        "g0",
        "--party",
        lei("guarantorBY"),
        "--country",
        "BY",
        "--address",
        "127.0.0.1:1",
    )
    assert again.exit_code == Exit.LOCAL and "exists already" in again.stderr
    ok(genesis, "install", signed(folder, *NAMES), "--home", folder / "g0")
    definition = json.loads((folder / "definition.json").read_text())
    (folder / "definition.json").write_text(json.dumps(definition | {"network": "test-2"}))
    for file in ("genesis.json", "complete.json"):
        (folder / file).unlink()
    other = signed(folder, *NAMES)
    refused = run(genesis, "install", other, "--home", folder / "g0")
    assert refused.exit_code == Exit.LOCAL and "another ledger" in refused.stderr


@pytest.mark.parametrize(
    "definition",
    ["", "[]", "{}", '{"network": "x", "application": {}, "more": 1}', '{"network": "test"}'],
)
def test_a_definition_that_makes_no_sense_is_refused_by_name(folder: Path, definition: str) -> None:
    (folder / "definition.json").write_text(definition)
    refused = run(
        genesis, "collect", folder / "definition.json", *cards(folder), "--out", folder / "x"
    )
    assert refused.exit_code == Exit.LOCAL and "BAD_GENESIS" in refused.stderr
