"""Canonical MessagePack: one value, one encoding.

The profile is MessagePack with these restrictions: shortest form for every integer, string, byte
string and array; no floats, maps, extension types or timestamps; integers within
[-(2^63), 2^63-1]; text in Unicode NFC; structures as arrays that start with their version (or, for
an operation, its name). MessagePack itself defines no canonical form; the profile is ours, and
``tests/ledger/test_codec.py`` holds it against the public MessagePack suite.

Structures are :class:`Struct` subclasses. :func:`decode` accepts exactly the byte strings that
:func:`encode` produces: it decodes, converts, encodes again and compares.

>>> class Coin(Struct, tag=1):
...     owner: str
...     amount: Amount
>>> encode(Coin("A", 5)).hex()
'9301a14105'
>>> decode(bytes.fromhex("9301a14105"), Coin)
Coin(owner='A', amount=5)
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, TypeVar, dataclass_transform

import msgpack
import msgspec

from ledger import limits
from ledger.errors import MALFORMED, NOT_CANONICAL, STORE_CORRUPT, TOO_LARGE, CodedError

T = TypeVar("T")
S = TypeVar("S", bound="Struct")


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Struct(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An immutable structure, encoded as the array ``[tag, field, field, …]``.

    Subclasses pass ``tag=1`` (their version) or, for operations, ``tag="currency.Transfer"``.
    """


Uint = Annotated[int, msgspec.Meta(ge=0, le=limits.MAX_INT)]
Amount = Annotated[int, msgspec.Meta(ge=1, le=limits.MAX_INT)]
Hash32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
PublicKey = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]

_NATIVE = (bytes,)
_LEAST, _MOST = -limits.MAX_INT - 1, limits.MAX_INT
_pack = msgspec.msgpack.Encoder().encode
"""msgspec writes shortest forms; tests hold it against msgpack's own packer."""


def to_plain(value: Any) -> Any:
    """A structure as nested arrays of int, str, bytes, bool and None."""
    return msgspec.to_builtins(value, builtin_types=_NATIVE)


def from_plain(plain: Any, kind: type[T]) -> T:
    """Convert nested arrays to ``kind``; raises ``MALFORMED`` naming the field that is wrong."""
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise CodedError(MALFORMED, f"{kind.__name__}: {error}") from None


def encode(value: Any) -> bytes:
    """The canonical bytes of a structure or of nested arrays."""
    try:
        return _pack(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise CodedError(MALFORMED, f"value has no canonical encoding: {error}") from None


def decode(data: bytes, kind: type[T], *, limit: int = limits.MAX_BLOCK_BYTES) -> T:
    """The value of canonical bytes, checked against ``kind``.

    Raises ``TOO_LARGE`` (more than ``limit`` bytes), ``MALFORMED`` or ``NOT_CANONICAL``; work is
    linear in ``len(data)``.
    """
    if len(data) > limit:
        raise CodedError(TOO_LARGE, f"{len(data)} bytes, at most {limit} are accepted")
    plain = _unpack(data)
    _check_profile(plain)
    value = from_plain(plain, kind)
    if _pack(value) != data:
        raise CodedError(NOT_CANONICAL, f"{kind.__name__} has another canonical encoding")
    return value


def decode_plain(data: bytes, *, limit: int = limits.MAX_BLOCK_BYTES) -> Any:
    """Nested arrays of canonical bytes, for structures whose kind is decided later."""
    if len(data) > limit:
        raise CodedError(TOO_LARGE, f"{len(data)} bytes, at most {limit} are accepted")
    plain = _unpack(data)
    _check_profile(plain)
    try:
        canonical = _pack(plain)
    except (TypeError, ValueError, OverflowError) as error:
        raise CodedError(MALFORMED, f"value outside the profile: {error}") from None
    if canonical != data:
        raise CodedError(NOT_CANONICAL, "integers, strings and arrays take their shortest form")
    return plain


def decode_trusted(data: bytes, kind: type[T]) -> T:
    """Decode bytes that this ledger encoded itself (state, stored blocks): no canonical check.

    Raises ``STORE_CORRUPT`` if they are no such value after all.
    """
    try:
        return msgspec.convert(msgpack.unpackb(data, use_list=False), kind)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        raise CodedError(STORE_CORRUPT, f"a {kind.__name__} does not decode: {detail}") from None


def _unpack(data: bytes) -> Any:
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            use_list=False,
            strict_map_key=True,
            max_map_len=0,
            max_ext_len=0,
        )
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        raise CodedError(MALFORMED, f"not MessagePack of the ledger's profile: {detail}") from None


def _check_profile(plain: Any) -> None:
    """Raise unless a value, with all that is nested in it, is of the profile."""
    arrays = [(plain,)]
    for array in arrays:  # which grows: a call for each nested array would take the time
        for item in array:
            kind = type(item)
            if kind is bytes:
                continue
            if kind is str:
                if not item.isascii() and not unicodedata.is_normalized("NFC", item):
                    raise CodedError(NOT_CANONICAL, "text must be in Unicode NFC")
            elif kind is int:
                if not _LEAST <= item <= _MOST:
                    raise CodedError(MALFORMED, "integers lie within -(2^63) and 2^63-1")
            elif kind is tuple:
                arrays.append(item)
            elif kind is not bool and item is not None:
                raise CodedError(MALFORMED, f"{kind.__name__} is not part of the ledger's profile")
