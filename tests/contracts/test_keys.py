"""Keys: rotation, freezing, recovery, expiry."""

from __future__ import annotations

import pytest
from cast import URAL, VOLGA, funded, violations, vote
from ledger_in_memory import Ledger, event, key, lei, member, named_key, new_ledger
from msgspec import structs

from contracts.currency.supply_operations import RequestIssue
from contracts.framework.ballot import BallotOpened
from contracts.framework.calendar import MS_PER_DAY, MS_PER_HOUR
from contracts.framework.party import KEYRING
from contracts.register.events import KeyExpired, KeyExpiring, RecoveryProposed
from contracts.register.key_operations import (
    AddKey,
    ChangePolicy,
    FreezeKeys,
    ProposeRescue,
    RecoverKeys,
    RevokeKey,
    RotateKey,
    VetoRecovery,
)
from ledger.errors import CodedError
from ledger.policy import ANY, Key, Keyring, Requirement, Rule

ASK = RequestIssue("KZ", 5)
OFFICIALS = ("registrar", "guarantorKZ")


def company() -> Ledger:
    keys = (
        named_key("boss"),
        named_key("deputy"),
        named_key("officer1", "officer"),
        named_key("officer2", "officer"),
    )
    return new_ledger(member(URAL, keys=keys), member(VOLGA))


def keyring(ledger: Ledger) -> Keyring:
    found = ledger.state.get(KEYRING, lei(URAL))
    assert found is not None
    return found


def code(ledger: Ledger, *ops: object, signers: tuple[str, ...]) -> str:
    try:
        return ledger.do(URAL, *ops, signers=signers).code  # type: ignore[arg-type]
    except CodedError as error:
        return error.code.name


def fresh(ledger: Ledger, name: str, role: str = "director", days: int = 1_000) -> Key:
    return named_key(name, role, now=ledger.time, days=days)


def test_a_key_is_rotated_by_the_old_and_the_new_key() -> None:
    ledger = company()
    op = RotateKey("boss", key("boss2").public, ledger.time + 900 * MS_PER_DAY)
    assert code(ledger, op, signers=("boss",)) == "MISSING_SIGNATURES"
    assert code(ledger, op, signers=("boss2",)) == "MISSING_SIGNATURES"
    assert code(ledger, op, signers=("boss2", "deputy")) == "MISSING_SIGNATURES"
    assert code(ledger, op, signers=("boss", "boss2")) == ""
    assert code(ledger, ASK, signers=("boss",)) == "UNAUTHORISED_SIGNER"
    assert code(ledger, ASK, signers=("boss2",)) == ""
    assert violations(ledger.state) == []


def test_a_rotated_key_never_returns() -> None:
    ledger = company()
    expires = ledger.time + 900 * MS_PER_DAY
    op = RotateKey("boss", key("boss2").public, expires)
    assert code(ledger, op, signers=("boss", "boss2")) == ""
    back = RotateKey("boss", key("boss").public, expires)
    assert code(ledger, back, signers=("boss", "boss2")) == "KEY_IN_USE"


@pytest.mark.parametrize("days", [0, 2, 1_096])
def test_a_key_is_valid_for_a_lawful_period(days: int) -> None:
    ledger = company()
    op = RotateKey("boss", key("boss2").public, ledger.time + days * MS_PER_DAY + 2_000)
    assert code(ledger, op, signers=("boss", "boss2")) == "BAD_POLICY"


def test_keys_are_added_and_removed_within_a_policy_that_stays_possible() -> None:
    ledger = company()
    new = fresh(ledger, "third")
    assert code(ledger, AddKey(new), signers=("boss", "third")) == ""
    assert code(ledger, AddKey(fresh(ledger, "third")), signers=("boss", "third")) in (
        "KEY_NAME_TAKEN",
        "KEY_IN_USE",
    )
    for name in ("third", "deputy"):
        assert code(ledger, RevokeKey(name), signers=("boss",)) == ""
    assert code(ledger, RevokeKey("boss"), signers=("boss",)) == "BAD_POLICY"
    assert code(ledger, RevokeKey("nobody"), signers=("boss",)) == "UNKNOWN_KEY"


def test_a_policy_changes_only_to_what_its_keys_can_satisfy() -> None:
    ledger = company()
    impossible = (Rule(ANY, (Requirement("director", 3),)),)
    assert code(ledger, ChangePolicy(impossible), signers=("boss",)) == "BAD_POLICY"
    pair = (Rule(ANY, (Requirement("director", 2),)),)
    assert code(ledger, ChangePolicy(pair), signers=("boss",)) == ""
    assert code(ledger, ASK, signers=("boss",)) == "MISSING_SIGNATURES"
    assert code(ledger, ASK, signers=("boss", "deputy")) == ""


@pytest.mark.parametrize("by", ["boss", "deputy", "officer1"])
def test_any_key_of_the_member_freezes_at_once(by: str) -> None:
    ledger = company()
    assert code(ledger, FreezeKeys(), signers=(by,)) == ""
    for name in ("boss", "deputy"):
        assert code(ledger, ASK, signers=(name,)) == "KEY_FROZEN"
    assert code(ledger, FreezeKeys(), signers=("boss",)) == "KEY_FROZEN"
    assert violations(ledger.state) == []


def test_a_stranger_freezes_nothing() -> None:
    ledger = company()
    assert code(ledger, FreezeKeys(), signers=(VOLGA,)) == "MISSING_SIGNATURES"
    assert code(ledger, FreezeKeys(), signers=("boss", VOLGA)) == "UNAUTHORISED_SIGNER"


def recovery(ledger: Ledger, name: str = "newboss") -> RecoverKeys:
    rules = (Rule(ANY, (Requirement("director", 1),)),)
    return RecoverKeys((fresh(ledger, name),), rules, "the safe burnt")


SIGNERS = ("newboss", "officer1", "officer2", *OFFICIALS)


def test_lost_keys_are_recovered_after_72_hours() -> None:
    ledger = company()
    ledger.must(URAL, recovery(ledger), signers=SIGNERS)
    ledger.later(71 * MS_PER_HOUR)
    assert code(ledger, ASK, signers=("boss",)) == ""
    ledger.later(2 * MS_PER_HOUR)
    assert code(ledger, ASK, signers=("boss",)) == "UNAUTHORISED_SIGNER"
    assert code(ledger, ASK, signers=("newboss",)) == ""
    assert violations(ledger.state) == []


@pytest.mark.parametrize("missing", SIGNERS)
def test_a_recovery_needs_every_one_of_its_signatures(missing: str) -> None:
    ledger = company()
    signers = tuple(s for s in SIGNERS if s != missing)
    assert code(ledger, recovery(ledger), signers=signers) == "MISSING_SIGNATURES"


@pytest.mark.parametrize("by", ["boss", "deputy", "officer1"])
def test_any_registered_key_vetoes_a_recovery(by: str) -> None:
    ledger = company()
    receipt = ledger.must(URAL, recovery(ledger), signers=SIGNERS)
    found = event(receipt, RecoveryProposed)["recovery"]
    assert ledger.do(VOLGA, VetoRecovery(found)).code == "NOT_ENTITLED"
    assert code(ledger, VetoRecovery(found), signers=(by,)) == ""
    ledger.later(80 * MS_PER_HOUR)
    assert code(ledger, ASK, signers=("boss",)) == ""
    assert code(ledger, VetoRecovery(found), signers=(by,)) == "WRONG_STATE"
    assert violations(ledger.state) == []


def test_one_recovery_waits_at_a_time() -> None:
    ledger = company()
    ledger.must(URAL, recovery(ledger), signers=SIGNERS)
    again = recovery(ledger, "another")
    assert code(ledger, again, signers=("another", *SIGNERS[1:])) == "RECOVERY_OPEN"


def test_frozen_keys_are_recovered_by_officers() -> None:
    ledger = company()
    assert code(ledger, FreezeKeys(), signers=("boss",)) == ""
    ledger.must(URAL, recovery(ledger), signers=SIGNERS)
    ledger.later(73 * MS_PER_HOUR)
    assert code(ledger, ASK, signers=("newboss",)) == ""


def test_a_frozen_key_does_not_veto() -> None:
    ledger = company()
    assert code(ledger, FreezeKeys(("boss",)), signers=("deputy",)) == ""
    receipt = ledger.must(URAL, recovery(ledger), signers=SIGNERS)
    found = event(receipt, RecoveryProposed)["recovery"]
    assert code(ledger, VetoRecovery(found), signers=("boss",)) == "KEY_FROZEN"


def test_the_council_rescues_a_member_without_officers() -> None:
    ledger = funded()
    rules = (Rule(ANY, (Requirement("director", 1),)),)
    op = ProposeRescue(lei(URAL), (fresh(ledger, "newboss"),), rules, "all keys lost")
    receipt = ledger.must("registrar", op, signers=("registrar", "newboss"))
    vote(ledger, event(receipt, BallotOpened)["ballot"], "BY", "CN", "RU")
    ledger.later(73 * MS_PER_HOUR)
    assert code(ledger, ASK, signers=("newboss",)) == ""
    assert violations(ledger.state) == []


def test_expired_keys_were_announced_and_sign_no_more() -> None:
    keys = (named_key("boss", days=40), named_key("officer1", "officer"))
    ledger = new_ledger(member(URAL, keys=keys))
    for day in range(41):
        ledger.later(MS_PER_DAY)
        names = {e[0] for r in (ledger.last.receipts if ledger.last else ()) for e in r.events}
        if day in (10, 33):
            assert KeyExpiring.__struct_config__.tag in names
    assert any(
        e[0] == KeyExpired.__struct_config__.tag for _, r in ledger.receipts for e in r.events
    )
    assert code(ledger, ASK, signers=("boss",)) == "KEY_EXPIRED"


def test_an_expired_officer_key_still_recovers() -> None:
    keys = (
        named_key("boss"),
        named_key("officer1", "officer", days=10),
        named_key("officer2", "officer", days=10),
    )
    ledger = new_ledger(member(URAL, keys=keys))
    ledger.later(20 * MS_PER_DAY)
    ledger.must(URAL, recovery(ledger), signers=SIGNERS)


def test_a_malformed_public_key_is_refused_before_anything_else() -> None:
    ledger = company()
    bad = structs.replace(fresh(ledger, "third"), public_key=bytes(32))
    refused = code(ledger, AddKey(bad), signers=("boss",))
    assert refused in ("BAD_KEY", "MISSING_SIGNATURES")
