"""Commands follow from declarations: friendly names, next steps, names for ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from cli.wallet.aliases import GROUPS, aliases, capability_commands
from cli.wallet.names import LAST, Names, chosen, matching, require_names
from cli.wallet.steps import id_field, operations_for
from contracts.framework.machine import machines
from contracts.framework.operation import declarations
from contracts.registry import CAPABILITIES
from ledger.errors import CodedError
from ledger.receipt import Receipt

NAMES = [capability.name for capability in CAPABILITIES]


@pytest.mark.parametrize("capability", NAMES)
def test_an_alias_never_hides_a_command_and_always_leads_to_one(capability: str) -> None:
    assert not set(aliases(capability)) & set(capability_commands(capability))
    for name in (*aliases(capability), *capability_commands(capability)):
        shown = CliRunner().invoke(main, ["wallet", capability, name, "--help"])
        assert shown.exit_code == 0, shown.output


@pytest.mark.parametrize("group", GROUPS)
def test_groups_of_everyday_words_lead_to_declared_operations(group: str) -> None:
    for word, operation in GROUPS[group][1].items():
        assert operation in declarations()
        assert CliRunner().invoke(main, ["wallet", group, word, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    "words",
    ["barter offer", "barter accept", "barter ship", "barter inspect", "guarantee issue",
     "invoice issue", "line offer", "dispute open", "fund pledge", "vote", "todo",
     "netting propose", "register apply", "evidence make"],
)  # fmt: skip
def test_the_words_that_people_use_are_commands(words: str) -> None:
    assert CliRunner().invoke(main, ["wallet", *words.split(), "--help"]).exit_code == 0


def test_every_step_that_is_proposed_is_an_operation_on_the_object() -> None:
    for name, machine in machines().items():
        for state in machine.states:
            for declared in operations_for(name, state.value):
                assert declared.name in declarations()
                assert not machine.is_end(state)


@pytest.mark.parametrize(
    ("machine", "state", "first"),
    [
        ("payment request", "issued", "currency.AcceptRequest"),
        ("payment request", "accepted", "currency.PayRequest"),
        ("ballot", "open", "register.CastVote"),
        ("barter", "offered", "barter.Accept"),
        ("barter.lot", "dispatched", "barter.Arrive"),
        ("guarantee", "draft", "guarantee.IssueGuarantee"),
        ("guarantee", "issued", "guarantee.PresentDemand"),
        ("dispute", "response", "dispute.AnswerClaim"),
        ("credit line", "offered", "currency.AcceptLine"),
        ("membership", "applied", "register.CheckApplication"),
        ("pledge", "called", "fund.PayPledge"),
        ("issue", "requested", "currency.Issue"),
    ],
)
def test_the_next_step_is_the_one_that_is_waited_for(machine: str, state: str, first: str) -> None:
    assert operations_for(machine, state)[0].name == first


def test_whoever_is_waited_for_with_a_limit_has_a_command() -> None:
    by_the_ledger = {"loss sharing", "succession", "withdrawal", "payment mandate", "proposal"}
    silent = [
        (name, state.value)
        for name, machine in machines().items()
        for state in machine.limits
        if name not in by_the_ledger and not operations_for(name, state.value)
        and any(id_field(machine, declared) for declared in declarations().values())
        and len(machine.events_from(state)) > 1
    ]  # fmt: skip
    known = {("netting cycle", "freezing"), ("netting cycle", "verifying"),
             ("netting cycle", "verified"), ("netting cycle", "unwinding"),
             ("fund application", "funded"), ("membership", "admitted"),
             ("credit line", "called")}  # fmt: skip
    assert set(silent) <= known


def test_a_saved_name_stands_for_its_id_and_moves_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IIC_CONFIG_DIR", str(tmp_path))
    names = Names(bytes(32))
    assert names.find("gears") is None
    names.save({"gears": "ab" * 32, LAST: "cd" * 32})
    assert names.find("gears") == "ab" * 32
    assert names.find("abab") == "ab" * 32
    assert Names(bytes(range(32))).find("gears") is None, "each ledger has its own"
    names.save({"gears": "ef" * 32})
    assert names.find("gears") == "ef" * 32 and names.find(LAST) == "cd" * 32


def test_the_start_of_two_ids_is_refused() -> None:
    assert matching("abcd", ["abcd" * 16, "ef" * 32]) == "abcd" * 16
    with pytest.raises(CodedError, match="fits 2"):
        matching("abcd", ["abcd" * 16, "abcd" + "0" * 60])


@pytest.mark.parametrize("text", ["", "last", "field=last", "Ab", "1st", "a b", "x" * 33])
def test_names_that_look_like_something_else_are_refused(text: str) -> None:
    with pytest.raises(CodedError):
        require_names([text])


def test_what_a_transaction_made_is_told_by_its_events_and_not_by_its_operations() -> None:
    from contracts.barter.events import OfferMade
    from ledger.codec import to_plain

    contract, terms = b"c" * 32, b"t" * 32
    event = OfferMade(contract, "A" * 20, "B" * 20, terms, 5, None)
    receipt = Receipt(bytes(32), "", "", "", (), (tuple(to_plain(event)),))
    named, left = chosen(("deal", "terms_hash=hash", "lot=none"), receipt, [])
    assert named == {LAST: contract.hex(), "deal": contract.hex(), "hash": terms.hex()}
    assert left == ["lot=none"]
