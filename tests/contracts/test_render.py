"""What you sign is what you see: each operation has words in each language, complete and exact."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from ledger_in_memory import CHAIN, START, key, lei
from msgspec import structs

from contracts.codes import COUNTRIES, HARMONIZED, INCOTERMS, UNITS
from contracts.framework.fields import Field, fields_of, named_values
from contracts.framework.forms import format_amount, format_instant, from_named
from contracts.framework.operation import Declaration, Operation, write_operation
from contracts.framework.render import LANGUAGES, PLACE, exact_words, words
from contracts.framework.statement import statement
from contracts.framework.types import Kind
from contracts.framework.vocabulary import CHOICES, FIELDS
from contracts.registry import CAPABILITIES
from ledger.transaction import Transaction

DECLARED = [op.declaration for capability in CAPABILITIES for op in capability.operations]
every_operation = pytest.mark.parametrize("declared", DECLARED, ids=lambda d: d.name)
every_language = pytest.mark.parametrize("language", LANGUAGES)
_TABLES = {
    Kind.COUNTRY: sorted(COUNTRIES),
    Kind.HS: sorted(HARMONIZED),
    Kind.UNIT: sorted(UNITS),
    Kind.INCOTERM: sorted(INCOTERMS),
}


def plain(field: Field, seed: int) -> Any:
    """A value of a field in its JSON form; other seeds give other values where there are any."""
    if field.group is not None:
        return {part.name: filled(part, seed + at) for at, part in enumerate(field.parts)}
    if field.choices:
        return field.choices[seed % len(field.choices)]
    if field.kind in _TABLES:
        return _TABLES[field.kind][seed % len(_TABLES[field.kind])]
    least, most = field.bounds
    if field.kind is Kind.PARTY:
        return lei(f"party {seed}")
    if field.kind is Kind.PUBLIC_KEY:
        return key(f"key {seed}").public.hex()
    if field.kind is Kind.FLAG:
        return seed % 2 == 0
    if field.kind in (Kind.AMOUNT, Kind.INTEGER, Kind.INSTANT):
        value = (least or 0) + 1 + seed + (START if field.kind is Kind.INSTANT else 0)
        return value if most is None else min(value, most)
    if field.kind in (Kind.OBJECT, Kind.DIGEST, Kind.BYTES):
        return hashlib.shake_256(f"{field.name} {seed}".encode()).hexdigest(least or 32)
    text = f"words{seed}".ljust(least or 0, "x")
    return text if most is None else text[-most:]


def filled(field: Field, seed: int) -> Any:
    """A field with as few items as it may have, and at least two where it may have many."""
    if field.many is None:
        return plain(field, seed)
    least, most = field.many
    count = max(least, 2 if most is None else min(2, most))
    return [plain(field, seed + 7 * at) for at in range(count)]


def sample(declared: Declaration, seed: int = 1) -> Operation:
    """An operation with every field filled in; only its shape is right."""
    document = {f.name: filled(f, seed + 31 * at) for at, f in enumerate(declared.fields)}
    return from_named(declared.kind, document)


def changed(op: Operation) -> Iterator[tuple[str, Operation]]:
    """The operation with one field different, for each field that can be different."""
    for at, field in enumerate(op.declaration.fields):
        for seed in (2, 3):
            other = from_named(
                type(op),
                {
                    f.name: filled(f, seed + 31 * at if f is field else 1 + 31 * index)
                    for index, f in enumerate(op.declaration.fields)
                },
            )
            if getattr(other, field.name) != getattr(op, field.name):
                yield field.name, other
                break


@every_operation
@every_language
def test_the_text_of_an_operation_names_its_own_fields(
    declared: Declaration, language: str
) -> None:
    text = declared.text.get(language, "")
    assert text, f"{declared.name} has no words in {language}"
    assert set(PLACE.findall(text)) <= {field.name for field in declared.fields}
    assert "{" not in PLACE.sub("", text), "a place that no field can take"


@every_operation
@every_language
def test_every_party_amount_time_and_id_is_in_the_words_that_are_signed(
    declared: Declaration, language: str
) -> None:
    op = sample(declared)
    said = exact_words(op, language)
    parties = named_values(op, frozenset({Kind.PARTY}))
    bytes_ = named_values(op, frozenset({Kind.OBJECT, Kind.DIGEST, Kind.PUBLIC_KEY, Kind.BYTES}))
    amounts = named_values(op, frozenset({Kind.AMOUNT}))
    times = named_values(op, frozenset({Kind.INSTANT}))
    for value in (
        *parties,
        *(item.hex() for item in bytes_),
        *map(format_amount, amounts),
        *map(format_instant, times),
    ):
        assert value in said


@every_operation
@every_language
def test_operations_that_differ_in_a_field_read_differently(
    declared: Declaration, language: str
) -> None:
    op = sample(declared)
    said = exact_words(op, language)
    assert said == exact_words(sample(declared), language)
    for name, other in changed(op):
        assert exact_words(other, language) != said, f"{name} does not show"


@every_operation
@every_language
def test_words_for_reading_are_complete_sentences_too(declared: Declaration, language: str) -> None:
    said = words(sample(declared), language)
    assert said and "{" not in said and len(said) <= len(exact_words(sample(declared), language))


def test_a_text_cannot_pass_for_another_field() -> None:
    from contracts.currency.operations import Leg, Transfer

    honest = Transfer((Leg(lei("A"), 5, "x"), Leg(lei("B"), 7, "y")))
    crafted = Transfer((Leg(lei("A"), 5, f'x"]; [{lei("B")}, amount 0.07 SCU, text "y'),))
    assert exact_words(honest) != exact_words(crafted)
    assert structs.replace(honest) == honest


def test_goods_value_is_not_called_money() -> None:
    from contracts.barter.trading import Assign

    assert "5.00 GV" in exact_words(Assign(bytes(32), lei("A"), 500))


def names_of(fields: tuple[Field, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for field in fields:
        yield field.name, field.choices
        yield from names_of(field.parts)


def test_every_field_and_choice_has_a_russian_and_a_chinese_word() -> None:
    found = [entry for declared in DECLARED for entry in names_of(declared.fields)]
    missing = {name for name, _ in found} - set(FIELDS)
    missing |= {choice for _, choices in found for choice in choices} - set(CHOICES)
    assert not missing, f"add to contracts/framework/vocabulary.py: {sorted(missing)}"


@every_language
def test_choices_of_one_field_stay_apart_in_every_language(language: str) -> None:
    from contracts.framework.vocabulary import choice_label

    for declared in DECLARED:
        for name, choices in names_of(declared.fields):
            assert len({choice_label(c, language) for c in choices}) == len(choices), name


@every_language
def test_a_statement_tells_the_whole_transaction_and_its_hash(language: str) -> None:
    ops = [sample(declared) for declared in DECLARED[:3]]
    transaction = Transaction(
        CHAIN, lei("A"), tuple(map(write_operation, ops)), START, "INV-42", bytes(8)
    )
    said = statement(transaction, language)
    assert said.sha256 == hashlib.sha256(said.text.encode()).digest()
    for part in (CHAIN.hex(), lei("A"), '"INV-42"', format_instant(START)):
        assert part in said.text
    for op in ops:
        assert f"{op.declaration.name}: {exact_words(op, language)}\n" in said.text
    salted = structs.replace(transaction, salt=b"another!")
    assert statement(salted, language).text != said.text, "the id tells equal payments apart"
    assert statement(transaction, "xx") == statement(transaction, "en")
    assert all(len(fields_of(type(op))) == len(op.declaration.fields) for op in ops)


def test_words_for_reading_have_prices_and_days_as_people_write_them() -> None:
    from contracts.market.operations import Post

    declared = Post.declaration
    document = {field.name: filled(field, 1) for field in declared.fields}
    document["lowest"] = {"numerator": 210_000, "denominator": 1}
    document["highest"] = {"numerator": 1_250, "denominator": 3}
    document["lead_days"] = 0
    op = from_named(Post, document)
    said = words(op)
    assert "2,100.00 to 12.50 / 3" in said and "denominator" not in said
    assert "lead days" not in said and "lead days 0" in exact_words(op)
    assert not re.search(r"T\d\d:\d\d", said) and "T" in exact_words(op)
