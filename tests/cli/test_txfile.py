"""A transaction file shows what it signs, and one that does not is refused."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import txfile
from ledger.errors import CodedError
from ledger.keys import PrivateKey
from ledger.transaction import PlainOperation, Transaction, signing_bytes

CHAIN = bytes(range(32))
AUTHOR = "529900T8BM49AURSDO55"
CLERK, DIRECTOR = PrivateKey(b"c" * 32), PrivateKey(b"d" * 32)


def describe(operation: PlainOperation) -> dict[str, Any]:
    return {"operation": operation[0], "values": list(operation[1:])}


def sample(reference: str = "INV-42", amount: int = 150_000) -> txfile.TransactionFile:
    operation = ("currency.Transfer", ((AUTHOR, amount),))
    return txfile.build(
        "test", Transaction(CHAIN, AUTHOR, (operation,), 1_790_000_000_000, reference)
    )


def signed_by(file: txfile.TransactionFile, *keys: PrivateKey) -> txfile.TransactionFile:
    for key in keys:
        signature = key.sign(signing_bytes(CHAIN, file.signed.content))
        file = file.with_signature(key.public, signature)
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "payment.tx"
    txfile.save(path, signed_by(sample(), CLERK), describe)
    return path


def edit(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(document))


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(CodedError) as error:
        txfile.load(path, describe, **options)
    return error.value.code.name


def test_what_was_saved_is_loaded(path: Path) -> None:
    assert txfile.load(path, describe, chain_id=CHAIN) == signed_by(sample(), CLERK)


def test_it_can_be_read_by_a_person(path: Path) -> None:
    document = json.loads(path.read_text())
    assert document["decoded"]["valid_until"] == "2026-09-21T14:13:20.000Z"
    assert document["decoded"]["reference"] == "INV-42"
    assert document["decoded"]["operations"][0]["operation"] == "currency.Transfer"


def test_signatures_do_not_change_the_id() -> None:
    assert signed_by(sample(), CLERK).id == sample().id == signed_by(sample(), DIRECTOR).id


def test_signatures_made_apart_are_combined() -> None:
    one, two = signed_by(sample(), CLERK), signed_by(sample(), DIRECTOR)
    both = one.combined([two, one])
    assert both == two.combined([one])
    assert both.signers == tuple(sorted([CLERK.public, DIRECTOR.public]))


def test_files_of_different_transactions_are_not_combined() -> None:
    with pytest.raises(CodedError) as error:
        sample().combined([sample("INV-43")])
    assert error.value.code.name == "BAD_TRANSACTION_FILE"


def test_a_signature_over_other_content_is_refused() -> None:
    signature = CLERK.sign(signing_bytes(CHAIN, sample("INV-43").signed.content))
    with pytest.raises(CodedError) as error:
        sample().with_signature(CLERK.public, signature)
    assert error.value.code.name == "BAD_SIGNATURE"


def test_a_file_that_shows_another_amount_than_it_signs_is_refused(path: Path) -> None:
    document = json.loads(path.read_text())
    document["decoded"]["operations"][0]["values"][0][0][1] = 1
    path.write_text(json.dumps(document))
    assert refused(path) == "BAD_TRANSACTION_FILE"


def test_a_file_with_exchanged_content_is_refused(path: Path) -> None:
    edit(path, content=sample("INV-43").signed.content.hex())
    assert refused(path) == "BAD_TRANSACTION_FILE"


def test_a_file_with_exchanged_content_and_words_is_refused_for_its_id(path: Path) -> None:
    other = sample("INV-43").to_json(describe)
    edit(path, content=other["content"], decoded=other["decoded"])
    assert refused(path) == "BAD_TRANSACTION_FILE"


def test_a_signature_that_does_not_fit_is_refused(path: Path) -> None:
    edit(path, signatures=[{"key": DIRECTOR.public.hex(), "signature": "00" * 64}])
    assert refused(path) == "BAD_SIGNATURE"


def test_a_file_of_another_ledger_is_told_apart(path: Path) -> None:
    assert refused(path, chain_id=bytes(32)) == "WRONG_CHAIN"


def test_a_file_relabelled_to_another_ledger_is_told_apart(path: Path) -> None:
    edit(path, chain_id="00" * 32)
    assert refused(path) == "WRONG_CHAIN"


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "other"},
        {"version": 2},
        {"extra": 1},
        {"network": 5},
        {"content": "zz"},
        {"signatures": {}},
        {"signatures": [[]]},
        {"id": None},
        {"decoded": None},
        {"chain_id": 5},
    ],
)
def test_a_damaged_field_is_refused_with_a_code(path: Path, changes: dict[str, Any]) -> None:
    edit(path, **changes)
    assert refused(path) in {"BAD_TRANSACTION_FILE", "MALFORMED"}


def test_a_missing_file_is_told_apart(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == "FILE_MISSING"


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_arbitrary_bytes_are_refused_with_a_code(raw: bytes) -> None:
    with pytest.raises(CodedError):
        txfile.parse(raw, describe)


@given(
    reference=st.text(max_size=20).filter(lambda text: unicodedata.is_normalized("NFC", text)),
    valid_until=st.integers(0, 2**63 - 1),
    salt=st.binary(min_size=8, max_size=8),
)
@settings(max_examples=60)
def test_every_transaction_survives_its_file(reference: str, valid_until: int, salt: bytes) -> None:
    transaction = Transaction(CHAIN, AUTHOR, (("x.Y", 1, b"\1"),), valid_until, reference, salt)
    file = signed_by(txfile.build("test", transaction), CLERK)
    raw = json.dumps(file.to_json(_hexed)).encode()
    assert txfile.parse(raw, _hexed) == file


def _hexed(operation: PlainOperation) -> dict[str, Any]:
    return {"values": [v.hex() if isinstance(v, bytes) else v for v in operation]}
