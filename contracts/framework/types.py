"""The kinds of values that operations carry, each with its own rule.

A kind is an annotated type: msgspec checks its shape while decoding, and :func:`problem` its
meaning (check digits, code tables), so that a wrong code never enters the ledger. Forms, schemas
and words follow from the kind as well. Amounts are integers in minor units (1 SCU = 100); times are
block time in milliseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final

from msgspec import Meta

from contracts.codes import COUNTRIES, HARMONIZED, INCOTERMS, UNITS
from ledger import limits
from ledger.keys import is_valid_public_key


class Kind(StrEnum):
    """What a value means, beyond its shape."""

    PARTY = "party"
    COUNTRY = "country"
    HS = "hs"
    UNIT = "unit"
    INCOTERM = "incoterm"
    AMOUNT = "amount"
    INTEGER = "integer"
    INSTANT = "instant"
    TEXT = "text"
    OBJECT = "object"
    DIGEST = "digest"
    PUBLIC_KEY = "public key"
    BYTES = "bytes"
    CHOICE = "choice"
    FLAG = "flag"
    GROUP = "group"


def kind_of(kind: Kind, **schema: Any) -> Meta:
    """The annotation that marks a type as a kind, with what a JSON Schema says of it."""
    return Meta(extra={"kind": kind.value}, extra_json_schema=schema or None)


Lei = Annotated[
    str,
    Meta(min_length=20, max_length=20),
    kind_of(Kind.PARTY, pattern="^[A-Z0-9]{18}[0-9]{2}$"),
]
"""A party: its legal entity identifier, ISO 17442, with check digits by ISO 7064 MOD 97-10."""

Country = Annotated[str, Meta(min_length=2, max_length=2), kind_of(Kind.COUNTRY)]
"""ISO 3166-1 alpha-2."""

HsCode = Annotated[
    str, Meta(min_length=6, max_length=10), kind_of(Kind.HS, pattern="^[0-9]{6,10}$")
]
"""Harmonized System: six digits of the table, then up to four national ones."""

UnitCode = Annotated[str, Meta(min_length=2, max_length=3), kind_of(Kind.UNIT)]
"""UN/CEFACT Recommendation 20."""

Incoterm = Annotated[str, Meta(min_length=3, max_length=3), kind_of(Kind.INCOTERM)]
"""Incoterms 2020."""

Money = Annotated[int, Meta(ge=1, le=limits.MAX_INT), kind_of(Kind.AMOUNT)]
"""An amount in minor units, at least 1."""

UNIT_MARK: Final = "x-unit"
"""Under this name a declaration says what a number counts, or an amount if not SCU."""

GoodsValue = Annotated[
    int, Meta(ge=1, le=limits.MAX_INT), kind_of(Kind.AMOUNT, **{UNIT_MARK: "GV"})
]
"""Goods value in minor units, at least 1: what a claim to finished goods is counted in."""

MoneyOrNone = Annotated[int, Meta(ge=0, le=limits.MAX_INT), kind_of(Kind.AMOUNT)]
"""An amount in minor units, or 0."""

Instant = Annotated[int, Meta(ge=0, le=limits.MAX_INT), kind_of(Kind.INSTANT)]
"""Block time in milliseconds since the Unix epoch."""

Count = Annotated[int, Meta(ge=0, le=limits.MAX_INT), kind_of(Kind.INTEGER)]


def counted(unit: str) -> Meta:
    """The annotation of a number that counts something: days, hours, ms, bytes, blocks …"""
    return kind_of(Kind.INTEGER, **{UNIT_MARK: unit})


Days = Annotated[int, Meta(ge=1, le=3_650), counted("days")]
"""A window, up to ten years."""

BASIS_POINTS: Final = 10_000

Share = Annotated[int, Meta(ge=0, le=BASIS_POINTS), counted("basis points")]
"""A part of a whole, in basis points."""

ObjectId = Annotated[bytes, Meta(min_length=32, max_length=32), kind_of(Kind.OBJECT)]
"""The id of an object of the ledger, or of a transaction."""

Digest = Annotated[bytes, Meta(min_length=32, max_length=32), kind_of(Kind.DIGEST)]
"""SHA-256 of a document, or a salted commitment to one."""

PartyKey = Annotated[bytes, Meta(min_length=32, max_length=32), kind_of(Kind.PUBLIC_KEY)]
"""An Ed25519 public key of prime order."""

Line = Annotated[str, Meta(max_length=140), kind_of(Kind.TEXT)]
"""Up to 140 characters, as ISO 20022 remittance information has; may be empty."""

Title = Annotated[str, Meta(min_length=1, max_length=140), kind_of(Kind.TEXT)]

Reason = Annotated[str, Meta(min_length=1, max_length=400), kind_of(Kind.TEXT)]
"""Why, in words that the other side will read."""

# Line and paragraph separators, and marks that reorder text on screen: a reader must see what a
# signer signed. Named one by one, because Unicode tables differ between Python versions.
_FORBIDDEN_TEXT = frozenset(
    [chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x200E, 0x200F, 0xFEFF)]
    + [chr(c) for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
)


def _alnum_value(text: str) -> int | None:
    digits = ""
    for c in text:
        if "0" <= c <= "9":
            digits += c
        elif "A" <= c <= "Z":
            digits += str(ord(c) - 55)
        else:
            return None
    return int(digits)


@lru_cache(maxsize=65_536)
def lei_problem(lei: str) -> str:
    """Why a text is no LEI, or ``""`` (ISO 17442; MOD 97-10 of the whole must be 1)."""
    if len(lei) != 20 or not lei[18:].isdecimal() or not lei.isascii():
        return "an LEI has 18 letters or digits and 2 check digits"
    value = _alnum_value(lei)
    if value is None:
        return "an LEI has capital letters and digits only"
    return "" if value % 97 == 1 else "the LEI's check digits do not fit"


def _country_problem(code: str) -> str:
    return "" if code in COUNTRIES else f"{code!r} is no ISO 3166-1 alpha-2 code"


def _hs_problem(code: str) -> str:
    if not (code.isascii() and code.isdecimal()):
        return "an HS code has digits only"
    return "" if code[:6] in HARMONIZED else f"{code[:6]} is not in the HS code table"


def _unit_problem(code: str) -> str:
    return "" if code in UNITS else f"{code!r} is not in the table of Rec 20 unit codes"


def _incoterm_problem(code: str) -> str:
    return "" if code in INCOTERMS else f"{code!r} is no Incoterms 2020 rule"


def _text_problem(text: str) -> str:
    plain = text.isascii() and text.isprintable()
    if not plain and not _FORBIDDEN_TEXT.isdisjoint(text):
        return "text has no control, line-break or direction characters"
    if text[:1] == " " or text[-1:] == " ":
        return "text neither starts nor ends with a space"
    return ""


def _public_key_problem(key: bytes) -> str:
    return "" if is_valid_public_key(key) else "no canonical Ed25519 point of prime order"


_PROBLEMS: Final[dict[Kind, Callable[[Any], str]]] = {
    Kind.PARTY: lei_problem,
    Kind.COUNTRY: _country_problem,
    Kind.HS: _hs_problem,
    Kind.UNIT: _unit_problem,
    Kind.INCOTERM: _incoterm_problem,
    Kind.TEXT: _text_problem,
    Kind.PUBLIC_KEY: _public_key_problem,
}


def problem_of(kind: Kind) -> Callable[[Any], str] | None:
    """The semantic rule of a kind: a function from a value to ``""`` or a sentence; or None."""
    return _PROBLEMS.get(kind)
