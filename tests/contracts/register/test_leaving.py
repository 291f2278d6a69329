"""Run-off, losses, succession and withdrawal: everything a member leaves behind has an owner."""

from __future__ import annotations

from typing import Any

import pytest
from cast import EVIDENCE, URAL, VOLGA, application, checked, money, violations, vote
from conduct import (
    ALTAI,
    DAY,
    available,
    cluster,
    contribution,
    document,
    excluded,
    owes,
    rich,
    standing,
)
from ledger_in_memory import Ledger, event, lei

from contracts.capacity import capacity_of
from contracts.currency.debts import debts_by, debts_to
from contracts.currency.operations import OpenEscrow, PayRequest
from contracts.currency.records import ESCROW_TABLE
from contracts.currency.supply_operations import RequestRedemption
from contracts.framework.ballot import BallotOpened, Choice
from contracts.framework.evidence import DocumentKind
from contracts.framework.party import PARTY, Owner, PartyKind, Profile, Standing
from contracts.guarantee.operations import PostCapacity, PostCollateral
from contracts.guarantee.succession import AssumeGuarantee
from contracts.register.events import LossDetermined
from contracts.register.leaving_records import (
    SHARING_TABLE,
    SUCCESSION_TABLE,
    WITHDRAWAL_TABLE,
    LeavingParameters,
    Sharing,
    SuccessionGround,
    SuccessionState,
    WithdrawalState,
)
from contracts.register.operations import Accede, Leave
from contracts.register.preferences import contribution_of, preference_of
from contracts.register.records import RegisterParameters
from contracts.register.runoff import WindUp
from contracts.register.succession import ProposeSuccession
from contracts.register.withdrawal import (
    AnnounceWithdrawal,
    CancelWithdrawal,
    ChangeHome,
    ties,
)
from ledger.errors import CodedError

NEW = "Sayan Castings"


def sound(ledger: Ledger) -> None:
    assert violations(ledger.state) == []


def loss(ledger: Ledger) -> Sharing:
    """The only loss there is."""
    (found,) = (record for _, record in ledger.state.scan(SHARING_TABLE))
    return found


def wait_for_losses(ledger: Ledger, days: int = 240) -> None:
    """Months pass in steps, with every invariant checked."""
    for _ in range(days // 31 + 1):
        ledger.later(31 * DAY)
        ledger.later(1_000)
        sound(ledger)


# Run-off


def test_what_is_due_is_paid_from_the_members_own_money_at_each_review() -> None:
    ledger = cluster()
    rich(ledger, **{URAL.replace(" ", "_"): 500})
    owes(ledger, URAL, VOLGA, 300)
    owes(ledger, URAL, ALTAI, 100, days=300)
    ledger.must(URAL, Leave())
    ledger.later(31 * DAY)
    assert (available(ledger, URAL), available(ledger, VOLGA)) == (200, 300)
    assert available(ledger, ALTAI) == 0  # not due yet
    sound(ledger)


def test_mutual_debts_are_set_off_before_money_moves() -> None:
    ledger = cluster()
    rich(ledger, **{URAL.replace(" ", "_"): 100})
    owes(ledger, URAL, VOLGA, 300, days=5)
    owes(ledger, VOLGA, URAL, 250, days=5)
    ledger.must(URAL, Leave())
    ledger.later(31 * DAY)
    assert available(ledger, URAL) == 50 and available(ledger, VOLGA) == 50
    assert list(debts_by(ledger.state, lei(URAL))) == []
    assert list(debts_by(ledger.state, lei(VOLGA))) == []
    sound(ledger)


def test_in_a_run_off_redemption_comes_last() -> None:
    ledger = cluster()
    rich(ledger, **{URAL.replace(" ", "_"): 500})
    debt = owes(ledger, URAL, VOLGA, 300)
    ledger.must(URAL, Leave())
    assert ledger.do(URAL, RequestRedemption("KZ", 100)).code == "POSITIONS_OPEN"
    ledger.must(URAL, PayRequest(debt, 300))
    ledger.must(URAL, RequestRedemption("KZ", 200))


def test_the_waterfall_bears_a_loss_layer_by_layer_and_discloses_each() -> None:
    ledger = cluster(RegisterParameters(contribution=1_000), LeavingParameters(guarantor_limit=700))
    rich(ledger, issuerKZ=10_000, guarantorKZ=5_000)
    for name in (NEW, "Tobol Mills"):
        join(ledger, name)
    owes(ledger, NEW, VOLGA, 4_000)
    owes(ledger, NEW, ALTAI, 2_000)
    money(ledger, NEW, 500)
    excluded(ledger, NEW)
    wait_for_losses(ledger)
    found = loss(ledger)
    # What was due earlier took own money and contribution: 1,500 of it, oldest first.
    assert found.owed == 4_500 and found.own == found.contribution == 0
    assert found.guarantor_paid == 700 and found.fund == 0
    assert found.others == 200  # a fifth of the other contribution
    assert found.loss == 4_500 - 700 - 200
    assert (found.paid, found.written_off) == (found.pool - found.returned, 4_500 - found.paid)
    assert contribution(ledger, "Tobol Mills") == 800
    assert available(ledger, VOLGA) + available(ledger, ALTAI) == 1_500 + found.paid
    assert standing(ledger, NEW) is Standing.CLOSED
    told = next(
        event(r, LossDetermined)
        for _, r in ledger.receipts
        if any(e[0] == "register.LossDetermined" for e in r.events)
    )
    assert (told["guarantor_paid"], told["others"], told["loss"]) == (700, 200, 3_600)
    sound(ledger)


def join(ledger: Ledger, name: str, payer: str = "issuerKZ") -> None:
    """A new member whose contribution a partner pays."""
    ledger.must(name, application(name, now=ledger.time))
    vote(ledger, checked(ledger, name), "BY", "CN", "KZ")
    ledger.must(name, Accede(EVIDENCE, lei(payer)), signers=(name, payer))


def test_creditors_bear_a_loss_in_proportion() -> None:
    ledger = cluster()
    rich(ledger, guarantorKZ=100)
    owes(ledger, URAL, VOLGA, 300, days=1)
    owes(ledger, URAL, ALTAI, 33, days=2)
    ledger.must(URAL, Leave())
    wait_for_losses(ledger)
    assert available(ledger, VOLGA) == 300 * 100 // 333
    assert available(ledger, ALTAI) == 33 * 100 // 333
    assert available(ledger, "guarantorKZ") == 100 - 90 - 9  # rounding goes back to it
    assert standing(ledger, URAL) is Standing.CLOSED


def test_a_large_run_off_is_shared_out_over_several_blocks() -> None:
    ledger = cluster(LeavingParameters(batch=10))
    rich(ledger, guarantorKZ=1_000)
    for number in range(25):
        owes(ledger, URAL, VOLGA, 40 + number, days=1)
    ledger.must(URAL, Leave())
    ledger.later(182 * DAY)
    sound(ledger)
    for _ in range(6):
        ledger.later(1_000)
        sound(ledger)
    found = loss(ledger)
    assert found.paid + found.written_off == found.owed == sum(range(40, 65))
    assert available(ledger, VOLGA) == found.paid


def test_the_guarantor_that_paid_takes_over_the_members_own_claims() -> None:
    ledger = cluster()
    rich(ledger, guarantorKZ=1_000)
    owes(ledger, URAL, VOLGA, 600, days=1)
    owes(ledger, ALTAI, URAL, 250, days=1)
    ledger.must(URAL, Leave())
    wait_for_losses(ledger)
    (claim,) = debts_to(ledger.state, lei("guarantorKZ"))
    assert (claim.debtor, claim.remaining) == (lei(ALTAI), 250)
    assert standing(ledger, URAL) is Standing.CLOSED


def test_no_loss_is_determined_before_its_time_has_come() -> None:
    ledger = cluster()
    owes(ledger, URAL, VOLGA, 600, days=1)
    ledger.must(URAL, Leave())
    early = ledger.must("registrar", WindUp(lei(URAL)))
    assert early.events == ()
    assert list(ledger.state.scan(SHARING_TABLE)) == []
    wait_for_losses(ledger)
    assert loss(ledger).loss == 600


def test_winding_up_is_for_run_offs_and_for_those_concerned() -> None:
    ledger = cluster()
    assert ledger.do("registrar", WindUp(lei(URAL))).code == "WRONG_STATE"
    ledger.must(URAL, Leave())
    assert ledger.do(VOLGA, WindUp(lei(URAL))).code == "NOT_ENTITLED"
    ledger.must(URAL, WindUp(lei(URAL)))


# Succession


def propose(
    ledger: Ledger,
    party: str = URAL,
    successor: str = VOLGA,
    ground: SuccessionGround = SuccessionGround.INSOLVENCY,
    signers: tuple[str, ...] | None = None,
    author: str = "registrar",
) -> Any:
    deed = document(9, "tribunal", DocumentKind.OTHER)
    op = ProposeSuccession(lei(party), lei(successor), ground, "by court order", (deed,))
    return ledger.do(author, op, signers=signers or (author, successor))


def succeed(ledger: Ledger, *yes: str, **more: Any) -> None:
    receipt = propose(ledger, **more)
    assert receipt.applied, receipt
    vote(ledger, event(receipt, BallotOpened)["ballot"], *(yes or ("BY", "CN", "KZ")))
    ledger.later(1_000)
    ledger.later(1_000)


def test_debts_claims_escrows_and_money_pass_to_the_successor() -> None:
    ledger = cluster()
    rich(ledger, **{URAL.replace(" ", "_"): 1_000})
    owes(ledger, URAL, ALTAI, 300)
    owes(ledger, ALTAI, URAL, 120)
    owes(ledger, URAL, VOLGA, 50)
    escrow = OpenEscrow(lei(ALTAI), 200, lei(ALTAI), "delivered", ledger.time + 90 * DAY)
    ledger.must(URAL, escrow)
    succeed(ledger)
    assert [d.remaining for d in debts_by(ledger.state, lei(VOLGA))] == [300]
    assert [d.remaining for d in debts_to(ledger.state, lei(VOLGA))] == [120]
    (held,) = (e for _, e in ledger.state.scan(ESCROW_TABLE))
    assert (held.payer, held.payee) == (lei(VOLGA), lei(ALTAI))
    assert available(ledger, VOLGA) == 800 and available(ledger, URAL) == 0
    (done,) = (s for _, s in ledger.state.scan(SUCCESSION_TABLE))
    assert done.state is SuccessionState.COMPLETE
    sound(ledger)
    ledger.later(31 * DAY)
    assert standing(ledger, URAL) is Standing.CLOSED
    sound(ledger)


def test_sanctions_move_obligations_and_leave_the_money() -> None:
    ledger = cluster()
    rich(ledger, **{URAL.replace(" ", "_"): 1_000})
    owes(ledger, URAL, ALTAI, 300)
    succeed(
        ledger, "BY", "CN",
        successor="guarantorKZ", ground=SuccessionGround.SANCTIONS,
    )  # fmt: skip
    assert [d.remaining for d in debts_by(ledger.state, lei("guarantorKZ"))] == [300]
    assert available(ledger, URAL) == 1_000
    assert standing(ledger, URAL) is Standing.RUN_OFF
    ledger.must(URAL, RequestRedemption("KZ", 1_000))
    sound(ledger)


def test_the_successor_and_in_a_merger_the_party_consent() -> None:
    ledger = cluster()
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        propose(ledger, signers=("registrar",))
    merger = SuccessionGround.MERGER
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        propose(ledger, ground=merger)
    assert propose(ledger, ground=merger, signers=("registrar", URAL, VOLGA)).applied
    again = propose(ledger, signers=("registrar", VOLGA))
    assert again.code == "ALREADY_DECIDED"


@pytest.mark.parametrize(
    ("party", "successor", "code"),
    [
        (URAL, URAL, "INVALID_TERMS"),
        ("guarantorKZ", VOLGA, "INVALID_TERMS"),
        ("issuerKZ", VOLGA, "INVALID_TERMS"),
    ],
)
def test_nobody_succeeds_itself_or_a_state(party: str, successor: str, code: str) -> None:
    assert propose(cluster(), party, successor).code == code


def test_a_refused_succession_moves_nothing() -> None:
    ledger = cluster()
    owes(ledger, URAL, ALTAI, 300)
    receipt = propose(ledger)
    vote(ledger, event(receipt, BallotOpened)["ballot"], "BY", "CN", choice=Choice.NO)
    assert standing(ledger, URAL) is Standing.ADMITTED
    assert [d.remaining for d in debts_by(ledger.state, lei(URAL))] == [300]
    sound(ledger)
    late = propose(ledger)
    ledger.later(31 * DAY)
    assert late.applied and standing(ledger, URAL) is Standing.ADMITTED
    sound(ledger)


def test_a_guarantor_that_succeeds_does_not_vote() -> None:
    ledger = cluster()
    receipt = propose(ledger, successor="guarantorKZ")
    told = event(receipt, BallotOpened)
    assert lei("guarantorKZ") in told["excluded"]


# Withdrawal of a state


def withdrawal(ledger: Ledger) -> WithdrawalState:
    (found,) = (w for _, w in ledger.state.scan(WITHDRAWAL_TABLE))
    return found.state


def announce(ledger: Ledger, state: str = "BY") -> None:
    ledger.must(f"guarantor{state}", AnnounceWithdrawal(state, "as its parliament decided"))


def test_a_state_leaves_once_its_residents_and_promises_are_gone() -> None:
    ledger = cluster()
    announce(ledger)
    sound(ledger)
    ledger.must(ALTAI, ChangeHome("RU"), signers=(ALTAI, "guarantorRU"))
    party = ledger.state.get(PARTY, lei(ALTAI))
    assert party is not None and party.profile.kind is PartyKind.FOREIGN
    ledger.later(181 * DAY)
    ledger.later(1_000)
    assert withdrawal(ledger) is WithdrawalState.COMPLETE
    for name in ("guarantorBY", "issuerBY"):
        assert standing(ledger, name) is Standing.RUN_OFF
    sound(ledger)
    ledger.later(31 * DAY)
    assert standing(ledger, "guarantorBY") is Standing.CLOSED
    assert standing(ledger, ALTAI) is Standing.ADMITTED
    sound(ledger)


def test_residents_without_a_new_home_run_off_and_the_state_waits_for_them() -> None:
    ledger = cluster()
    money(ledger, ALTAI, 500)
    announce(ledger)
    ledger.later(181 * DAY)
    ledger.later(1_000)
    assert standing(ledger, ALTAI) is Standing.RUN_OFF
    assert withdrawal(ledger) is WithdrawalState.WINDING
    (record,) = (w for _, w in ledger.state.scan(WITHDRAWAL_TABLE))
    assert any(lei(ALTAI) in tie for tie in ties(ledger.state, record))
    sound(ledger)
    from contracts.currency.events import RedemptionRequested
    from contracts.currency.supply_operations import PayOutRedemption

    told = ledger.must(ALTAI, RequestRedemption("KZ", 500))
    redemption = event(told, RedemptionRequested)["redemption"]
    ledger.must("issuerKZ", PayOutRedemption(redemption, EVIDENCE))
    ledger.later(62 * DAY)
    ledger.later(31 * DAY)
    assert withdrawal(ledger) is WithdrawalState.COMPLETE
    sound(ledger)


def test_a_withdrawing_state_vouches_for_nothing_new() -> None:
    ledger = cluster()
    ledger.must("guarantorBY", PostCapacity(10_000, EVIDENCE))
    announce(ledger)
    refused = ledger.do(NEW, application(NEW, home="BY", now=ledger.time))
    assert refused.code == "STATE_WITHDRAWS"
    moved = ledger.do(URAL, ChangeHome("BY"), signers=(URAL, "guarantorBY", "guarantorKZ"))
    assert moved.code == "STATE_WITHDRAWS"
    again = ledger.do("guarantorBY", AnnounceWithdrawal("BY", "again"))
    assert again.code == "ALREADY_DECIDED"
    other = ledger.do("guarantorRU", AnnounceWithdrawal("CN", "for a friend"))
    assert other.code == "NOT_ENTITLED"


def test_a_notice_can_be_taken_back_until_it_takes_effect() -> None:
    ledger = cluster()
    announce(ledger)
    assert ledger.do("guarantorRU", CancelWithdrawal("BY", "no")).code == "NOT_ENTITLED"
    ledger.must("guarantorBY", CancelWithdrawal("BY", "a new parliament"))
    ledger.must(NEW, application(NEW, home="BY", now=ledger.time))
    assert ledger.do("guarantorBY", CancelWithdrawal("BY", "again")).code == "NOT_FOUND"
    sound(ledger)


def test_a_guarantee_of_a_withdrawing_state_is_assumed_by_another_with_consent() -> None:
    from guaranteed import cluster as secured
    from guaranteed import guarantee, issued

    ledger = secured()
    id = issued(ledger, 10_000)
    ledger.must("guarantorKZ", AnnounceWithdrawal("KZ", "as decided"))
    from guaranteed import drafted

    from contracts.guarantee.operations import IssueGuarantee

    draft = drafted(ledger, 1_000)
    assert ledger.do("guarantorKZ", IssueGuarantee(draft)).code == "STATE_WITHDRAWS"
    all_three = ("guarantorRU", "guarantorKZ", VOLGA)
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do("guarantorRU", AssumeGuarantee(id))
    poor = ledger.do("guarantorRU", AssumeGuarantee(id), signers=all_three)
    assert poor.code == "OVER_CAPACITY"
    money(ledger, "guarantorRU", 5_000)
    ledger.must("guarantorRU", PostCapacity(50_000, EVIDENCE))
    ledger.must("guarantorRU", PostCollateral(5_000))
    ledger.must("guarantorRU", AssumeGuarantee(id), signers=all_three)
    assert guarantee(ledger, id).guarantor == lei("guarantorRU")
    assert capacity_of(ledger.state, lei("guarantorKZ")).committed == 0
    sound(ledger)


# Joint ventures


def test_a_joint_venture_of_members_of_two_states_has_preferences() -> None:
    ledger = cluster(RegisterParameters(contribution=1_000, joint_venture_contribution=5_001))
    owners = (Owner(lei(URAL), "KZ", 6_000), Owner(lei(VOLGA), "RU", 4_000))
    profile = Profile(NEW, PartyKind.JOINT_VENTURE, "KZ", "KZ", owners)
    assert contribution_of(ledger.state, profile) == 501
    thin = (Owner(lei(URAL), "KZ", 8_000), Owner(lei(VOLGA), "RU", 2_000))
    for unlike in (
        Profile(NEW, PartyKind.NATIONAL, "KZ", "KZ", owners),
        Profile(NEW, PartyKind.JOINT_VENTURE, "KZ", "KZ", thin),
        Profile(
            NEW,
            PartyKind.JOINT_VENTURE,
            "KZ",
            "KZ",
            (Owner(lei(URAL), "KZ", 6_000), Owner(lei("a letter box"), "RU", 4_000)),
        ),
    ):
        assert contribution_of(ledger.state, unlike) == 1_000
    base = application(NEW, now=ledger.time)
    from contracts.register.operations import Apply

    op = Apply(profile, base.keys, base.rules)
    ledger.must(NEW, op, signers=(NEW, URAL, VOLGA))
    vote(ledger, checked(ledger, NEW), "BY", "CN", "RU")
    rich(ledger, issuerKZ=5_000)
    ledger.must(NEW, Accede(EVIDENCE, lei("issuerKZ")), signers=(NEW, "issuerKZ"))
    assert contribution(ledger, NEW) == 501
    assert preference_of(ledger.state, lei(NEW)) == 1_000
    assert preference_of(ledger.state, lei(URAL)) == 0
    sound(ledger)
