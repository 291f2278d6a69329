"""Bytes as the texts of QR codes: Base45 (RFC 9285), which every scanner returns unharmed.

Bytes travel in one or more parts of the QR alphanumeric set::

    IIC1:<group>:<part>/<parts>:<base45>

where ``group`` is the beginning of the whole's SHA-256 in hexadecimal, so that parts of different
things never mix. What the bytes mean is their reader's matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from ledger.errors import MALFORMED, TOO_LARGE, CodedError

HEADING: Final = "IIC1:"
MAX_PARTS: Final = 8
PART_CHARS: Final = 1_350
"""Of one QR code with its heading: version 25 at error correction M holds 1,451 characters."""
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_PART: Final = re.compile(r"IIC1:([0-9A-F]{8}):([1-9])/([1-9]):([0-9A-Z $%*+\-./:]+)")


def to_parts(data: bytes, remedy: str) -> list[str]:
    """The texts of the QR codes that hold ``data``.

    Raises ``TOO_LARGE`` if they would be more than :data:`MAX_PARTS`; ``remedy`` says what to do.
    """
    text = base45(data)
    parts = [text[at : at + PART_CHARS] for at in range(0, len(text), PART_CHARS)]
    if len(parts) > MAX_PARTS:
        raise CodedError(
            TOO_LARGE,
            f"{len(data)} bytes need {len(parts)} QR codes, at most {MAX_PARTS} are made: {remedy}",
        )
    group = _group(data)
    return [f"IIC1:{group}:{n}/{len(parts)}:{part}" for n, part in enumerate(parts, 1)]


def from_parts(texts: Iterable[str]) -> bytes:
    """The bytes of scanned texts, in any order, repeated or not.

    Raises ``MALFORMED``, naming what is missing.
    """
    found: dict[int, str] = {}
    groups: set[tuple[str, int]] = set()
    for text in texts:
        matched = _PART.fullmatch(text.strip("\r\n"))
        if matched is None or int(matched[2]) > int(matched[3]):
            raise CodedError(MALFORMED, "a scanned text is no part of a certificate")
        groups.add((matched[1], int(matched[3])))
        if found.setdefault(int(matched[2]), matched[4]) != matched[4]:
            raise CodedError(MALFORMED, f"part {matched[2]} was scanned twice and differs")
    if len(groups) != 1:
        raise CodedError(MALFORMED, f"the scanned parts are of {len(groups)} certificates, not 1")
    group, parts = groups.pop()
    missing = [str(n) for n in range(1, parts + 1) if n not in found]
    if missing:
        raise CodedError(MALFORMED, f"of {parts} parts, {', '.join(missing)} is missing")
    data = from_base45("".join(found[n] for n in range(1, parts + 1)))
    if _group(data) != group:
        raise CodedError(MALFORMED, "the scanned parts do not fit together")
    return data


def _group(data: bytes) -> str:
    return sha256(data).hexdigest()[:8].upper()


def base45(data: bytes) -> str:
    """Bytes as text of 45 characters (RFC 9285).

    >>> base45(b"Hello!!"), base45(b"base-45")
    ('%69 VD92EX0', 'UJCLQE7W581')
    """
    text = []
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        value = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            text.append(_ALPHABET[digit])
    return "".join(text)


def from_base45(text: str) -> bytes:
    """The bytes of a text; raises ``MALFORMED`` for any text that :func:`base45` does not make.

    >>> from_base45("QED8WEX0")
    b'ietf!'
    """
    digits: Sequence[int] = [_ALPHABET.find(c) for c in text]
    if -1 in digits or len(digits) % 3 == 1:
        raise CodedError(MALFORMED, "not a text of RFC 9285 (Base45)")
    data = bytearray()
    for at in range(0, len(digits), 3):
        group = digits[at : at + 3]
        value = sum(digit * 45**place for place, digit in enumerate(group))
        size = len(group) - 1
        if value >= 256**size:
            raise CodedError(MALFORMED, "not a text of RFC 9285 (Base45)")
        data += value.to_bytes(size, "big")
    return bytes(data)
