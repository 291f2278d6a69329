"""JSON Schemas (draft 2020-12) of operations, for HTTP documentation and generated clients.

They describe the JSON form of :mod:`contracts.framework.forms`. What a schema cannot say (check
digits, code tables, what the state allows) the node checks and answers with a coded error.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from contracts.codes import COUNTRIES, INCOTERMS, UNITS
from contracts.framework.fields import Field, fields_of
from contracts.framework.forms import to_named
from contracts.framework.operation import Declaration
from contracts.framework.types import UNIT_MARK, Kind
from ledger.codec import Struct

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_BYTES: Final = frozenset({Kind.OBJECT, Kind.DIGEST, Kind.PUBLIC_KEY, Kind.BYTES})
_INTEGERS: Final = frozenset({Kind.AMOUNT, Kind.INTEGER, Kind.INSTANT})
_UNITS: Final = {
    Kind.AMOUNT: "Minor units: 100 make 1 SCU.",
    Kind.INSTANT: "Milliseconds since 1970-01-01T00:00:00Z.",
    Kind.PARTY: "LEI (ISO 17442).",
    Kind.HS: "Harmonized System 2022.",
    Kind.DIGEST: "SHA-256, hexadecimal.",
    Kind.OBJECT: "Id, hexadecimal.",
    Kind.PUBLIC_KEY: "Ed25519 public key, hexadecimal.",
}
_TABLES: Final = {
    Kind.COUNTRY: sorted(COUNTRIES),
    Kind.UNIT: sorted(UNITS),
    Kind.INCOTERM: sorted(INCOTERMS),
}


def operation_schema(declaration: Declaration) -> dict[str, Any]:
    """The schema of an operation's JSON form."""
    schema = struct_schema(declaration.kind)
    schema["properties"] = {
        "operation": {"const": declaration.name},
        **schema["properties"],
    }
    schema["required"] = ["operation", *schema["required"]]
    return {
        "$schema": _DIALECT,
        "title": declaration.name,
        "description": declaration.meaning,
        **schema,
    }


def struct_schema(struct: type[Struct]) -> dict[str, Any]:
    """The schema of a structure's JSON form."""
    fields = fields_of(struct)
    return {
        "type": "object",
        "properties": {field.name: field_schema(field) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def field_schema(field: Field) -> dict[str, Any]:
    """The schema of one field."""
    schema = _value_schema(field)
    if field.many is not None:
        least, most = field.many
        schema = {"type": "array", "items": schema, "minItems": least}
        if most is not None:
            schema["maxItems"] = most
    if field.optional:
        schema = {"anyOf": [schema, {"type": "null"}]}
    units = "" if UNIT_MARK in dict(field.schema) else _UNITS.get(field.kind, "")
    description = " ".join(text for text in (field.meaning, units) if text)
    if description:
        schema["description"] = description
    if not field.required:
        schema["default"] = _plain(field.default)
    return schema


def _value_schema(field: Field) -> dict[str, Any]:
    if field.group is not None:
        return struct_schema(field.group)
    if field.choices:
        return {"type": "string", "enum": list(field.choices)}
    if field.kind is Kind.FLAG:
        return {"type": "boolean"}
    least, most = field.bounds
    if field.kind in _INTEGERS:
        whole = {"type": "integer", "minimum": least, "maximum": most, **dict(field.schema)}
        return _without_none(whole)
    if field.kind in _BYTES:
        pattern = "^(?:[0-9a-f]{2})*$"
        if least is not None and least == most:
            pattern = f"^[0-9a-f]{{{2 * least}}}$"
        return {"type": "string", "pattern": pattern}
    if field.kind in _TABLES:
        return {"type": "string", "enum": _TABLES[field.kind]}
    text = {"type": "string", "minLength": least, "maxLength": most, **dict(field.schema)}
    return _without_none(text)


def _without_none(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return to_named(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.value if isinstance(value, Enum) else value
