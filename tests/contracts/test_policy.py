"""Signing policies: which keys together approve what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_in_memory import key
from msgspec import structs

from ledger.errors import CodedError
from ledger.policy import (
    ANY,
    Key,
    Keyring,
    KeyStatus,
    Requirement,
    Rule,
    check_keyring,
    evaluate,
    single_key,
)


def named(name: str, role: str, **more: object) -> Key:
    entry = Key(name, role, key(name).public, 10, 100)
    return structs.replace(entry, **more)


CLERK, BOSS, VICE = named("clerk", "clerk"), named("boss", "director"), named("vice", "director")
RULES = (
    Rule("payment", (Requirement("clerk", 1),), 100, 250),
    Rule("payment", (Requirement("director", 1), Requirement(ANY, 2)), 1_000),
    Rule(ANY, (Requirement("director", 2),)),
)
RING = Keyring((CLERK, BOSS, VICE), RULES)


def verdict(op_class: str, amount: int, *names: str, time: int = 50, spent: int = 0) -> object:
    signers = {key(name).public for name in names}
    try:
        return RULES.index(evaluate(RING, op_class, amount, signers, time, spent=spent))
    except CodedError as error:
        return error.code.name


@pytest.mark.parametrize(
    ("op_class", "amount", "signers", "expected"),
    [
        ("payment", 100, ("clerk",), 0),
        ("payment", 101, ("clerk",), "MISSING_SIGNATURES"),
        ("payment", 101, ("boss",), "MISSING_SIGNATURES"),
        ("payment", 101, ("clerk", "boss"), 1),
        ("payment", 101, ("boss", "vice"), 1),
        ("payment", 1_001, ("clerk", "boss", "vice"), "OVER_POLICY_LIMIT"),
        ("keys", 0, ("clerk", "boss"), "MISSING_SIGNATURES"),
        ("keys", 0, ("boss", "vice"), 2),
        ("payment", 1, (), "MISSING_SIGNATURES"),
    ],
)
def test_the_first_rule_that_is_satisfied_approves(
    op_class: str, amount: int, signers: tuple[str, ...], expected: object
) -> None:
    assert verdict(op_class, amount, *signers) == expected


def test_a_daily_limit_counts_what_was_spent() -> None:
    assert verdict("payment", 50, "clerk", spent=200) == 0
    assert verdict("payment", 51, "clerk", spent=200) == "OVER_DAILY_LIMIT"
    assert verdict("payment", 51, "clerk", "boss", spent=200) == 1


@pytest.mark.parametrize(
    ("time", "expected"), [(9, "KEY_EXPIRED"), (10, 0), (99, 0), (100, "KEY_EXPIRED")]
)
def test_a_key_signs_within_its_period_alone(time: int, expected: object) -> None:
    assert verdict("payment", 5, "clerk", time=time) == expected


def test_a_frozen_key_is_named() -> None:
    ring = Keyring((structs.replace(CLERK, status=KeyStatus.FROZEN), BOSS, VICE), RULES)
    with pytest.raises(CodedError, match=r"KEY_FROZEN.*'clerk'"):
        evaluate(ring, "payment", 5, {CLERK.public_key}, 50)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(CodedError, match="1 more of role 'clerk', or 1 more of role 'director'"):
        evaluate(RING, "payment", 5, set(), 50)


def test_a_class_without_a_rule_is_refused() -> None:
    ring = Keyring((CLERK,), RULES[:1])
    with pytest.raises(CodedError, match="NO_POLICY_RULE"):
        evaluate(ring, "keys", None, {CLERK.public_key}, 50)


@given(st.sets(st.sampled_from(["clerk", "boss", "vice"])), st.integers(0, 2_000))
def test_more_signatures_never_approve_less(names: set[str], amount: int) -> None:
    for extra in ("clerk", "boss", "vice"):
        fewer, more = verdict("payment", amount, *names), verdict("payment", amount, *names, extra)
        if isinstance(fewer, int):
            assert isinstance(more, int)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_larger_amount_never_needs_fewer_signatures(a: int, b: int) -> None:
    low, high = sorted((a, b))
    if isinstance(verdict("payment", high, "clerk"), int):
        assert isinstance(verdict("payment", low, "clerk"), int)


@pytest.mark.parametrize(
    "ring",
    [
        Keyring((), RULES),
        Keyring((CLERK,), ()),
        Keyring((CLERK, structs.replace(BOSS, name="clerk")), RULES[:1]),
        Keyring((CLERK, structs.replace(CLERK, name="other")), RULES[:1]),
        Keyring((structs.replace(CLERK, expires=10),), RULES[:1]),
        Keyring((structs.replace(CLERK, role=ANY),), RULES[:1]),
        Keyring((CLERK, BOSS), RULES),
        Keyring((CLERK,) * 17, RULES[:1]),
    ],
)
def test_an_inconsistent_keyring_is_refused(ring: Keyring) -> None:
    with pytest.raises(CodedError, match="BAD_POLICY"):
        check_keyring(ring, "keyring")


def test_a_public_key_is_a_point_of_prime_order() -> None:
    with pytest.raises(CodedError, match="BAD_KEY"):
        check_keyring(single_key(bytes(32), expires=100), "keyring")
    check_keyring(RING, "keyring")
