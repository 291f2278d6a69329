"""Forms: typed text and JSON become operations, and operations become words."""

from __future__ import annotations

import contextlib

import pytest
from cast import EVIDENCE, URAL, VOLGA, application
from hypothesis import given
from hypothesis import strategies as st
from ledger_in_memory import START, lei

from contracts.currency.operations import Leg, OpenEscrow, RequestPayment, Transfer
from contracts.framework import forms
from contracts.framework.operation import Operation, declarations
from contracts.framework.render import form_lines, words
from contracts.framework.schema import operation_schema
from contracts.register.key_operations import AddKey
from contracts.register.operations import CheckApplication
from ledger.errors import CodedError

NAMES = {URAL: lei(URAL), VOLGA: lei(VOLGA)}
OPERATIONS: list[Operation] = [
    Transfer((Leg(lei(VOLGA), 5, "INV-42"), Leg(lei(URAL), 7))),
    OpenEscrow(lei(VOLGA), 5, lei(URAL), "delivered", START, EVIDENCE),
    RequestPayment(lei(VOLGA), 5, START, "gears"),
    application(URAL, now=START),
    CheckApplication(lei(URAL), True),
    AddKey(application(URAL, now=START).keys[0]),
]


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: type(op).__name__)
def test_the_json_form_goes_there_and_back(op: Operation) -> None:
    assert forms.operation_from_named(forms.operation_to_named(op)) == op


def test_typed_text_becomes_an_operation() -> None:
    op = forms.operation_from_text(
        {
            "operation": "currency.Transfer",
            "legs": [{"payee": VOLGA, "amount": "1 500.00", "text": "INV-42"}],
        },
        names=NAMES.get,
    )
    assert op == Transfer((Leg(lei(VOLGA), 150_000, "INV-42"),))


def test_words_say_what_is_signed() -> None:
    op = Transfer((Leg(lei(VOLGA), 150_000, "INV-42"),))
    names = {v: k for k, v in NAMES.items()}
    expected = "Pay Volga Bearings, amount 1,500.00 SCU, text INV-42"
    assert words(op, names=names.get) == expected
    assert words(op, "ru").startswith("Заплатить") and words(op, "zh").startswith("支付")


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: type(op).__name__)
@pytest.mark.parametrize("language", ["en", "ru", "zh", "xx"])
def test_every_operation_has_words_in_every_language(op: Operation, language: str) -> None:
    assert "{" not in words(op, language)
    assert len(form_lines(op, language)) == len(op.declaration.fields)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1500", 150_000), ("1500.5", 150_050), ("1500.00 SCU", 150_000), ("1 500 000", 150_000_000),
     ("1,500.00", 150_000), ("0.01", 1)],
)  # fmt: skip
def test_amounts_are_read_as_people_write_them(text: str, amount: int) -> None:
    assert forms.parse_amount(text) == amount


@pytest.mark.parametrize("text", ["1,500", "1.234", "-5", "5e3", "", "1,50", "12,34.00", "½", "٣"])
def test_ambiguous_amounts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"1500\.00"):
        forms.parse_amount(text)


@given(st.integers(0, 2**63 - 1))
def test_amounts_are_read_back_as_they_are_shown(amount: int) -> None:
    assert forms.parse_amount(forms.format_amount(amount)) == amount


@given(st.integers(0, 200_000_000_000_000))
def test_times_are_read_back_as_they_are_shown(time: int) -> None:
    assert forms.parse_instant(forms.format_instant(time)) == time


def test_a_date_means_its_last_moment_and_offsets_count() -> None:
    assert forms.parse_instant("1970-01-01") == 86_400_000 - 1
    assert forms.parse_instant("1970-01-01T03:00+03:00") == 0
    assert forms.parse_instant("1970-01-01T00:00:01Z") == 1_000


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"operation": "currency.Transfer"}, "legs"),
        ({"operation": "currency.Transfer", "legs": []}, "legs"),
        ({"operation": "currency.Transfer", "legs": [{"payee": lei(URAL)}]}, "legs[0].amount"),
        (
            {"operation": "currency.Transfer", "legs": [{"payee": lei(URAL), "amount": 0}]},
            "legs[0].amount",
        ),
        (
            {"operation": "currency.Transfer", "legs": [{"payee": "x" * 20, "amount": 1}]},
            "legs[0].payee",
        ),
        (
            {"operation": "currency.Transfer", "legs": [{"payee": lei(URAL), "amount": 1.5}]},
            "legs[0].amount",
        ),
        ({"operation": "currency.Transfer", "legs": [], "tip": 1}, "tip"),
        ({"operation": "currency.ReleaseEscrow", "escrow": "zz"}, "escrow"),
    ],
)
def test_a_wrong_field_is_named(document: object, field: str) -> None:
    with pytest.raises(CodedError) as caught:
        forms.operation_from_named(document)
    assert caught.value.field == field


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
                    lambda x: st.lists(x, max_size=3)
                    | st.dictionaries(st.sampled_from(["operation", "legs", "payee", "amount"]), x),
                    max_leaves=10), st.sampled_from(sorted(declarations())))  # fmt: skip
def test_arbitrary_json_gets_a_code(document: object, name: str) -> None:
    if isinstance(document, dict):
        document = {**document, "operation": name}
    for read in (forms.operation_from_named, forms.operation_from_text):
        with contextlib.suppress(CodedError):
            read(document)


@pytest.mark.parametrize("name", sorted(declarations()))
def test_every_operation_has_a_schema_of_its_own_fields(name: str) -> None:
    declaration = declarations()[name]
    schema = operation_schema(declaration)
    assert set(schema["properties"]) == {"operation", *(f.name for f in declaration.fields)}
    assert set(schema["required"]) <= set(schema["properties"])
    assert schema["description"]
