"""Coded errors: every refusal has a stable code that scripts and translations rely on.

A layer declares its codes with :func:`define` in its own ``errors.py`` (``ledger``, ``contracts``,
``node``); :func:`catalogue` lists all that are loaded, and ``docs/reference/errors.md`` is
generated from it. A code, once published, never changes its meaning.
"""

from __future__ import annotations

from typing import NamedTuple


class ErrorCode(NamedTuple):
    """A published error code.

    ``status`` is the HTTP status of the API's problem details (RFC 9457) that carry it, and
    ``meaning`` one sentence for the reference.
    """

    name: str
    status: int
    meaning: str

    def __str__(self) -> str:
        return self.name


_CATALOGUE: dict[str, ErrorCode] = {}


def define(name: str, status: int, meaning: str) -> ErrorCode:
    """Publish an error code; a name may be defined once."""
    if name in _CATALOGUE:
        raise ValueError(f"error code {name} is defined twice")
    code = _CATALOGUE[name] = ErrorCode(name, status, meaning)
    return code


def catalogue() -> dict[str, ErrorCode]:
    """All published codes by name, in alphabetical order."""
    return dict(sorted(_CATALOGUE.items()))


class CodedError(Exception):
    """An expected failure: a stable code, a sentence, and the field that caused it.

    ``message`` says which rule was broken and what would be accepted. It is part of receipts, so
    it is built from ledger data alone and never from an address, a time or a library's own text.
    """

    def __init__(self, code: ErrorCode, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field

    def __str__(self) -> str:
        where = f" (field {self.field})" if self.field else ""
        return f"{self.code.name}: {self.message}{where}"


MALFORMED = define("MALFORMED", 400, "The bytes do not decode to the expected structure.")
NOT_CANONICAL = define(
    "NOT_CANONICAL", 400, "The bytes decode, but a canonical encoder would write other bytes."
)
TOO_LARGE = define("TOO_LARGE", 413, "The object exceeds a size limit of the ledger.")
WRONG_CHAIN = define("WRONG_CHAIN", 409, "The object was made for another ledger.")
BAD_SIGNATURE = define("BAD_SIGNATURE", 401, "A signature does not verify.")
BAD_KEY = define("BAD_KEY", 400, "A public key is not an acceptable Ed25519 point.")
BAD_CERTIFICATE = define("BAD_CERTIFICATE", 400, "A quorum certificate does not verify.")
BAD_FAULT_PROOF = define("BAD_FAULT_PROOF", 400, "Two votes do not prove a fault.")
BAD_PROOF = define("BAD_PROOF", 400, "A Merkle proof does not lead to the stated root.")
BAD_RECEIPT = define("BAD_RECEIPT", 400, "A receipt does not prove what it states.")
BAD_GENESIS = define("BAD_GENESIS", 400, "A genesis document is inconsistent or not fully signed.")
BAD_POLICY = define("BAD_POLICY", 400, "A keyring or signing policy is inconsistent.")
KEY_FROZEN = define("KEY_FROZEN", 403, "A signature is by a key that was frozen.")
KEY_EXPIRED = define("KEY_EXPIRED", 403, "A signature is by a key outside its period of validity.")
MISSING_SIGNATURES = define(
    "MISSING_SIGNATURES", 403, "The signing policy asks for signatures that are not there."
)
NO_POLICY_RULE = define(
    "NO_POLICY_RULE", 403, "The signing policy has no rule for this class of operations."
)
OVER_POLICY_LIMIT = define(
    "OVER_POLICY_LIMIT", 403, "The amount is over every rule of the signing policy."
)
OVER_DAILY_LIMIT = define(
    "OVER_DAILY_LIMIT", 403, "The signing policy's limit for one day would be exceeded."
)
NOT_CERTIFIED = define(
    "NOT_CERTIFIED", 409, "No finalization that could prove it is stored yet; ask again shortly."
)
STORE_CORRUPT = define("STORE_CORRUPT", 500, "A stored record fails its checksum.")
STORE_FULL = define("STORE_FULL", 507, "The disk is full; the node has stopped cleanly.")
STORE_LOCKED = define("STORE_LOCKED", 409, "Another process has this store open.")
STORE_BUSY = define(
    "STORE_BUSY", 409, "So much was written while the store was read that reading had to end."
)
BAD_BACKUP = define(
    "BAD_BACKUP", 400, "A backup is incomplete, damaged, or of another ledger than it should be."
)
BAD_SNAPSHOT = define(
    "BAD_SNAPSHOT", 400, "A snapshot or a part of one is not what its certified header commits to."
)
PRUNED = define(
    "PRUNED", 410, "This node no longer holds blocks that old; others, or an archive, may."
)
BAD_ARCHIVE = define(
    "BAD_ARCHIVE", 400, "An archive is not one, is incomplete, or a part of it was changed."
)
