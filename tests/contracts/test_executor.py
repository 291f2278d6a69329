"""Blocks: what is dropped, what is refused, what is recorded."""

from __future__ import annotations

import pytest
from cast import URAL, VOLGA, funded
from ledger_in_memory import CHAIN, Ledger, lei, member, new_ledger

from contracts.accounts import AVAIL
from contracts.currency.operations import Leg, Transfer
from contracts.executor import BlockInput, admit, execute_block
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.operation import Declaration
from contracts.framework.parameters import LedgerParameters
from contracts.framework.posting import balance_of
from ledger.codec import encode
from ledger.errors import STORE_CORRUPT, CodedError
from ledger.receipt import Posting
from ledger.state import State

PAY = Transfer((Leg(lei(VOLGA), 5),))


def dropped(ledger: Ledger, **more: object) -> str:
    with pytest.raises(CodedError) as caught:
        ledger.do(URAL, PAY, **more)  # type: ignore[arg-type]
    return caught.value.code.name


def test_what_fails_admission_leaves_no_trace_and_may_be_sent_again() -> None:
    ledger = funded()
    assert dropped(ledger, signers=()) == "MISSING_SIGNATURES"
    assert dropped(ledger, signers=(VOLGA,)) == "UNAUTHORISED_SIGNER"
    assert dropped(ledger, valid=500) == "TRANSACTION_EXPIRED"
    assert dropped(ledger, valid=8 * MS_PER_DAY) == "VALIDITY_TOO_LONG"
    candidate = ledger.candidate(URAL, PAY)
    stripped = candidate._replace(signers=())
    assert ledger.block(stripped).receipts == []
    assert ledger.block(candidate).receipts[0].applied


def test_an_unknown_author_is_dropped() -> None:
    ledger = funded()
    with pytest.raises(CodedError, match="UNKNOWN_PARTY"):
        ledger.do("nobody", PAY)


def test_the_last_moment_of_the_window_is_in_time() -> None:
    ledger = funded()
    assert ledger.do(URAL, PAY, valid=1_000).applied


def test_a_recorded_transaction_is_never_recorded_again() -> None:
    ledger = funded()
    candidate = ledger.candidate(URAL, PAY)
    execution = ledger.block(candidate, candidate)
    assert len(execution.receipts) == 1
    assert execution.dropped[0][1].code.name == "ALREADY_RECORDED"
    assert ledger.block(candidate).dropped[0][1].code.name == "ALREADY_RECORDED"


def test_a_refused_transaction_is_recorded_under_its_author_and_uses_its_id() -> None:
    ledger = new_ledger(member(URAL), member(VOLGA))
    candidate = ledger.candidate(URAL, PAY)
    execution = ledger.block(candidate)
    assert execution.receipts[0].code == "INSUFFICIENT_FUNDS"
    assert execution.overlay.changes() == {}
    assert [e.subject for e in execution.events] == [lei(URAL).encode()]
    assert ledger.block(candidate).dropped[0][1].code.name == "ALREADY_RECORDED"


def test_a_reference_stands_for_one_payment() -> None:
    ledger = funded()
    first = ledger.must(URAL, PAY, reference="INV-42")
    with pytest.raises(CodedError, match=r"DUPLICATE_REFERENCE.*" + first.subject.hex()):
        ledger.do(URAL, PAY, reference="INV-42")
    assert ledger.do(VOLGA, Transfer((Leg(lei(URAL), 1),)), reference="INV-42").applied


def test_a_refused_payment_may_be_repeated_under_its_reference() -> None:
    ledger = new_ledger(member(URAL), member(VOLGA))
    assert ledger.do(URAL, PAY, reference="INV-42").code == "INSUFFICIENT_FUNDS"
    assert ledger.do(URAL, PAY, reference="INV-42").code == "INSUFFICIENT_FUNDS"


def test_two_payments_in_one_block_share_one_balance() -> None:
    ledger = funded(amount=8)
    execution = ledger.block(ledger.candidate(URAL, PAY), ledger.candidate(URAL, PAY))
    assert [r.code for r in execution.receipts] == ["", "INSUFFICIENT_FUNDS"]
    assert balance_of(ledger.state, AVAIL.of(lei(URAL))) == 3


def test_execution_is_a_function_of_its_inputs() -> None:
    ledger = funded()
    candidates = [ledger.candidate(URAL, PAY) for _ in range(20)]
    block = BlockInput(CHAIN, 9, ledger.time + 5)
    one, two = (execute_block(ledger.state, block, candidates, lambda _: False) for _ in range(2))
    assert one.overlay.changes() == two.overlay.changes()
    assert [encode(r) for r in one.receipts] == [encode(r) for r in two.receipts]
    layered = execute_block(one.overlay, block._replace(height=10), (), lambda _: False)
    assert layered.overlay.changes() == {}


def test_every_sixty_fourth_posting_of_an_account_has_an_anchor() -> None:
    ledger = funded()
    anchors = []
    for _ in range(7):
        execution = ledger.block(*(ledger.candidate(URAL, PAY) for _ in range(10)))
        anchors += execution.anchors
        for anchor in execution.anchors:
            receipt = execution.receipts[anchor.position]
            found = [p for p in receipt.postings if p.account == anchor.account]
            assert isinstance(found[0], Posting) and found[0].sequence == anchor.sequence
    assert [(a.account, a.sequence) for a in anchors] == [
        (AVAIL.of(lei(URAL)), 64),
        (AVAIL.of(lei(VOLGA)), 64),
    ]


def test_admission_by_the_mempool_is_that_of_the_block() -> None:
    ledger = funded()
    admit(ledger.state, ledger.time, ledger.candidate(URAL, PAY))
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        admit(ledger.state, ledger.time, ledger.candidate(URAL, PAY, signers=()))


def _with_rule(ledger: Ledger, error: Exception) -> object:
    declaration: Declaration = Transfer.declaration
    before = declaration.transition

    def broken(ctx: object, op: object) -> None:
        before(ctx, op)  # type: ignore[arg-type]
        raise error

    declaration.transition = broken
    try:
        return execute_block(
            ledger.state,
            BlockInput(CHAIN, 9, ledger.time + 5),
            [ledger.candidate(URAL, PAY)],
            lambda _: False,
        )
    finally:
        declaration.transition = before


@pytest.mark.parametrize("error", [KeyError("x"), ZeroDivisionError(), AssertionError()])
def test_a_mistake_in_a_rule_is_recorded_and_changes_nothing(error: Exception) -> None:
    execution = _with_rule(funded(), error)
    assert execution.receipts[0].code == "DEFECT"  # type: ignore[attr-defined]
    assert execution.overlay.changes() == {}  # type: ignore[attr-defined]
    assert execution.defects[0][1] is error  # type: ignore[attr-defined]


@pytest.mark.parametrize("error", [MemoryError(), CodedError(STORE_CORRUPT, "record 7")])
def test_this_nodes_own_trouble_never_enters_a_receipt(error: Exception) -> None:
    with pytest.raises(type(error)):
        _with_rule(funded(), error)


def test_parameters_of_the_genesis_are_in_force() -> None:
    parameters = (LedgerParameters(max_validity=2_000),)
    ledger = new_ledger(member(URAL), member(VOLGA), parameters=parameters)
    assert dropped(ledger, valid=10_000) == "VALIDITY_TOO_LONG"
    assert isinstance(ledger.state, State)
