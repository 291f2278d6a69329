"""The application's genesis: readable, exact, and refused when it contradicts itself."""

from __future__ import annotations

import json

import pytest
from cast import URAL, violations
from hypothesis import given
from hypothesis import strategies as st
from ledger_in_memory import CALENDAR, START, institutions, member, new_ledger
from msgspec import structs

from contracts.framework.calendar import Calendar, after_business_days, after_days, day_of
from contracts.framework.party import Office, Role
from contracts.genesis import (
    ApplicationGenesis,
    GenesisParty,
    application_genesis,
    found,
    from_json,
    read_application,
    to_json,
)
from contracts.register.records import RegisterParameters
from ledger.codec import encode
from ledger.errors import CodedError

GENESIS = new_ledger(member(URAL), parameters=(RegisterParameters(contribution=7),)).genesis


def test_readable_json_goes_there_and_back() -> None:
    text = json.dumps(to_json(GENESIS))
    assert from_json(json.loads(text)) == GENESIS
    assert read_application(encode(GENESIS)) == GENESIS


def test_the_first_state_has_no_money_and_no_violations() -> None:
    ledger = new_ledger(member(URAL))
    assert violations(ledger.state) == []
    assert not any(key.startswith(b"balance/") for key in found(GENESIS, START).changes())


def refused(genesis: ApplicationGenesis) -> CodedError:
    with pytest.raises(CodedError) as caught:
        found(genesis, START)
    assert caught.value.code.name == "BAD_GENESIS"
    return caught.value


def with_party(party: GenesisParty) -> ApplicationGenesis:
    return application_genesis(CALENDAR, (*institutions(), party))


def test_contradictions_are_refused_and_named() -> None:
    good = member(URAL)
    refused(structs.replace(GENESIS, code_tables="1999"))
    refused(structs.replace(GENESIS, parameters=(("nobody.Parameters", 1),)))
    refused(structs.replace(GENESIS, parameters=GENESIS.parameters * 2))
    refused(application_genesis(CALENDAR, (good,)))
    twice = refused(application_genesis(CALENDAR, (*institutions(), good, good)))
    assert twice.field.startswith("parties[")
    second = member(URAL, offices=(Office(Role.ISSUER, "KZ"),))
    assert "issuer:KZ" in refused(with_party(second)).message
    refused(with_party(member(URAL, "DE")))
    refused(with_party(structs.replace(good, lei="A" * 20)))
    refused(with_party(structs.replace(good, rules=())))
    refused(application_genesis(structs.replace(CALENDAR, holidays=(9, 3)), ()))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_genesis(data: bytes) -> None:
    with pytest.raises(CodedError):
        read_application(data)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x)
                    | st.dictionaries(st.sampled_from(["code_tables", "calendar", "parameters",
                                                       "parties"]), x), max_leaves=8))  # fmt: skip
def test_arbitrary_json_is_no_genesis(document: object) -> None:
    with pytest.raises(CodedError):
        from_json(document)


# The calendar that the genesis pins


@given(st.integers(0, 30_000), st.integers(1, 60))
def test_business_days_are_counted_one_by_one(day: int, count: int) -> None:
    calendar = Calendar("t", (5, 6), (100, 101, 20_000), 60_000)
    due = after_business_days(calendar, day * 86_400_000 + 5, count)
    last = day_of(due)
    assert calendar.is_business_day(last)
    assert sum(calendar.is_business_day(d) for d in range(day + 1, last + 1)) == count
    assert (due + 1) % 86_400_000 == 0


def test_weekends_and_holidays_do_not_count() -> None:
    friday = 20_504 * 86_400_000
    assert day_of(after_business_days(CALENDAR, friday, 1)) == 20_508  # Monday is a holiday
    assert day_of(after_days(friday, 1)) == 20_505


def test_a_day_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(CodedError, match="OUT_OF_CALENDAR"):
        after_business_days(CALENDAR, 39_999 * 86_400_000, 5)
