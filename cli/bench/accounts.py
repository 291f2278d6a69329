"""The benchmark's ledger: its parties, keys and the money that its accounts start with.

Everything is made the way a real ledger makes it: parties with their keys in the genesis, currency
issued under an attested reserve, and transfers that spread it over the accounts.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cli.bench.load import Signed
from contracts.framework.operation import Operation, write_operation
from ledger.codec import encode
from ledger.keys import PrivateKey
from ledger.transaction import SignedTransaction, Transaction, transaction_id

_LEI_MODULUS = 97


class Account(NamedTuple):
    """A party with one key that signs everything."""

    lei: str
    key: PrivateKey


def account(number: int) -> Account:
    """The party of a number; its LEI's prefix BENCH is no issuer's."""
    body = f"BENCH0{number:012d}"
    digits = "".join(str(int(c, 36)) for c in body + "00")
    check = _LEI_MODULUS + 1 - int(digits) % _LEI_MODULUS
    seed = hashlib.sha256(f"iic bench key {number}".encode()).digest()
    return Account(f"{body}{check:02d}", PrivateKey(seed))


def signed(
    chain_id: bytes,
    author: Account,
    operations: Sequence[Operation],
    valid_until: int,
    salt: int,
    *cosigners: Account,
) -> Signed:
    """A transaction by ``author``, told apart from equal ones by ``salt``."""
    content = encode(
        Transaction(
            chain_id,
            author.lei,
            tuple(write_operation(op) for op in operations),
            valid_until,
            "",
            salt.to_bytes(8, "big"),
        )
    )
    envelope = SignedTransaction(content)
    for signer in (author, *cosigners):
        envelope = envelope.with_signature(chain_id, signer.key)
    return Signed(transaction_id(chain_id, content).hex(), encode(envelope))


def pairs(accounts: Sequence[Account], seed: int) -> Iterator[tuple[Account, Account]]:
    """Payers and payees, drawn evenly and never the same, alike in every run."""
    draw = random.Random(seed)  # noqa: S311  # a load, not a secret
    while True:
        payer, payee = draw.sample(range(len(accounts)), 2)
        yield accounts[payer], accounts[payee]
