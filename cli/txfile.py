"""The transaction file: how a transaction travels from signer to signer, also where no network is.

One readable JSON document holds the exact content bytes, what they say in words that a person can
check, and the signatures made so far. The bytes decide: on loading, id and decoded form are derived
from them again and compared with what the file claims, and each signature is verified, so a file
that shows one thing and signs another is refused before anybody signs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.errors import BAD_TRANSACTION_FILE, FILE_MISSING
from cli.files import write_private
from ledger import limits
from ledger.codec import encode
from ledger.errors import WRONG_CHAIN, CodedError
from ledger.transaction import (
    KeySignature,
    PlainOperation,
    SignedTransaction,
    Transaction,
    read_content,
    transaction_id,
    verify_signatures,
)

FORMAT = "iic-transaction"
VERSION = 1

Describe = Callable[[PlainOperation], dict[str, Any]]
"""An operation as JSON with its fields named; raises ``CodedError`` for an unknown operation."""

_FIELDS = {"format", "version", "network", "chain_id", "id", "content", "decoded", "signatures"}
# Twice the content in hex, the decoded form and the signatures, with room for indentation.
_MAX_FILE_BYTES = 16 * limits.MAX_TRANSACTION_BYTES


@dataclass(frozen=True)
class TransactionFile:
    """A transaction on its way; ``network`` is the ledger's name, for people only."""

    network: str
    chain_id: bytes
    transaction: Transaction
    signed: SignedTransaction

    @property
    def id(self) -> bytes:
        """The transaction id, 32 bytes; signatures do not change it."""
        return transaction_id(self.chain_id, self.signed.content)

    @property
    def wire(self) -> bytes:
        """What is submitted."""
        return encode(self.signed)

    @property
    def signers(self) -> tuple[bytes, ...]:
        """The public keys that have signed, in ascending order."""
        return tuple(s.key for s in self.signed.signatures)

    def with_signature(self, public: bytes, signature: bytes) -> TransactionFile:
        """This file with one more signature, verified; raises ``BAD_SIGNATURE``."""
        return self._with([*self.signed.signatures, KeySignature(public, signature)])

    def combined(self, others: Sequence[TransactionFile]) -> TransactionFile:
        """All signatures of files about the same transaction.

        Raises ``BAD_TRANSACTION_FILE`` if one of them is about another transaction.
        """
        for other in others:
            if other.chain_id != self.chain_id or other.signed.content != self.signed.content:
                raise CodedError(
                    BAD_TRANSACTION_FILE,
                    f"files of different transactions ({self.id.hex()[:8]} and "
                    f"{other.id.hex()[:8]}) cannot be combined",
                )
        return self._with([s for file in (self, *others) for s in file.signed.signatures])

    def _with(self, signatures: Sequence[KeySignature]) -> TransactionFile:
        by_key = {s.key: s for s in signatures}
        if len(by_key) > limits.MAX_SIGNATURES:
            raise CodedError(
                BAD_TRANSACTION_FILE,
                f"a transaction has at most {limits.MAX_SIGNATURES} signatures",
            )
        signed = SignedTransaction(self.signed.content, tuple(by_key[k] for k in sorted(by_key)))
        verify_signatures(self.chain_id, signed)
        return replace(self, signed=signed)

    def to_json(self, describe: Describe) -> dict[str, Any]:
        """The document that :func:`save` writes."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "network": self.network,
            "chain_id": self.chain_id.hex(),
            "id": self.id.hex(),
            "decoded": decoded(self.transaction, describe),
            "content": self.signed.content.hex(),
            "signatures": [
                {"key": s.key.hex(), "signature": s.signature.hex()} for s in self.signed.signatures
            ],
        }


def build(network: str, transaction: Transaction) -> TransactionFile:
    """The unsigned file of a transaction."""
    signed = SignedTransaction(encode(transaction))
    return TransactionFile(network, transaction.chain_id, transaction, signed)


def decoded(transaction: Transaction, describe: Describe) -> dict[str, Any]:
    """What the content says, for people: times in ISO 8601 UTC, binary values in hex."""
    return {
        "author": transaction.author,
        "operations": [describe(operation) for operation in transaction.operations],
        "valid_until": _moment(transaction.valid_until),
        "reference": transaction.reference,
        "salt": transaction.salt.hex(),
    }


def save(path: Path, file: TransactionFile, describe: Describe, *, overwrite: bool = False) -> None:
    """Write a transaction file with mode 0600: it may tell of payments not yet made."""
    text = json.dumps(file.to_json(describe), indent=2, ensure_ascii=False, default=_plain) + "\n"
    write_private(path, text.encode(), exclusive=not overwrite)


def load(path: Path, describe: Describe, *, chain_id: bytes | None = None) -> TransactionFile:
    """Read and check a transaction file.

    Raises ``FILE_MISSING``, ``BAD_TRANSACTION_FILE``, ``BAD_SIGNATURE``, the codec's errors, and
    ``WRONG_CHAIN`` if ``chain_id`` is given and the file is about another ledger.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise CodedError(FILE_MISSING, f"{path} does not exist") from None
    if len(raw) > _MAX_FILE_BYTES:
        raise CodedError(BAD_TRANSACTION_FILE, f"{path} is too large for a transaction file")
    file = parse(raw, describe, name=str(path))
    if chain_id is not None and file.chain_id != chain_id:
        raise CodedError(
            WRONG_CHAIN,
            f"{path} is about ledger {file.chain_id.hex()[:16]}… ({file.network}), "
            f"yours is {chain_id.hex()[:16]}…",
            field="chain_id",
        )
    return file


def parse(raw: bytes, describe: Describe, *, name: str = "the file") -> TransactionFile:
    """Decode and check a document; errors as :func:`load`."""
    try:
        document = json.loads(raw)
        if document["format"] != FORMAT:
            raise ValueError
        if document["version"] != VERSION:
            raise _bad(f"{name} has version {document['version']!r}; this wallet reads {VERSION}")
        if set(document) != _FIELDS:
            raise _bad(f"{name} has other fields than a transaction file")
        network = document["network"]
        chain_id = bytes.fromhex(document["chain_id"])
        content = bytes.fromhex(document["content"])
        signatures = tuple(
            KeySignature(bytes.fromhex(s["key"]), bytes.fromhex(s["signature"]))
            for s in document["signatures"]
        )
        if not isinstance(network, str) or not isinstance(document["signatures"], list):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _bad(f"{name} is not a transaction file of this wallet") from None
    transaction = read_content(chain_id, content)
    file = TransactionFile(network, chain_id, transaction, SignedTransaction(content))
    if document["id"] != file.id.hex():
        raise _bad(f"{name} claims another id than its content has", field="id")
    # Compared as JSON, because that is what the person who reviews the file has seen.
    said = json.dumps(document["decoded"], sort_keys=True)
    meant = json.dumps(decoded(transaction, describe), sort_keys=True, default=_plain)
    if said != meant:
        raise _bad(f"{name} shows something else than it signs; do not sign it", field="decoded")
    return file._with(signatures)


def _bad(message: str, field: str = "") -> CodedError:
    return CodedError(BAD_TRANSACTION_FILE, message, field=field)


def _moment(ms: int) -> str:
    try:
        when = datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms since 1970"  # beyond the calendar's last year, 9999
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
