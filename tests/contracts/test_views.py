"""What people read: balances, limits, to-do lists with deadlines."""

from __future__ import annotations

from cast import URAL, VOLGA, application, checked, funded
from ledger_in_memory import lei

from contracts.accounts import AVAIL
from contracts.currency.operations import AcceptRequest, Leg, RequestPayment, Transfer
from contracts.currency.views import account_head, accounts, allowances, funds, supply
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.party import Role, Standing
from contracts.register.views import keys_of, offices, open_objects, parties, record_of, to_do

NEW = "Ishim Castings"


def test_a_debtor_sees_what_to_do_and_until_when() -> None:
    ledger = funded()
    ledger.must(VOLGA, RequestPayment(lei(URAL), 5, ledger.time + 20 * MS_PER_DAY, "gears"))
    (task,) = to_do(ledger.state, lei(URAL))
    assert (task.machine, task.state, task.acting_as) == ("payment request", "issued", lei(URAL))
    assert task.due > ledger.time
    assert record_of(ledger.state, task).subject == "gears"
    assert to_do(ledger.state, lei(VOLGA)) == []
    assert len(open_objects(ledger.state, lei(VOLGA))) == 1


def test_an_office_sees_what_waits_for_it() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    (task,) = to_do(ledger.state, lei("registrar"))
    assert (task.machine, task.acting_as) == ("membership", "registrar")
    assert [t.acting_as for t in to_do(ledger.state, lei("guarantorKZ"))] == ["guarantor:KZ"]
    checked(ledger, NEW)
    assert {t.machine for t in to_do(ledger.state, lei("guarantorBY"))} == {"ballot"}


def test_done_work_leaves_every_list() -> None:
    ledger = funded()
    ledger.must(VOLGA, RequestPayment(lei(URAL), 5, ledger.time + 20 * MS_PER_DAY, "gears"))
    ledger.later(11 * MS_PER_DAY)
    assert open_objects(ledger.state, lei(URAL)) == []


def test_a_statement_starts_at_the_newest_posting() -> None:
    ledger = funded(amount=1_000)
    ledger.must(URAL, Transfer((Leg(lei(VOLGA), 400),)))
    head = account_head(ledger.state, AVAIL.of(lei(URAL)), "SCU")
    assert (head.balance, head.postings, head.newest) == (600, 2, (ledger.height, 0))
    assert account_head(ledger.state, AVAIL.of(lei("nobody")), "SCU").postings == 0
    assert [h.account for h in accounts(ledger.state, lei(URAL))] == [head.account]
    assert funds(ledger.state, lei(URAL)).spendable == 600


def test_the_supply_shows_each_states_reserve() -> None:
    ledger = funded(amount=1_000)
    (row,) = supply(ledger.state)
    assert (row.country, row.reserve, row.outstanding) == ("KZ", 10_000_000, 1_000)
    assert row.free == row.reserve - row.outstanding


def test_a_debt_moves_with_its_state() -> None:
    ledger = funded()
    receipt = ledger.must(VOLGA, RequestPayment(lei(URAL), 5, ledger.time + MS_PER_DAY, "x"))
    ledger.must(URAL, AcceptRequest(receipt.events[0][1]))
    (task,) = to_do(ledger.state, lei(URAL))
    assert task.state == "accepted"


def test_the_register_lists_parties_offices_and_keys() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    assert [p.lei for p in parties(ledger.state, Standing.APPLIED)] == [lei(NEW)]
    held = {(o.role, o.scope) for o in offices(ledger.state)}
    assert (Role.REGISTRAR, "") in held and (Role.ISSUER, "KZ") in held
    (report,) = keys_of(ledger.state, lei(URAL), ledger.time)
    assert report.usable and report.days_left == 999
    assert keys_of(ledger.state, lei("nobody"), ledger.time) == []
    (allowance,) = allowances(ledger.state, lei(URAL), "payment", ledger.time)
    assert allowance.left_today is None
