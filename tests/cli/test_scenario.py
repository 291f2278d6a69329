"""The reference scenario says only what can be played, and what the project promises of it."""

from __future__ import annotations

import copy
import tomllib
from collections import Counter
from typing import Any

import pytest
from stdnum import lei

from cli.demo import scenario_file
from cli.scenario.cast import Cast, application
from cli.scenario.file import load, parse
from cli.scenario.script import Now, Script
from contracts.codes import COUNTRIES, HARMONIZED, UNITS
from contracts.genesis import found
from ledger.errors import CodedError

NOW = 1_795_000_000_000


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return tomllib.loads(scenario_file().read_text(encoding="utf-8"))


def test_it_has_four_states_and_at_least_twelve_enterprises() -> None:
    scenario = load(scenario_file())
    assert len(scenario.states) == 4
    assert len(scenario.lists["members"]) >= 12
    assert scenario.fictional is True


def test_its_identifiers_are_valid_and_nobodys(document: dict[str, Any]) -> None:
    text = scenario_file().read_text(encoding="utf-8")
    leis = {word for word in text.replace('"', " ").split() if word.startswith("DEMO00")}
    leis.discard("DEMO00,")
    assert len(leis) >= 25
    for identifier in leis:
        assert lei.is_valid(identifier), identifier


def test_its_codes_are_the_worlds_own() -> None:
    scenario = load(scenario_file())
    for enterprise in scenario.enterprises:
        assert enterprise.country in COUNTRIES
        for line in enterprise.programme:
            assert line.hs[:6] in HARMONIZED and line.unit in UNITS and line.quantity > 0


def test_its_genesis_founds_a_ledger_without_money() -> None:
    cast = Cast(load(scenario_file()))
    state = found(application(cast, NOW), NOW)
    assert not [key for key in state.changes() if key.startswith(b"balance/")]


def test_the_same_scenario_has_the_same_keys() -> None:
    one, two = Cast(load(scenario_file())), Cast(load(scenario_file()))
    for identity, player in one.players.items():
        publics = {name: key.public for name, key in player.keys.items()}
        assert publics == {n: k.public for n, k in two.player(identity).keys.items()}


def test_no_two_parties_share_a_key() -> None:
    cast = Cast(load(scenario_file()))
    publics = [key.public for p in cast.players.values() for key in p.keys.values()]
    assert len(set(publics)) == len(publics)


def test_it_has_two_hundred_transactions_of_all_kinds() -> None:
    scenario = load(scenario_file())
    script = Script(Cast(scenario))
    script.objects = _AnyObject()
    orders = [order for act in scenario.acts for order in script.orders(act, Now(NOW))]
    assert len(orders) >= 200
    kinds = Counter(op.declaration.name for order in orders for op in order.operations)
    assert {
        "register.Apply",
        "register.CheckApplication",
        "register.CastVote",
        "register.Accede",
        "register.ProposeSuspension",
        "register.ProposeExclusion",
        "register.Leave",
        "register.Close",
        "register.ProposeOffice",
        "register.RotateKey",
        "register.FreezeKeys",
        "register.RecoverKeys",
        "register.VetoRecovery",
        "currency.AttestReserve",
        "currency.RequestIssue",
        "currency.Issue",
        "currency.DeclineIssue",
        "currency.RequestRedemption",
        "currency.PayOutRedemption",
        "currency.ReleaseRedemption",
        "currency.Transfer",
        "currency.Exchange",
        "currency.OpenEscrow",
        "currency.ReleaseEscrow",
        "currency.RefundEscrow",
        "currency.RequestPayment",
        "currency.AcceptRequest",
        "currency.RejectRequest",
        "currency.PayRequest",
        "currency.CreditRequest",
        "currency.ProposeReversal",
        "currency.ConsentReversal",
        "currency.DeclineReversal",
        "currency.AcceptLine",
        "currency.QueuePayment",
        "barter.OpenChain",
        "barter.CureLot",
        "barter.Inspect",
        "barter.DeclareLot",
        "barter.Assign",
        "barter.TopUp",
        "barter.GiveNotice",
        "guarantee.PayDemand",
        "guarantee.RecoverInCash",
        "dispute.SignSettlement",
        "dispute.ExecuteAward",
        "netting.OpenCycle",
        "market.InvoiceReservation",
        "fund.AttestMilestone",
        "governance.ProposeParameters",
        "annex.Grant",
        "register.RuleOnAppeal",
        "register.WindUp",
    } <= set(kinds)
    expected = {order.expect for order in orders} - {""}
    assert {"INSUFFICIENT_FUNDS", "OVER_POLICY_LIMIT", "STANDING_FORBIDS"} <= expected


class _AnyObject(dict[str, bytes]):
    """Stands for what earlier acts would have saved."""

    def get(self, key: str, default: Any = None) -> bytes:
        return b"o" * 32


def changed(document: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(document)
    target: Any = copied
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return copied


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("enterprises", 0, "lei"), "DEMO00RUURALGEAR0111", "check digits"),
        (("enterprises", 0, "country"), "XX", "XX"),
        (("enterprises", 0, "home"), "US", "home"),
        (("enterprises", 0, "programme", 0, "hs"), "000000", "000000"),
        (("enterprises", 0, "programme", 0, "unit"), "XXX", "XXX"),
        (("enterprises", 0, "programme", 0, "price"), "cheap", "amount"),
        (("enterprises", 1, "id"), "ural-gear", "ural-gear"),
        (("enterprises", 1, "lei"), "DEMO00RUURALGEAR0110", "lei"),
        (("trade", "supplies", 0, "seller"), "nobody", "nobody"),
        (("trade", "supplies", 0, "hs"), "000000", "000000"),
        (("states", 0, "reserve"), "lots", "amount"),
        (("lists", "lost"), ["nobody"], "nobody"),
        (("acts", 0, "titel"), "typo", "titel"),
        (("seed",), 5, "seed"),
    ],
)
def test_a_mistake_in_a_scenario_is_named(
    document: dict[str, Any], path: tuple[str | int, ...], value: Any, says: str
) -> None:
    with pytest.raises(CodedError) as error:
        parse(changed(document, path, value))
    assert error.value.code.name == "BAD_SCENARIO"
    assert says in error.value.message


def test_a_word_that_stands_for_nothing_is_a_mistake(document: dict[str, Any]) -> None:
    scenario = parse(changed(document, ("acts", 0, "steps", 0, "by"), "{e.idd}"))
    with pytest.raises(CodedError) as error:
        Script(Cast(scenario)).orders(scenario.acts[0], Now(NOW))
    assert "{e.idd}" in error.value.message


def test_an_object_that_was_not_saved_is_a_mistake() -> None:
    scenario = load(scenario_file())
    votes = next(act for act in scenario.acts if act.title == "The council votes")
    with pytest.raises(CodedError) as error:
        Script(Cast(scenario)).orders(votes, Now(NOW))
    assert "ballot/ural-gear" in error.value.message
