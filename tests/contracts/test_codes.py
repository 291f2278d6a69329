"""Code tables and check digits against sources that are not ours."""

from __future__ import annotations

import pycountry
import pytest
import stdnum.lei
from hypothesis import given
from hypothesis import strategies as st
from ledger_in_memory import lei

from contracts.codes import COUNTRIES, HARMONIZED, INCOTERMS, UNITS
from contracts.codes.harmonized import CHAPTERS, HEADINGS
from contracts.framework.types import Kind, lei_problem, problem_of


def test_countries_are_those_of_iso_3166() -> None:
    assert {country.alpha_2 for country in pycountry.countries} == COUNTRIES


def test_incoterms_2020_are_eleven() -> None:
    assert len(INCOTERMS) == 11 and all(len(rule) == 3 for rule in INCOTERMS)


def test_every_subheading_has_its_chapter_and_heading() -> None:
    assert len(CHAPTERS) == 96 and "77" not in CHAPTERS
    for code in HARMONIZED:
        assert len(code) == 6 and code.isdecimal() and code[:2] in CHAPTERS
        assert code[:4] in HEADINGS and code[2:4] != "00"


def test_units_have_codes_of_two_or_three_characters() -> None:
    assert all(2 <= len(code) <= 3 and code == code.upper() for code in UNITS)


@given(st.text("ABCXYZ0123456789", min_size=18, max_size=18))
def test_check_digits_agree_with_an_independent_implementation(body: str) -> None:
    for check in range(100):
        text = f"{body}{check:02}"
        assert (lei_problem(text) == "") is stdnum.lei.is_valid(text)


@given(st.text(max_size=24))
def test_no_text_is_taken_for_an_lei_that_is_none(text: str) -> None:
    if lei_problem(text) == "":
        assert stdnum.lei.is_valid(text) and len(text) == 20


@pytest.mark.parametrize("text", [lei("Ural Gear").lower(), f" {lei('Ural Gear')}"[:20], "٣" * 20])
def test_look_alikes_are_no_leis(text: str) -> None:
    assert lei_problem(text)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Kind.COUNTRY, "KZ", "XX"),
        (Kind.HS, "848210", "999999"),
        (Kind.HS, "8482109000", "84821x"),
        (Kind.UNIT, "KGM", "KG"),
        (Kind.INCOTERM, "FCA", "XYZ"),
        (Kind.TEXT, "обычный текст", "line\nbreak"),
        (Kind.TEXT, "齿轮", "evil\u202etxt"),
        (Kind.TEXT, "a b", " a"),
    ],
)
def test_a_kind_knows_its_values(kind: Kind, good: str, bad: str) -> None:
    problem = problem_of(kind)
    assert problem is not None
    assert problem(good) == "" and problem(bad) != ""
