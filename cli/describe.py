"""Operations and events as JSON that a person can check, by what their declarations say.

Amounts are text with two decimals, times ISO 8601 in UTC with milliseconds, ids and keys hex: what
:func:`contracts.framework.forms.operation_from_text` reads. Two different values never look alike,
so comparing two descriptions compares what they describe.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from contracts.framework.event import Event, name_of
from contracts.framework.fields import Field, fields_of
from contracts.framework.forms import format_amount, format_instant
from contracts.framework.operation import Operation, read_operation
from contracts.framework.types import Kind
from contracts.registry import CAPABILITIES
from ledger.codec import Struct, from_plain
from ledger.receipt import Event as PlainEvent
from ledger.transaction import PlainOperation


def describe(plain: PlainOperation) -> dict[str, Any]:
    """An operation of a transaction; raises as :func:`read_operation`."""
    return describe_operation(read_operation(plain))


def describe_operation(op: Operation) -> dict[str, Any]:
    """An operation with its fields by name, ``operation`` first."""
    return {"operation": op.declaration.name} | describe_fields(op)


def describe_event(plain: PlainEvent) -> dict[str, Any]:
    """An event of a receipt, ``event`` first; of a kind unknown to this version, bare values."""
    kind = _events().get(str(plain[0]))
    if kind is None:
        return {"event": str(plain[0]), "values": [_bare(value) for value in plain[1:]]}
    return {"event": str(plain[0])} | describe_fields(from_plain(plain, kind))


def describe_fields(record: Struct) -> dict[str, Any]:
    """The fields of a declared structure by name."""
    return {f.name: _value(f, getattr(record, f.name)) for f in fields_of(type(record))}


@cache
def _events() -> dict[str, type[Event]]:
    return {name_of(event): event for c in CAPABILITIES for event in c.events}


def _value(field: Field, value: Any) -> Any:
    if value is None:
        return None
    if field.many is not None:
        return [_one(field, item) for item in value]
    return _one(field, value)


def _one(field: Field, value: Any) -> Any:
    if field.group is not None:
        return describe_fields(value)
    if isinstance(value, bytes):
        return value.hex()
    if field.kind is Kind.AMOUNT:
        return format_amount(value)
    if field.kind is Kind.INSTANT:
        return format_instant(value)
    return value.value if field.enum is not None else value


def _bare(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_bare(item) for item in value]
    return value


def object_fields(event: str, fields: Mapping[str, Any]) -> list[str]:
    """The ids of objects that an event's fields name, in their order, as hex."""
    kind = _events().get(event)
    if kind is None:
        return []
    return [str(fields[f.name]) for f in fields_of(kind) if f.kind is Kind.OBJECT]
