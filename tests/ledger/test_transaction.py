"""Transactions: an id covers the content alone; envelopes have one form."""

from __future__ import annotations

import msgspec
import pytest
from ledger_chains import LEIS

from ledger import limits
from ledger.codec import encode
from ledger.errors import (
    BAD_SIGNATURE,
    MALFORMED,
    NOT_CANONICAL,
    TOO_LARGE,
    WRONG_CHAIN,
    CodedError,
)
from ledger.hashing import Tag, digest, message
from ledger.keys import PrivateKey
from ledger.transaction import (
    KeySignature,
    SignedTransaction,
    Transaction,
    build,
    open_envelope,
    read_content,
    signing_bytes,
    transaction_id,
    verify_signatures,
)

CHAIN = b"c" * 32
KEYS = sorted((PrivateKey(bytes((n,)) * 32) for n in range(1, 4)), key=lambda key: key.public)
CONTENT = Transaction(CHAIN, LEIS[0], (("currency.Transfer", LEIS[1], 5),), 1_000, "INV-42")


def _signed(*keys: PrivateKey) -> SignedTransaction:
    signed = build(CONTENT)
    for key in keys:
        signed = signed.with_signature(CHAIN, key)
    return signed


def test_signatures_never_change_the_id() -> None:
    ids = {transaction_id(CHAIN, _signed(*KEYS[:count]).content) for count in range(4)}
    assert len(ids) == 1


def test_every_field_changes_the_id() -> None:
    variants = [
        CONTENT,
        msgspec.structs.replace(CONTENT, author=LEIS[2]),
        msgspec.structs.replace(CONTENT, operations=(("currency.Transfer", LEIS[1], 6),)),
        msgspec.structs.replace(CONTENT, valid_until=1_001),
        msgspec.structs.replace(CONTENT, reference="INV-43"),
        msgspec.structs.replace(CONTENT, salt=b"salted!!"),
    ]
    ids = {transaction_id(CHAIN, encode(variant)) for variant in variants}
    assert len(ids) == len(variants)
    assert transaction_id(b"d" * 32, encode(CONTENT)) not in ids


def test_signing_order_does_not_matter_and_signing_twice_changes_nothing() -> None:
    a, b, c = KEYS
    assert _signed(a, b, c) == _signed(c, a, b) == _signed(b, c, a, b)
    assert [s.key for s in _signed(c, b, a).signatures] == [k.public for k in KEYS]
    verify_signatures(CHAIN, _signed(a, b, c))


def test_an_envelope_reads_back_and_its_content_with_it() -> None:
    wire = encode(_signed(*KEYS))
    assert open_envelope(wire) == _signed(*KEYS)
    assert read_content(CHAIN, open_envelope(wire).content) == CONTENT
    assert open_envelope(encode(_signed())).signatures == ()


@pytest.mark.parametrize("order", [(1, 0), (0, 0), (0, 2, 1)])
def test_signatures_out_of_order_or_repeated_are_refused(order: tuple[int, ...]) -> None:
    good = _signed(*KEYS)
    wrong = SignedTransaction(good.content, tuple(good.signatures[index] for index in order))
    with pytest.raises(CodedError) as error:
        open_envelope(encode(wrong))
    assert (error.value.code, error.value.field) == (MALFORMED, "signatures")


def test_a_signature_of_another_key_content_chain_or_domain_is_refused() -> None:
    key = KEYS[0]
    content = encode(CONTENT)
    other = encode(msgspec.structs.replace(CONTENT, valid_until=2))
    for signed_bytes in (
        signing_bytes(CHAIN, other),
        signing_bytes(b"d" * 32, content),
        message(Tag.TRANSACTION, CHAIN, content),
        content,
    ):
        wrong = SignedTransaction(content, (KeySignature(key.public, key.sign(signed_bytes)),))
        with pytest.raises(CodedError) as error:
            verify_signatures(CHAIN, wrong)
        assert (error.value.code, error.value.field) == (BAD_SIGNATURE, "signatures[0]")


def test_one_bad_signature_among_good_ones_is_named() -> None:
    good = _signed(*KEYS)
    bad = KeySignature(good.signatures[2].key, good.signatures[1].signature)
    with pytest.raises(CodedError) as error:
        verify_signatures(CHAIN, SignedTransaction(good.content, (*good.signatures[:2], bad)))
    assert error.value.field == "signatures[2]"


def test_content_of_another_ledger_is_refused_as_such() -> None:
    with pytest.raises(CodedError) as error:
        read_content(b"d" * 32, encode(CONTENT))
    assert (error.value.code, error.value.field) == (WRONG_CHAIN, "chain_id")


def test_sizes_and_counts_are_bounded() -> None:
    huge = encode(SignedTransaction(bytes(limits.MAX_TRANSACTION_BYTES + 5_000)))
    with pytest.raises(CodedError) as error:
        open_envelope(huge)
    assert error.value.code is TOO_LARGE
    over = encode(SignedTransaction(bytes(limits.MAX_TRANSACTION_BYTES + 1)))
    with pytest.raises(CodedError) as error:
        open_envelope(over)
    assert error.value.code is MALFORMED
    entry = KeySignature(bytes(32), bytes(64))
    with pytest.raises(CodedError):
        open_envelope(encode(SignedTransaction(b"", (entry,) * (limits.MAX_SIGNATURES + 1))))
    for operations in ((), CONTENT.operations * (limits.MAX_OPERATIONS + 1)):
        content = encode(msgspec.structs.replace(CONTENT, operations=operations))
        with pytest.raises(CodedError) as error:
            read_content(CHAIN, content)
        assert error.value.code is MALFORMED
    long = encode(msgspec.structs.replace(CONTENT, reference="x" * 65))
    with pytest.raises(CodedError):
        read_content(CHAIN, long)


def test_content_in_another_encoding_is_refused() -> None:
    content = encode(CONTENT)
    longer = content.replace(encode(1_000), b"\xce" + (1_000).to_bytes(4, "big"))
    assert longer != content
    with pytest.raises(CodedError) as error:
        read_content(CHAIN, longer)
    assert error.value.code is NOT_CANONICAL


def test_domains_never_meet() -> None:
    values = [tag.value for tag in Tag]
    assert len(set(values)) == len(values)
    assert not any(a != b and b.startswith(a) for a in values for b in values)
    assert len({digest(tag, CHAIN, b"") for tag in Tag}) == len(values)
