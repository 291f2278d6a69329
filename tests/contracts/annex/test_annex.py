"""Confidential annexes: who is given a key, what is refused; every grant leaves a trace."""

from __future__ import annotations

from functools import partial

import pytest
from cast import violations
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_in_memory import Ledger, lei, member, new_ledger
from ledger_in_memory import key as signing_key
from msgspec import structs
from nacl import bindings as sodium

from cli.annexes import EncryptionSecret, wrap
from contracts.annex.keys import SMALL_ORDER, P, as_encryption_key, weakness
from contracts.annex.operations import Envelope, Grant, RegisterEncryptionKey, Seal
from contracts.annex.records import AnnexParameters, Capacity
from contracts.annex.views import annexes_about, readable_by, trace
from contracts.framework.party import Office, PartyKind, Role
from contracts.register.operations import OrderSuspension
from ledger.errors import CodedError
from ledger.receipt import Receipt

URAL, VOLGA, ALTAI, AUDITOR = "Ural Gear", "Volga Bearings", "Altai Motors", "Cluster Audit"
READERS = (URAL, VOLGA, ALTAI, AUDITOR, "tribunal", "guarantorKZ", "guarantorRU", "guarantorBY")
COMMITMENT, CIPHERTEXT, ABOUT = b"c" * 32, b"f" * 32, b"o" * 32


def secret(name: str, version: int = 1) -> EncryptionSecret:
    """A party's encryption key."""
    return EncryptionSecret(f"{name}{version}".encode().ljust(32, b"\0")[:32])


def envelope(name: str, version: int = 1) -> Envelope:
    """A content key sealed for a party."""
    public = secret(name, version).public
    return Envelope(lei(name), public, wrap(b"k" * 32, public))


@pytest.fixture
def ledger() -> Ledger:
    return annex_ledger()


def annex_ledger(*parameters: AnnexParameters) -> Ledger:
    """Three members, an auditor, and encryption keys for everybody who may read."""
    institution = partial(member, kind=PartyKind.INSTITUTION)
    ledger = new_ledger(
        member(URAL),
        member(VOLGA, "RU"),
        member(ALTAI, "BY"),
        institution(AUDITOR, "CN", offices=(Office(Role.AUDITOR),)),
        parameters=parameters,
    )
    for name in READERS:
        ledger.must(name, RegisterEncryptionKey(secret(name).public))
    return ledger


def sealing(*readers: str, parties: tuple[str, ...] = (URAL, VOLGA)) -> Seal:
    """An annex of Ural and Volga for some readers."""
    return Seal(
        COMMITMENT,
        CIPHERTEXT,
        5_000,
        "price list",
        tuple(sorted(lei(p) for p in parties)),
        tuple(envelope(r) for r in readers or parties),
        ABOUT,
    )


def refused(receipt: Receipt, code: str, field: str = "") -> None:
    assert receipt.code == code, (receipt.code, receipt.reason)
    assert not field or receipt.field == field, receipt.field


def test_parties_guarantors_auditors_and_the_tribunal_may_be_given_the_key(ledger: Ledger) -> None:
    readers = (URAL, VOLGA, "guarantorKZ", "guarantorRU", AUDITOR, "tribunal")
    ledger.must(URAL, sealing(*readers))
    found = {grant.recipient: grant.capacity for grant in trace(ledger.state, COMMITMENT)}
    assert found == {
        lei(URAL): Capacity.PARTY,
        lei(VOLGA): Capacity.PARTY,
        lei("guarantorKZ"): Capacity.GUARANTOR,
        lei("guarantorRU"): Capacity.GUARANTOR,
        lei(AUDITOR): Capacity.AUDITOR,
        lei("tribunal"): Capacity.TRIBUNAL,
    }
    assert [a.title for a in readable_by(ledger.state, lei(VOLGA))] == ["price list"]
    assert len(list(annexes_about(ledger.state, ABOUT))) == 1
    assert violations(ledger.state) == []


def test_nobody_else_is_given_the_key(ledger: Ledger) -> None:
    for stranger in (ALTAI, "guarantorBY"):
        receipt = ledger.do(URAL, sealing(URAL, VOLGA, stranger))
        refused(receipt, "NOT_A_RECIPIENT", "envelopes[2].recipient")
    ledger.must(URAL, sealing())
    refused(ledger.do(URAL, Grant(COMMITMENT, (envelope(ALTAI),), "?")), "NOT_A_RECIPIENT")
    assert violations(ledger.state) == []


def test_every_party_gets_the_key_and_the_author_is_one(ledger: Ledger) -> None:
    refused(ledger.do(URAL, sealing(URAL)), "INVALID_TERMS", "envelopes")
    refused(ledger.do(ALTAI, sealing()), "INVALID_TERMS", "parties")
    turned = structs.replace(sealing(), parties=tuple(reversed(sealing().parties)))
    refused(ledger.do(URAL, turned), "INVALID_TERMS", "parties")


def test_a_later_grant_is_by_a_party_and_leaves_a_trace(ledger: Ledger) -> None:
    ledger.must(URAL, sealing())
    granting = Grant(COMMITMENT, (envelope("tribunal"),), "case 7")
    refused(ledger.do("guarantorKZ", granting), "NOT_ENTITLED")
    ledger.must(VOLGA, granting)
    last = trace(ledger.state, COMMITMENT)[-1]
    assert (last.by, last.recipient, last.reason) == (lei(VOLGA), lei("tribunal"), "case 7")
    refused(ledger.do(URAL, granting), "ALREADY_GRANTED", "envelopes[0].recipient")
    refused(ledger.do(URAL, Grant(b"x" * 32, (envelope(VOLGA),), "?")), "NOT_FOUND", "annex")
    assert violations(ledger.state) == []


def test_what_is_sealed_to_an_old_key_is_refused_and_can_be_given_to_the_new_one(
    ledger: Ledger,
) -> None:
    ledger.must(URAL, sealing())
    ledger.must(VOLGA, RegisterEncryptionKey(secret(VOLGA, 2).public))
    stale = ledger.do(URAL, structs.replace(sealing(), commitment=b"d" * 32))
    refused(stale, "NO_ENCRYPTION_KEY", "envelopes[1].key")
    ledger.must(URAL, Grant(COMMITMENT, (envelope(VOLGA, 2),), "a new key"))
    assert len(trace(ledger.state, COMMITMENT)) == 3
    assert violations(ledger.state) == []


def test_a_commitment_is_made_once_and_sizes_have_a_limit() -> None:
    ledger = annex_ledger(AnnexParameters(largest=4_999, most_grants=2))
    large = ledger.do(URAL, sealing())
    refused(large, "ANNEX_TOO_LARGE", "size")
    assert "4999" in large.reason
    small = structs.replace(sealing(), size=4_999)
    ledger.must(URAL, small)
    refused(ledger.do(VOLGA, small), "ALREADY_SEALED", "commitment")
    more = Grant(COMMITMENT, (envelope("tribunal"),), "one too many")
    refused(ledger.do(URAL, more), "INVALID_TERMS", "envelopes")


def test_an_office_that_may_not_be_exercised_is_given_nothing(ledger: Ledger) -> None:
    ledger.must(URAL, sealing())
    ledger.must("tribunal", OrderSuspension(lei(AUDITOR), "inquiry", b"o" * 32))
    granting = Grant(COMMITMENT, (envelope(AUDITOR),), "audit of 2026")
    refused(ledger.do(URAL, granting), "STANDING_FORBIDS")


def test_a_sealed_key_of_another_length_never_enters_the_ledger(ledger: Ledger) -> None:
    short = structs.replace(envelope(VOLGA), sealed=b"s" * 79)
    with pytest.raises(CodedError) as caught:
        ledger.do(URAL, structs.replace(sealing(), envelopes=(envelope(URAL), short)))
    assert caught.value.code.name == "MALFORMED"


# Keys


def test_a_key_belongs_to_one_party_for_ever(ledger: Ledger) -> None:
    refused(ledger.do(ALTAI, RegisterEncryptionKey(secret(VOLGA).public)), "KEY_IN_USE", "key")
    ledger.must(VOLGA, RegisterEncryptionKey(secret(VOLGA, 2).public))
    refused(ledger.do(VOLGA, RegisterEncryptionKey(secret(VOLGA).public)), "KEY_IN_USE", "key")


@pytest.mark.parametrize("u", [*sorted(SMALL_ORDER), P, P + 1, 2**255 + 9])
def test_keys_that_everybody_could_open_are_refused(ledger: Ledger, u: int) -> None:
    weak = u.to_bytes(32, "little")
    refused(ledger.do(URAL, RegisterEncryptionKey(weak)), "WEAK_KEY", "key")


@pytest.mark.parametrize("u", sorted(SMALL_ORDER))
def test_the_listed_points_are_those_that_libsodium_refuses(u: int) -> None:
    with pytest.raises(RuntimeError):
        sodium.crypto_scalarmult(b"s" * 32, u.to_bytes(32, "little"))


def test_a_signing_key_is_no_encryption_key(ledger: Ledger) -> None:
    public = signing_key(URAL).public
    same = as_encryption_key(public)
    assert same == sodium.crypto_sign_ed25519_pk_to_curve25519(public)
    refused(ledger.do(URAL, RegisterEncryptionKey(same)), "WEAK_KEY", "key")


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32))
def test_every_key_that_is_made_is_fit(seed: bytes) -> None:
    assert weakness(EncryptionSecret(seed).public) == ""
