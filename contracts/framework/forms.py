"""Structures as people and programs write them: named fields, from JSON or from typed text.

The JSON form has the fields' names, integers for amounts (minor units) and times (ms), and
hexadecimal text for bytes. The text form has what a person types: ``1500.00`` for an amount, a date
for a time. Both are walked by the same declaration and end in the same checks as bytes from the
network.

>>> parse_amount("1500.00"), format_amount(150000)
(150000, '1,500.00')
>>> format_instant(parse_instant("2026-11-23"))
'2026-11-23T23:59:59.999Z'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, Final, TypeVar

from contracts.errors import INVALID_FIELD, UNKNOWN_OPERATION
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.fields import Field, checker_of, fields_of
from contracts.framework.operation import Operation, declaration_named
from contracts.framework.types import Kind
from ledger.codec import Struct, from_plain
from ledger.errors import CodedError

S = TypeVar("S", bound=Struct)
Leaf = Callable[[Field, Any, str], Any]
Names = Callable[[str], str | None]
"""From what a person calls a party to its LEI, or an object to its id; or None."""

_BYTE_KINDS: Final = frozenset({Kind.OBJECT, Kind.DIGEST, Kind.PUBLIC_KEY, Kind.BYTES})


def to_named(value: Struct) -> dict[str, Any]:
    """A structure in its JSON form."""
    fields = fields_of(type(value))
    return {field.name: _named_value(getattr(value, field.name)) for field in fields}


def _named_value(value: Any) -> Any:
    if isinstance(value, Struct):
        return to_named(value)
    if isinstance(value, tuple):
        return [_named_value(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.value if isinstance(value, Enum) else value


def from_named(kind: type[S], document: Any, where: str = "") -> S:
    """A structure from its JSON form, fully checked.

    Raises ``INVALID_FIELD`` or ``MALFORMED``, naming the field's path.
    """
    return _build(kind, document, where, _json_leaf)


def from_text(
    kind: type[S],
    document: Any,
    *,
    names: Names = lambda name: None,
    ids: Names = lambda name: None,
) -> S:
    """A structure from typed text: a mapping of fields to text, lists and mappings of such.

    ``names`` knows parties by what people call them and ``ids`` objects and digests, in
    hexadecimal digits. Raises as :func:`from_named`.
    """

    def leaf(field: Field, value: Any, where: str) -> Any:
        if not isinstance(value, str):
            return _json_leaf(field, value, where)
        return parse_value(field, value, where, names=names, ids=ids)

    return _build(kind, document, "", leaf)


def operation_to_named(op: Operation) -> dict[str, Any]:
    """An operation in its JSON form: its name under ``operation``, then its fields."""
    return {"operation": op.declaration.name, **to_named(op)}


def operation_from_named(document: Any) -> Operation:
    """An operation from its JSON form; raises ``UNKNOWN_OPERATION``, ``INVALID_FIELD`` …"""
    name, rest = _split_operation(document)
    return from_named(declaration_named(name).kind, rest)


def operation_from_text(
    document: Any, *, names: Names = lambda name: None, ids: Names = lambda name: None
) -> Operation:
    """An operation from typed text, as :func:`from_text`, with its name under ``operation``."""
    name, rest = _split_operation(document)
    return from_text(declaration_named(name).kind, rest, names=names, ids=ids)


def _split_operation(document: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(document, Mapping) or not isinstance(document.get("operation"), str):
        raise CodedError(
            UNKNOWN_OPERATION, "an operation names itself under 'operation'", field="operation"
        )
    rest = {key: value for key, value in document.items() if key != "operation"}
    return document["operation"], rest


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where and name else where or name


def _build(kind: type[S], document: Any, where: str, leaf: Leaf) -> S:
    value = from_plain(_plain(kind, document, where, leaf), kind)
    try:
        checker_of(kind)(value)
    except CodedError as error:
        raise CodedError(error.code, error.message, field=_join(where, error.field)) from None
    return value


def _plain(kind: type[Struct], document: Any, where: str, leaf: Leaf) -> tuple[Any, ...]:
    if not isinstance(document, Mapping):
        raise CodedError(INVALID_FIELD, "an object with named fields is expected", field=where)
    fields = fields_of(kind)
    unknown = sorted(str(key) for key in document if key not in {f.name for f in fields})
    if unknown:
        raise CodedError(
            INVALID_FIELD, "there is no field of this name", field=_join(where, unknown[0])
        )
    tag = kind.__struct_config__.tag
    values = [] if tag is None else [tag]
    for field in fields:
        path = _join(where, field.name)
        if field.name in document:
            values.append(_plain_field(field, document[field.name], path, leaf))
        elif field.required:
            raise CodedError(INVALID_FIELD, "this field is required", field=path)
        else:
            values.append(_plain_default(field))
    return tuple(values)


def _plain_default(field: Field) -> Any:
    default = field.default
    if isinstance(default, Struct):
        return _plain(type(default), to_named(default), field.name, _json_leaf)
    return default.value if isinstance(default, Enum) else default


def _plain_field(field: Field, value: Any, where: str, leaf: Leaf) -> Any:
    if field.many is None:
        return _plain_item(field, value, where, leaf)
    if not isinstance(value, list | tuple):
        raise CodedError(INVALID_FIELD, "a list is expected", field=where)
    least, most = field.many
    if len(value) < least or (most is not None and len(value) > most):
        raise CodedError(INVALID_FIELD, f"{least} to {most} items are expected", field=where)
    return tuple(
        _plain_item(field, item, f"{where}[{index}]", leaf) for index, item in enumerate(value)
    )


def _plain_item(field: Field, value: Any, where: str, leaf: Leaf) -> Any:
    if value is None and field.optional:
        return None
    if field.group is not None:
        return _plain(field.group, value, where, leaf)
    plain = leaf(field, value, where)
    _check_bounds(field, plain, where)
    return plain


def _check_bounds(field: Field, value: Any, where: str) -> None:
    least, most = field.bounds
    size = value if isinstance(value, int) else len(value)
    if (least is not None and size < least) or (most is not None and size > most):
        what = "a value" if isinstance(value, int) else "a length"
        raise CodedError(INVALID_FIELD, f"{what} from {least} to {most} is expected", field=where)
    if field.choices and value not in field.choices:
        raise CodedError(INVALID_FIELD, f"one of {', '.join(field.choices)}", field=where)


def _json_leaf(field: Field, value: Any, where: str) -> Any:
    if field.kind in _BYTE_KINDS:
        return _parse_hex(value, where)
    expected: type = str
    if field.kind in (Kind.AMOUNT, Kind.INTEGER, Kind.INSTANT):
        expected = int
    elif field.kind is Kind.FLAG:
        expected = bool
    if type(value) is not expected:
        raise CodedError(INVALID_FIELD, f"{expected.__name__} is expected", field=where)
    return value


def _parse_hex(value: Any, where: str) -> bytes:
    if isinstance(value, str) and re.fullmatch(r"(?:[0-9a-fA-F]{2})*", value):
        return bytes.fromhex(value)
    raise CodedError(INVALID_FIELD, "hexadecimal digits, two for each byte", field=where)


def parse_value(
    field: Field,
    text: str,
    where: str = "",
    *,
    names: Names = lambda name: None,
    ids: Names = lambda name: None,
) -> Any:
    """The plain value of what a person typed into a field; raises ``INVALID_FIELD``."""
    text = text.strip()
    parse = _PARSERS.get(field.kind)
    try:
        if field.kind is Kind.PARTY:
            return names(text) or text.upper()
        if field.kind in (Kind.OBJECT, Kind.DIGEST):
            text = ids(text) or text
        if field.kind in _BYTE_KINDS:
            return _parse_hex(text.removeprefix("0x"), where)
        return text if parse is None else parse(text)
    except (ValueError, OverflowError) as error:
        readable = isinstance(error, _Unreadable)
        sentence = str(error) if readable else f"not a valid {field.kind.value}"
        raise CodedError(INVALID_FIELD, sentence, field=where or field.name) from None


class _Unreadable(ValueError):
    """What a person typed cannot be read; the argument says what would be."""


_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]{1,2}))?")
_GROUPED = re.compile(
    r"[0-9]{1,3}(?:(?:,[0-9]{3})+(?=\.[0-9]{2}$)|(?: [0-9]{3})+)(?:\.[0-9]{1,2})?"
)


def parse_amount(text: str) -> int:
    """Minor units of ``1500``, ``1500.5``, ``1 500.00`` or ``1,500.00``, with or without ``SCU``.

    A comma alone is refused: it separates decimals in some countries and thousands in others.
    """
    number = text.strip().removesuffix("SCU").replace("\N{NO-BREAK SPACE}", " ").strip()
    if _GROUPED.fullmatch(number):
        number = number.replace(",", "").replace(" ", "")
    match = _AMOUNT.fullmatch(number)
    if match is None:
        raise _Unreadable("an amount is written like 1500.00")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def format_amount(amount: int) -> str:
    """``150000`` minor units are ``1,500.00``."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100:,}.{abs(amount) % 100:02}"


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_instant(text: str) -> int:
    """Milliseconds since the epoch of an ISO 8601 time (UTC unless it has an offset) or date.

    A date alone means its last millisecond in UTC, as time limits do.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return (day - date(1970, 1, 1)).days * MS_PER_DAY + MS_PER_DAY - 1
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _Unreadable("a time is written like 2026-11-23 or 2026-11-23T14:30Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def format_instant(time: int) -> str:
    """ISO 8601 in UTC, with milliseconds."""
    try:
        moment = _EPOCH + timedelta(milliseconds=time)
    except OverflowError:
        return f"{time} ms"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reading_instant(time: int) -> str:
    """A time in UTC for reading, to the second; the last millisecond of a day is that day.

    >>> reading_instant(parse_instant("2026-11-23")), reading_instant(1500)
    ('2026-11-23', '1970-01-01 00:00:01Z')
    """
    day, _, clock = format_instant(time).partition("T")
    return day if clock == "23:59:59.999Z" else f"{day} {clock[:8]}Z"


def _parse_flag(text: str) -> bool:
    if text.lower() in ("yes", "true", "y"):
        return True
    if text.lower() in ("no", "false", "n"):
        return False
    raise _Unreadable("yes or no")


def _parse_integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise _Unreadable("a whole number")
    return int(text)


_PARSERS: Final[dict[Kind, Callable[[str], Any]]] = {
    Kind.AMOUNT: parse_amount,
    Kind.INTEGER: _parse_integer,
    Kind.INSTANT: parse_instant,
    Kind.FLAG: _parse_flag,
    Kind.COUNTRY: str.upper,
    Kind.UNIT: str.upper,
    Kind.INCOTERM: str.upper,
    Kind.HS: lambda text: text.replace(".", "").replace(" ", ""),
    Kind.CHOICE: lambda text: text,
}
