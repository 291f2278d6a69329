"""Transactions, votes, certificates and hellos accept the signatures of the one rule, no others.

Each forgery below is accepted by some implementation of Ed25519 (see :mod:`ledger.keys`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.block import Certificate, SignerSignature, Vote, VoteKind, vote_bytes
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.keys import PrivateKey, verify
from ledger.transaction import KeySignature, SignedTransaction, signing_bytes, verify_signatures
from ledger.validators import Validator, ValidatorSet
from node.network import hello

ROOT = Path(__file__).parents[2]
CHAIN, BLOCK = b"c" * 32, b"b" * 32
KEY = PrivateKey(b"k" * 32)
ORDER = 2**252 + 27742317777372353535851937790883648493
IDENTITY = b"\x01" + bytes(31)
BASE = b"\x58" + b"\x66" * 31

Sign = Callable[[bytes], bytes]


def _shifted(message: bytes) -> bytes:
    """The same signature with ``S + L``: the group sees no difference, the bytes differ."""
    honest = KEY.sign(message)
    scalar = int.from_bytes(honest[32:], "little") + ORDER
    return honest[:32] + scalar.to_bytes(32, "little")


FORGERIES: dict[str, tuple[bytes, Sign]] = {
    "a scalar that is not reduced": (KEY.public, _shifted),
    "a key of small order, under which R = S·B signs everything": (
        IDENTITY,
        lambda _: BASE + (1).to_bytes(32, "little"),
    ),
    "R and key of small order, S = 0": (IDENTITY, lambda _: IDENTITY + bytes(32)),
    "a key that is encoded in another way": (
        (2**255 - 19 + 1).to_bytes(32, "little"),
        lambda _: BASE + (1).to_bytes(32, "little"),
    ),
    "another message's": (KEY.public, lambda message: KEY.sign(message + b"\0")),
}


def _validators(key: bytes) -> ValidatorSet:
    return ValidatorSet(0, (Validator("5493001KJTIIGC8Y1R12", "v", "KZ", key, b"c", "h:1"),))


def _transaction(key: bytes, sign: Sign) -> bool:
    signature = sign(signing_bytes(CHAIN, b"content"))
    try:
        verify_signatures(CHAIN, SignedTransaction(b"content", (KeySignature(key, signature),)))
    except CodedError:
        return False
    return True


def _vote(key: bytes, sign: Sign) -> bool:
    signature = sign(vote_bytes(CHAIN, VoteKind.FINALIZE, 0, 1, BLOCK))
    return Vote(VoteKind.FINALIZE, 0, 1, BLOCK, 0, signature).verify(CHAIN, _validators(key))


def _certificate(key: bytes, sign: Sign) -> bool:
    signature = sign(vote_bytes(CHAIN, VoteKind.FINALIZE, 0, 1, BLOCK))
    made = Certificate(VoteKind.FINALIZE, 0, 1, BLOCK, (SignerSignature(0, signature),))
    try:
        made.verify(CHAIN, _validators(key))
    except CodedError:
        return False
    return True


def _hello(key: bytes, sign: Sign) -> bool:
    connection = hello.Connection(b"dialer", b"listener", b"binding")
    signature = sign(hello._signed_bytes(CHAIN, connection, key, True))
    payload = encode(hello.Hello(hello.NETWORK_PROTOCOL, CHAIN, key, signature))
    try:
        hello.check_hello(payload, CHAIN, key, connection, dialed=True)
    except CodedError:
        return False
    return True


PATHS = {
    "transaction": _transaction,
    "vote": _vote,
    "certificate": _certificate,
    "hello": _hello,
}


@pytest.mark.parametrize("path", PATHS)
def test_an_honest_signature_is_accepted(path: str) -> None:
    assert PATHS[path](KEY.public, KEY.sign)


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("path", PATHS)
def test_what_other_implementations_accept_is_refused(path: str, forgery: str) -> None:
    key, sign = FORGERIES[forgery]
    assert not verify(key, b"", sign(b""))
    assert not PATHS[path](key, sign)


def test_no_module_but_the_ledgers_keys_decides_about_signatures() -> None:
    deciding = {"verify", "verify_key", "VerifyKey", "crypto_sign_open", "Ed25519PublicKey"}
    for path in (
        p for top in ("ledger", "contracts", "node", "cli") for p in (ROOT / top).rglob("*.py")
    ):
        if path == ROOT / "ledger" / "keys.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                ("nacl", "cryptography.hazmat.primitives.asymmetric")
            ):
                assert not deciding & {name.name for name in node.names}, path
            if isinstance(node, ast.Attribute):
                assert node.attr not in deciding - {"verify"}, path
