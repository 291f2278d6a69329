"""What people ask about conduct and leaving is answered from the state."""

from __future__ import annotations

from cast import URAL, VOLGA
from conduct import DAY, ahead, attested, cluster, excluded, owes, plan, red_twice, rich
from ledger_in_memory import event, lei

from contracts.register.appeals import AppealExclusion
from contracts.register.conduct_records import Ground
from contracts.register.conduct_views import (
    appeal_of,
    findings_of,
    losses,
    programmes_of,
    run_off_of,
    successions,
    withdrawals,
)
from contracts.register.deviation import Level
from contracts.register.events import AppealMoved
from contracts.register.findings import OpenFinding
from contracts.register.operations import Leave
from contracts.register.withdrawal import AnnounceWithdrawal


def test_programmes_and_findings_are_listed_newest_first() -> None:
    ledger = cluster()
    last = red_twice(ledger)
    plan(ledger, ahead(2))
    attested(ledger, ahead(2), 100, 50)
    ledger.must("registrar", OpenFinding(lei(URAL), Ground.RED, last, "far off"))
    levels = [p.level for p in programmes_of(ledger.state, lei(URAL))]
    assert levels == [Level.GREEN, Level.RED, Level.RED]
    (finding,) = findings_of(ledger.state, lei(URAL))
    assert finding.quarter == last
    assert findings_of(ledger.state, lei(VOLGA)) == []


def test_a_run_off_tells_what_is_left_and_when_losses_are_shared() -> None:
    ledger = cluster()
    rich(ledger, guarantorKZ=1_000, Ural_Gear=70)
    assert run_off_of(ledger.state, lei(URAL)) is None
    owes(ledger, URAL, VOLGA, 600, days=1)
    owes(ledger, VOLGA, URAL, 50, days=300)
    ledger.must(URAL, Leave())
    told = run_off_of(ledger.state, lei(URAL))
    assert told is not None
    assert (told.money, told.owes, told.is_owed, told.losses) == (70, 600, 50, ())
    assert told.losses_from == told.began + 180 * DAY
    for _ in range(8):
        ledger.later(31 * DAY)
    (loss,) = losses(ledger.state)
    after = run_off_of(ledger.state, lei(URAL))
    assert after is not None and after.losses == (loss,)
    assert loss.guarantor_paid == 600 - 70 - 50 and loss.loss == 0


def test_appeals_and_withdrawals_tell_what_they_wait_for() -> None:
    ledger = cluster()
    excluded(ledger)
    assert appeal_of(ledger.state, lei(URAL)) is None
    made = event(ledger.must(URAL, AppealExclusion("delivered")), AppealMoved)
    appeal = appeal_of(ledger.state, lei(URAL))
    assert appeal is not None and appeal.id == made["appeal"]
    ledger.must("guarantorRU", AnnounceWithdrawal("RU", "as decided"))
    (report,) = withdrawals(ledger.state)
    assert report.residents == (lei(VOLGA),)
    assert report.ties == (f"{lei(VOLGA)} is admitted",)
    assert list(successions(ledger.state)) == []
