"""Operations in words and as JSON Schema, from their declarations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contracts.framework.fields import Field, fields_of
from contracts.framework.forms import format_amount, format_instant
from contracts.framework.operation import Operation
from contracts.framework.types import Kind
from ledger.codec import Struct

SHOWN_ITEMS = 3
"""Of a longer list, so many items are told and the others counted."""
_SHORT = 8
_BYTES = frozenset({Kind.OBJECT, Kind.DIGEST, Kind.PUBLIC_KEY, Kind.BYTES})
_INTEGERS = frozenset({Kind.AMOUNT, Kind.INTEGER, Kind.INSTANT})
_UNITS = {Kind.AMOUNT: "minor units", Kind.INSTANT: "milliseconds since the Unix epoch"}

Names = Callable[[str], str]
"""From an LEI to how the party is called."""


def words(op: Operation, names: Names, language: str = "en") -> str:
    """What an operation does, in a sentence: its declaration's text with its values."""
    texts = op.declaration.text
    values = {
        field.name: _told(field, getattr(op, field.name), names) for field in fields_of(type(op))
    }
    return texts.get(language, texts["en"]).format_map(values)


def _told(field: Field, value: Any, names: Names) -> str:
    if value is None:
        return "–"
    if field.many is None:
        return _item(field, value, names)
    told = [_item(field, item, names) for item in value[:SHOWN_ITEMS]]
    rest = len(value) - len(told)
    return ", ".join(told) + (f" and {rest} more" if rest else "")


def _item(field: Field, value: Any, names: Names) -> str:
    if field.group is not None:
        parts = (_told(part, getattr(value, part.name), names) for part in field.parts)
        return " ".join(part for part in parts if part)
    if isinstance(value, bytes):
        return f"{value.hex()[:_SHORT]}…" if len(value) > _SHORT // 2 else value.hex()
    if field.kind is Kind.AMOUNT:
        return format_amount(value)
    if field.kind is Kind.INSTANT:
        return format_instant(value)
    if field.kind is Kind.PARTY:
        return names(value)
    if field.kind is Kind.FLAG:
        return "yes" if value else "no"
    return str(value.value if field.enum is not None else value)


def json_schema(kind: type[Struct]) -> dict[str, Any]:
    """The JSON Schema of a structure in its JSON form (``contracts.framework.forms.to_named``)."""
    fields = fields_of(kind)
    return {
        "type": "object",
        "properties": {field.name: _schema(field) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _schema(field: Field) -> dict[str, Any]:
    one = _one_schema(field)
    if field.many is not None:
        least, most = field.many
        one = {"type": "array", "items": one, "minItems": least}
        if most is not None:
            one["maxItems"] = most
    elif field.optional:
        one = {"anyOf": [one, {"type": "null"}]}
    if field.meaning:
        one["description"] = field.meaning
    return one


def _one_schema(field: Field) -> dict[str, Any]:
    least, most = field.bounds
    if field.group is not None:
        return json_schema(field.group)
    if field.choices:
        return {"type": "string", "enum": list(field.choices)}
    if field.kind is Kind.FLAG:
        return {"type": "boolean"}
    if field.kind in _INTEGERS:
        schema: dict[str, Any] = {"type": "integer", "minimum": least, "maximum": most}
    elif field.kind in _BYTES:
        schema = {
            "type": "string",
            "pattern": "^([0-9a-f]{2})*$",
            "minLength": None if least is None else 2 * least,
            "maxLength": None if most is None else 2 * most,
        }
    else:
        schema = {"type": "string", "minLength": least, "maxLength": most}
    schema |= {"x-kind": field.kind.value, "x-unit": _UNITS.get(field.kind)}
    schema |= dict(field.schema)
    return {name: value for name, value in schema.items() if value is not None}
